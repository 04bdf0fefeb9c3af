import { describe, expect, it } from 'vitest';
import { RateLimiter } from './rate-limiter.ts';

const rule = { family: 'ep_1 api', capacity: 10, windowMs: 60_000 };

function limiter(options: { readonly maxKeys?: number } = {}): { limit: RateLimiter; clock: { nowMs: number } } {
  const clock = { nowMs: 1_000_000 };
  return { limit: new RateLimiter({ ...options, nowMs: () => clock.nowMs }), clock };
}

describe('a rate limit', () => {
  it('lets its capacity through and tells when to come back', () => {
    const { limit } = limiter();
    const verdicts = Array.from({ length: 12 }, () => limit.hit(rule, 'a').limited);
    expect(verdicts.filter((limited) => !limited)).toHaveLength(10);
    expect(limit.hit(rule, 'a').retryAfterSeconds).toBeGreaterThan(60);
    expect(limit.hit(rule, 'b')).toEqual({ limited: false, retryAfterSeconds: 0 });
  });

  it('slides: after half a window half of the old requests still count', () => {
    const { limit, clock } = limiter();
    for (let time = 0; time < 10; time += 1) limit.hit(rule, 'a');
    clock.nowMs += 90_000;
    const passed = Array.from({ length: 10 }, () => limit.hit(rule, 'a')).filter(({ limited }) => !limited);
    expect(passed).toHaveLength(5);
  });

  it('never lets more than the capacity through in any window', () => {
    const { limit, clock } = limiter();
    const passedAt: number[] = [];
    for (let step = 0; step < 600; step += 1) {
      clock.nowMs += 997;
      if (!limit.hit(rule, 'a').limited) passedAt.push(clock.nowMs);
    }
    for (const from of passedAt) {
      const inWindow = passedAt.filter((at) => at >= from && at < from + rule.windowMs);
      // The old window counts as spread evenly, which is what a sliding window counter gives up: a fifth at most here.
      expect(inWindow.length).toBeLessThanOrEqual(12);
    }
    expect(passedAt.length).toBeGreaterThan(80);
  });

  it('keeps its word about when to come back', () => {
    const { limit, clock } = limiter();
    for (const pause of [0, 10_000, 50_000, 59_000]) {
      clock.nowMs += pause;
      while (!limit.hit(rule, 'a').limited);
      const { retryAfterSeconds } = limit.peek(rule, 'a');
      clock.nowMs += retryAfterSeconds * 1_000;
      expect(limit.peek(rule, 'a').limited).toBe(false);
    }
  });

  it('does not count what it only looks at', () => {
    const { limit } = limiter();
    for (let time = 0; time < 100; time += 1) limit.peek(rule, 'a');
    expect(limit.hit(rule, 'a').limited).toBe(false);
  });

  it('forgets a window that is two windows ago', () => {
    const { limit, clock } = limiter();
    for (let time = 0; time < 10; time += 1) limit.hit(rule, 'a');
    clock.nowMs += 120_001;
    expect(limit.hit(rule, 'a').limited).toBe(false);
    expect(limit.keys).toBe(1);
  });

  it('starts anew when the rule changes its window', () => {
    const { limit } = limiter();
    for (let time = 0; time < 10; time += 1) limit.hit(rule, 'a');
    expect(limit.hit({ ...rule, windowMs: 120_000 }, 'a').limited).toBe(false);
    expect(limit.keys).toBe(1);
  });

  it('holds a million keys and no more', () => {
    const maxKeys = process.env.PORTICO_LONG === '1' ? 1_000_000 : 100_000;
    const { limit, clock } = limiter({ maxKeys });
    const startedBytes = process.memoryUsage().heapUsed;
    const started = performance.now();
    for (let key = 0; key < maxKeys * 1.2; key += 1)
      limit.hit(rule, `10.${key >> 16}.${(key >> 8) & 255}.${key & 255}`);
    expect(limit.keys).toBe(maxKeys);
    expect((performance.now() - started) / (maxKeys * 1.2)).toBeLessThan(0.02);
    expect(process.memoryUsage().heapUsed - startedBytes).toBeLessThan(maxKeys * 400);
    // Those without a counter of their own share some: nobody gets in without being counted.
    const strangers = Array.from({ length: 200_000 }, (_, key) => limit.hit(rule, `stranger-${key}`).limited);
    expect(strangers.filter((limited) => limited).length).toBeGreaterThan(100_000);
    clock.nowMs += 180_000;
    expect(limit.hit(rule, 'a').limited).toBe(false);
    expect(limit.keys).toBe(1);
  });

  it('keeps short keys of texts of any length', () => {
    const { limit } = limiter();
    expect(limit.hit({ ...rule, capacity: 1 }, 'x'.repeat(100_000)).limited).toBe(false);
    expect(limit.hit({ ...rule, capacity: 1 }, 'x'.repeat(100_000)).limited).toBe(true);
    expect(limit.hit({ ...rule, capacity: 1 }, `${'x'.repeat(99_999)}y`).limited).toBe(false);
  });
});
