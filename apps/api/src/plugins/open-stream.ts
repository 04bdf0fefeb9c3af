import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { leaveGate } from './request-gate.ts';

const bufferedBytesMax = 4 * 1024 * 1024;

/** Answers that last: changes streams and live pages. They are ended when the server closes. */
export class OpenStreams {
  readonly #open = new Set<OpenStream>();

  /** Takes the answer over from fastify and sends its head. `onEnd` is called once, whoever ends it. */
  begin(
    request: FastifyRequest,
    reply: FastifyReply,
    { headers, onEnd }: { headers: Record<string, string>; onEnd: () => void },
  ): OpenStream {
    reply.hijack();
    leaveGate(request.raw);
    const stream = new OpenStream(reply.raw, () => {
      this.#open.delete(stream);
      onEnd();
    });
    this.#open.add(stream);
    // Fields that hooks have set are lost with the hijack, this one is needed by proxies in between.
    reply.raw.writeHead(200, { 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no', ...headers });
    reply.raw.flushHeaders();
    return stream;
  }

  close(): void {
    for (const stream of this.#open) stream.end();
  }
}

/** One lasting answer. A reader that falls too far behind is cut off, and starts anew when it comes back. */
export class OpenStream {
  readonly #raw: ServerResponse;

  constructor(raw: ServerResponse, onEnd: () => void) {
    this.#raw = raw;
    raw.once('close', onEnd);
    raw.on('error', () => {
      // 'close' follows.
    });
  }

  /** Whether what was written before has left, so that a newer state may replace an older one unsent. */
  get isDrained(): boolean {
    return !this.#raw.writableNeedDrain;
  }

  write(text: string): void {
    if (this.#raw.writableEnded || this.#raw.destroyed) return;
    this.#raw.write(text);
    if (this.#raw.writableLength > bufferedBytesMax) this.#raw.destroy();
  }

  end(): void {
    if (!this.#raw.writableEnded) this.#raw.end();
    // A reader that does not read must not keep the server from closing.
    setTimeout(() => this.#raw.destroy(), 500).unref();
  }
}
