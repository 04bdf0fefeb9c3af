import { BlockList, isIP } from 'node:net';

/** Names that the local API answers to. */
export interface AllowedHosts {
  allows(hostname: string): boolean;
}

/**
 * What may stand in `Host`, and in `Origin` where there is one. A page elsewhere can make its own name lead to this
 * machine (DNS rebinding), but then its name stands there; loopback, the address itself and what the owner lists are
 * let in. `entries` are addresses, CIDR ranges, exact names, or `.suffix` for a name and all below it.
 */
export function allowedHosts(entries: readonly string[], listenHost: string): AllowedHosts {
  const names = new Set<string>(['localhost']);
  const suffixes: string[] = ['.localhost'];
  const ranges = new BlockList();
  ranges.addSubnet('127.0.0.0', 8, 'ipv4');
  ranges.addAddress('::1', 'ipv6');
  const own = stripPort(listenHost);
  if (own !== '0.0.0.0' && own !== '::') add(own);
  for (const entry of entries) add(entry.trim());

  function add(entry: string): void {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address);
    if (family !== 0) {
      const type = family === 4 ? 'ipv4' : 'ipv6';
      if (bits === undefined) ranges.addAddress(address, type);
      else if (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
        ranges.addSubnet(address, Number(bits), type);
    } else if (entry.startsWith('.')) suffixes.push(entry.toLowerCase());
    else if (entry !== '') names.add(stripPort(entry).toLowerCase());
  }

  return {
    allows: (hostname) => {
      const family = isIP(hostname);
      if (family !== 0) return ranges.check(hostname, family === 4 ? 'ipv4' : 'ipv6');
      const name = hostname.toLowerCase().replace(/\.$/, '');
      return names.has(name) || suffixes.some((suffix) => name.endsWith(suffix) || `.${name}` === suffix);
    },
  };
}

/** `[::1]:4040` as `::1`; '' when it is no host. */
export function stripPort(host: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@?#\s]+))(?::\d{1,5})?$/i.exec(host);
  if (match !== null) return match[1] ?? match[2] ?? '';
  return isIP(host) === 6 ? host : '';
}
