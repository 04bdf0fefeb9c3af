import type { FrameEncoder } from './encode.ts';
import { MuxError } from './errors.ts';
import { FrameFlag, SEND_FRAME_BYTES, WINDOW_BYTES } from './frame.ts';
import type { MuxSession } from './session.ts';

/** What a stream tells its user. Nothing is called after `onReset`. */
export interface StreamHandler {
  /** The first frame came back on a stream that we opened: the peer has taken it on. Before `onData`. */
  onAccepted?(): void;
  /** May be kept. Every byte must later be acked (or the stream reset): that is what grants the peer new window. */
  onData(chunk: Buffer): void;
  /** The peer's FIN, after all its data. */
  onEnd(): void;
  /** The peer's RST, or a reset by the session's limits, or the end of the session (code 14). Terminal. */
  onReset(code: number): void;
  /** After `write` returned false: there is room again. */
  onWritable(): void;
}

/** One two-way byte flow inside a session. It has no timer and holds nothing but what is queued. */
export interface MuxStream {
  readonly id: number;
  /** The stream type, the first four bytes. */
  readonly type: number;
  readonly session: MuxSession;
  readonly openedAtMs: number;
  /** When the first frame came back on a stream that we opened; null before and on streams of the peer. */
  readonly acceptedAtMs: number | null;
  /** Bytes queued to send and not yet framed. */
  readonly bufferedBytes: number;
  /** Bytes delivered and not yet acked. */
  readonly unackedBytes: number;
  /** Neither reset nor closed on both sides. */
  readonly isLive: boolean;
  /** What came before is delivered during this call, in order. */
  setHandler(handler: StreamHandler): void;
  /** Queues bytes that must not change afterwards. False: stop until `onWritable`. Ignored after `end` and on a dead stream. */
  write(chunk: Uint8Array): boolean;
  /** As `write`, for bytes that change afterwards (a static read buffer): they are copied, once. */
  writeCopy(chunk: Uint8Array): boolean;
  /** Our FIN, after what is queued and `chunk`. */
  end(chunk?: Uint8Array): void;
  /** Drops what is queued and held and sends RST. The handler gets nothing more. */
  reset(code: number): void;
  /** For a downstream that vanished: FIN, so that the upstream sees EOF at once, then RST 6. */
  abort(): void;
  /** `bytes` of what was delivered are taken on. */
  ack(bytes: number): void;
}

/** What a stream needs of its session. */
export interface StreamOwner {
  readonly session: MuxSession;
  nowMs(): number;
  /** True when the bytes went out at once; else they are for the stream to queue. */
  sendNow(stream: Stream, chunk: Uint8Array): boolean;
  /** Nothing is queued and `end` was called. */
  sendFin(stream: Stream): void;
  /** The stream has queued bytes and window for some of them. */
  ready(stream: Stream): void;
  /** Half a window was acked: time for a WNDINC. */
  owesCredit(stream: Stream): void;
  /** Bytes to add to the stream's window for good, when half of it was consumed within `sinceGrantMs`. */
  growth(stream: Stream, sinceGrantMs: number): number;
  sendReset(stream: Stream, code: number): void;
  sendFinAndReset(stream: Stream, code: number): void;
  /** Both FINs have passed, or a reset: the session forgets it. */
  gone(stream: Stream): void;
  /** The sum of queued and unacked bytes changed by this much. */
  buffered(change: number): void;
  /** A handler threw. */
  failed(stream: Stream, error: unknown): void;
}

/** At most this much is queued in a stream before `write` says stop; it goes on below half of it. */
const QUEUE_BYTES = 65_536;

/** A consumer that is this far behind is stalled: what it holds is cut out of the large chunks that it came in. */
const STALLED_BYTES = 65_536;

type Life = 'live' | 'closed' | 'reset';

/** The state of one stream. What the session calls stands below the methods of `MuxStream`. */
export class Stream implements MuxStream {
  readonly id: number;
  readonly openedByUs: boolean;
  isHeartbeat: boolean;
  readonly openedAtMs: number;
  acceptedAtMs: number | null = null;
  type: number;
  readonly #owner: StreamOwner;
  #handler: StreamHandler | null = null;
  #life: Life = 'live';

  // Sending.
  /** What the peer still lets us send. */
  sendWindow = WINDOW_BYTES;
  sending: 'open' | 'ending' | 'ended' = 'open';
  #queue: Uint8Array[] = [];
  #queueAt = 0;
  #queuedBytes = 0;
  #toldToStop = false;
  /** The next one in the round of streams that have something to send. */
  nextReady: Stream | null = null;
  isReady = false;

  // Receiving.
  /** What the peer may still send. */
  receiveWindow = WINDOW_BYTES;
  /** Where `receiveWindow` returns to when everything is acked. */
  windowBytes = WINDOW_BYTES;
  receiving: 'open' | 'ended' = 'open';
  #unackedBytes = 0;
  /** Acked, and not yet granted to the peer. */
  #owedBytes = 0;
  /** When credit went out last; never, at first: what a stream begins with says nothing about its pace. */
  #grantedAtMs = Number.NEGATIVE_INFINITY;
  isOwing = false;
  /** What came before the handler. */
  #held: Buffer[] = [];
  #heldReset: number | null = null;
  /** Since when nothing was sent or acked although there is something: who goes first when memory is short. */
  stalledSinceMs = 0;

  constructor(owner: StreamOwner, id: number, type: number, openedByUs: boolean, isHeartbeat: boolean) {
    this.#owner = owner;
    this.id = id;
    this.type = type;
    this.openedByUs = openedByUs;
    this.isHeartbeat = isHeartbeat;
    this.openedAtMs = owner.nowMs();
  }

  get session(): MuxSession {
    return this.#owner.session;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  get isLive(): boolean {
    return this.#life === 'live';
  }

  setHandler(handler: StreamHandler): void {
    this.#handler = handler;
    if (this.acceptedAtMs !== null) this.#tell(() => handler.onAccepted?.());
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) {
      if (this.#life === 'reset') return;
      this.#tell(() => handler.onData(chunk));
    }
    if (this.#heldReset !== null) {
      const code = this.#heldReset;
      this.#heldReset = null;
      this.#tell(() => handler.onReset(code));
    } else if (this.receiving === 'ended' && this.#life !== 'reset') {
      this.#tell(() => handler.onEnd());
    }
  }

  write(chunk: Uint8Array): boolean {
    return this.#write(chunk, false);
  }

  writeCopy(chunk: Uint8Array): boolean {
    return this.#write(chunk, true);
  }

  #write(chunk: Uint8Array, mayChange: boolean): boolean {
    if (this.#life !== 'live' || this.sending !== 'open') return false;
    if (chunk.length === 0) return !this.#toldToStop;
    if (this.#queuedBytes === 0 && this.#owner.sendNow(this, chunk)) return true;
    if (this.#queuedBytes === 0 && this.#unackedBytes === 0) this.stalledSinceMs = this.#owner.nowMs();
    this.#queue.push(mayChange ? Uint8Array.from(chunk) : chunk);
    this.#queuedBytes += chunk.length;
    if (this.sendWindow > 0) this.#owner.ready(this);
    this.#owner.buffered(chunk.length);
    if (this.#queuedBytes < QUEUE_BYTES) return true;
    this.#toldToStop = true;
    return false;
  }

  end(chunk?: Uint8Array): void {
    if (this.#life !== 'live' || this.sending !== 'open') return;
    if (chunk !== undefined) this.write(chunk);
    if (this.#life !== 'live') return;
    this.sending = 'ending';
    if (this.#queuedBytes === 0) this.#owner.sendFin(this);
  }

  reset(code: number): void {
    if (this.#life === 'reset') return;
    const wasLive = this.#life === 'live';
    this.#die();
    if (wasLive) this.#owner.sendReset(this, code);
    this.#owner.gone(this);
  }

  abort(): void {
    if (this.#life !== 'live') {
      this.reset(MuxError.cancelled);
      return;
    }
    const finSent = this.sending === 'ended';
    this.#die();
    if (finSent) this.#owner.sendReset(this, MuxError.cancelled);
    else this.#owner.sendFinAndReset(this, MuxError.cancelled);
    this.#owner.gone(this);
  }

  ack(bytes: number): void {
    const taken = Math.min(bytes, this.#unackedBytes);
    if (taken <= 0) return;
    this.#unackedBytes -= taken;
    this.stalledSinceMs = this.#owner.nowMs();
    this.#owner.buffered(-taken);
    if (this.#life === 'live' && this.receiving === 'open') {
      this.#owedBytes += taken;
      if (!this.isOwing && this.#owedBytes * 2 >= this.windowBytes) this.#owner.owesCredit(this);
    } else if (this.#life === 'closed' && this.#unackedBytes === 0) {
      this.#owner.gone(this);
    }
  }

  // ── Called by the session ──

  /** The first frame of the peer on a stream that we opened. */
  accepted(): void {
    this.acceptedAtMs = this.#owner.nowMs();
    const handler = this.#handler;
    if (handler?.onAccepted !== undefined) this.#tell(() => handler.onAccepted?.());
  }

  /** Bytes of a DATA frame; the session has counted them against the window. `whole` is the chunk that they lie in. */
  receive(piece: Buffer, wholeBytes: number): void {
    if (this.#unackedBytes === 0 && this.#queuedBytes === 0) this.stalledSinceMs = this.#owner.nowMs();
    const isStalled = this.#handler === null || this.#unackedBytes > STALLED_BYTES;
    this.#unackedBytes += piece.length;
    this.#owner.buffered(piece.length);
    if (this.#life === 'reset') return;
    // A slice keeps its whole chunk alive: a peer could pin 64 KiB with each byte of a stalled stream.
    const chunk = isStalled && piece.length * 2 < wholeBytes ? Buffer.from(piece) : piece;
    const handler = this.#handler;
    if (handler === null) {
      this.#held.push(chunk);
      return;
    }
    try {
      handler.onData(chunk);
    } catch (error) {
      this.#owner.failed(this, error);
    }
  }

  /** Bytes that the session itself consumed: they only move the window. */
  skip(bytes: number): void {
    this.#owedBytes += bytes;
  }

  receiveEnd(): void {
    this.receiving = 'ended';
    const handler = this.#handler;
    if (handler !== null) this.#tell(() => handler.onEnd());
    this.closeIfEnded();
  }

  /** RST of the peer, a limit, or the end of the session: what is queued is dropped and nothing is sent. */
  receiveReset(code: number): void {
    if (this.#life === 'reset') return;
    this.#die();
    this.#owner.gone(this);
    const handler = this.#handler;
    if (handler === null) this.#heldReset = code;
    else this.#tell(() => handler.onReset(code));
  }

  /** The session ended after both FINs: the user has everything, and may be slow about it. */
  discard(): void {
    this.#die();
    this.#owner.gone(this);
  }

  /** Our own reset for a fault of the peer or for a limit: unlike `reset`, the handler is told. */
  resetAndTell(code: number): void {
    if (this.#life === 'live') this.#owner.sendReset(this, code);
    this.receiveReset(code);
  }

  grant(increment: number): void {
    const wasShut = this.sendWindow <= 0;
    this.sendWindow += increment;
    if (wasShut && this.#queuedBytes > 0) this.#owner.ready(this);
  }

  get hasSomethingToSend(): boolean {
    return this.#life === 'live' && this.#queuedBytes > 0 && this.sendWindow > 0;
  }

  /** True when the user was told to stop and may go on. */
  get hasRoomAgain(): boolean {
    return this.#toldToStop && this.#queuedBytes * 2 <= QUEUE_BYTES;
  }

  /** Writes one frame, and the FIN when nothing is left and `end` was called. Returns the bytes of the body. */
  emit(encoder: FrameEncoder): number {
    const bytes = Math.min(this.#queuedBytes, this.sendWindow, SEND_FRAME_BYTES);
    encoder.dataHeader(this.id, bytes, FrameFlag.none);
    this.#moveQueue(bytes, encoder);
    this.sendWindow -= bytes;
    this.stalledSinceMs = this.#owner.nowMs();
    this.#owner.buffered(-bytes);
    if (this.#queuedBytes === 0 && this.sending === 'ending') this.emitFin(encoder);
    return bytes;
  }

  emitFin(encoder: FrameEncoder): void {
    encoder.dataHeader(this.id, 0, FrameFlag.fin);
    this.sending = 'ended';
    this.closeIfEnded();
  }

  /** Tells the user that there is room; the session does so when its round is over. */
  writable(): void {
    if (!this.#toldToStop || this.#life !== 'live') return;
    this.#toldToStop = false;
    const handler = this.#handler;
    if (handler !== null && this.sending === 'open') this.#tell(() => handler.onWritable());
  }

  /** What to grant to the peer now. */
  takeCredit(): number {
    this.isOwing = false;
    if (this.#life !== 'live' || this.receiving !== 'open') return 0;
    const now = this.#owner.nowMs();
    const growth = this.#owner.growth(this, now - this.#grantedAtMs);
    this.#grantedAtMs = now;
    this.windowBytes += growth;
    const bytes = this.#owedBytes + growth;
    this.#owedBytes = 0;
    this.receiveWindow += bytes;
    return bytes;
  }

  closeIfEnded(): void {
    if (this.#life !== 'live' || this.sending !== 'ended' || this.receiving !== 'ended') return;
    this.#life = 'closed';
    this.#owner.gone(this);
  }

  #die(): void {
    this.#life = 'reset';
    this.#queue = [];
    this.#queueAt = 0;
    this.#held = [];
    const dropped = this.#queuedBytes + this.#unackedBytes;
    this.#queuedBytes = 0;
    this.#unackedBytes = 0;
    if (dropped > 0) this.#owner.buffered(-dropped);
  }

  /** Moves `bytes` from the head of the queue behind a header just written. */
  #moveQueue(bytes: number, encoder: FrameEncoder): void {
    let left = bytes;
    while (left > 0) {
      const chunk = this.#queue[this.#queueAt];
      if (chunk === undefined) throw new Error('the queue is shorter than its count');
      if (chunk.length <= left) {
        encoder.payload(chunk);
        this.#queueAt += 1;
        left -= chunk.length;
      } else {
        encoder.payload(chunk.subarray(0, left));
        this.#queue[this.#queueAt] = chunk.subarray(left);
        left = 0;
      }
    }
    this.#queuedBytes -= bytes;
    if (this.#queueAt === this.#queue.length) {
      this.#queue.length = 0;
      this.#queueAt = 0;
    } else if (this.#queueAt > 32) {
      this.#queue.splice(0, this.#queueAt);
      this.#queueAt = 0;
    }
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#owner.failed(this, error);
    }
  }
}
