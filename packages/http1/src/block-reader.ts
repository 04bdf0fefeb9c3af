import { INCOMPLETE } from './fields.ts';
import type { HttpSyntaxError } from './syntax-error.ts';

/**
 * Tries to read a block (a head, a trailer section) from `bytes[start, end)`; `text` is its latin1 text. Returns
 * the position after the block, or INCOMPLETE; throws HttpSyntaxError.
 */
export type ReadBlock = (bytes: Buffer, text: string, start: number, end: number) => number;

const CR = 0x0d;
const TAB = 0x09;
const SP = 0x20;
const PAGE_BYTES = 4096;
/** Nearly every head fits; the text of a body behind it is then not made in vain. */
const GUESS_BYTES = 2048;

/**
 * Finds a block in chunks of any size. A block that is whole in one chunk is read where it lies; else its bytes
 * are copied, never more than `bytesMax`. Bytes that come one by one do not cost a scan each: a scan is tried
 * only when a line ended, something looks wrong, or a page is full.
 */
export class BlockReader {
  readonly #bytesMax: number;
  readonly #readBlock: ReadBlock;
  readonly #tooLarge: () => HttpSyntaxError;
  #kept: Buffer | null = null;
  #keptBytes = 0;

  constructor(bytesMax: number, readBlock: ReadBlock, tooLarge: () => HttpSyntaxError) {
    this.#bytesMax = bytesMax;
    this.#readBlock = readBlock;
    this.#tooLarge = tooLarge;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Returns the position in `chunk` after the block, or INCOMPLETE when all of `chunk` was taken. */
  read(chunk: Buffer, at: number): number {
    return this.#keptBytes === 0 ? this.#readInPlace(chunk, at) : this.#readOn(chunk, at);
  }

  drop(): void {
    this.#kept = null;
    this.#keptBytes = 0;
  }

  #readInPlace(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#bytesMax);
    const guess = Math.min(end, at + GUESS_BYTES);
    let next = this.#readBlock(chunk, chunk.toString('latin1', at, guess), at, guess);
    if (next === INCOMPLETE && guess < end) next = this.#readBlock(chunk, chunk.toString('latin1', at, end), at, end);
    if (next !== INCOMPLETE) return next;
    if (end - at >= this.#bytesMax) throw this.#tooLarge();
    this.#keep(chunk, at, end);
    return INCOMPLETE;
  }

  #readOn(chunk: Buffer, at: number): number {
    const before = this.#keptBytes;
    const end = Math.min(chunk.length, at + this.#bytesMax - before);
    const worthReading = this.#keep(chunk, at, end);
    const kept = this.#kept;
    if (kept !== null && (worthReading || this.#keptBytes >= this.#bytesMax)) {
      const next = this.#readBlock(kept, kept.toString('latin1', 0, this.#keptBytes), 0, this.#keptBytes);
      if (next !== INCOMPLETE) {
        this.drop();
        return at + next - before;
      }
      if (this.#keptBytes >= this.#bytesMax) throw this.#tooLarge();
    }
    return INCOMPLETE;
  }

  /** Returns whether the new bytes may have completed the block or made it wrong. */
  #keep(chunk: Buffer, at: number, end: number): boolean {
    const before = this.#keptBytes;
    const after = before + end - at;
    if (this.#kept === null || this.#kept.length < after) {
      const larger = Buffer.allocUnsafe(Math.min(this.#bytesMax, Math.max(1024, 2 * after)));
      this.#kept?.copy(larger, 0, 0, before);
      this.#kept = larger;
    }
    chunk.copy(this.#kept, before, at, end);
    this.#keptBytes = after;
    if (Math.floor(before / PAGE_BYTES) !== Math.floor(after / PAGE_BYTES)) return true;
    let previous = before === 0 ? 0 : (this.#kept[before - 1] ?? 0);
    for (let i = before; i < after; i++) {
      const byte = this.#kept[i] ?? 0;
      if (previous === CR || (byte < SP && byte !== TAB)) return true;
      previous = byte;
    }
    return false;
  }
}
