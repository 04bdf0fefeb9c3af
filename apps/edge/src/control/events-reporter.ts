import type { EventType, InternalClient, LifecycleEvent } from '@portico/api-contract/internal';
import { type Logger, newId } from '@portico/service';
import { BatchSender } from './batch-sender.ts';

const EVENTS_A_BATCH = 1_000;
/** Events of the same moment travel together. */
const GATHER_MS = 50;

type Facts = LifecycleEvent['object'];

/**
 * Tells the API what happened to sessions and endpoints. A ring: when the API is away too long the oldest are
 * dropped and counted; traffic never waits for it.
 */
export class EventsReporter {
  readonly #ring: number;
  readonly #now: () => number;
  readonly #sender: BatchSender<{ readonly events: LifecycleEvent[] }>;
  #events: LifecycleEvent[] = [];
  dropped = 0;

  constructor({
    client,
    nodeId,
    epoch,
    ring,
    now,
    log,
  }: {
    client: InternalClient;
    nodeId: string;
    epoch: string;
    ring: number;
    now: () => number;
    log: Logger;
  }) {
    this.#ring = ring;
    this.#now = now;
    this.#sender = new BatchSender({
      gatherMs: GATHER_MS,
      hasMore: () => this.#events.length > 0,
      take: () => ({ events: this.#events.splice(0, EVENTS_A_BATCH) }),
      deliver: (batch) => client.reportEvents({ nodeId, epoch, ...batch }),
      onRefused: ({ events }, error) => {
        log.error({ err: error, events: events.length }, 'the API refused a batch of events');
        this.dropped += events.length;
      },
    });
  }

  /** `object`: flat facts, never a secret. */
  report(type: EventType, accountId: string | null, object: Facts): void {
    this.#events.push({
      id: newId('ev', this.#now()),
      type,
      at: new Date(this.#now()).toISOString(),
      accountId,
      object,
    });
    if (this.#events.length > this.#ring) {
      // A tenth at once, so that an outage does not shift the whole ring for every event.
      const excess = Math.max(this.#events.length - this.#ring, Math.floor(this.#ring / 10));
      this.#events.splice(0, excess);
      this.dropped += excess;
    }
    this.#sender.wake();
  }

  get pending(): number {
    return this.#events.length + (this.#sender.held?.events.length ?? 0);
  }

  /** One last try, then nothing is sent any more. */
  close(): Promise<void> {
    return this.#sender.close();
  }
}
