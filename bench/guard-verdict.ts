import { noise, spread } from './statistics.ts';

/** One contestant in one round: microseconds of CPU a unit, of all its processes. */
export interface GuardRound {
  readonly ours: number;
  readonly yardstick: number;
}

export interface Verdict {
  /** Median over the rounds of ours ÷ yardstick. */
  readonly ratio: number;
  /** Half of the distance of the extremes, relative: what this run says about itself. */
  readonly noise: number;
  readonly limit: number;
  readonly passed: boolean;
}

/**
 * What another machine, or another hour of this one, may change in a ratio of two programs (performance page: ±8 % on
 * one machine). Less than this is no regression that a short run could show.
 */
const ALLOWANCE = 0.25;

/** Compares rounds with the ratio that a good build had. Whoever measures with noise has to show more than the noise. */
export function judge(rounds: readonly GuardRound[], expected: number): Verdict {
  const ratios = rounds.map(({ ours, yardstick }) => ours / yardstick);
  const ratio = spread(ratios)?.median ?? Number.POSITIVE_INFINITY;
  const own = noise(ratios);
  const limit = expected * (1 + ALLOWANCE + own);
  return { ratio, noise: own, limit, passed: ratio <= limit };
}
