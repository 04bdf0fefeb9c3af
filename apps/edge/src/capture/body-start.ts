/** The first bytes of a body, copied as they pass, and how many there were. */
export class BodyStart {
  readonly #most: number;
  #parts: Buffer[] = [];
  #kept = 0;
  total = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(chunk: Uint8Array): void {
    this.total += chunk.length;
    const room = this.#most - this.#kept;
    if (room <= 0 || chunk.length === 0) return;
    // A copy: the chunk is a part of a buffer that would be kept whole with it.
    const part = Buffer.from(chunk.subarray(0, room));
    this.#parts.push(part);
    this.#kept += part.length;
  }

  get isCut(): boolean {
    return this.total > this.#kept;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts, this.#kept);
  }
}
