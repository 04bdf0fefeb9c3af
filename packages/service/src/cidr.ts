import { BlockList, isIP } from 'node:net';
import { ConfigError, type Environment, readOptional } from './environment.ts';

/** Adds an address or a CIDR; false if it is neither. */
export function addToBlockList(list: BlockList, text: string): boolean {
  const [address, bits, ...rest] = text.split('/');
  const family = isIP(address ?? '');
  if (address === undefined || family === 0 || rest.length > 0) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  if (bits === undefined) {
    list.addAddress(address, type);
    return true;
  }
  const prefix = Number(bits);
  if (!/^\d{1,3}$/.test(bits) || prefix > (family === 4 ? 32 : 128)) return false;
  list.addSubnet(address, prefix, type);
  return true;
}

/** Addresses and CIDRs separated by commas; none when the variable is not set. */
export function readCidrs(env: Environment, variable: string): string[] {
  const text = readOptional(env, variable);
  if (text === null) return [];
  const list = text.split(',').map((item) => item.trim());
  for (const item of list) {
    if (!addToBlockList(new BlockList(), item)) {
      throw new ConfigError(variable, text, 'addresses or CIDRs separated by commas, such as 10.0.0.0/8,192.0.2.1');
    }
  }
  return list;
}
