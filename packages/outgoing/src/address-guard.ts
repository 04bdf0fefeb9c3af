import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { addToBlockList } from '@portico/service';

/**
 * Which addresses may be dialled for a tenant (`reliability.md` T5): public unicast only, never this machine's own,
 * plus what the operator allows. IPv6 forms that carry an IPv4 address count as that address.
 */
export class AddressGuard {
  readonly #allowed = new BlockList();
  readonly #ownAddresses: () => readonly string[];

  /**
   * @param allow addresses and CIDRs, checked by whoever read them from the environment
   * @throws {TypeError} when one is neither
   */
  constructor({
    allow = [],
    ownAddresses = interfaceAddresses,
  }: {
    allow?: readonly string[];
    ownAddresses?: () => readonly string[];
  } = {}) {
    for (const text of allow) {
      if (!addToBlockList(this.#allowed, text)) throw new TypeError(`${text} is not an address or CIDR`);
    }
    this.#ownAddresses = ownAddresses;
  }

  check(address: string): 'public' | 'allowed' | 'refused' {
    const family = isIP(address);
    // A zone (fe80::1%eth0) only ever names something on this link.
    if (family === 0 || address.includes('%')) return 'refused';
    const plain = family === 4 ? address : (embeddedIpv4(address) ?? address);
    const type = isIP(plain) === 4 ? 'ipv4' : 'ipv6';
    if (this.#allowed.check(plain, type) || (plain !== address && this.#allowed.check(address, 'ipv6'))) {
      return 'allowed';
    }
    if (type === 'ipv4' ? SPECIAL_IPV4.check(plain) : !GLOBAL_IPV6.check(plain, 'ipv6')) return 'refused';
    if (type === 'ipv6' && SPECIAL_IPV6.check(plain, 'ipv6')) return 'refused';
    const own = new BlockList();
    for (const text of this.#ownAddresses()) addToBlockList(own, text);
    return own.check(plain, type) ? 'refused' : 'public';
  }
}

/** The IPv4 address in `::ffff:0:0/96` (mapped) and `64:ff9b::/96` (NAT64, RFC 6052): who dials it reaches that. */
function embeddedIpv4(address: string): string | null {
  if (!CARRIES_IPV4.check(address, 'ipv6')) return null;
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(':');
  const [high = '0', low = '0'] = groups.slice(-2).map((group) => group || '0');
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

function listOf(...ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) addToBlockList(list, range);
  return list;
}

const CARRIES_IPV4 = listOf('64:ff9b::/96', '::ffff:0:0/96');

/** The IANA registry of special-purpose addresses; whatever is not globally reachable unicast. */
const SPECIAL_IPV4 = listOf(
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
);
const GLOBAL_IPV6 = listOf('2000::/3');
/** Teredo and 6to4 carry IPv4 addresses of their own, the rest is reserved or for documentation. */
const SPECIAL_IPV6 = listOf('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20');
