import { describe, expect, it } from 'vitest';
import { hostOfLabels, sameLabels } from './labelled-endpoint.ts';

const hostOf = (labels: Record<string, string>) => hostOfLabels(new Map(Object.entries(labels)));

describe('the internal host of a labelled tunnel', () => {
  it.each([
    [{ edge: 'edghts_2Abc' }, 'edge-edghts-2abc.internal'],
    [{ env: 'Prod_EU', app: 'web' }, 'app-web.env-prod-eu.internal'],
    [{ a: '1', b: '2', c: '3', d: '4' }, 'a-1.b-2.c-3.d-4.internal'],
    [{ app: '.web.' }, 'app-web.internal'],
  ])('of %j is %s', (labels, host) => {
    expect(hostOf(labels)).toBe(host);
  });

  it.each([
    [{}, 'Labels, 0 of them'],
    [{ a: '1', b: '2', c: '3', d: '4', e: '5' }, 'Labels, 5 of them'],
    [{ app: '' }, 'the label app='],
    [{ app: '___' }, 'the label app=___'],
    [{ '!': 'web' }, 'the label !=web'],
    [{ app: 'x'.repeat(60) }, 'the label app=xxx'],
  ])('cannot be made of %j', (labels, message) => {
    expect(() => hostOf(labels)).toThrow(message);
  });

  it('belongs to one set of labels, whatever their order', () => {
    expect(sameLabels({ a: '1', b: '2' }, { b: '2', a: '1' })).toBe(true);
    expect(sameLabels({ a: '1' }, { a: '1', b: '2' })).toBe(false);
    expect(sameLabels({ app: 'web' }, { app: 'Web' })).toBe(false);
    expect(sameLabels(null, {})).toBe(false);
    expect(sameLabels(null, null)).toBe(true);
  });
});
