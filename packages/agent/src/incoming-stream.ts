import { MuxError, type MuxStream, type StreamHandler } from '@portico/muxado';
import type { DialReply } from './forward.ts';

/** What the header of a stream says, whichever of the two kinds it is. */
export interface StreamHeader {
  /** The bind that the stream is for: the `Id` of a ProxyHeader, the `targetId` of a StreamOpen. */
  readonly bindId: string;
  /** Of a StreamOpen; null in a ProxyHeader. */
  readonly fence: number | null;
  /** `1.2.3.4:5` or `[::1]:5`. */
  readonly client: string;
  readonly passthroughTls: boolean;
  readonly reply: DialReply;
}

/** Reads one header out of pieces; null while it is incomplete. Throws when it cannot be one. */
export interface HeaderReader {
  push(bytes: Buffer): { readonly header: StreamHeader; readonly rest: Buffer } | null;
}

/** A stream whose header was read, and which waits for somebody to take it. */
export interface IncomingStream extends StreamHeader {
  readonly stream: MuxStream;
  /** From now on `handler` gets everything, what has come since the header first. */
  take(handler: StreamHandler): void;
}

/**
 * Reads the header off a stream that the server opened. Streams do not wait for one another, and what follows the
 * header is held (at most one window: nothing of it is acknowledged) until the stream is taken.
 */
export class HeaderStage implements StreamHandler {
  readonly #stream: MuxStream;
  readonly #reader: HeaderReader;
  readonly #onHeader: (incoming: IncomingStream) => void;
  readonly #onOver: () => void;
  #state: 'reading' | 'read' | 'over' = 'reading';
  #headerBytes = 0;
  #held: Buffer[] = [];

  constructor(options: {
    stream: MuxStream;
    reader: HeaderReader;
    onHeader(incoming: IncomingStream): void;
    /** The stream ended or was reset before it was taken. */
    onOver(): void;
  }) {
    this.#stream = options.stream;
    this.#reader = options.reader;
    this.#onHeader = options.onHeader;
    this.#onOver = options.onOver;
  }

  /** False once the header is there, or never will be. */
  get isReading(): boolean {
    return this.#state === 'reading';
  }

  onData(bytes: Buffer): void {
    if (this.#state === 'over') return;
    if (this.#state === 'read') {
      this.#held.push(bytes);
      return;
    }
    this.#headerBytes += bytes.length;
    const read = this.#read(bytes);
    if (read === null) return;
    this.#state = 'read';
    const { header, rest } = read;
    this.#stream.ack(this.#headerBytes - rest.length);
    if (rest.length > 0) this.#held.push(rest);
    this.#onHeader({ ...header, stream: this.#stream, take: (handler) => this.#give(handler) });
  }

  onEnd(): void {
    // Complete headers wait with their FIN; the mux tells it again to whoever takes the stream.
    if (this.#state !== 'reading') return;
    this.#state = 'over';
    this.#stream.end();
    this.#onOver();
  }

  onReset(): void {
    this.#state = 'over';
    this.#held = [];
    this.#onOver();
  }

  onWritable(): void {}

  #read(bytes: Buffer): ReturnType<HeaderReader['push']> {
    try {
      return this.#reader.push(bytes);
    } catch {
      // Nobody's fault but the sender's, and only this stream's.
      this.#state = 'over';
      this.#stream.reset(MuxError.protocol);
      this.#onOver();
      return null;
    }
  }

  #give(handler: StreamHandler): void {
    if (this.#state === 'over') {
      handler.onReset(MuxError.cancelled);
      return;
    }
    const held = this.#held;
    this.#held = [];
    for (const bytes of held) handler.onData(bytes);
    this.#stream.setHandler(handler);
  }
}
