import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedMap } from './ordered-map.ts';

describe('an ordered map', () => {
  it('behaves like a map that is sorted at every look', () => {
    const key = fc.stringMatching(/^[a-c/]{1,4}$/);
    const step = fc.record({ kind: fc.constantFrom('set', 'set', 'delete'), key, value: fc.nat() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.array(fc.stringMatching(/^[a-c/]{0,3}$/)),
        (steps, prefixes) => {
          const map = new OrderedMap<number>();
          const model = new Map<string, number>();
          for (const { kind, key: at, value } of steps) {
            if (kind === 'set') {
              map.set(at, value);
              model.set(at, value);
            } else {
              expect(map.delete(at)).toBe(model.delete(at));
            }
            expect(map.get(at)).toBe(model.get(at));
          }
          expect(map.size).toBe(model.size);
          for (const prefix of ['', ...prefixes]) {
            const sorted = [...model.keys()].filter((name) => name.startsWith(prefix)).sort();
            expect([...map.withPrefix(prefix)]).toEqual(sorted.map((name) => model.get(name)));
          }
        },
      ),
    );
  });

  it('keeps its order over many blocks, filled and emptied in any order', () => {
    const map = new OrderedMap<string>();
    const names = Array.from(
      { length: 20_000 },
      (_, index) => `k/${((index * 7919) % 20_000).toString().padStart(5, '0')}`,
    );
    for (const name of names) {
      map.set(name, name);
    }
    expect([...map.withPrefix('k/')]).toEqual([...names].sort());
    expect([...map.withPrefix('k/012')]).toHaveLength(100);
    for (const name of names.slice(0, 15_000)) {
      map.delete(name);
    }
    expect([...map.withPrefix('')]).toEqual(names.slice(15_000).sort());
    for (const name of names.slice(15_000)) {
      map.delete(name);
    }
    expect([...map.withPrefix('')]).toEqual([]);
    map.set('again', 'again');
    expect([...map.withPrefix('a')]).toEqual(['again']);
  });
});
