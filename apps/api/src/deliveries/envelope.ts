import type { WaitingEvent } from '@portico/db';
import { chosenFields } from './event-choice.ts';

/** An event as its receivers get it. New fields may come without a new version in `event_type`. */
export interface Envelope {
  readonly event_id: string;
  readonly event_type: string;
  /** RFC 3339, UTC. */
  readonly event_timestamp: string;
  readonly account_id: string;
  readonly object: unknown;
  /** Who did it; null for traffic. */
  readonly principal: unknown;
}

export function envelopeOf(event: Omit<WaitingEvent, 'seq' | 'attempts' | 'queuedAt'>): Envelope {
  return {
    event_id: event.id,
    event_type: event.type,
    event_timestamp: event.at.toISOString(),
    account_id: event.accountId,
    object: chosenFields(event.object, event.fields),
    principal: event.principal,
  };
}
