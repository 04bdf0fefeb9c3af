import { BlockReader } from './block-reader.ts';
import { type Fields, INCOMPLETE, readFields } from './fields.ts';
import type { BodyKind } from './framing.ts';
import { HttpSyntaxError } from './syntax-error.ts';

export interface BodyLimits {
  readonly chunkLineBytes: number;
  readonly chunkExtensionBytes: number;
  readonly trailers: number;
  readonly trailerBytes: number;
  readonly fieldLineBytes: number;
  /** Of the decoded body; beyond it 413. */
  readonly bodyBytes: number;
}

type Step =
  | 'length'
  | 'until-close'
  | 'chunk-size'
  | 'chunk-extension'
  | 'chunk-size-lf'
  | 'chunk-data'
  | 'chunk-data-cr'
  | 'chunk-data-lf'
  | 'trailers';

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SP = 0x20;
const SEMICOLON = 0x3b;
const SIZE_DIGITS_MAX = 16;
const NO_TRAILERS: Fields = [];

/**
 * Takes one body out of the chunks received and hands on its bytes as slices of them (RFC 9112 section 6 and 7.1).
 * Chunk sizes and extensions are read byte by byte: they are short, and this is where smuggling hides.
 */
export class BodyReader {
  readonly #limits: BodyLimits;
  readonly #status: number;
  readonly #onBody: (slice: Buffer) => void;
  readonly #trailerBlock: BlockReader;
  #step: Step = 'length';
  /** Bytes left of the body or of the chunk. */
  #left = 0;
  #digits = 0;
  #lineBytes = 0;
  #extensionBytes = 0;
  #bodyBytes = 0;
  #trailers: Fields = NO_TRAILERS;
  #ended = true;

  /** `status` is that of every fault: 400 for requests, 502 for answers. */
  constructor(limits: BodyLimits, status: number, onBody: (slice: Buffer) => void) {
    this.#limits = limits;
    this.#status = status;
    this.#onBody = onBody;
    const trailerLimits = { fieldLineBytes: limits.fieldLineBytes, fields: limits.trailers };
    this.#trailerBlock = new BlockReader(
      limits.trailerBytes,
      (bytes, text, start, end) => {
        const fields: Fields = [];
        const next = readFields(bytes, text, start, start, end, fields, trailerLimits, status, status);
        if (next !== INCOMPLETE) this.#trailers = fields;
        return next;
      },
      () => new HttpSyntaxError(status, 'trailers too large'),
    );
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Once ended. */
  get trailers(): Fields {
    return this.#trailers;
  }

  begin(kind: BodyKind): void {
    this.#trailers = NO_TRAILERS;
    this.#ended = false;
    switch (kind.kind) {
      case 'none':
        this.#ended = true;
        break;
      case 'length':
        this.#step = 'length';
        this.#left = kind.bytes;
        this.#ended = kind.bytes === 0;
        break;
      case 'chunked':
        this.#extensionBytes = 0;
        this.#bodyBytes = 0;
        this.#beginChunk();
        break;
      case 'until-close':
        this.#step = 'until-close';
        break;
    }
  }

  /**
   * Takes body bytes from `chunk` at `at`, at most one slice or one chunk line a call, and returns the position after
   * them. The caller calls again while there are bytes and the body has not ended. Throws HttpSyntaxError.
   */
  read(chunk: Buffer, at: number): number {
    switch (this.#step) {
      case 'length': {
        const end = Math.min(chunk.length, at + this.#left);
        this.#left -= end - at;
        this.#ended = this.#left === 0;
        this.#give(chunk, at, end);
        return end;
      }
      case 'until-close':
        this.#give(chunk, at, chunk.length);
        return chunk.length;
      case 'chunk-data': {
        const end = Math.min(chunk.length, at + this.#left);
        this.#left -= end - at;
        if (this.#left === 0) this.#step = 'chunk-data-cr';
        this.#give(chunk, at, end);
        return end;
      }
      case 'trailers': {
        const next = this.#trailerBlock.read(chunk, at);
        if (next === INCOMPLETE) return chunk.length;
        this.#ended = true;
        return next;
      }
      default:
        return this.#readChunkLine(chunk, at);
    }
  }

  /** The connection ended. Returns whether that is a right end of the body. */
  finish(): boolean {
    if (!this.#ended && this.#step === 'until-close') this.#ended = true;
    return this.#ended;
  }

  drop(): void {
    this.#trailerBlock.drop();
  }

  #give(chunk: Buffer, at: number, end: number): void {
    this.#onBody(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
  }

  #beginChunk(): void {
    this.#step = 'chunk-size';
    this.#left = 0;
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  #readChunkLine(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      const byte = chunk[at] ?? 0;
      at++;
      switch (this.#step) {
        case 'chunk-data-cr':
          if (byte !== CR) throw this.#fault('chunk longer than its size');
          this.#step = 'chunk-data-lf';
          break;
        case 'chunk-data-lf':
          if (byte !== LF) throw this.#fault('chunk longer than its size');
          this.#beginChunk();
          break;
        case 'chunk-size':
          this.#readSizeByte(byte);
          break;
        case 'chunk-extension':
          this.#readExtensionByte(byte);
          break;
        case 'chunk-size-lf':
          if (byte !== LF) throw this.#fault('bare CR in a chunk line');
          this.#beginData();
          return at;
        default:
          throw new Error(`not a chunk line: ${this.#step}`);
      }
    }
    return at;
  }

  #readSizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > SIZE_DIGITS_MAX) throw this.#fault('chunk size too long');
      this.#left = this.#left * 16 + digit;
      // Multiplying is exact up to here; beyond it the size would silently be rounded.
      if (this.#left > Number.MAX_SAFE_INTEGER) throw this.#fault('chunk size too large');
      this.#lineBytes++;
      return;
    }
    if (this.#digits === 0) throw this.#fault('chunk size without a digit');
    if (byte === CR) {
      this.#step = 'chunk-size-lf';
    } else if (byte === SEMICOLON) {
      this.#step = 'chunk-extension';
      this.#countExtension();
    } else {
      throw this.#fault('garbage after a chunk size');
    }
  }

  #readExtensionByte(byte: number): void {
    if (byte === CR) {
      this.#step = 'chunk-size-lf';
    } else if ((byte < SP && byte !== TAB) || byte === 0x7f) {
      throw this.#fault(byte === LF ? 'bare LF in a chunk extension' : 'control character in a chunk extension');
    } else {
      this.#countExtension();
    }
  }

  #countExtension(): void {
    if (++this.#lineBytes > this.#limits.chunkLineBytes) throw this.#fault('chunk line too long');
    if (++this.#extensionBytes > this.#limits.chunkExtensionBytes) throw this.#fault('too many chunk extensions');
  }

  #beginData(): void {
    if (this.#left === 0) {
      this.#step = 'trailers';
      return;
    }
    this.#bodyBytes += this.#left;
    if (this.#bodyBytes > this.#limits.bodyBytes) throw new HttpSyntaxError(413, 'body too large', 'body');
    this.#step = 'chunk-data';
  }

  #fault(reason: string): HttpSyntaxError {
    return new HttpSyntaxError(this.#status, reason, 'body');
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57;
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37;
  return -1;
}
