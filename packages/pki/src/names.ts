import { BlockList, isIP } from 'node:net';

/** The names of a leaf. `dns` may hold wildcards as the leftmost label only. */
export interface CertificateNames {
  readonly dns: readonly string[];
  readonly ips: readonly string[];
}

/** A certificate that cannot or must not be made. */
export class PkiError extends Error {
  override readonly name = 'PkiError';
}

/** More names than any client needs to check; keeps certificates small. */
const NAMES_MAX = 100;

/** The names in canonical form: lower case, no final dot, no doubles. Throws PkiError for what is not a name. */
export function checkNames({ dns, ips }: CertificateNames): CertificateNames {
  const names = { dns: [...new Set(dns.map(checkDnsName))], ips: [...new Set(ips.map(checkIp))] };
  const count = names.dns.length + names.ips.length;
  if (count === 0 || count > NAMES_MAX) {
    throw new PkiError(`A certificate has 1 to ${NAMES_MAX} names, not ${count}.`);
  }
  return names;
}

/** Letters, digits, hyphens; 1 to 63 a label, 253 in all; `*` alone as the first label (RFC 6125 section 6.4.3). */
function checkDnsName(given: string): string {
  const name = checkDomain(given.startsWith('*.') ? given.slice(2) : given);
  if (isIP(name) !== 0) {
    throw new PkiError(`${given} is an address, not a domain name.`);
  }
  return given.startsWith('*.') ? `*.${name}` : name;
}

export function checkDomain(given: string): string {
  const name = given.toLowerCase().replace(/\.$/, '');
  const valid =
    name.length <= 253 && name.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  if (!valid) {
    throw new PkiError(`${JSON.stringify(given)} is not a domain name.`);
  }
  return name;
}

function checkIp(given: string): string {
  if (isIP(given) === 0 || given.includes('%')) {
    throw new PkiError(`${JSON.stringify(given)} is not an IP address.`);
  }
  return given.toLowerCase();
}

/** What an issuing CA may certify, as its certificate says it (RFC 5280 section 4.2.1.10); null means no limit. */
export interface PermittedNames {
  /** A domain stands for itself and everything under it. */
  readonly dns: readonly string[] | null;
  readonly ips: readonly AddressRange[] | null;
}

export interface AddressRange {
  readonly address: string;
  readonly family: 4 | 6;
  readonly prefixBits: number;
}

/** `10.0.0.0/8`, `::1` or `127.0.0.1`, the last two as ranges of one address. Throws PkiError. */
export function parseAddressRange(text: string): AddressRange {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if ((family !== 4 && family !== 6) || address.includes('%') || rest.length > 0) {
    throw new PkiError(`${JSON.stringify(text)} is not an IP address or range.`);
  }
  const bitsMax = family === 4 ? 32 : 128;
  const prefixBits = bits === undefined ? bitsMax : Number(bits);
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || prefixBits > bitsMax)) {
    throw new PkiError(`${JSON.stringify(text)} is not an IP range: the prefix is 0 to ${bitsMax}.`);
  }
  return { address, family, prefixBits };
}

/** The first name that lies outside, or null when all are permitted. */
export function firstNameOutside({ dns, ips }: CertificateNames, permitted: PermittedNames): string | null {
  const { dns: domains, ips: ranges } = permitted;
  if (domains !== null) {
    for (const name of dns) {
      const plain = name.startsWith('*.') ? name.slice(2) : name;
      if (!domains.some((domain) => plain === domain || plain.endsWith(`.${domain}`))) {
        return name;
      }
    }
  }
  if (ranges !== null) {
    const list = new BlockList();
    for (const { address, family, prefixBits } of ranges) {
      list.addSubnet(address, prefixBits, family === 4 ? 'ipv4' : 'ipv6');
    }
    for (const ip of ips) {
      if (!list.check(ip, isIP(ip) === 4 ? 'ipv4' : 'ipv6')) {
        return ip;
      }
    }
  }
  return null;
}

/** The 4 or 16 bytes of an address that `net.isIP` accepts. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) {
    return Buffer.from(address.split('.').map(Number));
  }
  // The URL parser writes every form of an IPv6 address in one way: hex groups, at most one `::`.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
