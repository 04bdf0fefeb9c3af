import { describe, expect, it } from 'vitest';
import { labelUnderBase, namesAbove, parseHostName } from './host-name.ts';
import { isReservedLabel } from './reserved-label.ts';

describe('a wanted host name', () => {
  it('is accepted in one form', () => {
    expect(parseHostName('Shop.Portico.LocalHost.')).toEqual({
      kind: 'host',
      host: 'shop.portico.localhost',
      wildcard: false,
    });
    expect(parseHostName('*.shop.base')).toMatchObject({ kind: 'host', wildcard: true });
  });

  it.each([
    ['', 'empty'],
    ['a..b', 'label is empty'],
    ['a b.base', 'character'],
    ['a_b.base', 'character'],
    ['bücher.base', 'character'],
    ['a:80', 'character'],
    ['a/b', 'character'],
    ['-a.base', 'hyphen'],
    ['a-.base', 'hyphen'],
    ['a.*.base', 'first label'],
    ['a*.base', 'first label'],
    ['*', 'first label'],
    [`${'a'.repeat(64)}.base`, '63'],
    [`${'a.'.repeat(130)}base`, '253'],
  ])('%j is refused with a reason', (text, reason) => {
    const parsed = parseHostName(text);
    expect(parsed.kind).toBe('invalid');
    expect(parsed.kind === 'invalid' && parsed.reason).toContain(reason);
  });

  it('has its owners above it, most specific first', () => {
    expect(namesAbove('a.b.base.test', 'base.test')).toEqual(['a.b.base.test', '*.b.base.test', 'b.base.test']);
    expect(namesAbove('b.base.test', 'base.test')).toEqual(['b.base.test']);
    expect(namesAbove('*.b.base.test', 'base.test')).toEqual(['*.b.base.test', 'b.base.test']);
    expect(labelUnderBase('a.b.base.test', 'base.test')).toBe('b');
  });
});

describe('labels kept for the operator', () => {
  it.each(['www', 'api', 'admin', 'mail', '_acme-challenge', 'adm1n', 'rnail', 'a-p-i', 'vvww', 'l0gin', 'c0nnect'])(
    '%s is one, or looks like one',
    (label) => expect(isReservedLabel(label)).toBe(true),
  );

  it.each(['shop', 'demo', 'welcome', 'my-api', 'adminton', 'maria', 'w'])('%s is not', (label) => {
    expect(isReservedLabel(label)).toBe(false);
  });
});
