import type { UsageBucket } from './usage-days.ts';

export type Measure = 'requests' | 'connections' | 'bytes';

/** One endpoint's part of each day; a null `url` stands for all endpoints that are not named. */
export interface UsageSeries {
  readonly url: string | null;
  readonly total: number;
  /** In the order of the days. */
  readonly values: readonly number[];
}

export const namedMax = 5;

export function measured(bucket: UsageBucket, measure: Measure): number {
  return measure === 'bytes' ? bucket.bytesIn + bucket.bytesOut : bucket[measure];
}

/** The days by endpoint: the busiest five by name, then what is left of each day's total. Endpoints of one URL are one. */
export function stacksOf(
  days: readonly UsageBucket[],
  endpoints: readonly UsageBucket[],
  measure: Measure,
): readonly UsageSeries[] {
  const places = new Map(days.map(({ start }, at) => [start.slice(0, 10), at]));
  const byUrl = new Map<string, number[]>();
  for (const bucket of endpoints) {
    const at = places.get(bucket.start.slice(0, 10));
    if (at === undefined || bucket.url === null) continue;
    const values = byUrl.get(bucket.url) ?? days.map(() => 0);
    values[at] = (values[at] ?? 0) + measured(bucket, measure);
    byUrl.set(bucket.url, values);
  }
  const named = [...byUrl]
    .map(([url, values]) => ({ url, values, total: sum(values) }))
    .filter(({ total }) => total > 0)
    .sort((one, other) => other.total - one.total || (one.url < other.url ? -1 : 1))
    .slice(0, namedMax);
  const left = days.map((day, at) =>
    Math.max(0, measured(day, measure) - sum(named.map(({ values }) => values[at] ?? 0))),
  );
  return sum(left) > 0 ? [...named, { url: null, values: left, total: sum(left) }] : named;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
