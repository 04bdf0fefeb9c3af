import { describe, expect, it } from 'vitest';
import { niceTop, pointsOf, rangeOf, windowOf, windows } from './traffic-window.ts';

const nowMs = Date.parse('2026-11-20T19:07:31.000Z');
const bucket = (start: string, requests: number, errors = 0) => ({
  start,
  endpointId: null,
  url: null,
  requests,
  connections: 0,
  bytesIn: 1,
  bytesOut: 2,
  errors,
});

describe('the window of the overview', () => {
  it('is a day where the address says nothing that is known', () => {
    expect(windowOf(null).id).toBe('24h');
    expect(windowOf('5y').id).toBe('24h');
    expect(windowOf('7d').id).toBe('7d');
  });

  it('has as many points as steps, the last one running', () => {
    for (const window of windows) {
      const points = pointsOf([], window, nowMs);
      const last = points.at(-1)?.startMs ?? 0;
      expect([window.id, points.length]).toEqual([window.id, window.lengthMs / window.stepMs]);
      expect(last).toBeLessThanOrEqual(nowMs);
      expect(last + window.stepMs).toBeGreaterThan(nowMs);
      expect(rangeOf(window, nowMs).toMs - last).toBe(window.stepMs);
    }
  });

  it('sums minutes into its steps and leaves out what is older', () => {
    const buckets = [
      bucket('2026-11-20T19:07:00.000Z', 3, 1),
      bucket('2026-11-20T19:01:00.000Z', 4),
      bucket('2026-11-20T18:59:00.000Z', 5),
      bucket('2026-11-18T18:59:00.000Z', 1000),
    ];
    const points = pointsOf(buckets, windowOf('24h'), nowMs);
    expect(points.slice(-2)).toEqual([
      { startMs: Date.parse('2026-11-20T18:45:00.000Z'), requests: 5, errors: 0, bytes: 3 },
      { startMs: Date.parse('2026-11-20T19:00:00.000Z'), requests: 7, errors: 1, bytes: 6 },
    ]);
    expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(12);
  });
});

describe('the top of an axis', () => {
  it('is round and not below the value', () => {
    expect([0, 1, 3, 7, 9, 412].map(niceTop)).toEqual([1, 1, 4, 8, 10, 800]);
  });
});
