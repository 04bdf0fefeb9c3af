const EMPTY = Buffer.alloc(0);

/**
 * The bytes received and not yet read, as the chunks that came. `chunk` and `at` are the reading position and belong
 * to the parser's loop; what lies behind is bounded: past `bytesMax` new chunks are thrown away and `lost` is set.
 */
export class InputQueue {
  readonly #bytesMax: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = false;
  chunk: Buffer = EMPTY;
  at = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.chunk.length - this.at + this.#waitingBytes;
  }

  /** Whether bytes are missing behind those that are here. */
  get lost(): boolean {
    return this.#lost;
  }

  add(chunk: Buffer): void {
    if (this.#lost) return;
    if (this.bytes === 0) {
      this.chunk = chunk;
      this.at = 0;
      return;
    }
    if (this.bytes + chunk.length > this.#bytesMax) {
      this.#lost = true;
      return;
    }
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /** Goes on to the next chunk when this one is used up; false when there is none. */
  advance(): boolean {
    if (this.at < this.chunk.length) return true;
    const next = this.#waiting.shift();
    this.chunk = next ?? EMPTY;
    this.at = 0;
    if (next === undefined) return false;
    this.#waitingBytes -= next.length;
    return true;
  }

  /** Everything left, which is then no longer here. */
  take(): Buffer {
    const first = this.chunk.subarray(this.at);
    const rest = this.#waiting.length === 0 ? first : Buffer.concat([first, ...this.#waiting]);
    this.drop();
    return rest;
  }

  drop(): void {
    this.chunk = EMPTY;
    this.at = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}
