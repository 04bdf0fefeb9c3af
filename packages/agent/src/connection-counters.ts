import type { Clock } from './clock.ts';

/** What the screen and the local API show of connections. Rates are per second, durations in milliseconds. */
export interface ConnectionFigures {
  readonly total: number;
  readonly open: number;
  /** Means that fade over 1, 5 and 15 minutes, as the load averages of Unix. */
  readonly rate1: number;
  readonly rate5: number;
  readonly rate15: number;
  /** Of the last connections that ended; null before the first. */
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const stepMs = 5000;
const samplesMax = 1024;

/** Counts connections without a timer: the rates catch up when somebody looks or counts. */
export class ConnectionCounters {
  readonly #clock: Clock;
  #total = 0;
  #open = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #rate1 = 0;
  #rate5 = 0;
  #rate15 = 0;
  #inStep = 0;
  #stepEndMs: number;
  /** A ring of the latest durations. */
  readonly #durations: number[] = [];
  #nextDuration = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stepEndMs = clock.nowMs() + stepMs;
  }

  opened(): void {
    this.#catchUp();
    this.#total += 1;
    this.#open += 1;
    this.#inStep += 1;
  }

  closed(durationMs: number, bytesIn = 0, bytesOut = 0): void {
    this.#open -= 1;
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
    this.#durations[this.#nextDuration] = durationMs;
    this.#nextDuration = (this.#nextDuration + 1) % samplesMax;
  }

  read(): ConnectionFigures {
    this.#catchUp();
    const sorted = [...this.#durations].sort((a, b) => a - b);
    const quantile = (q: number): number | null =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? null;
    return {
      total: this.#total,
      open: this.#open,
      rate1: this.#rate1,
      rate5: this.#rate5,
      rate15: this.#rate15,
      p50Ms: quantile(0.5),
      p90Ms: quantile(0.9),
      p95Ms: quantile(0.95),
      p99Ms: quantile(0.99),
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
    };
  }

  #catchUp(): void {
    const now = this.#clock.nowMs();
    if (now < this.#stepEndMs) return;
    // After a long silence the closed form replaces thousands of empty steps.
    const steps = Math.floor((now - this.#stepEndMs) / stepMs) + 1;
    const perSecond = this.#inStep / (stepMs / 1000);
    this.#rate1 = fade(this.#rate1, perSecond, 60_000, steps);
    this.#rate5 = fade(this.#rate5, perSecond, 300_000, steps);
    this.#rate15 = fade(this.#rate15, perSecond, 900_000, steps);
    this.#inStep = 0;
    this.#stepEndMs += steps * stepMs;
  }
}

/** One step with `perSecond`, then `steps - 1` with nothing. */
function fade(rate: number, perSecond: number, overMs: number, steps: number): number {
  const keep = Math.exp(-stepMs / overMs);
  return (rate * keep + perSecond * (1 - keep)) * keep ** (steps - 1);
}
