import {
  type Database,
  DELIVERIES_CHANNEL,
  databaseFault,
  deleteUnwantedEvents,
  type EventDestinationRow,
  leaseDestinations,
  leasedDestination,
  listenToDatabase,
  markDead,
  markDelivered,
  markFailed,
  type Notifications,
  releaseDestination,
  tellRecordsChanged,
  trimDeliveries,
  type WaitingEvent,
  waitingEvents,
} from '@portico/db';
import { type Logger, newId } from '@portico/service';
import { envelopeOf } from './envelope.ts';
import { DeliveryError, type Sink } from './sink.ts';

export interface DeliveryLimits {
  /** Destinations that are served at once. */
  readonly sendersMax: number;
  /** Without a word from the database, how often the queues are looked at. */
  readonly pollMs: number;
  /** The wait after the first failure in a row; it doubles up to `retryMaxMs`. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** How often a receiver may refuse the same event. */
  readonly refusalsMax: number;
  /** An event that did not arrive within this time is given up. */
  readonly lifeMs: number;
  /** How long one destination is served before others get their turn. */
  readonly turnMs: number;
  /** Events kept for one destination: those that wait, and those that were given up. */
  readonly waitingMax: number;
  readonly deadMax: number;
  readonly deadLifeMs: number;
}

/**
 * Takes events to their destinations, each in its order, one sender a destination across all processes. What fails
 * stays at the head of its queue and is tried again, later each time; what is refused again and again, or is too
 * old, is given up and kept for its owner. An event may arrive twice: its id tells.
 */
export class Deliveries {
  readonly #database: Database;
  readonly #limits: DeliveryLimits;
  readonly #now: () => Date;
  readonly #log: Logger;
  readonly #sinkOf: (row: EventDestinationRow) => Sink;
  readonly #random: () => number;
  readonly #owner = newId('nd');
  readonly #sending = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  #notifications: Notifications | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #again = false;
  #retryTimer: NodeJS.Timeout | null = null;

  constructor(options: {
    database: Database;
    limits: DeliveryLimits;
    now: () => Date;
    log: Logger;
    sinkOf: (row: EventDestinationRow) => Sink;
    random?: () => number;
  }) {
    this.#database = options.database;
    this.#limits = options.limits;
    this.#now = options.now;
    this.#log = options.log;
    this.#sinkOf = options.sinkOf;
    this.#random = options.random ?? Math.random;
  }

  /** @param databaseUrl for the connection on which the database says that events wait. */
  start(databaseUrl: string): void {
    this.#notifications = listenToDatabase({
      url: databaseUrl,
      channel: DELIVERIES_CHANNEL,
      onNotify: () => this.wake(),
      onError: (error) => this.#log.warn({ err: error }, 'the database no longer says when events wait'),
    });
    this.#timer = setInterval(() => this.wake(), this.#limits.pollMs);
    this.#timer.unref();
  }

  /** Looks whether there is something to send. */
  wake(): void {
    if (this.#closing.signal.aborted) return;
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
  }

  /** Sends that are under way are given up; their events wait for the next start. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    await this.#notifications?.close();
    await this.#looking;
    await Promise.all(this.#sending.values());
  }

  /** Keeps the queues within their bounds; called by the sweeper. */
  async sweep(): Promise<void> {
    const { waitingMax, deadMax, deadLifeMs } = this.#limits;
    const nowMs = this.#now().getTime();
    const { queries } = this.#database;
    const dropped = await trimDeliveries(queries, { waitingMax, deadMax, diedBefore: new Date(nowMs - deadLifeMs) });
    if (dropped > 0) this.#log.warn({ dropped }, 'events of slow destinations were dropped');
    await deleteUnwantedEvents(queries, new Date(nowMs - 60_000));
  }

  async #look(): Promise<void> {
    while (this.#again && !this.#closing.signal.aborted) {
      this.#again = false;
      const free = this.#limits.sendersMax - this.#sending.size;
      if (free <= 0) return;
      try {
        const now = this.#now();
        const leasedUntil = new Date(now.getTime() + 4 * this.#limits.turnMs);
        const { queries } = this.#database;
        const found = await leaseDestinations(queries, { owner: this.#owner, now, leasedUntil, limit: free });
        for (const { id } of found) this.#begin(id);
      } catch (error) {
        if (databaseFault(error) === null) this.#log.error({ err: error }, 'looking for events to send failed');
        return;
      }
    }
  }

  #begin(id: string): void {
    const sending = this.#serve(id)
      .catch((error: unknown) => {
        if (databaseFault(error) === null) this.#log.error({ err: error, destination: id }, 'sending events failed');
      })
      .then(async () => {
        // Without an answer the lease runs out by itself.
        await releaseDestination(this.#database.queries, id, this.#owner).catch(() => {});
      })
      .finally(() => {
        this.#sending.delete(id);
        this.wake();
      });
    this.#sending.set(id, sending);
  }

  /** One turn of one destination: until its queue is empty, something fails, or the turn is over. */
  async #serve(id: string): Promise<void> {
    const { queries } = this.#database;
    const endMs = performance.now() + this.#limits.turnMs;
    const first = await leasedDestination(queries, id, this.#owner);
    if (first === null) return;
    const sink = this.#sinkOf(first);
    const { signal } = this.#closing;
    let hasSent = false;
    try {
      while (!signal.aborted && performance.now() < endMs) {
        const row = await leasedDestination(queries, id, this.#owner);
        // Another target from now on: the next turn has the sink for it.
        if (row === null || row.sealedTarget !== first.sealedTarget) return;
        // After a refusal one by one, so that the one that is refused is found.
        const batchMax = row.failures === 0 ? sink.batchMax : 1;
        const waiting = await this.#fresh(id, await waitingEvents(queries, id, batchMax));
        if (waiting.length === 0) {
          if ((await waitingEvents(queries, id, 1)).length === 0) return;
          continue;
        }
        const fault = await attempt(sink, waiting, signal);
        if (signal.aborted) return;
        const seqs = waiting.map(({ seq }) => seq);
        if (fault === null) {
          await this.#database.transaction((tx) => markDelivered(tx, id, seqs, this.#now()));
          hasSent = true;
        } else {
          hasSent = true;
          if (await this.#failed(row, waiting, fault)) return;
        }
      }
    } finally {
      sink.close();
      if (hasSent) await this.#tell(first);
    }
  }

  /** Open pages show how sending goes: they hear of it once a turn. */
  async #tell({ accountId }: EventDestinationRow): Promise<void> {
    const notice = { accountId, collections: ['event_destinations'], userId: null };
    await tellRecordsChanged(this.#database.queries, notice).catch(() => {});
  }

  /** Those that are not too old; the others are given up. */
  async #fresh(id: string, waiting: readonly WaitingEvent[]): Promise<readonly WaitingEvent[]> {
    const at = this.#now();
    const oldest = at.getTime() - this.#limits.lifeMs;
    const expired = waiting.filter(({ queuedAt }) => queuedAt.getTime() < oldest);
    if (expired.length === 0) return waiting;
    const seqs = expired.map(({ seq }) => seq);
    await markDead(this.#database.queries, id, seqs, { at, error: 'it could not be delivered in time' });
    return waiting.filter((event) => !expired.includes(event));
  }

  /** True when the destination is to be left alone for a while. */
  async #failed(row: EventDestinationRow, waiting: readonly WaitingEvent[], fault: DeliveryError): Promise<boolean> {
    const at = this.#now();
    const { queries } = this.#database;
    const [only] = waiting;
    const seqs = waiting.map(({ seq }) => seq);
    if (fault.kind === 'rejected' && waiting.length === 1 && only !== undefined) {
      if (only.attempts + 1 >= this.#limits.refusalsMax) {
        await markDead(queries, row.id, seqs, { at, error: fault.message });
        return false;
      }
    }
    const waitMs = this.#backoffMs(row.failures);
    const nextAttemptAt = new Date(at.getTime() + waitMs);
    await markFailed(queries, row.id, seqs, { at, error: fault.message, nextAttemptAt });
    this.#log.debug({ destination: row.id, error: fault.message, waitMs }, 'events could not be delivered');
    this.#wakeIn(waitMs);
    return true;
  }

  /** Half of it fixed, half of it random, so that destinations do not all come at once. */
  #backoffMs(failures: number): number {
    const { retryMs, retryMaxMs } = this.#limits;
    const wholeMs = Math.min(retryMaxMs, retryMs * 2 ** Math.min(failures, 30));
    return wholeMs / 2 + this.#random() * (wholeMs / 2);
  }

  /** Later ones are found by polling. */
  #wakeIn(ms: number): void {
    if (ms > this.#limits.pollMs || this.#retryTimer !== null) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      this.wake();
    }, ms + 5);
    this.#retryTimer.unref();
  }
}

async function attempt(
  sink: Sink,
  waiting: readonly WaitingEvent[],
  signal: AbortSignal,
): Promise<DeliveryError | null> {
  try {
    await sink.send(waiting.map(envelopeOf), signal);
    return null;
  } catch (error) {
    if (error instanceof DeliveryError) return error;
    throw error;
  }
}
