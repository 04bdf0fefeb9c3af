import type { CircuitBreakerConfig } from '../actions/circuit-breaker.ts';

export type CircuitState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly untilMs: number }
  /** One request is on its way to see whether the upstream is well again. */
  | { readonly kind: 'trying'; readonly sinceMs: number };

/**
 * Stops asking an upstream that fails: once enough requests of the last window failed, none is forwarded for a while,
 * then one is tried. One for each endpoint and action; the edge reports how requests ended.
 */
export class CircuitBreaker {
  readonly #config: CircuitBreakerConfig;
  readonly #nowMs: () => number;
  readonly #buckets = Array.from({ length: BUCKETS }, () => ({ number: -1, total: 0, failed: 0 }));
  #state: CircuitState = { kind: 'closed' };

  /** `nowMs` is monotonic. */
  constructor(config: CircuitBreakerConfig, nowMs: () => number = () => performance.now()) {
    this.#config = config;
    this.#nowMs = nowMs;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Whether a request may go on. Every request that may has to be followed by `record` or `abandon`. */
  allow(): boolean {
    const now = this.#nowMs();
    switch (this.#state.kind) {
      case 'closed':
        return true;
      case 'open':
        if (now < this.#state.untilMs) return false;
        this.#state = { kind: 'trying', sinceMs: now };
        return true;
      case 'trying':
        // The trial may have been lost with its connection: another one after as long as the circuit stays open.
        if (now - this.#state.sinceMs < this.#config.trippedMs) return false;
        this.#state = { kind: 'trying', sinceMs: now };
        return true;
    }
  }

  /** The same question without any effect. */
  wouldAllow(): boolean {
    const now = this.#nowMs();
    if (this.#state.kind === 'open') return now >= this.#state.untilMs;
    return this.#state.kind === 'closed' || now - this.#state.sinceMs >= this.#config.trippedMs;
  }

  /** How a request ended: failed is a 5xx or no answer at all. */
  record(failed: boolean): void {
    const now = this.#nowMs();
    if (this.#state.kind === 'trying') {
      if (failed) this.#open(now);
      else this.#close();
      return;
    }
    const number = Math.floor(now / this.#bucketMs);
    const bucket = this.#buckets[number % BUCKETS];
    if (bucket === undefined) return;
    if (bucket.number !== number) Object.assign(bucket, { number, total: 0, failed: 0 });
    bucket.total += 1;
    if (failed) bucket.failed += 1;
    const { total, failed: failures } = this.counts();
    const { volumeThreshold, errorThreshold } = this.#config;
    const trips = this.#state.kind === 'closed' && total >= volumeThreshold && failures / total >= errorThreshold;
    if (trips && failures > 0) this.#open(now);
  }

  /** Requests and failures in the window that ends now. */
  counts(): { readonly total: number; readonly failed: number } {
    const oldest = Math.floor(this.#nowMs() / this.#bucketMs) - BUCKETS + 1;
    const live = this.#buckets.filter(({ number }) => number >= oldest);
    return {
      total: live.reduce((sum, { total }) => sum + total, 0),
      failed: live.reduce((sum, { failed }) => sum + failed, 0),
    };
  }

  get #bucketMs(): number {
    return this.#config.windowMs / BUCKETS;
  }

  #open(now: number): void {
    this.#state = { kind: 'open', untilMs: now + this.#config.trippedMs };
  }

  #close(): void {
    this.#state = { kind: 'closed' };
    for (const bucket of this.#buckets) Object.assign(bucket, { number: -1, total: 0, failed: 0 });
  }
}

const BUCKETS = 10;
