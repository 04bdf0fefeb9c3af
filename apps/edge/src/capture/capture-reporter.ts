import { type CapturedExchange, InternalApiError, type InternalClient } from '@portico/api-contract/internal';
import type { Logger } from '@portico/service';

const EXCHANGES_A_BATCH = 500;
const BYTES_A_BATCH = 1_000_000;
/** What comes within this time travels together: a page shows no more than four changes a second. */
const GATHER_MS = 200;

/**
 * Takes records of exchanges to the API. A queue of so many bytes: what has no room is dropped and counted, and traffic
 * never waits for it. A batch that was lost is sent again under the same number.
 */
export class CaptureReporter {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #epoch: string;
  readonly #bytesMax: number;
  readonly #log: Logger;
  #queue: { readonly record: CapturedExchange; readonly bytes: number }[] = [];
  #bytes = 0;
  #batch: { readonly seq: number; readonly exchanges: CapturedExchange[]; readonly dropped: number } | null = null;
  #nextSeq = 1;
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #closed = false;
  #untoldDrops = 0;
  /** Since the start. */
  dropped = 0;

  constructor(options: { client: InternalClient; nodeId: string; epoch: string; bytesMax: number; log: Logger }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#epoch = options.epoch;
    this.#bytesMax = options.bytesMax;
    this.#log = options.log;
  }

  report(record: CapturedExchange): void {
    const bytes = sizeOf(record);
    if (this.#closed || this.#bytes + bytes > this.#bytesMax) {
      this.dropped += 1;
      this.#untoldDrops += 1;
      return;
    }
    this.#queue.push({ record, bytes });
    this.#bytes += bytes;
    this.#schedule(GATHER_MS);
  }

  get pending(): number {
    return this.#queue.length + (this.#batch?.exchanges.length ?? 0);
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
    this.#batch ??= this.#nextBatch();
    const batch = this.#batch;
    try {
      await this.#client.reportExchanges({ nodeId: this.#nodeId, epoch: this.#epoch, ...batch });
    } catch (error) {
      if (!(error instanceof InternalApiError)) throw error;
      if (error.kind !== 'rejected') return Math.max(error.retryAfterMs, 200);
      this.#log.error({ err: error, exchanges: batch.exchanges.length }, 'the API refused a batch of exchanges');
      this.dropped += batch.exchanges.length;
    }
    this.#batch = null;
    return 'sent';
  }

  #nextBatch(): { seq: number; exchanges: CapturedExchange[]; dropped: number } {
    let count = 0;
    let bytes = 0;
    for (const item of this.#queue) {
      if (count > 0 && (count === EXCHANGES_A_BATCH || bytes + item.bytes > BYTES_A_BATCH)) break;
      count += 1;
      bytes += item.bytes;
    }
    const exchanges = this.#queue.splice(0, count).map(({ record }) => record);
    this.#bytes -= bytes;
    const dropped = this.#untoldDrops;
    this.#untoldDrops = 0;
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    return { seq, exchanges, dropped };
  }
}

/** About what it takes in memory and on the wire. */
function sizeOf({ target, url, request, response }: CapturedExchange): number {
  let bytes = 600 + target.length + url.length;
  for (const side of [request, response]) {
    if (side === null) continue;
    bytes += side.body.length;
    for (const text of side.fields) bytes += text.length + 4;
    for (const text of side.trailers) bytes += text.length + 4;
  }
  return bytes;
}
