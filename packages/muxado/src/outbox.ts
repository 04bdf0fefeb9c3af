import type { Duplex } from 'node:stream';
import { FrameEncoder } from './encode.ts';
import { FrameFlag, HEADER_BYTES, SEND_FRAME_BYTES, TYPE_BYTES } from './frame.ts';
import type { Stream } from './stream.ts';
import { TurnEnd } from './turn-end.ts';

/**
 * Framed bytes that may wait for one write: two frames of the largest size among small ones. Above it streams queue,
 * and the round decides whose turn it is.
 */
const PENDING_BYTES = 2 * (SEND_FRAME_BYTES + HEADER_BYTES) + 2_048;

/**
 * The way out of a session. Frames gather in slabs and leave once in each turn of the event loop, when `TurnEnd` says.
 * While the transport is full, frames go on gathering up to `PENDING_BYTES`; beyond that each stream queues, and is
 * served one frame at a time in turn.
 * Control frames are never held back; what provokes them has a budget.
 */
export class Outbox {
  readonly #transport: Duplex;
  readonly #encoder = new FrameEncoder();
  /** Called for each DATA frame with the bytes of its body. */
  readonly #onSent: (bytes: number) => void;
  #firstReady: Stream | null = null;
  #lastReady: Stream | null = null;
  #owing: Stream[] = [];
  readonly #turnEnd = new TurnEnd();
  #isFlushDue = false;
  /** Frames and credits since the last flush. */
  #gathered = 0;
  /** The transport said stop; it says 'drain' when there is room. */
  #isFull = false;
  #isClosed = false;
  #bytesSent = 0;

  constructor(transport: Duplex, onSent: (bytes: number) => void) {
    this.#transport = transport;
    this.#onSent = onSent;
    transport.on('drain', () => {
      this.#isFull = false;
      this.#flush();
    });
  }

  /** Bytes framed and not yet given to the kernel. */
  get bytes(): number {
    return this.#encoder.bytes + this.#transport.writableLength;
  }

  /** All bytes given to the transport. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /** Whether bytes wait because the transport takes no more. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** SYN, type and first bytes in one frame, whatever waits: ids must appear in order. */
  syn(stream: Stream, first: readonly Uint8Array[]): void {
    if (this.#isClosed) return;
    let length = TYPE_BYTES;
    for (const chunk of first) length += chunk.length;
    this.#encoder.dataHeader(stream.id, length, FrameFlag.syn);
    const type = Buffer.allocUnsafe(TYPE_BYTES);
    type.writeUInt32BE(stream.type);
    this.#encoder.payload(type);
    for (const chunk of first) this.#encoder.payload(chunk);
    stream.sendWindow -= length;
    this.#onSent(length);
    this.#schedule();
  }

  /** Frames the chunk at once if nothing waits before it and the window is large enough. */
  sendNow(stream: Stream, chunk: Uint8Array): boolean {
    const length = chunk.length;
    if (
      this.#firstReady !== null ||
      length > stream.sendWindow ||
      length > SEND_FRAME_BYTES ||
      this.#encoder.bytes + HEADER_BYTES + length > PENDING_BYTES ||
      this.#isClosed
    ) {
      return false;
    }
    this.#encoder.dataHeader(stream.id, length, FrameFlag.none);
    this.#encoder.payload(chunk);
    stream.sendWindow -= length;
    this.#onSent(length);
    this.#schedule();
    return true;
  }

  fin(stream: Stream): void {
    if (this.#isClosed) return;
    stream.emitFin(this.#encoder);
    this.#schedule();
  }

  rst(streamId: number, code: number): void {
    if (this.#isClosed) return;
    this.#encoder.rst(streamId, code);
    this.#schedule();
  }

  finAndRst(streamId: number, code: number): void {
    if (this.#isClosed) return;
    this.#encoder.dataHeader(streamId, 0, FrameFlag.fin);
    this.rst(streamId, code);
  }

  /** Puts a stream with queued bytes and window at the end of the round. */
  ready(stream: Stream): void {
    if (stream.isReady || this.#isClosed) return;
    stream.isReady = true;
    if (this.#lastReady === null) this.#firstReady = stream;
    else this.#lastReady.nextReady = stream;
    this.#lastReady = stream;
    this.#schedule();
  }

  /** The stream's credit goes out with the next flush, as one WNDINC for all that is acked until then. */
  owesCredit(stream: Stream): void {
    if (this.#isClosed) return;
    stream.isOwing = true;
    this.#owing.push(stream);
    this.#schedule();
  }

  /** Everything framed so far, then GOAWAY, then the end of the transport, in one breath: nothing may follow a GOAWAY. */
  goAwayAndEnd(lastStreamId: number, code: number, text: string): void {
    if (this.#isClosed) return;
    this.#encoder.goAway(lastStreamId, code, text);
    this.#write();
    this.#transport.end();
    this.close();
  }

  /** Nothing is sent any more. The transport is the caller's to end. */
  close(): void {
    this.#isClosed = true;
    this.#firstReady = null;
    this.#lastReady = null;
    this.#owing = [];
    this.#encoder.close();
  }

  #schedule(): void {
    this.#gathered += 1;
    if (this.#isFlushDue || this.#isFull) return;
    this.#isFlushDue = true;
    this.#turnEnd.schedule(this.#onTurnEnd);
  }

  readonly #onTurnEnd = (): void => {
    this.#isFlushDue = false;
    this.#turnEnd.found(this.#gathered, this.#encoder.bytes);
    // 'drain' may have come first and filled the transport again.
    if (!this.#isFull) this.#flush();
  };

  #flush(): void {
    if (this.#isClosed) return;
    this.#gathered = 0;
    const roomy: Stream[] = [];
    this.#grantCredit();
    do {
      this.#fill(roomy);
      if (this.#encoder.bytes > 0) this.#write();
    } while (!this.#isFull && this.#firstReady !== null);
    // While the transport is full, one write's worth waits ready for 'drain'.
    this.#fill(roomy);
    for (const stream of roomy) stream.writable();
  }

  #grantCredit(): void {
    const owing = this.#owing;
    if (owing.length === 0) return;
    this.#owing = [];
    for (const stream of owing) {
      const bytes = stream.takeCredit();
      if (bytes > 0) this.#encoder.windowIncrement(stream.id, bytes);
    }
  }

  #fill(roomy: Stream[]): void {
    while (this.#encoder.bytes + HEADER_BYTES + SEND_FRAME_BYTES <= PENDING_BYTES) {
      const stream = this.#firstReady;
      if (stream === null) return;
      this.#firstReady = stream.nextReady;
      if (this.#firstReady === null) this.#lastReady = null;
      stream.nextReady = null;
      stream.isReady = false;
      if (!stream.hasSomethingToSend) continue;
      this.#onSent(stream.emit(this.#encoder));
      if (stream.hasRoomAgain) roomy.push(stream);
      if (stream.hasSomethingToSend) this.ready(stream);
    }
  }

  #write(): void {
    this.#bytesSent += this.#encoder.bytes;
    const pieces = this.#encoder.take();
    const transport = this.#transport;
    let hasRoom = true;
    if (pieces.length > 1) transport.cork();
    for (const { bytes, done } of pieces) hasRoom = transport.write(bytes, done);
    if (pieces.length > 1) transport.uncork();
    this.#isFull = !hasRoom;
  }
}
