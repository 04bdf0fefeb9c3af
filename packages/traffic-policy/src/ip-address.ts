/**
 * IP addresses and CIDRs as text, parsed strictly: four decimal numbers without leading zeros, or RFC 4291 text form.
 * `127.1`, `0x7f.1` and zones are refused. Runs in a browser too, where `node:net` does not exist.
 */
export type IpFamily = 'ipv4' | 'ipv6';

export interface IpAddress {
  readonly family: IpFamily;
  /** 32 or 128 bits. A v4 address mapped into v6 (`::ffff:1.2.3.4`) is given as v4. */
  readonly bits: bigint;
}

export interface Cidr {
  readonly family: IpFamily;
  readonly bits: bigint;
  readonly prefix: number;
}

export function parseIp(text: string): IpAddress | null {
  if (text.length > 45) return null;
  if (!text.includes(':')) {
    const bits = parseV4(text);
    return bits === null ? null : { family: 'ipv4', bits };
  }
  const bits = parseV6(text);
  if (bits === null) return null;
  return bits >> 32n === 0xffffn ? { family: 'ipv4', bits: bits & 0xffffffffn } : { family: 'ipv6', bits };
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. Host bits may be set; they are ignored. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const ip = parseIp(slash === -1 ? text : text.slice(0, slash));
  if (ip === null) return null;
  const mapped = ip.family === 'ipv4' && text.includes(':');
  const width = ip.family === 'ipv4' ? 32 : 128;
  if (slash === -1) return { ...ip, prefix: width };
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return null;
  const prefix = Number(digits) - (mapped ? 96 : 0);
  return prefix < 0 || prefix > width ? null : { ...ip, prefix };
}

export function cidrContains(cidr: Cidr, ip: IpAddress): boolean {
  if (cidr.family !== ip.family) return false;
  const shift = BigInt((cidr.family === 'ipv4' ? 32 : 128) - cidr.prefix);
  return cidr.bits >> shift === ip.bits >> shift;
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((text) => parseCidr(text));

/** RFC 1918; the unique local addresses of RFC 4193 count as well. */
export function isPrivateIp(ip: IpAddress): boolean {
  if (ip.family === 'ipv6') return ip.bits >> 121n === 0x7en;
  return PRIVATE.some((cidr) => cidr !== null && cidrContains(cidr, ip));
}

function parseV4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let bits = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function parseV6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  const [head, tail] = groups;
  if (head === undefined || head === null || tail === null) return null;
  if (tail === undefined) return head.length === 8 ? join(head) : null;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? null : join([...head, ...Array<bigint>(missing).fill(0n), ...tail]);
}

function parseGroups(text: string, mayEndInV4: boolean): bigint[] | null {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const v4 = mayEndInV4 && index === parts.length - 1 ? parseV4(part) : null;
      if (v4 === null) return null;
      groups.push(v4 >> 16n, v4 & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(BigInt(`0x${part}`));
    } else {
      return null;
    }
  }
  return groups;
}

function join(groups: readonly bigint[]): bigint {
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n);
}
