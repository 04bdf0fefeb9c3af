import { describe, expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { ConnectionCounters } from './connection-counters.ts';

function counted(): { counters: ConnectionCounters; advance(ms: number): void } {
  let now = 0;
  const clock: Clock = { nowMs: () => now, after: () => () => {}, random: () => 0 };
  return {
    counters: new ConnectionCounters(clock),
    advance: (ms) => {
      now += ms;
    },
  };
}

describe('the figures of connections', () => {
  it('count what is open and what ever was, with their bytes', () => {
    const { counters } = counted();
    counters.opened();
    counters.opened();
    counters.closed(10, 3, 5);
    expect(counters.read()).toMatchObject({ total: 2, open: 1, bytesIn: 3, bytesOut: 5, p50Ms: 10, p90Ms: 10 });
  });

  it('approach a steady rate and fade after it stopped', () => {
    const { counters, advance } = counted();
    for (let second = 0; second < 1200; second += 1) {
      counters.opened();
      counters.opened();
      advance(1000);
    }
    expect(counters.read().rate1).toBeCloseTo(2, 1);
    expect(counters.read().rate5).toBeCloseTo(2, 1);
    advance(60_000);
    expect(counters.read().rate1).toBeGreaterThan(0.6);
    expect(counters.read().rate1).toBeLessThan(0.8);
    expect(counters.read().rate5).toBeGreaterThan(counters.read().rate1);
    advance(365 * 24 * 3_600_000);
    expect(counters.read().rate5).toBeLessThan(1e-9);
  });

  it('give the middle and the ninetieth percentile of the latest durations', () => {
    const { counters } = counted();
    expect(counters.read().p50Ms).toBeNull();
    for (let i = 0; i < 5000; i += 1) counters.closed(9999, 0, 0);
    for (let i = 0; i < 1024; i += 1) counters.closed(i, 0, 0);
    expect(counters.read().p50Ms).toBe(512);
    expect(counters.read().p90Ms).toBe(921);
  });
});
