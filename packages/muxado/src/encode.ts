import { FrameFlag, FrameType, HEADER_BYTES } from './frame.ts';

const SLAB_BYTES = 65_536;

/** Payloads up to here are copied behind their header; larger ones go by reference, which keeps one copy less. */
const COPY_BYTES = 16_384;

const NO_SLAB = Buffer.alloc(0);

/**
 * Writes frames one behind the other into slabs, so that a whole turn of the event loop leaves in one write.
 * `take` gives what was written since the last `take`, as few pieces as possible; those pieces are never touched again.
 */
export class FrameEncoder {
  #pieces: Uint8Array[] = [];
  #slab = NO_SLAB;
  /** The part of the slab that is written and not yet in `#pieces`. */
  #start = 0;
  #end = 0;
  #bytes = 0;

  /** Written and not yet taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The header of a DATA frame; the caller adds exactly `length` bytes with `payload`. */
  dataHeader(streamId: number, length: number, flags: number): void {
    this.#header(FrameType.data, streamId, length, flags);
  }

  /** Bytes of a body. They must not change afterwards: large ones are not copied. */
  payload(chunk: Uint8Array): void {
    if (chunk.length <= COPY_BYTES) {
      this.copy(chunk);
      return;
    }
    this.#bytes += chunk.length;
    this.#seal();
    this.#pieces.push(chunk);
  }

  /** Bytes of a body, up to a slab, that may change after this call. */
  copy(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#bytes += chunk.length;
    const at = this.#reserve(chunk.length);
    this.#slab.set(chunk, at);
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

  take(): Uint8Array[] {
    this.#seal();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    return pieces;
  }

  #header(type: number, streamId: number, length: number, flags: number): void {
    const at = this.#reserve(HEADER_BYTES);
    this.#bytes += HEADER_BYTES;
    const slab = this.#slab;
    slab[at] = length >>> 16;
    slab[at + 1] = length >>> 8;
    slab[at + 2] = length;
    slab[at + 3] = (type << 4) | flags;
    slab[at + 4] = streamId >>> 24;
    slab[at + 5] = streamId >>> 16;
    slab[at + 6] = streamId >>> 8;
    slab[at + 7] = streamId;
  }

  #uint32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes += 4;
    this.#slab.writeUInt32BE(value, at);
  }

  /** Where to write `length` bytes. */
  #reserve(length: number): number {
    if (this.#slab.length - this.#end < length) {
      this.#seal();
      // Not from the shared pool: a slab lives until the kernel has taken it.
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#start = 0;
      this.#end = 0;
    }
    const at = this.#end;
    this.#end += length;
    return at;
  }

  #seal(): void {
    if (this.#end === this.#start) return;
    this.#pieces.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}
