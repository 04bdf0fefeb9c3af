/** Why bytes are no acceptable message. */
export type JsonFault = 'too-big' | 'too-deep' | 'malformed';

export type ScanResult =
  | { readonly kind: 'more' }
  /** `bytesUsed` of the last chunk belong to the message. */
  | { readonly kind: 'complete'; readonly bytesUsed: number }
  | { readonly kind: 'fault'; readonly fault: JsonFault };

const MORE: ScanResult = { kind: 'more' };

/**
 * Finds the end of the first JSON object in chunks that are cut anywhere, without parsing it: RPC messages have
 * no length and senders keep the stream open behind them. It looks at strings and brackets only, in one pass.
 */
export class JsonScanner {
  readonly #maxBytes: number;
  readonly #maxDepth: number;
  #bytes = 0;
  #depth = 0;
  #place: 'before' | 'inside' | 'string' | 'escape' = 'before';

  constructor(maxBytes: number, maxDepth: number) {
    this.#maxBytes = maxBytes;
    this.#maxDepth = maxDepth;
  }

  push(chunk: Uint8Array): ScanResult {
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      switch (this.#place) {
        case 'string':
          if (byte === QUOTE) this.#place = 'inside';
          else if (byte === BACKSLASH) this.#place = 'escape';
          break;
        case 'escape':
          this.#place = 'string';
          break;
        case 'before':
          if (byte === OPEN_BRACE) {
            this.#place = 'inside';
            this.#depth = 1;
          } else if (byte !== SPACE && byte !== TAB && byte !== LF && byte !== CR) {
            return { kind: 'fault', fault: 'malformed' };
          }
          break;
        case 'inside':
          if (byte === QUOTE) {
            this.#place = 'string';
          } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
            this.#depth += 1;
            if (this.#depth > this.#maxDepth) return { kind: 'fault', fault: 'too-deep' };
          } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
            this.#depth -= 1;
            if (this.#depth === 0) {
              if (this.#bytes + at + 1 > this.#maxBytes) return { kind: 'fault', fault: 'too-big' };
              return { kind: 'complete', bytesUsed: at + 1 };
            }
          }
          break;
      }
    }
    this.#bytes += chunk.length;
    return this.#bytes > this.#maxBytes ? { kind: 'fault', fault: 'too-big' } : MORE;
  }
}

/** One for all: making one costs more than a head takes to read, and without `stream` it keeps nothing. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Strict UTF-8 and JSON, or undefined. */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    return value;
  } catch {
    return undefined;
  }
}

const SPACE = 0x20;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
