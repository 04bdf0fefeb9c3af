import { describe, expect, it } from 'vitest';
import { nextTry } from './throttle.ts';

const start = new Date('2026-03-01T10:00:00.000Z');
const after = (seconds: number) => new Date(start.getTime() + seconds * 1_000);
const fresh = { tries: 0, level: 0, windowStart: start, blockedUntil: null };

/** Tries at these seconds; the waits that they were given. */
function waits(seconds: readonly number[]): number[] {
  let state: Parameters<typeof nextTry>[0] = fresh;
  return seconds.map((second) => {
    const next = nextTry(state, after(second), 2, 60_000);
    state = next.state;
    return next.result / 1_000;
  });
}

describe('tries to sign in', () => {
  it('are free below the limit of a window', () => {
    expect(waits([0, 1, 61, 62, 130, 131])).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('beyond it wait a window, then twice as long each time, a quarter of an hour at most', () => {
    expect(waits([0, 1, 2, 3, 61])).toEqual([0, 0, 60, 59, 1]);
    expect(waits([0, 0, 0, 60, 60, 60, 180, 180, 180, 420, 420, 420, 900, 900, 900, 1800, 1800, 1800])).toEqual([
      0, 0, 60, 0, 0, 120, 0, 0, 240, 0, 0, 480, 0, 0, 900, 0, 0, 900,
    ]);
  });

  it('begin anew after an hour', () => {
    expect(waits([0, 0, 0, 60, 60, 60, 3_700, 3_700, 3_700])).toEqual([0, 0, 60, 0, 0, 120, 0, 0, 60]);
  });
});
