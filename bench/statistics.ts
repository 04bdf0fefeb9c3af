/** Small statistics for a few rounds each. */

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function spread(values: readonly number[]): Spread | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const least = sorted[0];
  const most = sorted.at(-1);
  if (least === undefined || most === undefined) return null;
  return { median: quantile(sorted, 0.5), least, most };
}

/** @param sorted ascending, not empty */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

/** Jain's index of fairness: 1 when all got the same, 1/n when one got all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + b * b, 0);
  return squares === 0 ? 0 : (sum * sum) / (shares.length * squares);
}

/** Half of the relative distance between the extremes: what one run says about its own noise. */
export function noise(values: readonly number[]): number {
  const found = spread(values);
  return found === null || found.median === 0 ? 0 : (found.most - found.least) / 2 / found.median;
}
