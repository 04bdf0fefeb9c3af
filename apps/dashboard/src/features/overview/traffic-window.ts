import type { UsageBucket } from '../usage/usage-days.ts';

/** How far back the overview looks, and in which steps. */
export interface TrafficWindow {
  readonly id: '1h' | '24h' | '7d' | '30d';
  readonly label: string;
  readonly lengthMs: number;
  /** What the API sums by. */
  readonly span: 'minute' | 'hour' | 'day';
  /** What one point of the chart stands for. */
  readonly stepMs: number;
  readonly step: string;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export const windows: readonly TrafficWindow[] = [
  { id: '1h', label: '1 h', lengthMs: hourMs, span: 'minute', stepMs: minuteMs, step: 'minute' },
  { id: '24h', label: '24 h', lengthMs: dayMs, span: 'minute', stepMs: 15 * minuteMs, step: '15 minutes' },
  { id: '7d', label: '7 d', lengthMs: 7 * dayMs, span: 'hour', stepMs: hourMs, step: 'hour' },
  { id: '30d', label: '30 d', lengthMs: 30 * dayMs, span: 'day', stepMs: dayMs, step: 'day' },
];

export function windowOf(text: string | null): TrafficWindow {
  const [, day] = windows;
  if (day === undefined) throw new Error('there is no window of a day');
  return windows.find(({ id }) => id === text) ?? day;
}

/** One point: its start in ms since 1970, and what went through until the next. */
export interface TrafficPoint {
  readonly startMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly bytes: number;
}

/** From whole steps to whole steps, the last of which is the one that is running. */
export function rangeOf(window: TrafficWindow, nowMs: number): { readonly fromMs: number; readonly toMs: number } {
  const toMs = (Math.floor(nowMs / window.stepMs) + 1) * window.stepMs;
  return { fromMs: toMs - window.lengthMs, toMs };
}

/** The buckets summed into the steps of the window, with zeros where nothing was reported. */
export function pointsOf(buckets: readonly UsageBucket[], window: TrafficWindow, nowMs: number): TrafficPoint[] {
  const { fromMs, toMs } = rangeOf(window, nowMs);
  const points = Array.from({ length: (toMs - fromMs) / window.stepMs }, (_, at) => ({
    startMs: fromMs + at * window.stepMs,
    requests: 0,
    errors: 0,
    bytes: 0,
  }));
  for (const { start, requests, errors, bytesIn, bytesOut } of buckets) {
    const point = points[Math.floor((Date.parse(start) - fromMs) / window.stepMs)];
    if (point === undefined) continue;
    point.requests += requests;
    point.errors += errors;
    point.bytes += bytesIn + bytesOut;
  }
  return points;
}

/** The next of 1, 2, 4, 8 times a power of ten that `value` fits under. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 4, 8, 10].map((factor) => factor * power).find((top) => top >= value) ?? 10 * power;
}
