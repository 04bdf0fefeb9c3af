import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { getFields, hasField } from '@portico/http-rules';
import type { Fields, ResponseHead } from '@portico/http1';
import type { MessageContext } from '@portico/traffic-policy';
import { BlockSplitter, readMessage, type StreamPiece } from './event-stream.ts';

/** Codings of an answer that can be read as it comes. */
export type ReadableCoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** Where the changed stream goes. */
export interface EventStreamSink {
  /** False: stop until `resume`. */
  onChunk(chunk: Buffer): boolean;
  onEnd(trailers: Fields): void;
  /** Room again after `write` gave false. */
  onRoom(): void;
  /** The coding of the stream is broken. */
  onError(error: Error): void;
}

/**
 * What is to be undone before the messages of an answer can be read. Null when it has none, or none that can be read:
 * another type, no body, a part of a whole, a coding that is not known.
 *
 * @param isPlain the coding in the fields is still to be done to the body
 */
export function eventStreamCoding(
  { status, fields, body }: ResponseHead,
  { method, isPlain }: { method: string; isPlain: boolean },
): ReadableCoding | 'none' | null {
  const [type = ''] = (getFields(fields, 'content-type')[0] ?? '').split(';', 1);
  if (type.trim().toLowerCase() !== 'text/event-stream') return null;
  if (body.kind === 'none' || method === 'HEAD' || status === 206 || hasField(fields, 'content-range')) return null;
  const coding = getFields(fields, 'content-encoding').join(',').trim().toLowerCase();
  if (isPlain || coding === '' || coding === 'identity') return 'none';
  if (coding === 'x-gzip') return 'gzip';
  return coding === 'gzip' || coding === 'deflate' || coding === 'br' || coding === 'zstd' ? coding : null;
}

/**
 * Changes the messages of one event stream while it is on its way: each leaves in the turn in which its blank line has
 * come, unless those before it have taken the thread for too long. `dispose` ends it at any time; after `onEnd` or
 * `onError` it is over.
 */
export class EventStreamRewriter {
  readonly #change: (message: MessageContext) => MessageContext;
  readonly #sink: EventStreamSink;
  readonly #onOver: () => void;
  readonly #onTooLong: () => void;
  readonly #splitter = new BlockSplitter(MESSAGE_BYTES_MAX);
  readonly #decoder: Transform | null;
  #queue: Uint8Array[] = [];
  #trailers: Fields | null = null;
  #isFirst = true;
  #room = true;
  /** The writer was told to stop. */
  #stopped = false;
  #scheduled = false;
  #toldTooLong = false;
  #over = false;

  /**
   * @param change of a message; must not throw
   * @param onTooLong once, at the first message that passes as it is because it is too long
   * @param onOver called once
   */
  constructor({
    coding,
    change,
    sink,
    onTooLong,
    onOver,
  }: {
    coding: ReadableCoding | 'none';
    change: (message: MessageContext) => MessageContext;
    sink: EventStreamSink;
    onTooLong: () => void;
    onOver: () => void;
  }) {
    this.#change = change;
    this.#sink = sink;
    this.#onTooLong = onTooLong;
    this.#onOver = onOver;
    this.#decoder = coding === 'none' ? null : this.#decode(createDecoder(coding));
  }

  /** The chunk is kept. False: stop until `onRoom`. */
  write(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#decoder !== null) return this.#decoder.write(chunk);
    this.#queue.push(chunk);
    this.#pump();
    this.#stopped = !this.#over && (this.#queue.length > 0 || this.#scheduled || !this.#room);
    return !this.#stopped;
  }

  end(trailers: Fields): void {
    if (this.#over) return;
    if (this.#decoder !== null) {
      this.#decoder.once('end', () => this.#ended(trailers));
      this.#decoder.end();
      return;
    }
    this.#ended(trailers);
  }

  /** The sink takes more. */
  resume(): void {
    this.#room = true;
    this.#pump();
  }

  dispose(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue = [];
    this.#decoder?.destroy();
    this.#onOver();
  }

  #decode(decoder: Transform): Transform {
    decoder.on('data', (chunk: Buffer) => {
      if (this.#over) return;
      this.#queue.push(chunk);
      this.#pump();
      this.#stopped = this.#queue.length > 0 || this.#scheduled || !this.#room;
      if (this.#stopped) decoder.pause();
    });
    decoder.on('drain', () => {
      if (!this.#over) this.#sink.onRoom();
    });
    decoder.once('error', (error) => {
      if (this.#over) return;
      this.dispose();
      this.#sink.onError(error);
    });
    return decoder;
  }

  #ended(trailers: Fields): void {
    if (this.#over) return;
    this.#trailers = trailers;
    this.#pump();
  }

  /** Goes through what has come, until it is done, the sink is full or the turn has taken long enough. */
  #pump(): void {
    if (this.#over || this.#scheduled) return;
    const startedMs = performance.now();
    let out: Buffer[] = [];
    let outBytes = 0;
    const flush = (): void => {
      const [first] = out;
      if (first === undefined) return;
      const whole = out.length === 1 ? first : Buffer.concat(out);
      out = [];
      outBytes = 0;
      this.#room = this.#sink.onChunk(whole);
    };
    while (this.#room) {
      const piece = this.#next();
      if (piece === null) break;
      const bytes = this.#changed(piece);
      out.push(bytes);
      outBytes += bytes.length;
      if (outBytes >= WRITE_BYTES) flush();
      if (this.#over) return;
      if (performance.now() - startedMs > TURN_MS) {
        this.#scheduled = true;
        setImmediate(() => {
          this.#scheduled = false;
          this.#pump();
        });
        break;
      }
    }
    flush();
    if (this.#over || this.#scheduled || !this.#room || this.#queue.length > 0) return;
    if (this.#trailers !== null) {
      const trailers = this.#trailers;
      this.dispose();
      this.#sink.onEnd(trailers);
    } else if (this.#stopped) {
      this.#stopped = false;
      if (this.#decoder === null) this.#sink.onRoom();
      else this.#decoder.resume();
    }
  }

  #next(): StreamPiece | null {
    for (;;) {
      const piece = this.#splitter.next();
      if (piece !== null) return piece;
      const chunk = this.#queue.shift();
      if (chunk === undefined) break;
      this.#splitter.push(chunk);
    }
    // Programs that read a stream themselves also take what no blank line has ended.
    return this.#trailers === null ? null : this.#splitter.finish();
  }

  #changed({ kind, bytes }: StreamPiece): Buffer {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (kind === 'rest') {
      if (!this.#toldTooLong && this.#splitter.tooLong > 0) {
        this.#toldTooLong = true;
        this.#onTooLong();
      }
      return bytes;
    }
    const message = readMessage(bytes, isFirst);
    if (message === null) return bytes;
    const changed = this.#change(message.context);
    return changed === message.context ? bytes : message.encode(changed);
  }
}

/** A longer message passes as it is. Also the longest text that expressions and patterns take. */
export const MESSAGE_BYTES_MAX = 65_536;

/** Small messages leave together. */
const WRITE_BYTES = 65_536;

/** After this long others have their turn. */
const TURN_MS = 10;

/** A stream that is cut off without the end of its coding gives what has come; windows are kept small. */
function createDecoder(coding: ReadableCoding): Transform {
  switch (coding) {
    case 'gzip':
      return createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
    case 'deflate':
      return createInflate({ finishFlush: constants.Z_SYNC_FLUSH });
    case 'br':
      return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return createZstdDecompress({
        finishFlush: constants.ZSTD_e_flush,
        params: { [constants.ZSTD_d_windowLogMax]: 23 },
      });
  }
}
