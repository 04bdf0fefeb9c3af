import { PorticoError } from '@portico/errors';
import type { Member, OpenHeader, Pool, Refusal, UpstreamHandler, UpstreamStream } from '../endpoint/endpoint.ts';

/** What may be kept of a connection until its agent has accepted it (design D12). */
const COPY_BYTES = 65_536;
const TRIES = 3;

/** Refusals after which nothing has reached an upstream: another member may have the connection. */
export const NOT_REACHED: ReadonlySet<string> = new Set([
  'STALE_TARGET',
  'NO_LEG',
  'DRAINING',
  'NOT_TAKEN',
  'QUEUE_TIMEOUT',
  'DIAL_REFUSED',
  'DIAL_TIMEOUT',
  'DIAL_FAILED',
]);

/**
 * Opens a stream for a connection of bytes to the first member of the pool that takes it. Until one has accepted it, and
 * as long as what was sent is still at hand, the next one is tried when a member says that it did not reach its upstream.
 * @throws PorticoError of the last member that was tried; the caller has seen that there is one
 */
export function openInPool(pool: Pool, member: Member, header: OpenHeader, first: Uint8Array[]): UpstreamStream {
  const isAlone = pool.pick(new Set([member])) === null;
  return isAlone ? member.open(header, first) : new PoolStream(pool, member, header, first);
}

class PoolStream implements UpstreamStream, UpstreamHandler {
  readonly #pool: Pool;
  readonly #header: OpenHeader;
  readonly #first: Uint8Array[];
  readonly #tried = new Set<Member>();
  #stream: UpstreamStream;
  #handler: UpstreamHandler | null = null;
  /** What was written behind `first`; null once it is accepted or too long. */
  #copy: Uint8Array[] | null = [];
  #copyBytes = 0;
  #ended = false;

  constructor(pool: Pool, member: Member, header: OpenHeader, first: Uint8Array[]) {
    this.#pool = pool;
    this.#header = header;
    this.#first = first;
    this.#stream = this.#open(member);
  }

  #open(member: Member): UpstreamStream {
    for (let next: Member = member; ; ) {
      this.#tried.add(next);
      try {
        return next.open(this.#header, this.#first);
      } catch (error) {
        const another = this.#tried.size < TRIES ? this.#pool.pick(this.#tried) : null;
        if (!(error instanceof PorticoError) || another === null) throw error;
        next = another;
      }
    }
  }

  setHandler(handler: UpstreamHandler): void {
    this.#handler = handler;
    this.#stream.setHandler(this);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#copy !== null) {
      this.#copy.push(chunk);
      this.#copyBytes += chunk.length;
      if (this.#copyBytes > COPY_BYTES) this.#copy = null;
    }
    return this.#stream.write(chunk);
  }

  end(chunk?: Uint8Array): void {
    if (chunk !== undefined) this.write(chunk);
    this.#ended = true;
    this.#stream.end();
  }

  reset(): void {
    this.#stream.reset();
  }

  abort(): void {
    this.#stream.abort();
  }

  ack(bytes: number): void {
    this.#stream.ack(bytes);
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  get acceptedAtMs(): number | null {
    return this.#stream.acceptedAtMs;
  }

  onAccepted(): void {
    this.#copy = null;
    this.#handler?.onAccepted();
  }

  onRefused(refusal: Refusal): void {
    const copy = this.#copy;
    const another = this.#tried.size < TRIES ? this.#pool.pick(this.#tried) : null;
    if (copy === null || another === null || !NOT_REACHED.has(refusal.code)) {
      this.#handler?.onRefused(refusal);
      return;
    }
    try {
      this.#stream = this.#open(another);
    } catch (error) {
      if (!(error instanceof PorticoError)) throw error;
      this.#handler?.onRefused(refusal);
      return;
    }
    let hasRoom = true;
    for (const chunk of copy) hasRoom = this.#stream.write(chunk);
    if (this.#ended) this.#stream.end();
    this.#stream.setHandler(this);
    // The one before may have told to stop.
    if (hasRoom) this.#handler?.onWritable();
  }

  onData(chunk: Buffer): void {
    this.#handler?.onData(chunk);
  }

  onEnd(): void {
    this.#handler?.onEnd();
  }

  onReset(code: number): void {
    this.#handler?.onReset(code);
  }

  onWritable(): void {
    this.#handler?.onWritable();
  }
}
