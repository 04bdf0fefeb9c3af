/** Two frames of the largest size that we send, and some control frames. */
export const SLAB_BYTES = 136 * 1024;

/** What lies ready for all sessions together. */
const FREE_MAX = 16;

const free: Slab[] = [];

/**
 * A stretch of memory that frames are written into one behind the other, and that serves again once the transport has
 * taken them: with a new one for each write every megabyte carried would leave two of garbage.
 */
export class Slab {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the next byte goes. */
  end = 0;
  /** Pieces that the transport has not taken yet. */
  #inFlight = 0;
  /** Somebody writes into it. */
  #isHeld = true;

  static take(): Slab {
    const slab = free.pop();
    if (slab === undefined) return new Slab();
    slab.end = 0;
    slab.#isHeld = true;
    return slab;
  }

  /** The bytes from `start` to the end are the transport's until `taken`. */
  lend(start: number): Buffer {
    this.#inFlight += 1;
    return this.bytes.subarray(start, this.end);
  }

  /** The transport has taken one piece. Returns whether it holds none of the slab any more. */
  taken(): boolean {
    this.#inFlight -= 1;
    if (this.#inFlight > 0) return false;
    if (!this.#isHeld) this.#free();
    return true;
  }

  /** Nobody writes into it any more: it is free once the transport has taken everything. */
  letGo(): void {
    this.#isHeld = false;
    if (this.#inFlight === 0) this.#free();
  }

  #free(): void {
    if (free.length < FREE_MAX) free.push(this);
  }
}
