import { anything, field, list, nullable, number, object, oneOf, type Reader, text } from '../../lib/shape.ts';
import { both, type CommonRecord, readCommon } from '../records/common-fields.tsx';

export type DeliveryState = 'active' | 'failing' | 'paused';

/** Where events go, and how sending goes. */
export interface Destination extends CommonRecord {
  readonly target: unknown;
  /** The signing secret that the server made; only in the answer to making it. */
  readonly madeSecret: string | null;
  readonly state: DeliveryState;
  readonly delivered: number;
  readonly lastDeliveredAt: string | null;
  readonly lastError: string | null;
  readonly lastErrorAt: string | null;
  readonly nextAttemptAt: string | null;
}

const rawStatus = object({
  state: oneOf('active', 'failing', 'paused'),
  delivered: number,
  last_delivered_at: nullable(text),
  last_error: nullable(text),
  last_error_at: nullable(text),
  next_attempt_at: nullable(text),
});

export const readDestination: Reader<Destination> = both(readCommon, (value) => {
  const { target } = object({ target: anything })(value);
  const status = field('delivery_status', rawStatus)(value);
  return {
    target,
    madeSecret: secretIn(target),
    state: status.state,
    delivered: status.delivered,
    lastDeliveredAt: status.last_delivered_at,
    lastError: status.last_error,
    lastErrorAt: status.last_error_at,
    nextAttemptAt: status.next_attempt_at,
  };
});

function secretIn(target: unknown): string | null {
  try {
    return field('webhook', field('signing_secret', text))(target) || null;
  } catch {
    return null;
  }
}

/** What waits for a destination, and the newest of what was given up. */
export interface Queue {
  readonly pending: number;
  readonly givenUp: number;
  readonly events: readonly GivenUpEvent[];
}

export interface GivenUpEvent {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly attempts: number;
  readonly error: string;
  readonly givenUpAt: string;
}

const rawEvent = object({
  event_id: text,
  event_type: text,
  event_timestamp: text,
  attempts: number,
  error: text,
  given_up_at: text,
});

export const readQueue: Reader<Queue> = (value) => {
  const raw = object({ pending: number, given_up: number, given_up_events: list(rawEvent) })(value);
  return {
    pending: raw.pending,
    givenUp: raw.given_up,
    events: raw.given_up_events.map((event) => ({
      id: event.event_id,
      type: event.event_type,
      at: event.event_timestamp,
      attempts: event.attempts,
      error: event.error,
      givenUpAt: event.given_up_at,
    })),
  };
};
