import { isIP } from 'node:net';

/** What the first bytes of a connection from a trusted proxy hold. */
export type ProxyHeader =
  /** More bytes are needed to tell. */
  | { readonly kind: 'incomplete' }
  /** The connection does not begin with a PROXY header. */
  | { readonly kind: 'none' }
  /** `bytes` long. `source` is null where the proxy speaks for itself (LOCAL, UNKNOWN) or not about IP. */
  | { readonly kind: 'found'; readonly bytes: number; readonly source: { address: string; port: number } | null }
  | { readonly kind: 'malformed'; readonly reason: string };

/** The specification's longest line of version 1, CRLF and all. */
const V1_BYTES_MAX = 107;
/** Version 2 may announce 65,535 bytes of extensions; no proxy sends more than a few hundred. */
const V2_BYTES_MAX = 4_096;
const V1_START = Buffer.from('PROXY ');
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/**
 * Reads a PROXY protocol header, version 1 or 2 (haproxy's proxy-protocol.txt). Call it only for peers in the trusted
 * list: the header is a claim about who the visitor is.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, V2_SIGNATURE)) return bytes.length < 16 ? { kind: 'incomplete' } : readV2(bytes);
  if (startsLike(bytes, V1_START)) return bytes.length < V1_START.length ? { kind: 'incomplete' } : readV1(bytes);
  return bytes.length === 0 ? { kind: 'incomplete' } : { kind: 'none' };
}

/** Whether the bytes that are there agree with the beginning of `prefix`. */
function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return length > 0 && bytes.compare(prefix, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n');
  if (end === -1) {
    return bytes.length < V1_BYTES_MAX ? { kind: 'incomplete' } : malformed('version 1 line without an end');
  }
  const [, family, address = '', to = '', fromPort = '', toPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ');
  if (family === 'UNKNOWN') return { kind: 'found', bytes: end + 2, source: null };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  if (version === 0) return malformed('version 1 family is not TCP4, TCP6 or UNKNOWN');
  if (isIP(address) !== version || isIP(to) !== version) return malformed('version 1 address does not fit its family');
  const port = readPort(fromPort);
  if (port === null || readPort(toPort) === null || more.length > 0) return malformed('version 1 port is no port');
  return { kind: 'found', bytes: end + 2, source: { address, port } };
}

function readPort(text: string): number | null {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : null;
}

/** 12 bytes signature, 1 version and command, 1 family and transport, 2 length, addresses, extensions. */
function readV2(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const total = 16 + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2) return malformed('unknown version');
  if (total > V2_BYTES_MAX) return malformed('version 2 header too long');
  if (bytes.length < total) return { kind: 'incomplete' };
  const command = versionAndCommand & 0xf;
  if (command === 0) return { kind: 'found', bytes: total, source: null };
  if (command !== 1) return malformed('version 2 command is not LOCAL or PROXY');
  if (family === 0x11) {
    if (total < 16 + 12) return malformed('version 2 address is cut off');
    const address = [...bytes.subarray(16, 20)].join('.');
    return { kind: 'found', bytes: total, source: { address, port: bytes.readUInt16BE(24) } };
  }
  if (family === 0x21) {
    if (total < 16 + 36) return malformed('version 2 address is cut off');
    const groups: string[] = [];
    for (let at = 16; at < 32; at += 2) groups.push(bytes.readUInt16BE(at).toString(16));
    return { kind: 'found', bytes: total, source: { address: groups.join(':'), port: bytes.readUInt16BE(48) } };
  }
  // Unix sockets and unspecified families say nothing of an address.
  return { kind: 'found', bytes: total, source: null };
}

function malformed(reason: string): ProxyHeader {
  return { kind: 'malformed', reason };
}
