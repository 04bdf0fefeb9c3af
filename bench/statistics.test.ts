import { describe, expect, it } from 'vitest';
import { jain, noise, quantile, spread } from './statistics.ts';

describe('spread', () => {
  it('gives the middle and the ends, whatever the order', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, least: 1, most: 4 });
  });

  it('leaves out what is no number, and is null for nothing', () => {
    expect(spread([Number.NaN, 5])).toEqual({ median: 5, least: 5, most: 5 });
    expect(spread([])).toBeNull();
  });
});

describe('quantile', () => {
  it('reads between two values', () => {
    expect(quantile([0, 10], 0.25)).toBe(2.5);
    expect(quantile([7], 0.99)).toBe(7);
  });
});

describe('jain', () => {
  it('is 1 for equal shares and 1/n when one has all', () => {
    expect(jain([5, 5, 5, 5])).toBe(1);
    expect(jain([8, 0, 0, 0])).toBe(0.25);
  });
});

describe('noise', () => {
  it('is half the distance of the extremes against the middle', () => {
    expect(noise([9, 10, 11])).toBeCloseTo(0.1);
    expect(noise([10, 10])).toBe(0);
  });
});
