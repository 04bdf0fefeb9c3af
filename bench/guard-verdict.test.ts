import { describe, expect, it } from 'vitest';
import { judge } from './guard-verdict.ts';

const rounds = (...ratios: number[]) => ratios.map((ratio) => ({ ours: ratio * 20, yardstick: 20 }));

describe('the verdict of the guard', () => {
  it('passes what is as it was, and what is better', () => {
    expect(judge(rounds(2, 2, 2), 2).passed).toBe(true);
    expect(judge(rounds(1, 1, 1), 2).passed).toBe(true);
  });

  it('fails what costs half as much again, if the rounds agree', () => {
    expect(judge(rounds(3, 3.1, 2.9), 2)).toMatchObject({ passed: false, ratio: 3 });
  });

  it('gives as much room as the rounds differ among themselves', () => {
    const steady = judge(rounds(2.7, 2.7, 2.7), 2);
    const noisy = judge(rounds(2.0, 2.7, 3.4), 2);
    expect(steady.passed).toBe(false);
    expect(noisy.noise).toBeCloseTo(0.26, 2);
    expect(noisy.passed).toBe(true);
  });

  it('fails when nothing was measured', () => {
    expect(judge([], 2).passed).toBe(false);
  });
});
