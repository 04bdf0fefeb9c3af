import { FrameFlag, FrameType, HEADER_BYTES } from './frame.ts';
import { SLAB_BYTES, Slab } from './slab.ts';

/** Bytes to write in one go, which stay as they are until `done` is called. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** The transport has taken them, or never will. */
  done(): void;
}

/**
 * Writes frames one behind the other into a slab, so that a whole turn of the event loop leaves in one write, without
 * another copy: TLS would join several pieces into a new buffer before it encrypts them.
 */
export class FrameEncoder {
  /** Slabs that are full and not yet taken. */
  #full: { readonly slab: Slab; readonly start: number }[] = [];
  #slab: Slab | null = null;
  /** The part of the slab that is written and not yet taken begins here. */
  #start = 0;
  #bytes = 0;

  /** Written and not yet taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The header of a DATA frame; the caller adds exactly `length` bytes with `payload`. */
  dataHeader(streamId: number, length: number, flags: number): void {
    this.#header(FrameType.data, streamId, length, flags);
  }

  /** Bytes of a body, which are copied. */
  payload(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    // Only the first frame of a stream, which may be a whole window, is larger than a slab.
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(chunk.length - at, SLAB_BYTES);
      const slab = this.#reserve(length);
      slab.bytes.set(length === chunk.length ? chunk : chunk.subarray(at, at + length), slab.end - length);
      at += length;
    }
  }

  rst(streamId: number, code: number): void {
    this.#header(FrameType.rst, streamId, 4, FrameFlag.none);
    this.#uint32(code);
  }

  windowIncrement(streamId: number, increment: number): void {
    this.#header(FrameType.windowIncrement, streamId, 4, FrameFlag.none);
    this.#uint32(increment);
  }

  goAway(lastStreamId: number, code: number, text: string): void {
    const debug = Buffer.from(text, 'utf8');
    this.#header(FrameType.goAway, 0, 8 + debug.length, FrameFlag.none);
    this.#uint32(lastStreamId);
    this.#uint32(code);
    this.payload(debug);
  }

  /** What was written since the last call. Nearly always one piece. */
  take(): Piece[] {
    const pieces: Piece[] = this.#full.map(({ slab, start }) => this.#lend(slab, start, true));
    this.#full = [];
    const slab = this.#slab;
    if (slab !== null && slab.end > this.#start) pieces.push(this.#lend(slab, this.#start, false));
    this.#start = slab?.end ?? 0;
    this.#bytes = 0;
    return pieces;
  }

  /** Nothing is written any more, and what was not taken is forgotten. */
  close(): void {
    for (const { slab } of this.#full) slab.letGo();
    this.#full = [];
    this.#slab?.letGo();
    this.#slab = null;
    this.#bytes = 0;
  }

  #lend(slab: Slab, start: number, isFull: boolean): Piece {
    const bytes = slab.lend(start);
    if (isFull) slab.letGo();
    return { bytes, done: () => this.#taken(slab) };
  }

  #taken(slab: Slab): void {
    if (!slab.taken() || slab !== this.#slab || slab.end > this.#start) return;
    // Nothing waits and nothing is on its way: an idle session holds no slab.
    slab.letGo();
    this.#slab = null;
    this.#start = 0;
  }

  #header(type: number, streamId: number, length: number, flags: number): void {
    // A frame is not torn over two slabs if it need not be.
    if (this.#slab !== null && SLAB_BYTES - this.#slab.end < HEADER_BYTES + length) this.#leaveSlab();
    this.#bytes += HEADER_BYTES;
    const slab = this.#reserve(HEADER_BYTES);
    const { bytes } = slab;
    const at = slab.end - HEADER_BYTES;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = (type << 4) | flags;
    bytes[at + 4] = streamId >>> 24;
    bytes[at + 5] = streamId >>> 16;
    bytes[at + 6] = streamId >>> 8;
    bytes[at + 7] = streamId;
  }

  #uint32(value: number): void {
    this.#bytes += 4;
    const slab = this.#reserve(4);
    slab.bytes.writeUInt32BE(value, slab.end - 4);
  }

  /** Makes room for `length` bytes: the last ones of the slab that it returns. */
  #reserve(length: number): Slab {
    if (this.#slab !== null && SLAB_BYTES - this.#slab.end < length) this.#leaveSlab();
    const slab = this.#slab ?? Slab.take();
    this.#slab = slab;
    slab.end += length;
    return slab;
  }

  #leaveSlab(): void {
    const slab = this.#slab;
    if (slab === null) return;
    if (slab.end > this.#start) this.#full.push({ slab, start: this.#start });
    else slab.letGo();
    this.#slab = null;
    this.#start = 0;
  }
}
