import { Duplex } from 'node:stream';
import { MuxError, type MuxStream, type StreamHandler } from '@portico/muxado';
import type { IncomingStream } from './incoming-stream.ts';

/** Takes a visitor's connection over in this process; it must end or destroy it, also when it does not want it. */
export type ConnectionHandler = (connection: VisitorConnection) => void;

/**
 * A visitor's connection as an ordinary Duplex: raw bytes, or HTTP/1.1 for http endpoints. It may be given to
 * `http.createServer().emit('connection', …)`. Convenient, and slower than forwarding (`performance.md`).
 */
export class VisitorConnection extends Duplex implements StreamHandler {
  /** Address and port of the visitor. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #stream: MuxStream;
  /** Given to the reader's buffer and not yet acknowledged. */
  #unacked = 0;
  #afterWrite: ((error?: Error | null) => void) | null = null;
  #isReset = false;
  bytesIn = 0;
  bytesOut = 0;

  constructor(incoming: IncomingStream) {
    super({ allowHalfOpen: true });
    const client = splitClient(incoming.client);
    this.remoteAddress = client.address;
    this.remotePort = client.port;
    this.#stream = incoming.stream;
    const first = incoming.reply.connected(0);
    if (first !== null) this.#stream.write(first);
    incoming.take(this);
  }

  // node:http calls these on what it takes for a socket; the edge has its own timers.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  onData(bytes: Buffer): void {
    if (this.destroyed) return;
    this.bytesIn += bytes.length;
    if (this.push(bytes)) this.#stream.ack(bytes.length);
    else this.#unacked += bytes.length;
  }

  onEnd(): void {
    this.push(null);
  }

  onReset(): void {
    this.#isReset = true;
    this.destroy(Object.assign(new Error('the visitor left'), { code: 'ECONNRESET' }));
  }

  onWritable(): void {
    const after = this.#afterWrite;
    this.#afterWrite = null;
    after?.();
  }

  override _read(): void {
    const bytes = this.#unacked;
    this.#unacked = 0;
    if (bytes > 0) this.#stream.ack(bytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.bytesOut += chunk.length;
    // The mux keeps the bytes until they are framed, and the caller may use its buffer again after `done`.
    if (this.#stream.write(Buffer.from(chunk))) done();
    else this.#afterWrite = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const isWhole = this.readableEnded && this.writableFinished;
    if (!isWhole && !this.#isReset && this.#stream.isLive) this.#stream.reset(MuxError.cancelled);
    this.onWritable();
    done(error);
  }
}

export function toConnection(incoming: IncomingStream): VisitorConnection {
  return new VisitorConnection(incoming);
}

/** `1.2.3.4:5` or `[::1]:5`. */
function splitClient(client: string): { address: string; port: number } {
  const match = /^\[?([^\]]*)\]?:(\d+)$/.exec(client);
  return { address: match?.[1] ?? '', port: Number(match?.[2] ?? 0) };
}
