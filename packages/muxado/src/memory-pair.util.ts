import { Duplex } from 'node:stream';

/** Two ends of a connection in memory. What one writes the other reads, in pieces cut by `cut`. For tests only. */
export function memoryPair(cut: (chunk: Buffer) => Buffer[] = (chunk) => [chunk]): [MemoryEnd, MemoryEnd] {
  const left = new MemoryEnd(cut);
  const right = new MemoryEnd(cut);
  left.other = right;
  right.other = left;
  return [left, right];
}

export class MemoryEnd extends Duplex {
  other: MemoryEnd | null = null;
  readonly #cut: (chunk: Buffer) => Buffer[];
  #resume: (() => void) | null = null;

  constructor(cut: (chunk: Buffer) => Buffer[]) {
    super({ allowHalfOpen: false });
    this.#cut = cut;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // A copy, as a kernel makes one: whoever changes the bytes afterwards is not noticed by the reader.
    let hasRoom = true;
    for (const piece of this.#cut(Buffer.from(chunk))) hasRoom = this.other?.push(piece) ?? false;
    const other = this.other;
    if (hasRoom || other === null || other.destroyed) setImmediate(done);
    else other.#resume = done;
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
