import { InternalApiError } from '@portico/api-contract/internal';

/** What reporters queue, and how it gets to the API. */
export interface BatchSenderOptions<Batch> {
  /** What comes within this time travels together. */
  readonly gatherMs: number;
  /** Whether anything waits outside of the batch that is being sent. */
  readonly hasMore: () => boolean;
  /** The next batch, out of the queue. */
  readonly take: () => Batch;
  readonly deliver: (batch: Batch & { readonly seq: number }) => Promise<unknown>;
  /** The API will never take it. */
  readonly onRefused: (batch: Batch, error: InternalApiError) => void;
}

/**
 * Sends batches to the API one after another. A batch whose answer was lost goes again under the same number, so that it
 * counts once; traffic never waits for any of it.
 */
export class BatchSender<Batch extends object> {
  readonly #options: BatchSenderOptions<Batch>;
  #batch: (Batch & { readonly seq: number }) | null = null;
  #nextSeq = 1;
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #closed = false;

  constructor(options: BatchSenderOptions<Batch>) {
    this.#options = options;
  }

  /** The batch that is on its way, or waits to go again. */
  get held(): Batch | null {
    return this.#batch;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Something was queued. */
  wake(afterMs: number = this.#options.gatherMs): void {
    if (this.#timer !== null || this.#sending !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#sending = this.#sendAll().then((nextMs) => {
        this.#sending = null;
        if (this.#hasWork) this.wake(nextMs);
      });
    }, afterMs);
    this.#timer.unref();
  }

  /** One last try, then nothing is sent any more. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#sending;
    while (this.#hasWork && (await this.#send()) === 'sent');
  }

  get #hasWork(): boolean {
    return this.#batch !== null || this.#options.hasMore();
  }

  async #sendAll(): Promise<number> {
    for (;;) {
      const outcome = await this.#send();
      if (outcome !== 'sent') return outcome;
      if (!this.#hasWork) return this.#options.gatherMs;
    }
  }

  /** 'sent', or after how many ms to try again. */
  async #send(): Promise<'sent' | number> {
    if (this.#batch === null) {
      this.#batch = { ...this.#options.take(), seq: this.#nextSeq };
      this.#nextSeq += 1;
    }
    try {
      await this.#options.deliver(this.#batch);
    } catch (error) {
      if (!(error instanceof InternalApiError)) throw error;
      if (error.kind !== 'rejected') return Math.max(error.retryAfterMs, 200);
      this.#options.onRefused(this.#batch, error);
    }
    this.#batch = null;
    return 'sent';
  }
}
