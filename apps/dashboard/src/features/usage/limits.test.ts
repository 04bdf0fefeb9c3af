import { describe, expect, it } from 'vitest';
import { nearnessOf, reachedAt } from './limits.ts';

it.each([
  [5, null, 'unlimited'],
  [69, 100, 'fine'],
  [70, 100, 'near'],
  [90, 100, 'almost'],
  [100, 100, 'over'],
  [0, 0, 'over'],
] as const)('%d of %s is %s', (used, limit, nearness) => {
  expect(nearnessOf({ used, limit })).toBe(nearness);
});

describe('the day on which a limit is reached at this pace', () => {
  const month = { monthStart: '2026-11-01T00:00:00.000Z', monthEnd: '2026-12-01T00:00:00.000Z' };
  const tenth = Date.parse('2026-11-11T00:00:00Z');
  it.each([
    ['half used after a third of the month', { used: 50, limit: 100, isMonthly: true }, '2026-11-21T00:00:00.000Z'],
    ['too little used', { used: 10, limit: 100, isMonthly: true }, null],
    ['used up', { used: 100, limit: 100, isMonthly: true }, null],
    ['no limit', { used: 50, limit: null, isMonthly: true }, null],
    ['not of a month', { used: 50, limit: 100, isMonthly: false }, null],
  ] as const)('%s', (_what, measured, at) => {
    expect(reachedAt(measured, month, tenth)?.toISOString() ?? null).toBe(at);
  });

  it('is not guessed in the first hours', () => {
    const measured = { used: 50, limit: 100, isMonthly: true };
    expect(reachedAt(measured, month, Date.parse('2026-11-01T05:00:00Z'))).toBeNull();
  });
});
