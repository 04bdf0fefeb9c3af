import { PorticoError } from '@portico/errors';
import type { Fields } from '@portico/http1';

/** How much of a body an action may have, and which action asks. */
export interface BodyLimit {
  readonly maxBytes: number;
  readonly action: string;
}

/**
 * The body of a message while a policy has not let it pass: what came so far, up to its end. Somebody may ask for all
 * of it; nobody has to.
 */
export class HeldBody {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #trailers: Fields | null = null;
  #waiting: { limit: BodyLimit; resolve: (body: Buffer) => void; reject: (error: Error) => void } | null = null;

  get bytes(): number {
    return this.#bytes;
  }

  get ended(): boolean {
    return this.#trailers !== null;
  }

  get trailers(): Fields {
    return this.#trailers ?? [];
  }

  /** Somebody waits for all of it, so it may come. */
  get isWanted(): boolean {
    return this.#waiting !== null;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const waiting = this.#waiting;
    if (waiting === null || this.#bytes <= waiting.limit.maxBytes) return;
    this.#waiting = null;
    waiting.reject(tooLong(waiting.limit));
  }

  end(trailers: Fields): void {
    this.#trailers = trailers;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(this.#whole());
  }

  /**
   * All of it, once it has come. One may wait at a time.
   * @throws PorticoError 3903 when it is longer than the limit; what came stays held
   */
  whole(limit: BodyLimit): Promise<Buffer> {
    if (this.#bytes > limit.maxBytes) return Promise.reject(tooLong(limit));
    if (this.#trailers !== null) return Promise.resolve(this.#whole());
    return new Promise((resolve, reject) => {
      this.#waiting = { limit, resolve, reject };
    });
  }

  /** It will never be whole. */
  abandon(reason: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(reason);
  }

  replace(body: Buffer): void {
    this.#chunks = body.length === 0 ? [] : [body];
    this.#bytes = body.length;
  }

  /** Gives what is held away, in order. */
  take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }

  #whole(): Buffer {
    const [only] = this.#chunks;
    const whole = this.#chunks.length === 1 && Buffer.isBuffer(only) ? only : Buffer.concat(this.#chunks);
    this.replace(whole);
    return whole;
  }
}

function tooLong({ maxBytes, action }: BodyLimit): PorticoError {
  return new PorticoError(3903, { action, max: maxBytes });
}
