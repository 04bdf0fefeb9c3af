import { HEARTBEAT_TYPE, WINDOW_BYTES } from './frame.ts';

interface Seen {
  window: number;
  state: 'open' | 'fin' | 'reset';
  type: number;
}

/**
 * Watches all bytes that one end writes and throws at anything that an official client could not stand
 * (protocol notes, section 2, "what our server must never emit", and section 3). For tests only.
 */
export class WireChecker {
  readonly #streams = new Map<number, Seen>();
  readonly #parity: number;
  #lastOpened = 0;
  #held = Buffer.alloc(0);
  #peerHeld = Buffer.alloc(0);
  #sawGoAway = false;
  /** DATA frames by their length, largest last. */
  largestFrame = 0;
  frames = 0;

  constructor(role: 'client' | 'server') {
    this.#parity = role === 'client' ? 1 : 0;
  }

  /** Bytes that the other end wrote: its SYNs open streams and its WNDINCs give window. Malformed ones are ignored. */
  received(bytes: Buffer): void {
    this.#peerHeld = Buffer.concat([this.#peerHeld, bytes]);
    while (this.#peerHeld.length >= 8) {
      const length = this.#peerHeld.readUIntBE(0, 3);
      if (this.#peerHeld.length < 8 + length) return;
      const type = this.#peerHeld.readUInt8(3) >>> 4;
      const flags = this.#peerHeld.readUInt8(3) & 15;
      const streamId = this.#peerHeld.readUInt32BE(4);
      const stream = this.#streams.get(streamId);
      if (type === 1 && (flags & 2) !== 0 && stream === undefined) {
        this.#streams.set(streamId, { window: WINDOW_BYTES, state: 'open', type: -1 });
      }
      if (type === 2 && length === 4 && stream !== undefined) stream.window += this.#peerHeld.readUInt32BE(8);
      this.#peerHeld = this.#peerHeld.subarray(8 + length);
    }
  }

  sent(bytes: Buffer): void {
    this.#held = Buffer.concat([this.#held, bytes]);
    while (this.#held.length >= 8) {
      const length = this.#held.readUIntBE(0, 3);
      if (this.#held.length < 8 + length) return;
      this.#frame(
        this.#held.readUInt8(3) >>> 4,
        this.#held.readUInt8(3) & 15,
        this.#held.readUInt32BE(4),
        this.#held.subarray(8, 8 + length),
      );
      this.#held = this.#held.subarray(8 + length);
    }
  }

  /** Nothing half-written is left. */
  finish(): void {
    if (this.#held.length > 0) throw new Error(`a frame was cut off after ${this.#held.length} bytes`);
  }

  #frame(type: number, flags: number, streamId: number, body: Buffer): void {
    const what = `type ${type} flags ${flags} stream ${streamId} length ${body.length}`;
    const demand = (isRight: boolean, rule: string): void => {
      if (!isRight) throw new Error(`${rule}: ${what}`);
    };
    this.frames += 1;
    demand(!this.#sawGoAway, 'nothing may follow a GOAWAY');
    demand(type <= 3, 'unknown frame type');
    demand(streamId <= 0x7fff_ffff, 'top bit of the stream id');
    if (type === 3) {
      demand(streamId === 0 && body.length >= 8 && body.length <= 4_096, 'GOAWAY on stream 0 with at least 8 bytes');
      this.#sawGoAway = true;
      return;
    }
    demand(streamId !== 0, 'stream 0');
    const stream = this.#streams.get(streamId);
    if (type === 0) {
      demand(flags === 0 && body.length === 4, 'RST has 4 bytes');
      if (stream !== undefined) {
        demand(stream.state !== 'reset' || body.readUInt32BE(0) === 4, 'RST only once');
        stream.state = 'reset';
      } else demand(body.readUInt32BE(0) === 4, 'RST for an unknown stream has code 4');
      return;
    }
    if (type === 2) {
      demand(flags === 0 && body.length === 4, 'WNDINC has 4 bytes');
      const increment = body.readUInt32BE(0);
      demand(increment > 0 && increment <= 0x7fff_ffff, 'WNDINC is not 0');
      demand(stream !== undefined && stream.state !== 'reset', 'WNDINC for a known stream');
      return;
    }
    const isSyn = (flags & 2) !== 0;
    const isFin = (flags & 1) !== 0;
    demand((flags & 12) === 0, 'only FIN and SYN');
    this.largestFrame = Math.max(this.largestFrame, body.length);
    if (isSyn) {
      demand(streamId % 2 === this.#parity, 'parity of our ids');
      demand(streamId > this.#lastOpened, 'ids rise');
      demand(this.#lastOpened === 0 ? streamId === 2 + this.#parity : streamId === this.#lastOpened + 2, 'ids by two');
      demand(body.length >= 4 && body.length <= WINDOW_BYTES, 'SYN carries its type');
      this.#lastOpened = streamId;
      this.#streams.set(streamId, {
        window: WINDOW_BYTES - body.length,
        state: isFin ? 'fin' : 'open',
        type: body.readUInt32BE(0),
      });
      return;
    }
    if (stream === undefined) throw new Error(`DATA on an unknown stream: ${what}`);
    demand(stream.state === 'open', `DATA after ${stream.state}`);
    demand(body.length <= 65_536, 'frames up to 64 KiB');
    demand(body.length > 0 || isFin, 'an empty frame says something');
    demand(body.length <= stream.window, `window of ${stream.window}`);
    stream.window -= body.length;
    if (isFin) {
      demand(stream.type !== HEARTBEAT_TYPE, 'our heartbeat stream gets no FIN');
      stream.state = 'fin';
    }
  }
}
