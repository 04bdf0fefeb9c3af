import { FrameError, MuxError } from './errors.ts';
import { FrameType, HEADER_BYTES, STREAM_ID_MAX, WINDOW_BYTES } from './frame.ts';

/** Where a `FrameDecoder` puts what it reads. Bodies of DATA come in pieces, as the bytes arrive. */
export interface FrameSink {
  onDataStart(streamId: number, length: number, flags: number): void;
  /** A slice of the chunk given to `push`; the pieces of one body add up to its `length`. Never empty. */
  onDataBytes(piece: Buffer): void;
  onDataEnd(): void;
  onRst(streamId: number, code: number): void;
  onWindowIncrement(streamId: number, increment: number): void;
  /** Nothing is read after it. */
  onGoAway(lastStreamId: number, code: number, text: string): void;
  /** An unknown frame type; its body is skipped. */
  onUnknown(type: number, length: number): void;
}

type State =
  | { readonly kind: 'header' }
  | { readonly kind: 'data' }
  | { readonly kind: 'skip' }
  | { readonly kind: 'control' }
  | { readonly kind: 'stopped' };

const HEADER: State = { kind: 'header' };
const DATA: State = { kind: 'data' };
const SKIP: State = { kind: 'skip' };
const CONTROL: State = { kind: 'control' };
const STOPPED: State = { kind: 'stopped' };

const GO_AWAY_MIN = 8;
const GO_AWAY_MAX = 4_096;

/**
 * Reads frames from chunks that are cut anywhere. It holds at most one header or one control body.
 * `push` throws a `FrameError` with the code of the GOAWAY that the fault deserves; nothing is read after it.
 */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #head = Buffer.alloc(HEADER_BYTES);
  #headFill = 0;
  #state: State = HEADER;
  /** Bytes of the current body still to come. */
  #left = 0;
  /** A control body that came in parts. */
  #held: Buffer | null = null;
  #type = 0;
  #streamId = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Ignores everything from here on; may be called by the sink. */
  stop(): void {
    this.#state = STOPPED;
  }

  push(chunk: Buffer): void {
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      const state = this.#state;
      switch (state.kind) {
        case 'header': {
          if (this.#headFill === 0 && end - at >= HEADER_BYTES) {
            this.#begin(chunk, at);
            at += HEADER_BYTES;
            break;
          }
          const take = Math.min(HEADER_BYTES - this.#headFill, end - at);
          chunk.copy(this.#head, this.#headFill, at, at + take);
          this.#headFill += take;
          at += take;
          if (this.#headFill === HEADER_BYTES) {
            this.#headFill = 0;
            this.#begin(this.#head, 0);
          }
          break;
        }
        case 'data': {
          const take = Math.min(this.#left, end - at);
          const piece = take === end ? chunk : chunk.subarray(at, at + take);
          at += take;
          this.#left -= take;
          this.#sink.onDataBytes(piece);
          if (this.#left === 0 && this.#state === DATA) {
            this.#state = HEADER;
            this.#sink.onDataEnd();
          }
          break;
        }
        case 'control': {
          const held = this.#held;
          if (held === null && end - at >= this.#left) {
            // The usual case: the whole body is here and nothing is copied.
            const length = this.#left;
            at += length;
            this.#state = HEADER;
            this.#control(chunk, at - length, length);
            break;
          }
          const body = held ?? Buffer.allocUnsafe(this.#left);
          this.#held = body;
          const take = Math.min(this.#left, end - at);
          chunk.copy(body, body.length - this.#left, at, at + take);
          at += take;
          this.#left -= take;
          if (this.#left === 0) {
            this.#held = null;
            this.#state = HEADER;
            this.#control(body, 0, body.length);
          }
          break;
        }
        case 'skip': {
          const take = Math.min(this.#left, end - at);
          at += take;
          this.#left -= take;
          if (this.#left === 0) this.#state = HEADER;
          break;
        }
        case 'stopped':
          return;
      }
    }
  }

  #begin(bytes: Buffer, at: number): void {
    const word = bytes.readUInt32BE(at);
    const length = word >>> 8;
    const type = (word >>> 4) & 0xf;
    const streamId = bytes.readUInt32BE(at + 4);
    if (streamId > STREAM_ID_MAX) this.#fail(MuxError.protocol, `stream id ${streamId} has its top bit set`);
    switch (type) {
      case FrameType.data:
        if (streamId === 0) this.#fail(MuxError.protocol, 'DATA on stream 0');
        if (length > WINDOW_BYTES) this.#fail(MuxError.frameSize, `DATA of ${length} bytes`);
        this.#left = length;
        if (length > 0) this.#state = DATA;
        this.#sink.onDataStart(streamId, length, word & 0xf);
        if (length === 0 && this.#state.kind !== 'stopped') this.#sink.onDataEnd();
        return;
      case FrameType.rst:
      case FrameType.windowIncrement:
        if (streamId === 0) this.#fail(MuxError.protocol, `frame of type ${type} on stream 0`);
        if (length !== 4) this.#fail(MuxError.frameSize, `frame of type ${type} with ${length} bytes`);
        this.#expectControl(type, streamId, length);
        return;
      case FrameType.goAway:
        if (streamId !== 0) this.#fail(MuxError.protocol, `GOAWAY on stream ${streamId}`);
        if (length > GO_AWAY_MAX) this.#fail(MuxError.frameSize, `GOAWAY of ${length} bytes`);
        // The Rust client writes a length that is 8 too small, so that it may say 0 to 7.
        this.#expectControl(type, streamId, Math.max(length, GO_AWAY_MIN));
        return;
      default:
        this.#left = length;
        if (length > 0) this.#state = SKIP;
        this.#sink.onUnknown(type, length);
    }
  }

  #expectControl(type: number, streamId: number, length: number): void {
    this.#type = type;
    this.#streamId = streamId;
    this.#left = length;
    this.#state = CONTROL;
  }

  #control(bytes: Buffer, at: number, length: number): void {
    const type = this.#type;
    const streamId = this.#streamId;
    const first = bytes.readUInt32BE(at);
    if (type === FrameType.rst) {
      this.#sink.onRst(streamId, first);
    } else if (type === FrameType.windowIncrement) {
      if (first === 0) this.#fail(MuxError.protocol, 'WNDINC of 0');
      this.#sink.onWindowIncrement(streamId, first);
    } else {
      this.#state = STOPPED;
      const text = bytes.toString('utf8', at + GO_AWAY_MIN, at + length);
      this.#sink.onGoAway(first, bytes.readUInt32BE(at + 4), text);
    }
  }

  #fail(code: number, message: string): never {
    this.#state = STOPPED;
    throw new FrameError(code, message);
  }
}
