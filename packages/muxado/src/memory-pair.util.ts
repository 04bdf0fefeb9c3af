import { Duplex } from 'node:stream';

export interface MemoryPairOptions {
  /** How the reader gets what was written at once. */
  readonly cut?: (chunk: Buffer) => Buffer[];
  /** How many turns of the event loop a write stays on its way. */
  readonly delayTurns?: () => number;
  /** Bytes that an end takes before it says stop. */
  readonly highWaterMark?: number;
}

/** Two ends of a connection in memory. For tests only. */
export function memoryPair(options: MemoryPairOptions = {}): [MemoryEnd, MemoryEnd] {
  const left = new MemoryEnd(options);
  const right = new MemoryEnd(options);
  left.other = right;
  right.other = left;
  return [left, right];
}

export class MemoryEnd extends Duplex {
  other: MemoryEnd | null = null;
  /** Sees all that is written, when it is written. */
  onWrite: ((bytes: Buffer) => void) | null = null;
  readonly #options: MemoryPairOptions;
  #resume: (() => void) | null = null;

  constructor(options: MemoryPairOptions) {
    super({ allowHalfOpen: false, highWaterMark: options.highWaterMark ?? 65_536 });
    this.#options = options;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.onWrite?.(chunk);
    turns(this.#options.delayTurns?.() ?? 1, () => {
      // Copied as late as a kernel may: whoever changes the bytes before the write is over is noticed by the reader.
      const bytes = Buffer.from(chunk);
      const other = this.other;
      let hasRoom = true;
      if (other !== null && !other.destroyed) {
        for (const piece of this.#options.cut?.(bytes) ?? [bytes]) hasRoom = other.push(piece);
      }
      if (hasRoom || other === null || other.destroyed) done();
      else other.#resume = done;
    });
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = null;
    if (resume !== null) setImmediate(resume);
  }

  override _final(done: () => void): void {
    this.other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.other;
    if (other !== null && !other.destroyed && !other.readableEnded) other.push(null);
    this._read();
    done(error);
  }
}

function turns(count: number, run: () => void): void {
  if (count <= 0) run();
  else setImmediate(() => turns(count - 1, run));
}
