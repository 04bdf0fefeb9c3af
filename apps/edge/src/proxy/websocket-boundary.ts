/**
 * Follows the frames that an upstream sends over a WebSocket (RFC 6455 section 5.2), only so far as to know where one
 * ends: there, and nowhere else, the edge can put in a frame of its own.
 */
export class WebSocketBoundary {
  /** Bytes of the current frame's payload that are still to come. */
  #payloadLeft = 0;
  /** The header of the next frame as far as it has come. */
  #header: number[] = [];

  /** At the end of a frame: what comes next is a header. */
  get isAtBoundary(): boolean {
    return this.#payloadLeft === 0 && this.#header.length === 0;
  }

  /** Takes the next bytes; with `stopAtBoundary` only up to the first end of a frame in them. @returns bytes taken */
  push(bytes: Uint8Array, stopAtBoundary = false): number {
    let at = 0;
    while (at < bytes.length) {
      if (stopAtBoundary && at > 0 && this.isAtBoundary) return at;
      if (this.#payloadLeft > 0) {
        const step = Math.min(this.#payloadLeft, bytes.length - at);
        this.#payloadLeft -= step;
        at += step;
        continue;
      }
      this.#header.push(bytes[at] ?? 0);
      at += 1;
      const payload = payloadLength(this.#header);
      if (payload === null) continue;
      this.#payloadLeft = payload;
      this.#header = [];
    }
    return at;
  }
}

/** Null until the header is whole: 2 bytes, 0, 2 or 8 of length, 4 of mask. */
function payloadLength(header: readonly number[]): number | null {
  const [, second] = header;
  if (second === undefined) return null;
  const short = second & 127;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const maskBytes = second >= 128 ? 4 : 0;
  if (header.length < 2 + lengthBytes + maskBytes) return null;
  if (lengthBytes === 0) return short;
  let length = 0;
  for (let i = 0; i < lengthBytes; i += 1) length = length * 256 + (header[2 + i] ?? 0);
  return length;
}

/** A close frame with 1001, "going away" (RFC 6455 section 7.4.1). */
export const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);
