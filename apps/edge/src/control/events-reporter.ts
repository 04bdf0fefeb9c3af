import {
  type EventType,
  InternalApiError,
  type InternalClient,
  type LifecycleEvent,
} from '@portico/api-contract/internal';
import { type Logger, newId } from '@portico/service';

const EVENTS_A_BATCH = 1_000;
/** Events of the same moment travel together. */
const GATHER_MS = 50;

type Facts = LifecycleEvent['object'];

/**
 * Tells the API what happened to sessions and endpoints. A ring: when the API is away too long the oldest are
 * dropped and counted; traffic never waits for it.
 */
export class EventsReporter {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #epoch: string;
  readonly #ring: number;
  readonly #now: () => number;
  readonly #log: Logger;
  #events: LifecycleEvent[] = [];
  #batch: { readonly seq: number; readonly events: LifecycleEvent[] } | null = null;
  #nextSeq = 1;
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #closed = false;
  dropped = 0;

  constructor(options: {
    client: InternalClient;
    nodeId: string;
    epoch: string;
    ring: number;
    now: () => number;
    log: Logger;
  }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#epoch = options.epoch;
    this.#ring = options.ring;
    this.#now = options.now;
    this.#log = options.log;
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
    this.#schedule(GATHER_MS);
  }

  get pending(): number {
    return this.#events.length + (this.#batch?.events.length ?? 0);
  }

  /** One last try, then nothing is sent any more. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#sending;
    while (this.pending > 0 && (await this.#send()) === 'sent');
  }

  #schedule(afterMs: number): void {
    if (this.#timer !== null || this.#sending !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#sending = this.#sendAll().then((nextMs) => {
        this.#sending = null;
        if (this.pending > 0) this.#schedule(nextMs);
      });
    }, afterMs);
    this.#timer.unref();
  }

  async #sendAll(): Promise<number> {
    for (;;) {
      const outcome = await this.#send();
      if (outcome !== 'sent') return outcome;
      if (this.pending === 0) return GATHER_MS;
    }
  }

  /** 'sent', or after how many ms to try again. */
  async #send(): Promise<'sent' | number> {
    if (this.#batch === null) {
      this.#batch = { seq: this.#nextSeq, events: this.#events.splice(0, EVENTS_A_BATCH) };
      this.#nextSeq += 1;
    }
    const batch = this.#batch;
    try {
      await this.#client.reportEvents({ nodeId: this.#nodeId, epoch: this.#epoch, ...batch });
    } catch (error) {
      if (!(error instanceof InternalApiError)) throw error;
      if (error.kind !== 'rejected') return Math.max(error.retryAfterMs, 200);
      this.#log.error({ err: error, events: batch.events.length }, 'the API refused a batch of events');
      this.dropped += batch.events.length;
    }
    this.#batch = null;
    return 'sent';
  }
}
