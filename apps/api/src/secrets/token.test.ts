import { newId } from '@portico/service';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeToken, parseToken, TokenHasher } from './token.ts';

describe('secrets', () => {
  it('carry their kind and the id of their row', () => {
    const id = newId('cr');
    expect(parseToken(makeToken('authtoken', id))).toEqual({ kind: 'authtoken', id });
    expect(parseToken(makeToken('api-key', newId('ak')))?.kind).toBe('api-key');
    expect(parseToken(makeToken('node', newId('nd')))?.kind).toBe('node');
  });

  it('never come twice', () => {
    const id = newId('cr');
    expect(new Set(Array.from({ length: 1_000 }, () => makeToken('authtoken', id))).size).toBe(1_000);
  });

  it('are not seen in any other text', () => {
    const token = makeToken('authtoken', newId('cr'));
    for (const text of ['', 'pat_', token.slice(1), `${token}x`, `${token}\n`, token.replace('pat', 'PAT'), 'ak_x']) {
      expect(parseToken(text)).toBeNull();
    }
    fc.assert(fc.property(fc.string(), (text) => parseToken(text) === null));
  });

  it('match only their own hash, and only under the same pepper', () => {
    const hasher = new TokenHasher(new Uint8Array(32).fill(1));
    const other = new TokenHasher(new Uint8Array(32).fill(2));
    const [one, two] = [makeToken('node', newId('nd')), makeToken('node', newId('nd'))];
    expect(hasher.matches(one, hasher.hash(one))).toBe(true);
    expect(hasher.matches(two, hasher.hash(one))).toBe(false);
    expect(other.matches(one, hasher.hash(one))).toBe(false);
    expect(hasher.matches(one, new Uint8Array(0))).toBe(false);
  });
});
