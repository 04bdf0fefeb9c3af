/** Waiting times between tries to reach the server, `reliability.md` X5. All in milliseconds. */
export interface BackoffOptions {
  /** Upper end of the first wait; doubled with every further one. */
  readonly firstMs: number;
  readonly capMs: number;
  /** A session that lived this long starts the count again. */
  readonly resetAfterMs: number;
  /** 0 (included) to 1 (excluded). */
  readonly random: () => number;
}

export const defaultBackoff = { firstMs: 500, capMs: 15_000, resetAfterMs: 30_000 } as const;

/**
 * Counts failures and draws the next wait: uniformly between 0 and min(cap, first × 2^n). Full jitter spreads a
 * thousand agents that lost the same server evenly, where half of it would leave them in waves.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** How many waits were drawn since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  nextMs(): number {
    const { firstMs, capMs, random } = this.#options;
    // 2^30 is far above any cap; without the limit the power overflows to Infinity after 1,000 failures.
    const ceiling = Math.min(capMs, firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.floor(random() * ceiling);
  }

  /** Tells how long the session lived that just ended. */
  afterSession(livedMs: number): void {
    if (livedMs >= this.#options.resetAfterMs) this.#failures = 0;
  }
}
