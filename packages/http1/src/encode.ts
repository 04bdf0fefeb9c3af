import { type Fields, TOKEN_BYTES, VALUE_BYTES } from './fields.ts';

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;

/** The last chunk without trailers. */
export const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n', 'latin1');
/** What follows the data of every chunk. */
export const CHUNK_END: Buffer = Buffer.from('\r\n', 'latin1');

/**
 * A request head, written anew (RFC 9112 section 3). Framing fields are written as given: the caller takes them from
 * the body's kind (http-rules `upstreamRequest`). Characters above 0xFF lose their high byte.
 *
 * Throws TypeError when the result would not be exactly this one head: the last guard against a CR LF that came in
 * by a rule's text.
 */
export function encodeRequestHead(head: { method: string; target: string; fields: Fields }): Buffer {
  return encodeHead(`${head.method} ${head.target} HTTP/1.1\r\n`, head.fields);
}

/** A response head likewise, always in HTTP/1.1. */
export function encodeResponseHead(head: { status: number; reason: string; fields: Fields }): Buffer {
  return encodeHead(`HTTP/1.1 ${head.status} ${head.reason}\r\n`, head.fields);
}

/** Size line of a chunk; the data and CHUNK_END follow. `bytes` is at least 1: a chunk of 0 would end the body. */
export function encodeChunkHead(bytes: number): Buffer {
  if (!(Number.isSafeInteger(bytes) && bytes > 0)) throw new RangeError(`not a chunk size: ${bytes}`);
  return Buffer.from(`${bytes.toString(16)}\r\n`, 'latin1');
}

/** The last chunk with its trailers. Throws TypeError as encodeRequestHead. */
export function encodeLastChunk(trailers: Fields): Buffer {
  return trailers.length === 0 ? LAST_CHUNK : encodeHead('0\r\n', trailers);
}

function encodeHead(startLine: string, fields: Fields): Buffer {
  let text = startLine;
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  const bytes = Buffer.from(`${text}\r\n`, 'latin1');
  if (fields.length % 2 !== 0 || !isOneHead(bytes, startLine.length, fields.length / 2)) {
    throw new TypeError('a head may not be written with these characters');
  }
  return bytes;
}

/** Whether `bytes` are one start line of `startBytes`, `count` field lines and an empty line: nothing more or less. */
function isOneHead(bytes: Buffer, startBytes: number, count: number): boolean {
  for (let i = 0; i < startBytes - 2; i++) if (VALUE_BYTES[bytes[i] ?? 0] !== 1) return false;
  let at = startBytes;
  for (let line = 0; line < count; line++) {
    const start = at;
    while (TOKEN_BYTES[bytes[at] ?? 0] === 1) at++;
    if (at === start || bytes[at] !== COLON || bytes[at + 1] !== SP) return false;
    at += 2;
    while (VALUE_BYTES[bytes[at] ?? 0] === 1) at++;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return false;
    at += 2;
  }
  return bytes[at] === CR && bytes[at + 1] === LF && at + 2 === bytes.length;
}
