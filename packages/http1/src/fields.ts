import { HttpSyntaxError } from './syntax-error.ts';

/**
 * Field lines in the order received: `[name, value, name, value, …]`. One character is one byte (latin1). Names
 * are tokens in the case received, values have no control character but HTAB and no space around them.
 */
export type Fields = string[];

/** 1 at every byte of a token (RFC 9110 section 5.6.2). */
export const TOKEN_BYTES = byteSet("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

/** 1 at every byte of a field value: HTAB, SP, visible ASCII and 0x80–0xFF (RFC 9110 section 5.5). */
export const VALUE_BYTES = ((): Uint8Array => {
  const set = new Uint8Array(256);
  for (let byte = 0x20; byte < 256; byte++) set[byte] = 1;
  set[0x09] = 1;
  set[0x7f] = 0;
  return set;
})();

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;

export interface FieldLimits {
  readonly fieldLineBytes: number;
  readonly fields: number;
}

/** `incomplete`: the empty line has not come yet. Otherwise the position after the empty line. */
export const INCOMPLETE = -1;

/**
 * Reads field lines up to and with the empty line that ends them, strictly (RFC 9112 section 5): CRLF only, no
 * folding, no space before the colon. `text` is the latin1 text of `bytes` from `base` on, at least up to `end`.
 * Bytes are tested in the buffer and cut from the text: a third cheaper than either alone (bench/heads.ts).
 *
 * Throws HttpSyntaxError: `status` for bad syntax, `excessStatus` for a limit.
 */
export function readFields(
  bytes: Uint8Array,
  text: string,
  base: number,
  from: number,
  end: number,
  into: Fields,
  limits: FieldLimits,
  status: number,
  excessStatus: number,
): number {
  let at = from;
  for (;;) {
    const lineStart = at;
    while (at < end && TOKEN_BYTES[bytes[at] ?? 0] === 1) at++;
    if (at === end) return incompleteLine(at - lineStart, limits, excessStatus);
    if (at === lineStart) {
      if (bytes[at] !== CR) throw new HttpSyntaxError(status, startFault(bytes[at] ?? 0));
      if (at + 1 === end) return INCOMPLETE;
      if (bytes[at + 1] !== LF) throw new HttpSyntaxError(status, 'bare CR');
      return at + 2;
    }
    if (bytes[at] !== COLON) throw new HttpSyntaxError(status, nameFault(bytes[at] ?? 0));
    const nameEnd = at;
    at++;
    while (at < end && (bytes[at] === SP || bytes[at] === TAB)) at++;
    const valueStart = at;
    while (at < end && VALUE_BYTES[bytes[at] ?? 0] === 1) at++;
    if (at === end) return incompleteLine(at - lineStart, limits, excessStatus);
    const byte = bytes[at];
    if (byte !== CR) throw new HttpSyntaxError(status, byte === LF ? 'bare LF' : 'control character in a field value');
    if (at - lineStart > limits.fieldLineBytes) throw new HttpSyntaxError(excessStatus, 'field line too long');
    if (at + 1 === end) return INCOMPLETE;
    if (bytes[at + 1] !== LF) throw new HttpSyntaxError(status, 'bare CR');
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === TAB)) valueEnd--;
    if (into.length >= 2 * limits.fields) throw new HttpSyntaxError(excessStatus, 'too many fields');
    into.push(text.slice(lineStart - base, nameEnd - base), text.slice(valueStart - base, valueEnd - base));
    at += 2;
  }
}

function incompleteLine(length: number, limits: FieldLimits, excessStatus: number): number {
  if (length > limits.fieldLineBytes) throw new HttpSyntaxError(excessStatus, 'field line too long');
  return INCOMPLETE;
}

function startFault(byte: number): string {
  if (byte === SP || byte === TAB) return 'folded or indented field line';
  if (byte === COLON) return 'empty field name';
  if (byte === LF) return 'bare LF';
  return 'field name is no token';
}

function nameFault(byte: number): string {
  if (byte === SP || byte === TAB) return 'space in or after a field name';
  if (byte === CR || byte === LF) return 'field line without a colon';
  return 'field name is no token';
}

/** Whether `text` is a token: a method, a field name, a protocol name. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || TOKEN_BYTES[code] !== 1) return false;
  }
  return true;
}

/** Whether `text` can stand in a field value as it is, every character one byte. */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || VALUE_BYTES[code] !== 1) return false;
  }
  return true;
}

/**
 * The elements of a comma list, without empty ones and without the space around them (RFC 9110 section 5.6.1).
 * Only SP and HTAB count as space: `trim()` would also take 0xA0, VT and FF, and with them accept a disguised
 * `chunked`.
 */
export function listElements(value: string): string[] {
  const elements: string[] = [];
  for (const part of value.split(',')) {
    const element = trimSpace(part);
    if (element !== '') elements.push(element);
  }
  return elements;
}

export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === SP || code === TAB;
}

function byteSet(characters: string): Uint8Array {
  const set = new Uint8Array(256);
  for (const character of characters) set[character.charCodeAt(0)] = 1;
  return set;
}
