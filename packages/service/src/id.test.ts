import { describe, expect, it } from 'vitest';
import { idTimeSeconds, isId, newId } from './id.ts';

describe('newId', () => {
  it('gives the prefix and 27 characters of base62', () => {
    expect(newId('ts')).toMatch(/^ts_[0-9A-Za-z]{27}$/);
    expect(isId('ts', newId('ts'))).toBe(true);
    expect(isId('ep', newId('ts'))).toBe(false);
  });

  it('sorts by creation time', () => {
    const earlier = newId('ep', Date.UTC(2026, 0, 1));
    const later = newId('ep', Date.UTC(2026, 0, 2));
    expect(earlier < later).toBe(true);
    expect(idTimeSeconds(earlier)).toBe(Date.UTC(2026, 0, 1) / 1000);
  });

  it('never repeats within the batches of its randomness', () => {
    const ids = new Set(Array.from({ length: 2_000 }, () => newId('req', 1_700_000_000_000)));
    expect(ids.size).toBe(2_000);
  });
});
