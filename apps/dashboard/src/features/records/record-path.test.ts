import { describe, expect, it } from 'vitest';
import { pathOfPlace, type RecordPlace, recordPlace } from './record-path.ts';

const base = '/a/ac_1/vaults';

describe('the place in a list', () => {
  it.each<[string, RecordPlace]>([
    ['/a/ac_1/vaults', { kind: 'list' }],
    ['/a/ac_1/vaults/', { kind: 'list' }],
    ['/a/ac_1/vaults/new', { kind: 'new' }],
    ['/a/ac_1/vaults/vlt_2', { kind: 'one', id: 'vlt_2' }],
    ['/a/ac_1/vaults/a%2Fb', { kind: 'one', id: 'a/b' }],
    ['/a/ac_1/vaults/%', { kind: 'list' }],
    ['/a/ac_1/vaultsandmore', { kind: 'list' }],
  ])('%s', (path, place) => {
    expect(recordPlace(path, base)).toEqual(place);
  });

  it('is written as it is read', () => {
    const places: RecordPlace[] = [{ kind: 'list' }, { kind: 'new' }, { kind: 'one', id: 'ä/b c' }];
    for (const place of places) expect(recordPlace(pathOfPlace(place, base), base)).toEqual(place);
  });
});
