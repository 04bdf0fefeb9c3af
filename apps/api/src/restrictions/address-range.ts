import { BlockList, isIP } from 'node:net';

export type AddressRange =
  | { readonly kind: 'range'; readonly address: string; readonly bits: number; readonly family: 'ipv4' | 'ipv6' }
  | { readonly kind: 'invalid'; readonly reason: string };

/** `10.0.0.0/8`, `2001:db8::/32`: the lowest address of the range and how many bits are fixed. */
export function parseRange(text: string): AddressRange {
  const [address = '', bitsText = '', ...more] = text.split('/');
  const version = isIP(address);
  const bits = Number(bitsText);
  const most = version === 4 ? 32 : 128;
  if (version === 0 || address.includes('%') || more.length > 0 || !/^\d{1,3}$/.test(bitsText) || bits > most) {
    return { kind: 'invalid', reason: `${JSON.stringify(text)} is not a range such as 10.0.0.0/8` };
  }
  const value = version === 4 ? valueOf4(address) : valueOf6(address);
  const free = BigInt(most - bits);
  if (value % (1n << free) !== 0n) {
    return { kind: 'invalid', reason: `${address} is not the lowest address of a range of ${bits} bits` };
  }
  return { kind: 'range', address, bits, family: version === 4 ? 'ipv4' : 'ipv6' };
}

export interface AddressRule {
  readonly cidr: string;
  readonly action: 'allow' | 'deny';
}

/**
 * What rules say about an address: one that is denied is out; else, once there is an allowed range, only those are in.
 * An IPv4 address in IPv6 clothes is read as IPv4.
 */
export function judgeAddress(address: string, rules: readonly AddressRule[]): 'allowed' | 'denied' | 'not-allowed' {
  const bare = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '').replace(/%.*$/, '');
  const family = isIP(bare) === 6 ? 'ipv6' : 'ipv4';
  const matches = (action: AddressRule['action']): boolean => {
    const list = new BlockList();
    for (const rule of rules) {
      const range = parseRange(rule.cidr);
      if (rule.action === action && range.kind === 'range') list.addSubnet(range.address, range.bits, range.family);
    }
    return isIP(bare) !== 0 && list.check(bare, family);
  };
  if (matches('deny')) return 'denied';
  if (matches('allow')) return 'allowed';
  return rules.some((rule) => rule.action === 'allow') ? 'not-allowed' : 'allowed';
}

function valueOf4(address: string): bigint {
  return address.split('.').reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}

function valueOf6(address: string): bigint {
  // The end may be written as an IPv4 address.
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const low =
    dotted === null
      ? ''
      : valueOf4(dotted[2] ?? '')
          .toString(16)
          .padStart(8, '0');
  const text = dotted === null ? address : `${dotted[1]}${low.slice(0, 4)}:${low.slice(4)}`;
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((value, group) => value * 65_536n + BigInt(`0x${group}`), 0n);
}
