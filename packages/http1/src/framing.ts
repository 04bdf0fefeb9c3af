import { type Fields, isToken, listElements, trimSpace } from './fields.ts';
import { HttpSyntaxError } from './syntax-error.ts';

/**
 * How the body of a message is bounded (RFC 9112 section 6). `length` may be 0: a length was announced.
 * `until-close` is for answers only.
 */
export type BodyKind =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until-close' };

export const NO_BODY: BodyKind = { kind: 'none' };
export const CHUNKED: BodyKind = { kind: 'chunked' };
export const UNTIL_CLOSE: BodyKind = { kind: 'until-close' };

/** The fields that decide about framing and the connection, picked out of a head in one pass. */
export interface ControlFields {
  host: string | null;
  hostCount: number;
  contentLength: string | null;
  contentLengthCount: number;
  /** Index of the value of Content-Length in the fields. */
  contentLengthAt: number;
  transferEncoding: string | null;
  transferEncodingCount: number;
  /** All Connection fields joined by commas, or null. */
  connection: string | null;
  upgrade: string | null;
  expect: string | null;
}

export function controlFields(fields: Fields): ControlFields {
  const found: ControlFields = {
    host: null,
    hostCount: 0,
    contentLength: null,
    contentLengthCount: 0,
    contentLengthAt: -1,
    transferEncoding: null,
    transferEncodingCount: 0,
    connection: null,
    upgrade: null,
    expect: null,
  };
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    // By first letter and length first: most names of a browser's head are never put into lower case.
    switch (name.charCodeAt(0) | 0x20) {
      case 0x63: // c
        if (name.length === 10 && name.toLowerCase() === 'connection') {
          found.connection = joined(found.connection, value);
        } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
          found.contentLength = value;
          found.contentLengthCount++;
          found.contentLengthAt = i + 1;
        }
        break;
      case 0x65: // e
        if (name.length === 6 && name.toLowerCase() === 'expect') found.expect = joined(found.expect, value);
        break;
      case 0x68: // h
        if (name.length === 4 && name.toLowerCase() === 'host') {
          found.host = value;
          found.hostCount++;
        }
        break;
      case 0x74: // t
        if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
          found.transferEncoding = value;
          found.transferEncodingCount++;
        }
        break;
      case 0x75: // u
        if (name.length === 7 && name.toLowerCase() === 'upgrade') found.upgrade = joined(found.upgrade, value);
        break;
    }
  }
  return found;
}

function joined(before: string | null, value: string): string {
  return before === null ? value : `${before},${value}`;
}

/**
 * The framing that Content-Length and Transfer-Encoding announce, or null if neither is there. Everything that two
 * parsers have ever read differently is refused: both fields, either one twice (even when equal), a list, a length
 * that is more than digits, an unknown coding. Writes a length with leading zeros back in its normal form.
 *
 * Throws HttpSyntaxError with `status`; for requests also 501 for an unknown coding and 413 for a length above
 * 2^53 − 1.
 */
export function announcedBody(
  control: ControlFields,
  fields: Fields,
  minor: number,
  side: 'request' | 'response',
): BodyKind | null {
  const { contentLength, transferEncoding } = control;
  if (contentLength === null && transferEncoding === null) return null;
  const status = side === 'request' ? 400 : 502;
  if (transferEncoding !== null) {
    if (contentLength !== null) throw new HttpSyntaxError(status, 'both Content-Length and Transfer-Encoding');
    if (minor === 0) throw new HttpSyntaxError(status, 'Transfer-Encoding in HTTP/1.0');
    if (control.transferEncodingCount > 1) throw new HttpSyntaxError(status, 'Transfer-Encoding twice');
    if (transferEncoding.toLowerCase() === 'chunked') return CHUNKED;
    throw transferEncodingFault(transferEncoding, side);
  }
  if (contentLength === null) return null;
  if (control.contentLengthCount > 1) throw new HttpSyntaxError(status, 'Content-Length twice');
  const bytes = parseContentLength(contentLength);
  if (bytes === null) throw new HttpSyntaxError(status, 'Content-Length is no number');
  if (bytes > Number.MAX_SAFE_INTEGER) {
    throw new HttpSyntaxError(side === 'request' ? 413 : 502, 'Content-Length too large');
  }
  fields[control.contentLengthAt] = String(bytes);
  return { kind: 'length', bytes };
}

/** Decimal digits only, leading zeros allowed; null for anything else, Infinity above 2^53 − 1. */
export function parseContentLength(text: string): number | null {
  if (!/^[0-9]+$/.test(text)) return null;
  const digits = text.replace(/^0+(?=[0-9])/, '');
  if (digits.length > 16) return Number.POSITIVE_INFINITY;
  const bytes = Number(digits);
  return Number.isSafeInteger(bytes) ? bytes : Number.POSITIVE_INFINITY;
}

/** 501 for codings that may exist but that we do not know, 400 for what nobody could mean. */
function transferEncodingFault(value: string, side: 'request' | 'response'): HttpSyntaxError {
  if (side === 'response') return new HttpSyntaxError(502, 'unknown or malformed Transfer-Encoding');
  const codings = value.split(',').map((part) => trimSpace(part).toLowerCase());
  if (!codings.every(isToken)) return new HttpSyntaxError(400, 'malformed Transfer-Encoding');
  const first = codings.findIndex((coding) => coding.includes('chunked'));
  // Also `'chunked'` and `xchunked`, which some other reader may take for it.
  if (first !== -1 && (first !== codings.length - 1 || codings[first] !== 'chunked')) {
    return new HttpSyntaxError(400, 'chunked is disguised or not the last coding');
  }
  return new HttpSyntaxError(501, 'unknown transfer coding');
}

export interface ConnectionOptions {
  readonly close: boolean;
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
}

const NO_OPTIONS: ConnectionOptions = { close: false, keepAlive: false, upgrade: false };

export function connectionOptions(connection: string | null): ConnectionOptions {
  if (connection === null) return NO_OPTIONS;
  let close = false;
  let keepAlive = false;
  let upgrade = false;
  for (const element of listElements(connection.toLowerCase())) {
    if (element === 'close') close = true;
    else if (element === 'keep-alive') keepAlive = true;
    else if (element === 'upgrade') upgrade = true;
  }
  return { close, keepAlive, upgrade };
}

/** Whether the connection may carry another message after this one (RFC 9112 section 9.3). */
export function persists(options: ConnectionOptions, minor: 0 | 1): boolean {
  if (options.close) return false;
  return minor === 1 || options.keepAlive;
}

/**
 * The one protocol, in lower case, that an Upgrade field names and that we carry; else null. `h2c` is never one:
 * requests inside it would pass unread. `tls/*` neither: it would start TLS inside what we ended.
 */
export function upgradeProtocol(upgrade: string | null): string | null {
  if (upgrade === null) return null;
  const known = listElements(upgrade.toLowerCase()).filter(
    (protocol) =>
      !/^(h2c?|http|tls)(\/|$)/.test(protocol) &&
      /^[^/]+(\/[^/]+)?$/.test(protocol) &&
      protocol.split('/').every(isToken),
  );
  return known.length === 1 ? (known[0] ?? null) : null;
}
