import { isIPv6 } from 'node:net';

/** A checked `host[:port]`. */
export interface Authority {
  /** Lower case, without a trailing dot; an IPv6 address without its brackets. */
  readonly hostname: string;
  /** As written, or null if none was. */
  readonly port: number | null;
}

/**
 * Reads the value of a Host field, the authority of an absolute target or `:authority` (RFC 9110 section 4.2,
 * 7.2). Stricter than the RFC, because what passes is used as a key and shown in pages: a host is labels of
 * letters, digits, `-` and `_`, or an address; userinfo, percent-encoding, an empty or zero port, an IPv6 zone
 * are refused. Returns null for anything else, the empty text too.
 */
export function parseAuthority(text: string, bytesMax = 255): Authority | null {
  if (text.length === 0 || text.length > bytesMax) return null;
  if (text.charCodeAt(0) === 0x5b) return parseBracketed(text);
  const colon = text.indexOf(':');
  const host = colon === -1 ? text : text.slice(0, colon);
  const port = colon === -1 ? null : parsePort(text.slice(colon + 1));
  if (port === undefined) return null;
  const hostname = parseHostname(host);
  return hostname === null ? null : { hostname, port };
}

/** A host name or IPv4 address in its normal form, or null. */
export function parseHostname(host: string): string | null {
  let end = host.length;
  if (end > 1 && host.charCodeAt(end - 1) === 0x2e) end--;
  if (end === 0 || end > 253) return null;
  let labelLength = 0;
  let capitals = false;
  for (let i = 0; i < end; i++) {
    const code = host.charCodeAt(i);
    if (code === 0x2e) {
      if (labelLength === 0) return null;
      labelLength = 0;
      continue;
    }
    if (++labelLength > 63) return null;
    if ((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f) continue;
    if (code < 0x41 || code > 0x5a) return null;
    capitals = true;
  }
  if (labelLength === 0) return null;
  const name = end === host.length ? host : host.slice(0, end);
  return capitals ? name.toLowerCase() : name;
}

function parseBracketed(text: string): Authority | null {
  const close = text.indexOf(']');
  if (close === -1) return null;
  const address = text.slice(1, close);
  if (address.includes('%') || !isIPv6(address)) return null;
  const rest = text.slice(close + 1);
  if (rest === '') return { hostname: address.toLowerCase(), port: null };
  if (rest.charCodeAt(0) !== 0x3a) return null;
  const port = parsePort(rest.slice(1));
  return port === undefined ? null : { hostname: address.toLowerCase(), port };
}

/** One to five digits, 1–65535; undefined for anything else. */
function parsePort(text: string): number | undefined {
  if (!/^[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : undefined;
}
