import { isUtf8 } from 'node:buffer';
import type { MessageContext } from '@portico/traffic-policy';

/** A part of an event stream, byte for byte. */
export interface StreamPiece {
  /** `block`: lines up to and with the blank one that ends them. `rest`: passes as it is. */
  readonly kind: 'block' | 'rest';
  readonly bytes: Buffer;
}

/**
 * Cuts an event stream (HTML, section 9.2.5) into blocks that end with a blank line, whatever the chunks are. Lines end
 * with CRLF, LF or CR. A block is given out as soon as its blank line is there: a CR ends one at once, and an LF that
 * belongs to it follows as rest. What is longer than `maxBytes` is rest.
 *
 *     splitter.push(chunk);
 *     for (let piece = splitter.next(); piece !== null; piece = splitter.next()) …
 */
export class BlockSplitter {
  readonly #maxBytes: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #chunk: Buffer = EMPTY;
  #at = 0;
  #lineIsEmpty = true;
  #afterCr = false;
  #isTooLong = false;
  #tooLong = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Blocks so far that were longer than `maxBytes`. */
  get tooLong(): number {
    return this.#tooLong;
  }

  /** Only after `next` has given null. The chunk is kept. */
  push(chunk: Uint8Array): void {
    this.#chunk = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#at = 0;
  }

  /** Null: more has to come first. */
  next(): StreamPiece | null {
    const chunk = this.#chunk;
    const start = this.#at;
    if (start >= chunk.length) return null;
    if (this.#afterCr && this.#heldBytes === 0 && chunk[start] === LF) {
      this.#afterCr = false;
      this.#at = start + 1;
      return { kind: 'rest', bytes: chunk.subarray(start, start + 1) };
    }
    for (let at = start; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === LF) {
        if (this.#afterCr) this.#afterCr = false;
        else if (this.#lineIsEmpty) return this.#endBlock(at, at + 1);
        else this.#lineIsEmpty = true;
      } else if (byte === CR) {
        if (this.#lineIsEmpty) {
          const hasLf = chunk[at + 1] === LF;
          this.#afterCr = !hasLf;
          return this.#endBlock(at, hasLf ? at + 2 : at + 1);
        }
        this.#afterCr = true;
        this.#lineIsEmpty = true;
      } else {
        this.#afterCr = false;
        this.#lineIsEmpty = false;
      }
    }
    this.#at = chunk.length;
    if (!this.#isTooLong && this.#heldBytes + chunk.length - start > this.#maxBytes) {
      this.#isTooLong = true;
      this.#tooLong += 1;
    }
    this.#held.push(chunk.subarray(start));
    this.#heldBytes += chunk.length - start;
    return this.#isTooLong ? { kind: 'rest', bytes: this.#takeHeld() } : null;
  }

  /** What came after the last blank line, when the stream has ended. */
  finish(): StreamPiece | null {
    return this.#heldBytes === 0 ? null : { kind: 'block', bytes: this.#takeHeld() };
  }

  #endBlock(contentEnd: number, end: number): StreamPiece {
    const isTooLong = this.#isTooLong || this.#heldBytes + contentEnd - this.#at > this.#maxBytes;
    if (isTooLong && !this.#isTooLong) this.#tooLong += 1;
    this.#held.push(this.#chunk.subarray(this.#at, end));
    this.#at = end;
    this.#lineIsEmpty = true;
    this.#isTooLong = false;
    return { kind: isTooLong ? 'rest' : 'block', bytes: this.#takeHeld() };
  }

  #takeHeld(): Buffer {
    const [first = EMPTY] = this.#held;
    const whole = this.#held.length <= 1 ? first : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return whole;
  }
}

const LF = 10;
const CR = 13;
const EMPTY = Buffer.alloc(0);

/** A block read as a message. */
export interface Message {
  readonly context: MessageContext;
  /** The bytes of the block with other data or another retry; everything else of it stays as it was. */
  encode(changed: MessageContext): Buffer;
}

/**
 * Reads a block. Null when it has none of the fields event, data, id and retry: comments and blank lines.
 *
 * @param isFirst of its stream: may begin with a byte order mark
 */
export function readMessage(block: Buffer, isFirst: boolean): Message | null {
  // A stream is UTF-8 by its definition; bytes that are not must still come out as they went in.
  const encoding = isUtf8(block) ? 'utf8' : 'latin1';
  const mark = encoding === 'utf8' ? '\ufeff' : '\u00ef\u00bb\u00bf';
  const text = block.toString(encoding);
  const hasMark = isFirst && text.startsWith(mark);
  const lines = readLines(hasMark ? text.slice(mark.length) : text);
  let event = '';
  let id = '';
  let retry: string | null = null;
  let isMessage = false;
  const data: string[] = [];
  for (const { name, value } of lines) {
    switch (name) {
      case 'data':
        data.push(value);
        break;
      case 'event':
        event = value;
        break;
      case 'id':
        if (!value.includes('\0')) id = value;
        break;
      case 'retry':
        if (RETRY.test(value)) retry = value;
        break;
      default:
        continue;
    }
    isMessage = true;
  }
  if (!isMessage) return null;
  const context: MessageContext = {
    event: event === '' ? 'message' : event,
    data: data.length === 0 ? null : data.join('\n'),
    id,
    retry,
  };
  return {
    context,
    encode: (changed) => {
      let out = lines;
      if (changed.data !== null && changed.data !== context.data) out = withData(out, changed.data);
      if (changed.retry !== null && changed.retry !== context.retry) out = withRetry(out, changed.retry);
      const rest = out.map(({ text: line, end }) => line + end).join('');
      const whole = hasMark ? mark + rest : rest;
      // Cut to one byte, U+010A would become a line feed.
      return Buffer.from(encoding === 'utf8' ? whole : whole.replace(/[^\x00-\xff]/g, '?'), encoding);
    },
  };
}

const RETRY = /^\d{1,15}$/;

interface Line {
  readonly text: string;
  /** CRLF, LF, CR, or nothing at the end of the stream. */
  readonly end: string;
  /** Empty for blank lines and comments. */
  readonly name: string;
  readonly value: string;
}

function readLines(text: string): readonly Line[] {
  const parts = text.split(/(\r\n|\r|\n)/);
  const lines: Line[] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const line = parts[index] ?? '';
    const end = parts[index + 1] ?? '';
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    lines.push({ text: line, end, name, value });
  }
  return lines;
}

/** All data where the first line of it stood. */
function withData(lines: readonly Line[], data: string): readonly Line[] {
  const first = lines.find(({ name }) => name === 'data');
  if (first === undefined) return lines;
  const hasBlank = first.text.startsWith('data: ') || !first.text.includes(':');
  const values = data.split(/\r\n|\r|\n/);
  const isLast = (index: number): boolean => index === values.length - 1;
  const written = values.map((value, index): Line => {
    const text = `data:${hasBlank || value.startsWith(' ') ? ' ' : ''}${value}`;
    return { text, end: isLast(index) ? first.end : first.end || '\n', name: 'data', value };
  });
  return lines.flatMap((line) => (line === first ? written : line.name === 'data' ? [] : [line]));
}

function withRetry(lines: readonly Line[], retry: string): readonly Line[] {
  const last = lines.findLast(({ name, value }) => name === 'retry' && RETRY.test(value));
  return lines.map((line) => (line === last ? { ...line, text: `retry: ${retry}`, value: retry } : line));
}
