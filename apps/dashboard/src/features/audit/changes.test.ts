import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';

describe('changes between two objects', () => {
  it('tell only what differs, by its path', () => {
    const before = { name: 'a', acl: ['x'], ref: { id: '1', uri: 'u' }, same: true };
    const after = { name: 'b', acl: ['x', 'y'], ref: { id: '2', uri: 'u' }, same: true };
    expect(changesBetween(before, after)).toEqual([
      { path: 'name', was: 'a', is: 'b' },
      { path: 'acl', was: '["x"]', is: '["x","y"]' },
      { path: 'ref.id', was: '1', is: '2' },
    ]);
  });

  it('show what a new or a removed object held', () => {
    expect(changesBetween(null, { name: 'a', note: null })).toEqual([{ path: 'name', was: null, is: 'a' }]);
    expect(changesBetween({ name: 'a' }, null)).toEqual([{ path: 'name', was: 'a', is: null }]);
    expect(changesBetween(null, null)).toEqual([]);
  });

  it('are bounded', () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`f${i}`, i]));
    expect(changesBetween(null, many)).toHaveLength(200);
  });
});
