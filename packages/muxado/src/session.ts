import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, systemClock, type Timer } from './clock.ts';
import { FrameDecoder, type FrameSink } from './decode.ts';
import { FrameError, MuxError, MuxOpenError } from './errors.ts';
import {
  FrameFlag,
  GROWN_WINDOW_BYTES,
  HEARTBEAT_TYPE,
  SESSION_GROWTH_BYTES,
  STREAM_ID_MAX,
  TYPE_BYTES,
  WINDOW_BYTES,
  WINDOW_MAX,
} from './frame.ts';
import { BEAT_BYTES, Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import { Budget, clientLimits, type MuxLimits, serverLimits } from './limits.ts';
import { Outbox } from './outbox.ts';
import { type MuxStream, Stream, type StreamOwner } from './stream.ts';

export type SessionEndKind =
  | 'closed-by-us'
  | 'peer-closed'
  | 'heartbeat-lost'
  | 'protocol-error'
  | 'transport-error'
  | 'go-away';

/** Why a session ended. `code` is the one of the GOAWAY that was sent or received, else 0. */
export interface SessionEnd {
  readonly kind: SessionEndKind;
  readonly code: number;
  readonly message: string;
}

export interface MuxSessionOptions {
  /** A connected socket (net or TLS). The session owns it from here and ends it. */
  readonly transport: Duplex;
  /** `client` opens odd ids from 3, `server` even ones from 2. */
  readonly role: 'client' | 'server';
  readonly limits?: Partial<MuxLimits>;
  /** Without it no beats are sent; those of the peer are echoed always. */
  readonly heartbeat?: HeartbeatOptions;
  /** Whether the first beat goes at once (default: true for a client). Otherwise call `startHeartbeat`. */
  readonly startBeating?: boolean;
  /** A stream of the peer whose type has come. Set its handler here, or soon: until then its bytes are held. */
  onStream(stream: MuxStream, type: number): void;
  onGoAway?(code: number, text: string): void;
  /** Exactly once, after every stream got `onReset`. */
  onClose(end: SessionEnd): void;
  /** The time from a beat to its echo. */
  onLatency?(ms: number): void;
  /** A stream that we opened is gone: there is a place for another. Open it later, not in this call. */
  onRoom?(): void;
  /** A handler threw: its stream was reset with code 2. Without this the error is thrown again, outside the session. */
  onHandlerError?(error: unknown, stream: MuxStream): void;
  readonly clock?: Clock;
  readonly random?: (bytes: number) => Buffer;
}

/** How long the peer may take to close its side after our GOAWAY. */
const LINGER_MS = 2_000;

/**
 * Ids that the Go client may have taken and not yet used: it numbers streams before it writes their SYN, so that of
 * 40 binds at once id 7 was seen to come after id 85. An id is still never used twice.
 */
const SKIPPED_IDS_MAX = 128;

/** Streams that we reset and whose late frames are ignored. */
const RESET_IDS_MAX = 1_024;

const TINY_DATA_BYTES = 8;

const NOTHING = Buffer.alloc(0);

/** Windows grow only above this round trip. */
const GROWTH_ROUND_TRIP_MS = 5;

/**
 * Many streams over one connection. It reads as fast as the transport gives, whatever its streams do: a stream
 * whose user does not ack merely gets no more window.
 */
export class MuxSession {
  readonly #options: MuxSessionOptions;
  readonly #transport: Duplex;
  readonly #clock: Clock;
  readonly #limits: MuxLimits;
  readonly #decoder: FrameDecoder;
  readonly #outbox: Outbox;
  readonly #owner: StreamOwner;
  readonly #streams = new Map<number, Stream>();
  /** Closed on both sides, with bytes that their user has not acked. */
  #lingering: Set<Stream> | null = null;
  /** Streams that we reset, with the bytes that may still be on their way. */
  #resetIds: Map<number, number> | null = null;
  #skippedIds: Set<number> | null = null;
  readonly #untyped = new Map<Stream, Buffer>();
  /** Made when first asked for: one that nothing was taken from is full. */
  readonly #budgets: { [name in BudgetName]?: Budget } = {};

  #isClosed = false;
  #nextId: number;
  #lastPeerId: number;
  #localStreams = 0;
  #localStreamsMax: number;
  #peerStreams = 0;
  #unackedAndQueuedBytes = 0;
  #windowViolations = 0;
  #shedding: NodeJS.Immediate | null = null;

  /** The stream and flags of the DATA frame that is being read. */
  #current: Stream | null = null;
  #currentFin = false;
  #chunkBytes = 0;
  #bytesReceived = 0;

  #isAuthenticated: boolean;
  #preAuthStreams = 0;
  #authTimer: Timer | null = null;
  #untypedTimer: Timer | null = null;

  #heartbeat: Heartbeat | null = null;
  #peerBeats: Stream | null = null;
  #latencyMs: number | null = null;
  /** The smallest latency so far: the way itself, without queues. */
  #roundTripMs: number | null = null;
  #growsWindows = false;
  #grownBytes = 0;
  #lastHeardMs: number;

  constructor(options: MuxSessionOptions) {
    const { transport, role, clock = systemClock } = options;
    this.#options = options;
    this.#transport = transport;
    this.#clock = clock;
    this.#limits = { ...(role === 'server' ? serverLimits : clientLimits), ...options.limits };
    this.#localStreamsMax = this.#limits.localStreams;
    this.#nextId = role === 'client' ? 3 : 2;
    this.#lastPeerId = role === 'client' ? 0 : 1;
    this.#isAuthenticated = role === 'client';
    this.#lastHeardMs = clock.nowMs();
    const limits = this.#limits;
    const windowIncrements = this.#budgetOf('windowIncrements');
    const unknownStreams = this.#budgetOf('unknownStreams');
    const tinyData = this.#budgetOf('tinyData');
    this.#outbox = new Outbox(transport, (bytes) => {
      windowIncrements.earn(4 + bytes / 2);
      unknownStreams.earn(1);
      tinyData.earn(4);
    });
    this.#owner = new MuxSession.#Owner(this);
    this.#decoder = new FrameDecoder(new MuxSession.#Sink(this));
    if (!this.#isAuthenticated) {
      this.#authTimer = clock.after(limits.authMs, () =>
        this.#fail('protocol-error', MuxError.enhanceYourCalm, 'not authenticated in time'),
      );
    }
    if (transport instanceof Socket) transport.setNoDelay(true);
    transport.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    transport.on('end', () => this.#close({ kind: 'peer-closed', code: 0, message: 'the peer closed the connection' }));
    transport.on('error', (error: Error) => this.#close({ kind: 'transport-error', code: 0, message: error.message }));
    transport.on('close', () => this.#close({ kind: 'peer-closed', code: 0, message: 'the connection was closed' }));
    if (options.startBeating ?? role === 'client') this.startHeartbeat();
  }

  /** Live streams of both sides, heartbeats apart. */
  get openStreams(): number {
    return this.#localStreams + this.#peerStreams;
  }

  /** Live streams that we opened, heartbeats apart. */
  get localStreams(): number {
    return this.#localStreams;
  }

  /** Received and not acked, queued to send, and framed but not yet taken by the kernel. */
  get bufferedBytes(): number {
    return this.#unackedAndQueuedBytes + (this.#isClosed ? 0 : this.#outbox.bytes);
  }

  /** From the last beat to its echo; null before the first. */
  get latencyMs(): number | null {
    return this.#latencyMs;
  }

  /** When the last byte came, on the session's clock. */
  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** All bytes that came over the connection, frames and all. */
  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** All bytes given to the connection. */
  get bytesSent(): number {
    return this.#outbox.bytesSent;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get transport(): Duplex {
    return this.#transport;
  }

  /**
   * Opens a stream: SYN, type and all of `first` leave in one frame, as the Rust client demands (section 3,
   * "Accept queue"). `first` may be up to a window less the type.
   * @throws MuxOpenError when the session takes no further stream.
   */
  open(type: number, ...first: Uint8Array[]): MuxStream {
    if (this.#isClosed) throw new MuxOpenError('session-closed');
    if (type !== HEARTBEAT_TYPE && this.#localStreams >= this.#localStreamsMax) {
      throw new MuxOpenError('stream-limit');
    }
    if (this.bufferedBytes > this.#limits.sessionBufferedBytes) throw new MuxOpenError('buffer-limit');
    if (this.#nextId > STREAM_ID_MAX) throw new MuxOpenError('ids-exhausted');
    let length = TYPE_BYTES;
    for (const chunk of first) length += chunk.length;
    if (length > WINDOW_BYTES) throw new RangeError(`the first message has ${length} bytes, more than a window`);
    const stream = new Stream(this.#owner, this.#nextId, type, true, type === HEARTBEAT_TYPE);
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    if (!stream.isHeartbeat) this.#localStreams += 1;
    this.#outbox.syn(stream, first);
    return stream;
  }

  /** Begins to beat, once. Does nothing without `heartbeat` in the options. */
  startHeartbeat(): void {
    const options = this.#options.heartbeat;
    if (options === undefined || this.#heartbeat !== null || this.#isClosed) return;
    const stream = this.open(HEARTBEAT_TYPE);
    const random = this.#options.random ?? randomBytes;
    let heartbeat: Heartbeat | null = null;
    stream.setHandler({
      onData: (chunk) => {
        stream.ack(chunk.length);
        heartbeat?.receive(chunk.length);
      },
      onEnd: () => {},
      onReset: () => {},
      onWritable: () => {},
    });
    heartbeat = new Heartbeat(options, {
      clock: this.#clock,
      randomBeat: () => random(BEAT_BYTES),
      send: (beat) => stream.write(beat),
      onLatency: (ms) => {
        this.#latencyMs = ms;
        this.#roundTripMs = Math.min(ms, this.#roundTripMs ?? ms);
        this.#options.onLatency?.(ms);
      },
      onLost: () => this.#fail('heartbeat-lost', MuxError.none, 'no echo of our heartbeat'),
      isCongested: () => this.#outbox.isFull && this.#clock.nowMs() - this.#lastHeardMs < options.toleranceMs,
    });
    this.#heartbeat = heartbeat;
  }

  /** Beats at once, to see whether the peer is there: watch `lastHeardMs`. */
  beatNow(): void {
    this.#heartbeat?.beatNow();
  }

  /** How many live streams we may open (heartbeats apart), known better once the peer has said what it is. */
  setLocalStreamLimit(streams: number): void {
    this.#localStreamsMax = streams;
  }

  /** The peer announced that it can use windows above 256 KiB (design D12). */
  allowWindowGrowth(): void {
    this.#growsWindows = true;
  }

  /** The request of Auth is here: its answer may take as long as it takes, the other limits stay. */
  authReceived(): void {
    this.#authTimer?.cancel();
    this.#authTimer = null;
  }

  /** Lifts the limits for peers that are not authenticated. */
  setAuthenticated(): void {
    this.authReceived();
    this.#isAuthenticated = true;
  }

  /**
   * Sends what is framed, GOAWAY, and closes. Draining comes before it and is the caller's: open no more streams,
   * wait until `openStreams` is 0. Live streams are reset.
   */
  goAwayAndClose(code: number, text: string): void {
    this.#endWithGoAway({ kind: 'closed-by-us', code, message: text });
  }

  /** Closes at once, without a word. */
  destroy(reason?: Error): void {
    this.#close({ kind: 'closed-by-us', code: 0, message: reason?.message ?? 'closed' });
    this.#transport.destroy();
  }

  // ── Reading ──

  #onChunk(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#lastHeardMs = this.#clock.nowMs();
    this.#chunkBytes = chunk.length;
    this.#bytesReceived += chunk.length;
    if (!this.#isAuthenticated && this.#bytesReceived > this.#limits.preAuthBytes) {
      this.#fail('protocol-error', MuxError.enhanceYourCalm, 'too many bytes before authentication');
      return;
    }
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fail('protocol-error', error.code, error.message);
    }
  }

  #onDataStart(streamId: number, length: number, flags: number): void {
    const isSyn = (flags & FrameFlag.syn) !== 0;
    const isFin = (flags & FrameFlag.fin) !== 0;
    this.#current = null;
    this.#currentFin = isFin;
    if (length <= TINY_DATA_BYTES) {
      if (length > 0) this.#spend('tinyData');
      else if (!isSyn && !isFin) this.#spend('emptyData');
    }
    const stream = isSyn ? this.#accept(streamId) : this.#streams.get(streamId);
    if (stream === undefined) {
      if (!isSyn) this.#onUnknownData(streamId, length, isFin);
      return;
    }
    if (stream === null) return;
    if (stream.openedByUs && stream.acceptedAtMs === null) stream.accepted();
    if (stream.receiving === 'ended') {
      this.#resetForPeer(stream, MuxError.streamClosed);
      return;
    }
    if (length > stream.receiveWindow) {
      this.#windowViolations += 1;
      if (this.#windowViolations >= this.#limits.windowViolations) {
        throw new FrameError(MuxError.flowControl, 'the window was overrun again and again');
      }
      this.#resetForPeer(stream, MuxError.flowControl);
      return;
    }
    stream.receiveWindow -= length;
    this.#current = stream;
  }

  #onDataBytes(piece: Buffer): void {
    const stream = this.#current;
    if (stream === null || !stream.isLive) return;
    const untyped = this.#untyped.size === 0 ? undefined : this.#untyped.get(stream);
    if (untyped === undefined) stream.receive(piece, this.#chunkBytes);
    else this.#readType(stream, untyped, piece);
  }

  #onDataEnd(): void {
    const stream = this.#current;
    this.#current = null;
    if (stream === null || !stream.isLive) return;
    if (this.#untyped.size > 0 && this.#untyped.has(stream)) {
      if (this.#currentFin) this.#resetForPeer(stream, MuxError.protocol);
      else this.#untypedTimer ??= this.#clock.after(this.#limits.streamTypeMs, () => this.#sweepUntyped());
      return;
    }
    if (!this.#currentFin) return;
    if (stream === this.#peerBeats) this.#peerBeats = null;
    stream.receiveEnd();
  }

  #onRst(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#resetIds?.has(streamId) !== true) this.#spend('unknownStreams');
      return;
    }
    if (!stream.openedByUs) this.#spend('peerResets');
    stream.receiveReset(code);
  }

  #onWindowIncrement(streamId: number, increment: number): void {
    this.#spend('windowIncrements');
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (stream.sendWindow + increment > WINDOW_MAX) {
      throw new FrameError(MuxError.flowControl, 'a window above 2^31 - 1');
    }
    if (stream.openedByUs && stream.acceptedAtMs === null) stream.accepted();
    stream.grant(increment);
  }

  #onGoAway(code: number, text: string): void {
    this.#options.onGoAway?.(code, text);
    this.#close({ kind: 'go-away', code, message: text });
    this.#endTransport();
  }

  // ── Streams of the peer ──

  /** Null when the stream is refused. */
  #accept(streamId: number): Stream | null {
    const isOurs = streamId % 2 === this.#nextId % 2;
    if (isOurs) throw new FrameError(MuxError.protocol, `SYN with id ${streamId}, which is ours to give`);
    if (streamId > this.#lastPeerId) {
      for (let id = this.#lastPeerId + 2; id < streamId; id += 2) {
        this.#skippedIds ??= new Set();
        if (this.#skippedIds.size >= SKIPPED_IDS_MAX) {
          throw new FrameError(MuxError.protocol, `SYN with id ${streamId} skips too many`);
        }
        this.#skippedIds.add(id);
      }
      this.#lastPeerId = streamId;
    } else if (this.#skippedIds?.delete(streamId) !== true) {
      throw new FrameError(MuxError.protocol, `SYN with id ${streamId}, which was used before`);
    }
    this.#spend('opens');
    if (!this.#isAuthenticated) {
      this.#preAuthStreams += 1;
      if (this.#preAuthStreams > this.#limits.preAuthStreams) {
        throw new FrameError(MuxError.enhanceYourCalm, 'too many streams before authentication');
      }
    }
    // One more than the limit has to fit: it may be the heartbeat, which shows when its type is here.
    if (this.#peerStreams > this.#limits.peerStreams && !this.#dropAnswered()) {
      this.#rememberReset(streamId, WINDOW_BYTES);
      this.#outbox.rst(streamId, MuxError.refused);
      return null;
    }
    const stream = new Stream(this.#owner, streamId, -1, false, false);
    this.#streams.set(streamId, stream);
    this.#peerStreams += 1;
    this.#untyped.set(stream, NOTHING);
    return stream;
  }

  #readType(stream: Stream, before: Buffer, piece: Buffer): void {
    const bytes = before.length === 0 ? piece : Buffer.concat([before, piece]);
    // Credit as for any byte that was consumed: the type counts against the window.
    const typeBytes = Math.min(piece.length, TYPE_BYTES - before.length);
    if (bytes.length < TYPE_BYTES) {
      this.#untyped.set(stream, Buffer.from(bytes));
      stream.skip(typeBytes);
      return;
    }
    this.#untyped.delete(stream);
    stream.skip(typeBytes);
    const type = bytes.readUInt32BE(0);
    stream.type = type;
    if (type === HEARTBEAT_TYPE) this.#acceptHeartbeat(stream);
    else if (this.#peerStreams > this.#limits.peerStreams && !this.#dropAnswered()) {
      this.#resetForPeer(stream, MuxError.refused);
    } else this.#announce(stream, type);
    if (piece.length > typeBytes && stream.isLive) stream.receive(piece.subarray(typeBytes), this.#chunkBytes);
  }

  #announce(stream: Stream, type: number): void {
    try {
      this.#options.onStream(stream, type);
    } catch (error) {
      this.#onHandlerError(stream, error);
    }
  }

  /** The peer's heartbeat: every four bytes go back at once. */
  #acceptHeartbeat(stream: Stream): void {
    if (this.#peerBeats !== null) {
      this.#resetForPeer(stream, MuxError.refused);
      return;
    }
    stream.isHeartbeat = true;
    this.#peerStreams -= 1;
    this.#peerBeats = stream;
    let held: Buffer = NOTHING;
    stream.setHandler({
      onData: (chunk) => {
        stream.ack(chunk.length);
        let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        while (bytes.length >= BEAT_BYTES && stream.isLive) {
          this.#spend('beats');
          stream.write(Buffer.from(bytes.subarray(0, BEAT_BYTES)));
          bytes = bytes.subarray(BEAT_BYTES);
        }
        held = bytes.length === 0 ? NOTHING : Buffer.from(bytes);
      },
      onEnd: () => stream.end(),
      onReset: () => {
        this.#peerBeats = null;
      },
      onWritable: () => {},
    });
  }

  /** Streams that hide their type for too long are reset; one timer serves them all. */
  #sweepUntyped(): void {
    this.#untypedTimer = null;
    const now = this.#clock.nowMs();
    const { streamTypeMs } = this.#limits;
    for (const stream of [...this.#untyped.keys()]) {
      const leftMs = stream.openedAtMs + streamTypeMs - now;
      if (leftMs > 0) {
        this.#untypedTimer = this.#clock.after(leftMs, () => this.#sweepUntyped());
        return;
      }
      this.#resetForPeer(stream, MuxError.cancelled);
    }
  }

  /** Makes room for a new stream: one that we have answered in full and that the peer merely leaves open. */
  #dropAnswered(): boolean {
    for (const stream of this.#streams.values()) {
      if (!stream.openedByUs && !stream.isHeartbeat && stream.sending === 'ended') {
        this.#resetForPeer(stream, MuxError.cancelled);
        return true;
      }
    }
    return false;
  }

  #onUnknownData(streamId: number, length: number, isFin: boolean): void {
    const allowance = this.#resetIds?.get(streamId);
    if (allowance !== undefined && length <= allowance) {
      // Sent before our RST arrived.
      this.#resetIds?.set(streamId, allowance - length);
      return;
    }
    this.#spend('unknownStreams');
    if (length === 0 && isFin) return;
    this.#outbox.rst(streamId, MuxError.streamClosed);
  }

  #resetForPeer(stream: Stream, code: number): void {
    stream.resetAndTell(code);
  }

  // ── What streams ask of their session ──

  /** A class, not closures: there are a dozen of them for each session, and a server holds many idle ones. */
  static readonly #Owner = class implements StreamOwner {
    readonly session: MuxSession;

    constructor(session: MuxSession) {
      this.session = session;
    }

    nowMs(): number {
      return this.session.#clock.nowMs();
    }

    sendNow(stream: Stream, chunk: Uint8Array): boolean {
      return this.session.#outbox.sendNow(stream, chunk);
    }

    sendFin(stream: Stream): void {
      this.session.#outbox.fin(stream);
    }

    ready(stream: Stream): void {
      this.session.#outbox.ready(stream);
    }

    owesCredit(stream: Stream): void {
      this.session.#outbox.owesCredit(stream);
    }

    growth(stream: Stream, sinceGrantMs: number): number {
      return this.session.#growth(stream, sinceGrantMs);
    }

    sendReset(stream: Stream, code: number): void {
      this.session.#rememberReset(stream.id, stream.receiving === 'open' ? stream.receiveWindow : 0);
      this.session.#outbox.rst(stream.id, code);
    }

    sendFinAndReset(stream: Stream, code: number): void {
      this.session.#rememberReset(stream.id, stream.receiving === 'open' ? stream.receiveWindow : 0);
      this.session.#outbox.finAndRst(stream.id, code);
    }

    gone(stream: Stream): void {
      this.session.#forget(stream);
    }

    buffered(change: number): void {
      this.session.#buffered(change);
    }

    failed(stream: Stream, error: unknown): void {
      this.session.#onHandlerError(stream, error);
    }
  };

  /** What the decoder finds; a class for the same reason. */
  static readonly #Sink = class implements FrameSink {
    readonly #session: MuxSession;

    constructor(session: MuxSession) {
      this.#session = session;
    }

    onDataStart(streamId: number, length: number, flags: number): void {
      this.#session.#onDataStart(streamId, length, flags);
    }

    onDataBytes(piece: Buffer): void {
      this.#session.#onDataBytes(piece);
    }

    onDataEnd(): void {
      this.#session.#onDataEnd();
    }

    onRst(streamId: number, code: number): void {
      this.#session.#onRst(streamId, code);
    }

    onWindowIncrement(streamId: number, increment: number): void {
      this.#session.#onWindowIncrement(streamId, increment);
    }

    onGoAway(_lastStreamId: number, code: number, text: string): void {
      this.#session.#onGoAway(code, text);
    }

    onUnknown(): void {
      this.#session.#spend('unknownFrames');
    }
  };

  #buffered(change: number): void {
    this.#unackedAndQueuedBytes += change;
    if (change > 0 && this.#unackedAndQueuedBytes > this.#limits.sessionBufferedBytes) this.#shedSoon();
  }

  /**
   * A reader that takes half a window in less than a round trip keeps its sender waiting: bandwidth × delay is
   * more than the window, which is doubled. On short ways there is nothing to gain, and fairness to lose.
   */
  #growth(stream: Stream, sinceGrantMs: number): number {
    const roundTripMs = this.#roundTripMs;
    if (!this.#growsWindows || roundTripMs === null || roundTripMs < GROWTH_ROUND_TRIP_MS) return 0;
    if (sinceGrantMs >= roundTripMs) return 0;
    const bytes = Math.min(
      stream.windowBytes,
      GROWN_WINDOW_BYTES - stream.windowBytes,
      SESSION_GROWTH_BYTES - this.#grownBytes,
    );
    this.#grownBytes += bytes;
    return bytes;
  }

  #forget(stream: Stream): void {
    if (stream.unackedBytes > 0 && !this.#isClosed) {
      this.#lingering ??= new Set();
      this.#lingering.add(stream);
    } else this.#lingering?.delete(stream);
    if (!this.#streams.delete(stream.id)) return;
    this.#untyped.delete(stream);
    this.#grownBytes -= stream.windowBytes - WINDOW_BYTES;
    if (stream.isHeartbeat) return;
    if (stream.openedByUs) {
      this.#localStreams -= 1;
      this.#options.onRoom?.();
    } else {
      this.#peerStreams -= 1;
    }
  }

  #rememberReset(streamId: number, allowance: number): void {
    this.#resetIds ??= new Map();
    this.#resetIds.set(streamId, allowance);
    if (this.#resetIds.size <= RESET_IDS_MAX) return;
    for (const oldest of this.#resetIds.keys()) {
      this.#resetIds.delete(oldest);
      return;
    }
  }

  #onHandlerError(stream: Stream, error: unknown): void {
    // Our own verdict on the peer, on its way up.
    if (error instanceof FrameError) throw error;
    stream.reset(MuxError.internal);
    const { onHandlerError } = this.#options;
    if (onHandlerError !== undefined) onHandlerError(error, stream);
    else
      process.nextTick(() => {
        throw error;
      });
  }

  /** At the end of the turn, not in the middle of somebody's `write`. */
  #shedSoon(): void {
    this.#shedding ??= setImmediate(() => {
      this.#shedding = null;
      this.#shed();
    });
  }

  /** Too much is buffered: the streams that have stood still longest go, never the session's reading. */
  #shed(): void {
    const { sessionBufferedBytes } = this.#limits;
    while (this.#unackedAndQueuedBytes > sessionBufferedBytes) {
      let victim: Stream | null = null;
      for (const streams of [this.#streams.values(), this.#lingering ?? []]) {
        for (const stream of streams) {
          if (stream.unackedBytes + stream.bufferedBytes === 0) continue;
          if (victim === null || stream.stalledSinceMs < victim.stalledSinceMs) victim = stream;
        }
      }
      if (victim === null) return;
      victim.resetAndTell(MuxError.enhanceYourCalm);
    }
  }

  #budgetOf(name: BudgetName): Budget {
    this.#budgets[name] ??= new Budget(this.#limits[name], this.#lastHeardMs);
    return this.#budgets[name];
  }

  #spend(name: BudgetName): void {
    if (this.#budgetOf(name).take(this.#lastHeardMs)) return;
    throw new FrameError(MuxError.enhanceYourCalm, `too many frames: ${name}`);
  }

  // ── The end ──

  #fail(kind: 'protocol-error' | 'heartbeat-lost', code: number, message: string): void {
    this.#endWithGoAway({ kind, code, message });
  }

  #endWithGoAway(end: SessionEnd): void {
    if (this.#isClosed) return;
    this.#outbox.goAwayAndEnd(this.#lastPeerId, end.code, end.message);
    this.#close(end);
    this.#endTransport();
  }

  /** Ends our side and gives the peer a moment to close its own: a reset now could eat the GOAWAY on its way. */
  #endTransport(): void {
    const transport = this.#transport;
    if (transport.destroyed) return;
    transport.end();
    const timer = systemClock.after(LINGER_MS, () => transport.destroy());
    transport.once('close', () => timer.cancel());
  }

  #close(end: SessionEnd): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#decoder.stop();
    this.#outbox.close();
    this.#authTimer?.cancel();
    this.#untypedTimer?.cancel();
    this.#heartbeat?.stop();
    if (this.#shedding !== null) clearImmediate(this.#shedding);
    for (const stream of [...(this.#lingering ?? [])]) stream.discard();
    for (const stream of [...this.#streams.values()]) stream.receiveReset(MuxError.sessionClosed);
    this.#untyped.clear();
    this.#resetIds?.clear();
    this.#skippedIds?.clear();
    if (end.kind === 'peer-closed' || end.kind === 'transport-error') this.#transport.destroy();
    this.#options.onClose(end);
  }
}

type BudgetName =
  | 'opens'
  | 'peerResets'
  | 'unknownStreams'
  | 'emptyData'
  | 'tinyData'
  | 'windowIncrements'
  | 'unknownFrames'
  | 'beats';
