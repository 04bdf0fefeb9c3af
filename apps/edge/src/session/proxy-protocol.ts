import { isIPv4, isIPv6 } from 'node:net';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

export interface ProxiedAddresses {
  readonly clientIp: string;
  readonly clientPort: number;
  /** Where the visitor connected to; '' if not known. */
  readonly serverIp: string;
  readonly serverPort: number;
}

/** The header that tells the upstream who the visitor is (PROXY protocol specification, sections 2.1 and 2.2). */
export function encodeProxyProtocol(version: 1 | 2, addresses: ProxiedAddresses): Buffer {
  const client = plain(addresses.clientIp);
  let server = plain(addresses.serverIp);
  const family = isIPv4(client) ? 4 : isIPv6(client) ? 6 : 0;
  // The two must be of one family; an unknown or other one becomes the unspecified address.
  if (family === 4 && !isIPv4(server)) server = '0.0.0.0';
  if (family === 6 && !isIPv6(server)) server = '::';
  if (version === 1) {
    if (family === 0) return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
    const { clientPort, serverPort } = addresses;
    return Buffer.from(`PROXY TCP${family} ${client} ${server} ${clientPort} ${serverPort}\r\n`, 'latin1');
  }
  const head = Buffer.alloc(16);
  SIGNATURE.copy(head);
  head[12] = 0x21;
  // AF_UNSPEC with no addresses: the receiver uses the real connection.
  if (family === 0) return head;
  head[13] = family === 4 ? 0x11 : 0x21;
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(addresses.clientPort, 0);
  ports.writeUInt16BE(addresses.serverPort, 2);
  const body = Buffer.concat([addressBytes(client), addressBytes(server), ports]);
  head.writeUInt16BE(body.length, 14);
  return Buffer.concat([head, body]);
}

function plain(address: string): string {
  const withoutZone = address.split('%')[0] ?? '';
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(withoutZone) ? withoutZone.slice(7) : withoutZone;
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const bytes = Buffer.alloc(16);
  const [head = '', tail] = address.split('::');
  const groups = groupsOf(head);
  const end = groupsOf(tail ?? '');
  for (const [i, group] of groups.entries()) bytes.writeUInt16BE(group, i * 2);
  for (const [i, group] of end.entries()) bytes.writeUInt16BE(group, 16 - (end.length - i) * 2);
  return bytes;
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
