/** Waits between tries towards the API: 100 ms, doubling to 2 s, with full jitter on top of a tenth. */
export class Backoff {
  readonly #random: () => number;
  #tries = 0;

  constructor({ random = Math.random }: { random?: () => number } = {}) {
    this.#random = random;
  }

  nextMs(): number {
    const ceilingMs = Math.min(2_000, 100 * 2 ** this.#tries);
    this.#tries += 1;
    return ceilingMs * (0.1 + 0.9 * this.#random());
  }

  reset(): void {
    this.#tries = 0;
  }
}

/** Settles after `ms`, or at once when the signal aborts; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
