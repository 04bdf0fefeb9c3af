import { describe, expect, it } from 'vitest';
import { Backoff, defaultBackoff } from './backoff.ts';

describe('the wait between two tries', () => {
  const ceilings = (random: () => number, count: number): number[] => {
    const backoff = new Backoff({ ...defaultBackoff, random });
    return Array.from({ length: count }, () => backoff.nextMs());
  };

  it('doubles its ceiling from half a second to 15 s', () => {
    expect(ceilings(() => 0.999_999, 8)).toEqual([499, 999, 1999, 3999, 7999, 14_999, 14_999, 14_999]);
  });

  it('is drawn from nothing up to the ceiling', () => {
    expect(ceilings(() => 0, 3)).toEqual([0, 0, 0]);
    expect(ceilings(() => 0.5, 3)).toEqual([250, 500, 1000]);
  });

  it('stays finite after very many failures', () => {
    const backoff = new Backoff({ ...defaultBackoff, random: () => 0.5 });
    for (let i = 0; i < 5000; i += 1) expect(backoff.nextMs()).toBeLessThanOrEqual(7500);
  });

  it('starts again after a session that lived 30 s, and only then', () => {
    const backoff = new Backoff({ ...defaultBackoff, random: () => 0.999_999 });
    backoff.nextMs();
    backoff.nextMs();
    backoff.afterSession(29_999);
    expect(backoff.nextMs()).toBe(1999);
    backoff.afterSession(30_000);
    expect(backoff.nextMs()).toBe(499);
  });

  it('brings 95 % of many agents back within 10 s of an outage of 5 s', () => {
    // X5 allows 10 s for 95 % and 30 s for all. Each agent tries at the sum of its waits until one falls after the outage.
    let seed = 1;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    const back = Array.from({ length: 2000 }, () => {
      const backoff = new Backoff({ ...defaultBackoff, random });
      let at = 0;
      while (at < 5000) at += backoff.nextMs();
      return at - 5000;
    }).sort((a, b) => a - b);
    expect(back[Math.floor(back.length * 0.95)]).toBeLessThanOrEqual(10_000);
    expect(back.at(-1)).toBeLessThanOrEqual(30_000);
  });
});
