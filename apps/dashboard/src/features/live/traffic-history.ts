import type { LiveEndpoint } from '@portico/api-contract/dashboard';

/** The last 72 s of one endpoint, 2 s a point, oldest first; null where the page was not yet open. */
export interface Series {
  readonly perSecond: readonly (number | null)[];
  readonly errors: readonly boolean[];
}

export const seriesPoints = 36;
export const pointMs = 2000;

const windowMs = seriesPoints * pointMs;
const rateWindowMs = 10_000;
const freshMs = 3000;
/** Counters come in steps; a step is spread over at most this much time before it. */
const spreadMsMax = 5000;
/** Samples closer together than this replace one another, which bounds what is kept. */
const sampleMs = 500;

interface Sample {
  readonly atMs: number;
  readonly total: number;
  readonly errors: number;
}

/**
 * What the page has seen of each endpoint's counters since it was opened, kept for as long as the sparkline is. Requests
 * are counted for http, bytes for tcp and tls. Times are monotonic, in ms.
 */
export class TrafficHistory {
  readonly #samples = new Map<string, Sample[]>();

  record(endpoints: readonly LiveEndpoint[], atMs: number): void {
    const seen = new Set<string>();
    for (const endpoint of endpoints) {
      seen.add(endpoint.id);
      const sample = { atMs, total: activity(endpoint), errors: endpoint.errors };
      let samples = this.#samples.get(endpoint.id);
      const last = samples?.at(-1);
      // A counter that fell was begun anew; the old ones say nothing about it.
      if (!samples || (last && last.total > sample.total)) {
        samples = [];
        this.#samples.set(endpoint.id, samples);
      }
      const beforeLast = samples.at(-2);
      if (beforeLast && last && atMs - beforeLast.atMs < sampleMs) samples.pop();
      samples.push(sample);
      while ((samples[1]?.atMs ?? atMs) < atMs - windowMs - spreadMsMax) samples.shift();
    }
    for (const id of this.#samples.keys()) if (!seen.has(id)) this.#samples.delete(id);
  }

  /** Requests (http) or bytes (tcp, tls) a second over the last 10 s, or what there is of them; null before two samples. */
  rate(id: string, nowMs: number): number | null {
    const samples = this.#samples.get(id);
    const first = samples?.[0];
    const last = samples?.at(-1);
    if (!samples || !first || !last) return null;
    // Up to the latest figure as long as it is fresh, so that the rate does not sag between two of them.
    const toMs = nowMs - last.atMs < freshMs ? last.atMs : nowMs;
    if (toMs - first.atMs < 1000) return null;
    const fromMs = Math.max(first.atMs, toMs - rateWindowMs);
    return ((totalAt(samples, toMs) - totalAt(samples, fromMs)) * 1000) / (toMs - fromMs);
  }

  series(id: string, nowMs: number): Series {
    const samples = this.#samples.get(id) ?? [];
    const first = samples[0];
    // Points stand at fixed times, so that the line moves along and does not wobble.
    const end = Math.floor(nowMs / pointMs) * pointMs;
    const perSecond: (number | null)[] = [];
    const errors: boolean[] = [];
    for (let i = seriesPoints; i > 0; i--) {
      const from = end - i * pointMs;
      const to = from + pointMs;
      if (!first || from < first.atMs - pointMs || to <= first.atMs) {
        perSecond.push(null);
        errors.push(false);
        continue;
      }
      perSecond.push(((totalAt(samples, to) - totalAt(samples, from)) * 1000) / pointMs);
      errors.push(errorsIn(samples, from, to));
    }
    return { perSecond, errors };
  }
}

/** What a line of traffic is made of: requests where there are any, else bytes. */
export function activity(endpoint: LiveEndpoint): number {
  return countsRequests(endpoint) ? endpoint.requests : endpoint.bytesIn + endpoint.bytesOut;
}

export function countsRequests(endpoint: LiveEndpoint): boolean {
  return endpoint.proto === 'http' || endpoint.proto === 'https';
}

/** The counter at a time between samples. */
function totalAt(samples: readonly Sample[], atMs: number): number {
  let before: Sample | undefined;
  for (const sample of samples) {
    if (sample.atMs >= atMs) {
      if (!before) return sample.total;
      const from = Math.max(before.atMs, sample.atMs - spreadMsMax);
      if (atMs <= from) return before.total;
      return before.total + ((sample.total - before.total) * (atMs - from)) / (sample.atMs - from);
    }
    before = sample;
  }
  return before?.total ?? 0;
}

function errorsIn(samples: readonly Sample[], fromMs: number, toMs: number): boolean {
  return samples.some((sample, i) => {
    const before = samples[i - 1];
    return before !== undefined && sample.errors > before.errors && sample.atMs > fromMs && sample.atMs <= toMs;
  });
}
