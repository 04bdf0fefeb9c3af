import { PorticoError } from '@portico/errors';
import { MuxError, MuxOpenError, type MuxSession, type MuxStream } from '@portico/muxado';
import { MessageError, type OpenReply, type OpenReplyReader } from '@portico/protocol';
import type { UpstreamHandler, UpstreamStream } from '../endpoint/endpoint.ts';

export interface StreamOpenerLimits {
  readonly acceptTimeoutMs: number;
  /** Streams of a session that its agent has not taken yet: as many as its own queue holds. */
  readonly untakenStreams: number;
  readonly untakenPatienceMs: number;
  /** Streams that may wait beyond the cap, and for how long. */
  readonly queuedStreams: number;
  readonly queueTimeoutMs: number;
}

/** How a stream begins. */
export interface Opening {
  readonly type: number;
  /** Header and first payload: they leave in one frame with the SYN. */
  readonly first: Uint8Array[];
  /** Reads OpenOk or OpenErr off the stream; null where the first frame back is the upstream's own (stock SDKs). */
  readonly reply: OpenReplyReader | null;
}

/** An agent dials for 10 s and then says that it failed. */
const REPLY_GRACE_MS = 1_000;

/** How long an agent whose queue was full is left alone, unless it takes a stream before. */
const FULL_PAUSE_MS = 200;

/** Bytes that may wait in a stream that is not open yet, and are kept of one that its agent has not taken. */
const HELD_BYTES = 65_536;

/**
 * Opens a session's streams and watches that its agent takes them (L19, L20). At most `cap` are open and at most
 * `untakenStreams` are on their way to the agent unanswered; more wait here, at most `queuedStreams` beyond the cap, the
 * endpoints of the session in turn, so that a crowd at one does not stand before the others. Who waits is refused after
 * `queueTimeoutMs`, or once the agent has taken none for `untakenPatienceMs`, which tells a burst of visitors from an
 * agent that stands still. What the agent turns away unread because its own queue is full waits again. `sweep` is called
 * by the session table's one timer, `admitSoon` when a stream of the session is gone.
 */
export class StreamOpener {
  readonly #mux: MuxSession;
  readonly #limits: StreamOpenerLimits;
  readonly #nowMs: () => number;
  /** Opened, nothing came back yet; oldest first. */
  readonly #untaken = new Set<OpenedStream>();
  /** Waiting for room: by host, the next one's turn first; of each, oldest first. */
  readonly #held = new Map<string, Set<OpenedStream>>();
  #heldCount = 0;
  #admitting = false;
  /** The agent said that its queue is full (RST 9): until then nothing is opened. */
  #fullUntilMs = Number.NEGATIVE_INFINITY;
  readonly cap: number;
  /** True: no stream is opened any more. */
  draining = false;

  constructor(options: { mux: MuxSession; cap: number; limits: StreamOpenerLimits; nowMs: () => number }) {
    this.#mux = options.mux;
    this.cap = options.cap;
    this.#limits = options.limits;
    this.#nowMs = options.nowMs;
  }

  get openStreams(): number {
    return this.#mux.localStreams + this.#heldCount;
  }

  /** @throws PorticoError 734, 742, 3210 as `Member.open`. */
  open(opening: Opening, host: string): UpstreamStream {
    if (this.draining) throw new PorticoError(742);
    if (this.#mux.isClosed) throw new PorticoError(3210, { host, seconds: 0 });
    if (this.openStreams >= this.cap + this.#limits.queuedStreams) {
      throw new PorticoError(734, { host, limit: this.cap, waiting: this.#untaken.size + this.#heldCount });
    }
    const stream = new OpenedStream(opening, host, this.#events);
    if (!this.#hasRoom()) {
      stream.heldSinceMs = this.#nowMs();
      this.#hold(stream);
    } else {
      stream.start(this.#mux, this.#nowMs());
      this.#untaken.add(stream);
    }
    return stream;
  }

  /** There may be room for those who wait. */
  admitSoon(): void {
    if (this.#heldCount === 0 || this.#admitting) return;
    this.#admitting = true;
    setImmediate(() => {
      this.#admitting = false;
      this.#admit();
    });
  }

  sweep(): void {
    const nowMs = this.#nowMs();
    let oldestAgeMs = 0;
    for (const stream of this.#untaken) {
      if (!stream.isUntaken) {
        this.#untaken.delete(stream);
        continue;
      }
      const ageMs = nowMs - stream.openedAtMs;
      if (ageMs < this.#limits.acceptTimeoutMs) {
        oldestAgeMs = ageMs;
        break;
      }
      // Its own dial may take as long; it gets a moment more to say so, since "the upstream hangs" tells its owner more.
      if (stream.awaitsReply && ageMs < this.#limits.acceptTimeoutMs + REPLY_GRACE_MS) continue;
      this.#untaken.delete(stream);
      const seconds = Math.round(this.#limits.acceptTimeoutMs / 1000);
      stream.giveUp('ACCEPT_TIMEOUT', `the agent did not take the stream within ${seconds} s`);
    }
    this.#admit();
    const standsStill = oldestAgeMs >= this.#limits.untakenPatienceMs;
    const patienceMs = standsStill ? this.#limits.untakenPatienceMs : this.#limits.queueTimeoutMs;
    for (const stream of [...this.#held.values()].flatMap((streams) => [...streams])) {
      if (nowMs - (stream.heldSinceMs ?? nowMs) < patienceMs) continue;
      this.#unhold(stream);
      stream.giveUp('QUEUE_TIMEOUT', standsStill ? 'the agent takes no streams' : 'no stream became free in time');
    }
  }

  /** The session is over: what waits hears of it as of a reset. */
  close(): void {
    const held = [...this.#held.values()].flatMap((streams) => [...streams]);
    this.#held.clear();
    this.#heldCount = 0;
    this.#untaken.clear();
    for (const stream of held) stream.lost();
  }

  readonly #events: StreamEvents = {
    settled: (stream, how) => {
      this.#unhold(stream);
      if (how === 'full') this.#fullUntilMs = this.#nowMs() + FULL_PAUSE_MS;
      else if (how === 'taken') this.#fullUntilMs = Number.NEGATIVE_INFINITY;
      if (this.#untaken.delete(stream)) this.#admit();
    },
    waitsAgain: (stream) => {
      this.#untaken.delete(stream);
      this.#fullUntilMs = this.#nowMs() + FULL_PAUSE_MS;
      if (stream.heldSinceMs === null) stream.heldSinceMs = this.#nowMs();
      this.#hold(stream);
    },
  };

  #hasRoom(): boolean {
    return (
      this.#mux.localStreams < this.cap &&
      this.#untaken.size < this.#limits.untakenStreams &&
      this.#nowMs() >= this.#fullUntilMs
    );
  }

  #hold(stream: OpenedStream): void {
    const streams = this.#held.get(stream.host);
    if (streams === undefined) this.#held.set(stream.host, new Set([stream]));
    else streams.add(stream);
    this.#heldCount += 1;
  }

  #unhold(stream: OpenedStream): void {
    const streams = this.#held.get(stream.host);
    if (streams?.delete(stream) !== true) return;
    this.#heldCount -= 1;
    if (streams.size === 0) this.#held.delete(stream.host);
  }

  /** The oldest of the host whose turn it is, which then waits for the others. */
  #next(): OpenedStream | null {
    for (const [host, streams] of this.#held) {
      const [stream] = streams;
      if (stream === undefined) continue;
      this.#unhold(stream);
      if (this.#held.delete(host)) this.#held.set(host, streams);
      return stream;
    }
    return null;
  }

  #admit(): void {
    while (!this.#mux.isClosed && this.#hasRoom()) {
      const stream = this.#next();
      if (stream === null) return;
      try {
        stream.start(this.#mux, this.#nowMs());
        this.#untaken.add(stream);
      } catch (error) {
        if (!(error instanceof PorticoError)) throw error;
        stream.giveUp('QUEUE_TIMEOUT', error.message);
      }
    }
  }
}

interface StreamEvents {
  /** It was taken, refused as the agent's queue is full, or is over otherwise: it waits for nothing more. */
  settled(stream: OpenedStream, how: 'taken' | 'full' | 'over'): void;
  /** Its agent's queue is full, and everything that was written is still at hand. */
  waitsAgain(stream: OpenedStream): void;
}

/**
 * A stream from its opening on. Until the agent has taken it this object stands between the mux stream and its user;
 * from then on the mux stream talks to the user directly.
 */
class OpenedStream implements UpstreamStream {
  /** Of the endpoint, or its URL where it has none. */
  readonly host: string;
  readonly #opening: Opening;
  readonly #events: StreamEvents;
  #stream: MuxStream | null = null;
  #handler: UpstreamHandler | null = null;
  #state: 'held' | 'untaken' | 'taken' | 'over' = 'held';
  /** What was written before the agent took the stream; null once it grew too long to be written again. */
  #early: Uint8Array[] | null = [];
  #earlyBytes = 0;
  #earlyEnd = false;
  #toldToStop = false;
  #acceptedAtMs: number | null = null;
  /** Since when it waits, or waited first; null if it never had to. */
  heldSinceMs: number | null = null;
  openedAtMs = 0;

  constructor(opening: Opening, host: string, events: StreamEvents) {
    this.#opening = opening;
    this.host = host;
    this.#events = events;
  }

  /** @throws PorticoError 734 or 3210 when the session takes no stream. */
  start(mux: MuxSession, nowMs: number): void {
    try {
      this.#stream = mux.open(this.#opening.type, ...this.#opening.first);
    } catch (error) {
      if (!(error instanceof MuxOpenError)) throw error;
      const full = error.reason === 'stream-limit' || error.reason === 'buffer-limit';
      throw full
        ? new PorticoError(734, { host: this.host, limit: mux.localStreams, waiting: 0 })
        : new PorticoError(3210, { host: this.host, seconds: 0 });
    }
    this.#state = 'untaken';
    this.openedAtMs = nowMs;
    for (const chunk of this.#early ?? []) this.#stream.write(chunk);
    if (this.#earlyEnd) this.#stream.end();
    if (this.#handler !== null) this.#attach(this.#stream, this.#handler);
    if (this.#toldToStop) {
      this.#toldToStop = false;
      this.#handler?.onWritable();
    }
  }

  setHandler(handler: UpstreamHandler): void {
    this.#handler = handler;
    if (this.#stream !== null) this.#attach(this.#stream, handler);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#state === 'taken' && this.#stream !== null) return this.#stream.write(chunk);
    if (this.#state === 'over') return false;
    this.#early?.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#stream !== null) {
      if (this.#earlyBytes > HELD_BYTES) this.#early = null;
      return this.#stream.write(chunk);
    }
    if (this.#earlyBytes < HELD_BYTES) return true;
    this.#toldToStop = true;
    return false;
  }

  end(chunk?: Uint8Array): void {
    if (chunk !== undefined) this.write(chunk);
    this.#earlyEnd = true;
    this.#stream?.end();
  }

  reset(): void {
    this.#stream?.reset(MuxError.cancelled);
    this.#over();
  }

  abort(): void {
    this.#stream?.abort();
    this.#over();
  }

  ack(bytes: number): void {
    this.#stream?.ack(bytes);
  }

  get bufferedBytes(): number {
    return this.#stream?.bufferedBytes ?? this.#earlyBytes;
  }

  get acceptedAtMs(): number | null {
    return this.#opening.reply === null ? (this.#stream?.acceptedAtMs ?? null) : this.#acceptedAtMs;
  }

  /** No frame came back, and it is not over. */
  get isUntaken(): boolean {
    return this.#state === 'untaken' && this.#stream?.acceptedAtMs === null;
  }

  /** Its agent says OpenOk or OpenErr. */
  get awaitsReply(): boolean {
    return this.#opening.reply !== null;
  }

  /** The edge's own refusal: nothing came back in time. */
  giveUp(code: string, message: string): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#stream?.abort();
    this.#handler?.onRefused({ code, message, dialMs: 0 });
  }

  lost(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#handler?.onReset(MuxError.sessionClosed);
  }

  #attach(stream: MuxStream, handler: UpstreamHandler): void {
    if (this.#state === 'taken') stream.setHandler(handler);
    else if (this.#opening.reply === null) this.#awaitFirstFrame(stream, handler);
    else this.#awaitReply(stream, handler, this.#opening.reply);
  }

  /** A stock SDK: any frame back, and the rest is the user's. */
  #awaitFirstFrame(stream: MuxStream, handler: UpstreamHandler): void {
    stream.setHandler({
      onAccepted: () => {
        this.#taken();
        stream.setHandler(handler);
      },
      // Only after onAccepted, which has put the user in our place.
      onData: (chunk) => handler.onData(chunk),
      onEnd: () => handler.onEnd(),
      onWritable: () => handler.onWritable(),
      onReset: (code) => {
        if (code !== MuxError.acceptQueueFull && code !== MuxError.refused) {
          this.#over();
          handler.onReset(code);
          return;
        }
        // Only streams that nobody has read from are turned away with these (protocol notes, section 3).
        if (code === MuxError.acceptQueueFull && this.#waitAgain()) return;
        this.#over(code === MuxError.acceptQueueFull ? 'full' : 'over');
        handler.onRefused({ code: 'NOT_TAKEN', message: 'the agent did not take the stream', dialMs: 0 });
      },
    });
  }

  /** An agent of ours: OpenOk or OpenErr comes before everything else. */
  #awaitReply(stream: MuxStream, handler: UpstreamHandler, reply: OpenReplyReader): void {
    const refuse = (code: string, message: string, dialMs: number) => {
      this.#over();
      stream.reset(MuxError.cancelled);
      handler.onRefused({ code, message, dialMs });
    };
    stream.setHandler({
      // It has the stream; whether its upstream does is still to come. L20's clock stops.
      onAccepted: () => this.#events.settled(this, 'taken'),
      onData: (chunk) => {
        const answer = readReply(reply, chunk);
        if (answer.kind === 'more') {
          stream.ack(chunk.length);
          return;
        }
        if (answer.kind === 'error') {
          refuse(answer.error.code, answer.error.message, answer.error.dialMs);
          return;
        }
        stream.ack(chunk.length - answer.rest.length);
        this.#acceptedAtMs = performance.now();
        this.#taken();
        // Tells the user onAccepted, since the mux stream has frames from the agent.
        stream.setHandler(handler);
        if (answer.rest.length > 0) handler.onData(answer.rest);
      },
      onEnd: () => refuse('DIAL_FAILED', 'the agent closed the stream without an answer', 0),
      onWritable: () => handler.onWritable(),
      onReset: (code) => {
        if (code === MuxError.acceptQueueFull && stream.acceptedAtMs === null && this.#waitAgain()) return;
        this.#over();
        handler.onReset(code);
      },
    });
  }

  /** False: it cannot, what was written is no longer at hand. */
  #waitAgain(): boolean {
    if (this.#early === null || this.#state !== 'untaken') return false;
    this.#state = 'held';
    this.#stream = null;
    this.#events.waitsAgain(this);
    return true;
  }

  #taken(): void {
    this.#state = 'taken';
    this.#early = null;
    this.#events.settled(this, 'taken');
  }

  #over(how: 'full' | 'over' = 'over'): void {
    if (this.#state === 'over') return;
    const waited = this.#state !== 'taken';
    this.#state = 'over';
    this.#early = null;
    if (waited) this.#events.settled(this, how);
  }
}

/** An answer that cannot be read is a refusal: the agent speaks another language than it announced. */
function readReply(reply: OpenReplyReader, chunk: Buffer): OpenReply {
  try {
    return reply.push(chunk);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    return { kind: 'error', error: { code: 'DIAL_FAILED', message: error.message, dialMs: 0 } };
  }
}
