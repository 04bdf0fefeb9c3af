import type { LiveEndpoint } from '@portico/api-contract/dashboard';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seriesPoints, TrafficHistory } from './traffic-history.ts';

function endpoint(requests: number, more: Partial<LiveEndpoint> = {}): LiveEndpoint {
  return {
    id: 'ep_1',
    url: 'https://a.example',
    proto: 'https',
    kind: 'agent',
    name: '',
    metadata: '',
    forwardsTo: 'localhost:3000',
    sessionId: 'ts_1',
    startedAt: '2026-11-20T19:00:00.000Z',
    requests,
    connections: 0,
    bytesIn: 0,
    bytesOut: 0,
    errors: 0,
    upstream: { kind: 'unknown' },
    ...more,
  };
}

describe('the traffic that a page has seen', () => {
  it('gives a steady rate from steps of any size', () => {
    for (const stepMs of [250, 1000, 4000]) {
      const history = new TrafficHistory();
      for (let t = 0; t <= 60_000; t += stepMs) history.record([endpoint(t / 100)], t);
      expect(history.rate('ep_1', 60_000)).toBeCloseTo(10, 5);
      const { perSecond } = history.series('ep_1', 60_000);
      expect(perSecond).toHaveLength(seriesPoints);
      expect(perSecond.filter((point) => point !== null).every((point) => Math.abs(point - 10) < 1e-6)).toBe(true);
    }
  });

  it('has no points for the time before the page was open', () => {
    const history = new TrafficHistory();
    history.record([endpoint(1000)], 100_000);
    history.record([endpoint(1020)], 104_000);
    const { perSecond } = history.series('ep_1', 104_000);
    expect(perSecond.slice(0, -2).every((point) => point === null)).toBe(true);
    expect(perSecond.slice(-2)).toEqual([5, 5]);
    expect(history.rate('unknown', 0)).toBeNull();
  });

  it('goes down to zero when nothing more comes, and keeps a burst after a pause short', () => {
    const history = new TrafficHistory();
    history.record([endpoint(0)], 0);
    history.record([endpoint(50)], 5000);
    expect(history.rate('ep_1', 20_000)).toBe(0);
    history.record([endpoint(100)], 40_000);
    const { perSecond } = history.series('ep_1', 40_000);
    expect(perSecond.slice(-5, -3)).toEqual([0, 0]);
    expect(perSecond.at(-1)).toBe(10);
  });

  it('starts anew when a counter fell, and forgets what went offline', () => {
    const history = new TrafficHistory();
    history.record([endpoint(500)], 0);
    history.record([endpoint(3)], 2000);
    history.record([endpoint(5)], 4000);
    expect(history.rate('ep_1', 4000)).toBe(1);
    history.record([], 6000);
    expect(history.rate('ep_1', 6000)).toBeNull();
  });

  it('counts bytes where there are no requests, and marks the points with errors', () => {
    const history = new TrafficHistory();
    history.record([endpoint(0, { proto: 'tcp' })], 0);
    history.record([endpoint(0, { proto: 'tcp', bytesIn: 300, bytesOut: 700, errors: 1 })], 2000);
    const { perSecond, errors } = history.series('ep_1', 2000);
    expect(perSecond.at(-1)).toBe(500);
    expect(errors.at(-1)).toBe(true);
    expect(errors.filter(Boolean)).toHaveLength(1);
  });

  it('never gives a negative or unreal number', () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 9000 }), more: fc.integer({ min: -50, max: 500 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const history = new TrafficHistory();
        let t = 0;
        let total = 0;
        for (const { waitMs, more } of steps) {
          t += waitMs;
          total = Math.max(0, total + more);
          history.record([endpoint(total)], t);
          const points = [history.rate('ep_1', t), ...history.series('ep_1', t).perSecond];
          for (const point of points) if (point !== null) expect(point).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
