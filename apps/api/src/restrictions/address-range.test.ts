import { describe, expect, it } from 'vitest';
import { judgeAddress, parseRange } from './address-range.ts';

describe('a range of addresses', () => {
  it.each(['10.0.0.0/8', '0.0.0.0/0', '203.0.113.9/32', '2001:db8::/32', '::/0', '::1/128', '::ffff:10.0.0.0/104'])(
    '%s is accepted',
    (text) => expect(parseRange(text).kind).toBe('range'),
  );

  it.each([
    '10.0.0.1/8',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0/8',
    '2001:db8::1/32',
    '::/129',
    'fe80::1%eth0/128',
    '10.0.0.0/8/8',
    '',
    '/',
    '10.0.0.0/8 ',
    '010.0.0.0/8',
  ])('%j is refused', (text) => expect(parseRange(text).kind).toBe('invalid'));
});

describe('the rules about an address', () => {
  const allow = (cidr: string) => ({ cidr, action: 'allow' }) as const;
  const deny = (cidr: string) => ({ cidr, action: 'deny' }) as const;

  it('let everyone in when there are none, or when they only keep others out', () => {
    expect(judgeAddress('203.0.113.9', [])).toBe('allowed');
    expect(judgeAddress('203.0.113.9', [deny('10.0.0.0/8')])).toBe('allowed');
    expect(judgeAddress('10.1.2.3', [deny('10.0.0.0/8')])).toBe('denied');
  });

  it('let in only allowed ranges once there is one, and denied ones never', () => {
    const rules = [allow('10.0.0.0/8'), deny('10.1.0.0/16'), allow('2001:db8::/32')];
    expect(judgeAddress('10.2.0.1', rules)).toBe('allowed');
    expect(judgeAddress('10.1.0.1', rules)).toBe('denied');
    expect(judgeAddress('203.0.113.9', rules)).toBe('not-allowed');
    expect(judgeAddress('2001:db8::5', rules)).toBe('allowed');
    expect(judgeAddress('2001:db9::5', rules)).toBe('not-allowed');
  });

  it('read an IPv4 address in IPv6 clothes as IPv4, and no address as none', () => {
    expect(judgeAddress('::ffff:10.2.0.1', [allow('10.0.0.0/8')])).toBe('allowed');
    expect(judgeAddress('::ffff:10.2.0.1', [deny('10.0.0.0/8')])).toBe('denied');
    expect(judgeAddress('nonsense', [allow('0.0.0.0/0')])).toBe('not-allowed');
  });
});
