import { Duplex } from 'node:stream';
import type { EndpointCounters, Refusal, UpstreamHandler, UpstreamStream } from '../endpoint/endpoint.ts';

/** The upstream was not reached. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * A stream to an upstream as node's streams know one, for protocols that node speaks itself. What is not read costs the
 * agent its window. Destroying it aborts the stream; a refusal destroys it with a RefusedError.
 */
export class StreamDuplex extends Duplex implements UpstreamHandler {
  readonly #stream: UpstreamStream;
  readonly #counters: EndpointCounters;
  #unacked = 0;
  #onRoom: (() => void) | null = null;
  #over = false;

  constructor(stream: UpstreamStream, counters: EndpointCounters) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#counters = counters;
    stream.setHandler(this);
  }

  onAccepted(): void {}

  onData(chunk: Buffer): void {
    if (this.destroyed) return;
    this.#counters.bytesOut += chunk.length;
    this.#unacked += chunk.length;
    if (this.push(chunk)) this.#ack();
  }

  onEnd(): void {
    this.push(null);
  }

  onReset(): void {
    this.#over = true;
    this.destroy(new Error('the stream was reset'));
  }

  onRefused(refusal: Refusal): void {
    this.#over = true;
    this.destroy(new RefusedError(refusal));
  }

  onWritable(): void {
    const onRoom = this.#onRoom;
    this.#onRoom = null;
    onRoom?.();
  }

  override _read(): void {
    this.#ack();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#counters.bytesIn += chunk.length;
    // A copy: whoever writes may use its buffer again once we are done, and the stream still has it then.
    if (this.#over || this.#stream.write(Buffer.from(chunk))) done();
    else this.#onRoom = done;
  }

  override _final(done: () => void): void {
    if (!this.#over) this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#over) this.#stream.abort();
    this.#over = true;
    done(error);
  }

  #ack(): void {
    const bytes = this.#unacked;
    this.#unacked = 0;
    if (bytes > 0 && !this.#over) this.#stream.ack(bytes);
  }
}
