import { InternalApiError, type InternalClient, type UsageRow } from '@portico/api-contract/internal';
import type { Logger } from '@portico/service';
import type { Endpoint, EndpointCounters } from '../endpoint/endpoint.ts';

const ROWS_A_BATCH = 2_000;
/** Rows kept while the API is away: 1,000 busy endpoints for 50 minutes. */
const ROWS_MAX = 50_000;

type Sum = Pick<EndpointCounters, 'requests' | 'connections' | 'bytesIn' | 'bytesOut' | 'errors'>;
type Endpointish = Pick<Endpoint, 'id' | 'accountId' | 'url' | 'counters'>;

interface Tracked {
  readonly endpoint: Endpointish;
  reported: Sum;
  retired: boolean;
}

/**
 * Counts what went through each endpoint, minute by minute, and hands it to the API until that has acknowledged
 * it: a batch keeps its number over every try, so nothing counts twice and nothing is lost while the API is away.
 */
export class UsageReporter {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #epoch: string;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #tracked = new Map<Endpointish, Tracked>();
  /** By endpoint and minute, oldest first. */
  readonly #rows = new Map<string, UsageRow>();
  readonly #timer: NodeJS.Timeout;
  #batch: { readonly seq: number; readonly rows: UsageRow[] } | null = null;
  #nextSeq = 1;
  #sending: Promise<void> | null = null;
  #notBeforeMs = 0;
  /** Rows that were given up because the API was away too long. */
  dropped = 0;

  constructor(options: {
    client: InternalClient;
    nodeId: string;
    epoch: string;
    /** Time of day in ms. */
    now: () => number;
    everyMs: number;
    log: Logger;
  }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#epoch = options.epoch;
    this.#now = options.now;
    this.#log = options.log;
    this.#timer = setInterval(() => this.#tick(), options.everyMs);
    this.#timer.unref();
  }

  /** @param options.whole what was counted until now is to be reported, too */
  track(endpoint: Endpointish, { whole = false }: { whole?: boolean } = {}): void {
    const { requests, connections, bytesIn, bytesOut, errors } = endpoint.counters;
    this.#tracked.set(endpoint, {
      endpoint,
      reported: whole
        ? { requests: 0, connections: 0, bytesIn: 0, bytesOut: 0, errors: 0 }
        : { requests, connections, bytesIn, bytesOut, errors },
      retired: false,
    });
  }

  /** The endpoint is offline; it is still counted until its last connection has gone. */
  untrack(endpoint: Endpointish): void {
    const tracked = this.#tracked.get(endpoint);
    if (tracked !== undefined) tracked.retired = true;
  }

  /** Sends what there is; settles when it was acknowledged or could not be sent now. */
  async flush(): Promise<void> {
    this.#collect();
    while (await this.#send());
  }

  /** One last try, then the timer ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sending;
    await this.flush();
  }

  get pendingRows(): number {
    return this.#rows.size + (this.#batch?.rows.length ?? 0);
  }

  #tick(): void {
    this.#collect();
    if (this.#sending !== null || performance.now() < this.#notBeforeMs) return;
    this.#sending = (async () => {
      while (await this.#send());
    })().finally(() => {
      this.#sending = null;
    });
  }

  #collect(): void {
    const minute = new Date(Math.floor(this.#now() / 60_000) * 60_000).toISOString();
    for (const tracked of this.#tracked.values()) {
      const { endpoint, reported } = tracked;
      const { requests, connections, bytesIn, bytesOut, errors, lastErrorCode, openConnections } = endpoint.counters;
      const now: Sum = { requests, connections, bytesIn, bytesOut, errors };
      if (tracked.retired && openConnections <= 0) this.#tracked.delete(endpoint);
      const moved =
        requests !== reported.requests ||
        connections !== reported.connections ||
        bytesIn !== reported.bytesIn ||
        bytesOut !== reported.bytesOut ||
        errors !== reported.errors;
      if (!moved) continue;
      this.#add({
        accountId: endpoint.accountId,
        endpointId: endpoint.id,
        url: endpoint.url,
        minute,
        requests: requests - reported.requests,
        connections: connections - reported.connections,
        bytesIn: bytesIn - reported.bytesIn,
        bytesOut: bytesOut - reported.bytesOut,
        errors: errors - reported.errors,
        lastErrorCode: errors === reported.errors ? null : lastErrorCode,
      });
      tracked.reported = now;
    }
  }

  #add(row: UsageRow): void {
    const key = `${row.endpointId} ${row.minute}`;
    const there = this.#rows.get(key);
    if (there !== undefined) {
      this.#rows.set(key, {
        ...row,
        requests: there.requests + row.requests,
        connections: there.connections + row.connections,
        bytesIn: there.bytesIn + row.bytesIn,
        bytesOut: there.bytesOut + row.bytesOut,
        errors: there.errors + row.errors,
        lastErrorCode: row.lastErrorCode ?? there.lastErrorCode,
      });
      return;
    }
    if (this.#rows.size >= ROWS_MAX) {
      const [oldest] = this.#rows.keys();
      if (oldest !== undefined) this.#rows.delete(oldest);
      this.dropped += 1;
    }
    this.#rows.set(key, row);
  }

  /** True when a batch was acknowledged and there may be another. */
  async #send(): Promise<boolean> {
    if (this.#batch === null) {
      const rows: UsageRow[] = [];
      for (const [key, row] of this.#rows) {
        if (rows.length === ROWS_A_BATCH) break;
        rows.push(row);
        this.#rows.delete(key);
      }
      if (rows.length === 0) return false;
      this.#batch = { seq: this.#nextSeq, rows };
      this.#nextSeq += 1;
    }
    const batch = this.#batch;
    try {
      await this.#client.reportUsage({ nodeId: this.#nodeId, epoch: this.#epoch, ...batch });
      this.#batch = null;
      return this.#rows.size > 0;
    } catch (error) {
      if (!(error instanceof InternalApiError)) throw error;
      if (error.kind === 'rejected') {
        // The API will never take it; keeping it would block all that follows.
        this.#log.error({ err: error, rows: batch.rows.length }, 'the API refused a usage report');
        this.dropped += batch.rows.length;
        this.#batch = null;
        return this.#rows.size > 0;
      }
      this.#notBeforeMs = performance.now() + error.retryAfterMs;
      return false;
    }
  }
}
