import { monitorEventLoopDelay } from 'node:perf_hooks';

const CHECK_MS = 500;
/** How late the histogram's own timer is on an idle loop: it measures intervals, not delays. */
const RESOLUTION_MS = 20;

/**
 * Watches the delay of the event loop (L27): while it is above the limit, new work is shed rather than queued.
 * `close()` ends its timers.
 */
export class Watchdog {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #shedding = false;
  #wasLate = false;
  #delayMs = 0;

  constructor({
    shedAboveMs,
    onChange,
  }: { shedAboveMs: number; onChange?: (shedding: boolean, delayMs: number) => void }) {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      // The median: one long turn (a collection, a busy machine) is no reason to turn anyone away, a run of them is.
      this.#delayMs = Math.max(0, this.#histogram.percentile(50) / 1e6 - RESOLUTION_MS);
      this.#histogram.reset();
      const late = this.#delayMs > shedAboveMs;
      // A second of it: what is shed for less would have been served sooner than it can come back.
      const shedding = late && this.#wasLate;
      this.#wasLate = late;
      if (shedding === this.#shedding) return;
      this.#shedding = shedding;
      onChange?.(shedding, this.#delayMs);
    }, CHECK_MS);
    this.#timer.unref();
  }

  /** Whether new visitors and agents should be turned away (503, 743). */
  get shedding(): boolean {
    return this.#shedding;
  }

  /** Median of the last half second. */
  get delayMs(): number {
    return this.#delayMs;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }
}
