import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, isPrivateIp, parseCidr, parseIp } from './ip-address.ts';

const runs = process.env.PORTICO_LONG === '1' ? 100_000 : 3_000;

describe('addresses', () => {
  it('are those that node:net knows', () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc
        .array(fc.constantFrom('::', ':', '.', '1', '255', '256', 'ffff', '0', '01', 'a', 'g', '1.2.3.4', ' '), {
          maxLength: 12,
        })
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        expect(parseIp(candidate) !== null).toBe(isIP(candidate) !== 0);
      }),
      { numRuns: runs },
    );
  });

  it('lie in the networks that BlockList says', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (ip, net, prefix) => {
        const list = new BlockList();
        list.addSubnet(net, prefix, 'ipv4');
        const cidr = parseCidr(`${net}/${prefix}`);
        const parsed = parseIp(ip);
        expect(cidr !== null && parsed !== null && cidrContains(cidr, parsed)).toBe(list.check(ip, 'ipv4'));
      }),
      { numRuns: runs },
    );
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), (ip, net, prefix) => {
        fc.pre(parseIp(ip)?.family === 'ipv6' && parseIp(net)?.family === 'ipv6');
        const list = new BlockList();
        list.addSubnet(net, prefix, 'ipv6');
        const cidr = parseCidr(`${net}/${prefix}`);
        const parsed = parseIp(ip);
        expect(cidr !== null && parsed !== null && cidrContains(cidr, parsed)).toBe(list.check(ip, 'ipv6'));
      }),
      { numRuns: runs },
    );
  });

  it.each([
    '127.1',
    '0x7f.1',
    '2130706433',
    '1.2.3.4/',
    '1.2.3.4/33',
    '1.2.3.4/08',
    '::1/129',
    '::1%eth0',
    ' 1.2.3.4',
    '1.2.3',
    '',
  ])('refuses %s', (text) => {
    expect(parseCidr(text)).toBeNull();
  });

  it('knows which are private', () => {
    const isPrivate = (text: string): boolean => {
      const ip = parseIp(text);
      return ip !== null && isPrivateIp(ip);
    };
    expect(['10.0.0.1', '172.31.0.1', '192.168.1.1', '::ffff:10.0.0.1', 'fd00::1'].map(isPrivate)).toEqual(
      Array(5).fill(true),
    );
    expect(['172.32.0.1', '8.8.8.8', '2001:db8::1', '11.0.0.1'].map(isPrivate)).toEqual(Array(4).fill(false));
  });
});
