import { describe, expect, it } from 'vitest';
import { bytes, count, duration, perSecond, plural, text } from './format.ts';

describe('figures', () => {
  it('group thousands and shorten from a million on', () => {
    expect([0, 7, 1204, 999_999, 1_190_000, 33_900_000, 642_000_000].map((n) => text(count(n)))).toEqual([
      '0',
      '7',
      '1,204',
      '999,999',
      '1.19 M',
      '33.9 M',
      '642 M',
    ]);
  });

  it('give bytes in decimal units with three digits', () => {
    expect([0, 999, 1000, 15_360, 999_499, 999_600, 4.12e11, 7.1e12, 5e16].map((n) => text(bytes(n)))).toEqual([
      '0 B',
      '999 B',
      '1 kB',
      '15.4 kB',
      '999 kB',
      '1 MB',
      '412 GB',
      '7.1 TB',
      '50000 TB',
    ]);
  });

  it('tell a trickle from nothing', () => {
    expect([0, 0.01, 0.4, 3.14, 412.3].map(perSecond)).toEqual(['0', '< 0.1', '0.4', '3.1', '412']);
  });
});

describe('durations', () => {
  it('have one unit and are never rounded up', () => {
    expect([-5, 0, 38_999, 60_000, 3_599_999, 7_200_000, 86_399_999, 6 * 86_400_000].map(duration)).toEqual([
      '0 s',
      '0 s',
      '38 s',
      '1 min',
      '59 min',
      '2 h',
      '23 h',
      '6 d',
    ]);
  });
});

it('counts one and many', () => {
  expect([plural(1, 'edge', 'edges'), plural(0, 'edge', 'edges'), plural(1200, 'edge', 'edges')]).toEqual([
    '1 edge',
    '0 edges',
    '1,200 edges',
  ]);
});
