/**
 * Requests in a sliding minute, by key: what is left of the last minute's count, weighted by how much of it still
 * lies in the window, and this minute's. Bounded: both counts are dropped whole.
 */
export class RateLimiter {
  readonly #limit: number;
  readonly #windowMs: number;
  #start = Number.NEGATIVE_INFINITY;
  #previous = new Map<string, number>();
  #current = new Map<string, number>();

  constructor({ limit, windowMs = 60_000 }: { limit: number; windowMs?: number }) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Null: go on. Else after how many seconds the next one may pass. @param nowMs monotonic. */
  take(key: string, nowMs: number): number | null {
    this.#roll(nowMs);
    const passed = (nowMs - this.#start) / this.#windowMs;
    const before = (this.#previous.get(key) ?? 0) * (1 - passed);
    const count = this.#current.get(key) ?? 0;
    if (before + count + 1 > this.#limit) return Math.max(1, Math.ceil(((1 - passed) * this.#windowMs) / 1_000));
    this.#current.set(key, count + 1);
    return null;
  }

  #roll(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#start) / this.#windowMs);
    if (windows < 1) return;
    this.#previous = windows === 1 ? this.#current : new Map();
    this.#current = new Map();
    this.#start = Number.isFinite(this.#start) ? this.#start + windows * this.#windowMs : nowMs;
  }
}
