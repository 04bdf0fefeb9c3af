import type { Socket } from 'node:net';
import { MuxError, type MuxStream, type StreamHandler } from '@portico/muxado';
import type { Clock } from './clock.ts';
import type { CorkBatch } from './cork-batch.ts';
import { type DialFailure, type DialOptions, dialUpstream, type UpstreamEvents } from './dial-upstream.ts';
import type { StreamTap } from './stream-tap.ts';

/** How this stream's opener is told about the dial; the two kinds of stream differ in it. */
export interface DialReply {
  /** First bytes of the answer, null for none. */
  connected(dialMs: number): Buffer | null;
  /** The whole answer when the dial failed; null resets the stream. */
  failed(failure: DialFailure): Buffer | null;
}

export interface ForwardOptions extends Omit<DialOptions, 'clock'> {
  readonly stream: MuxStream;
  readonly reply: DialReply;
  readonly tap: StreamTap | null;
  readonly corks: CorkBatch;
  readonly clock: Clock;
  /** Called once, when neither side holds anything any more. */
  onOver(end: ForwardEnd): void;
}

export interface ForwardEnd {
  /** From the visitor / to the visitor. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly whole: boolean;
  readonly failure: DialFailure | null;
}

/** How long a stream that was answered in full may wait for the other side's last word. */
const lingerMs = 10_000;

/**
 * Carries one stream to one upstream connection and back: raw bytes, back-pressure and half-close both ways.
 *
 * Towards the upstream, bytes are acknowledged (which lets the edge send more) only after the socket took them; what
 * comes before the dial is done waits here, at most one window. Towards the edge, the socket is not read while the
 * stream has no room. A reset of either side becomes a reset of the other: a cut must never look like an end.
 */
export class Forward implements StreamHandler, UpstreamEvents {
  readonly #options: ForwardOptions;
  readonly #stream: MuxStream;
  readonly #socket: Socket;
  #state: 'dialling' | 'open' | 'upstream-gone' | 'over' = 'dialling';
  /** Bytes that came before the dial was done. */
  #early: Buffer[] = [];
  #visitorEnded = false;
  #upstreamEnded = false;
  /** Written to the socket, which is full; acknowledged when it drains. */
  #unacked = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #failure: DialFailure | null = null;
  #cancelLinger: (() => void) | null = null;
  #lastBytesMs: number;
  #lastFromUpstream = false;

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#lastBytesMs = options.clock.nowMs();
    this.#socket = dialUpstream(options, this);
  }

  /** True when the last bytes went to the visitor, and that long ago: most likely between two requests. */
  isIdle(nowMs: number, quietMs: number): boolean {
    return this.#lastFromUpstream && nowMs - this.#lastBytesMs >= quietMs;
  }

  // From the edge

  onData(bytes: Buffer): void {
    if (this.#state === 'over') return;
    this.#bytesIn += bytes.length;
    this.#touch(false);
    this.#options.tap?.request(bytes);
    if (this.#state === 'dialling') this.#early.push(bytes);
    else if (this.#state === 'open') this.#toUpstream(bytes);
    // The answer is complete and its reader knows; credit keeps the rest of a useless upload from hanging.
    else this.#stream.ack(bytes.length);
  }

  onEnd(): void {
    this.#visitorEnded = true;
    if (this.#state === 'open') setImmediate(this.#endUpstream);
    else if (this.#state === 'upstream-gone') this.#finish(true);
  }

  onReset(): void {
    if (this.#state === 'over') return;
    if (this.#state !== 'upstream-gone') this.#cutUpstream();
    this.#finish(false);
  }

  onWritable(): void {
    if (this.#state === 'open') this.#socket.resume();
  }

  // From the upstream

  onConnected(dialMs: number): void {
    this.#state = 'open';
    const first = this.#options.reply.connected(dialMs);
    if (first !== null) this.#stream.write(first);
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) this.#toUpstream(bytes);
    if (this.#visitorEnded) this.#socket.end();
  }

  onFailed(failure: DialFailure): void {
    this.#failure = failure;
    this.#options.tap?.failed(failure.message);
    const answer = this.#options.reply.failed(failure);
    if (answer === null) {
      this.#stream.reset(MuxError.refused);
      this.#finish(false);
      return;
    }
    this.#stream.end(answer);
    this.#upstreamIsGone();
  }

  onBytes(bytes: Buffer): boolean {
    if (this.#state !== 'open') return false;
    this.#bytesOut += bytes.length;
    this.#touch(true);
    const { tap } = this.#options;
    if (tap === null || !tap.isWatching) {
      tap?.response(bytes);
      return this.#stream.writeCopy(bytes);
    }
    const kept = Buffer.from(bytes);
    tap.response(kept);
    return this.#stream.write(kept);
  }

  onEnded(): void {
    if (this.#state !== 'open') return;
    this.#upstreamEnded = true;
    this.#stream.end();
  }

  onDrained(): void {
    const bytes = this.#unacked;
    this.#unacked = 0;
    if (bytes > 0 && this.#state === 'open') this.#stream.ack(bytes);
  }

  onClosed(error: NodeJS.ErrnoException | null): void {
    if (this.#state !== 'open') return;
    if (!this.#upstreamEnded) {
      // Cut before its end: the edge must see a cut, not an end.
      this.#stream.reset(error === null ? MuxError.cancelled : MuxError.reset);
      this.#finish(false);
    } else this.#upstreamIsGone();
  }

  /** Not at once: a FIN with a RST behind it is a cut, and the upstream should see it as one. */
  readonly #endUpstream = (): void => {
    if (this.#state === 'open') this.#socket.end();
  };

  #toUpstream(bytes: Buffer): void {
    const socket = this.#socket;
    if (socket.writableCorked === 0) this.#options.corks.hold(socket);
    if (socket.write(bytes) && this.#unacked === 0) this.#stream.ack(bytes.length);
    else this.#unacked += bytes.length;
  }

  /** The edge has the whole answer; what is left is its last word. */
  #upstreamIsGone(): void {
    if (this.#visitorEnded) {
      this.#finish(true);
      return;
    }
    this.#state = 'upstream-gone';
    const held = this.#unacked + this.#early.reduce((sum, bytes) => sum + bytes.length, 0);
    this.#unacked = 0;
    this.#early = [];
    if (held > 0) this.#stream.ack(held);
    this.#cancelLinger = this.#options.clock.after(lingerMs, () => {
      this.#stream.reset(MuxError.cancelled);
      this.#finish(true);
    });
  }

  #finish(whole: boolean): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#early = [];
    this.#cancelLinger?.();
    this.#options.tap?.closed(whole);
    this.#options.onOver({ bytesIn: this.#bytesIn, bytesOut: this.#bytesOut, whole, failure: this.#failure });
  }

  #cutUpstream(): void {
    const { address, wrapInTls } = this.#options;
    const plainTcp = address.kind === 'tcp' || (address.kind === 'tls' && !wrapInTls);
    // Only TCP sockets know a reset. Without it an upstream that reads to the end would take half an upload for a
    // whole one. After our own end the request was whole; and libuv refuses a reset while a shutdown is under way,
    // which node answers by never closing the socket.
    const { connecting, writableEnded } = this.#socket;
    if (plainTcp && !connecting && !writableEnded) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #touch(fromUpstream: boolean): void {
    this.#lastBytesMs = this.#options.clock.nowMs();
    this.#lastFromUpstream = fromUpstream;
  }
}
