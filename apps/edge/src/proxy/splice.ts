import type { Socket } from 'node:net';
import type { Endpoint, Refusal, UpstreamHandler, UpstreamStream } from '../endpoint/endpoint.ts';
import { corkForTurn } from './cork.ts';
import type { SocketWatcher } from './exchange.ts';
import type { Sweep, Swept } from './sweep.ts';
import { GOING_AWAY, WebSocketBoundary } from './websocket-boundary.ts';

/**
 * Bytes both ways between a visitor's socket and a stream: TCP, TLS passed through, and what follows `101`. Each
 * end is passed on by itself (half-close); a reset or error of either side ends both at once.
 */
export class Splice implements UpstreamHandler, Swept {
  readonly #socket: Socket;
  readonly #stream: UpstreamStream;
  readonly #endpoint: Endpoint;
  readonly #sweep: Sweep;
  readonly #idleMs: number;
  readonly #halfClosedIdleMs: number;
  readonly #onClose: () => void;
  readonly #onRefused: (refusal: Refusal) => void;
  #fromVisitor: Buffer | null;
  #fromUpstream: Buffer | null;
  #unacked: number;
  #visitorEnded = false;
  #upstreamEnded: boolean;
  #closed = false;
  readonly #boundary: WebSocketBoundary | null;
  readonly #watcher: SocketWatcher | null;
  #goodbye: 'none' | 'due' | 'said' = 'none';
  #goodbyeMs = 0;
  #lastByteMs: number;

  /**
   * @param fromVisitor bytes that were read from the socket before
   * @param upstream the stream, the bytes that came on it before, and how many of all are not acknowledged yet
   * @param idleMs closes it after this long with no byte either way, or `halfClosedIdleMs` once one side has ended
   * @param onRefused the upstream was not reached; the socket is reset after it
   * @param isWebSocket so that `drain` can say goodbye between two frames
   * @param watcher is told of what passes, and when it is over
   * @param onClose called once, when both sides are done
   */
  constructor({
    socket,
    fromVisitor,
    upstream,
    endpoint,
    idleMs,
    halfClosedIdleMs = idleMs,
    sweep,
    onClose,
    onRefused = () => {},
    isWebSocket = false,
    watcher = null,
  }: {
    socket: Socket;
    fromVisitor: Buffer;
    upstream: { stream: UpstreamStream; rest: Buffer; unacked: number; ended: boolean };
    endpoint: Endpoint;
    idleMs: number;
    halfClosedIdleMs?: number;
    sweep: Sweep;
    onClose: () => void;
    onRefused?: (refusal: Refusal) => void;
    isWebSocket?: boolean;
    watcher?: SocketWatcher | null;
  }) {
    this.#socket = socket;
    this.#stream = upstream.stream;
    this.#endpoint = endpoint;
    this.#sweep = sweep;
    this.#idleMs = idleMs;
    this.#halfClosedIdleMs = halfClosedIdleMs;
    this.#onClose = onClose;
    this.#onRefused = onRefused;
    this.#boundary = isWebSocket ? new WebSocketBoundary() : null;
    this.#watcher = watcher;
    this.#fromVisitor = fromVisitor;
    this.#fromUpstream = upstream.rest;
    this.#unacked = upstream.unacked;
    this.#upstreamEnded = upstream.ended;
    this.#lastByteMs = sweep.now();
  }

  start(): void {
    const socket = this.#socket;
    socket.on('data', this.#onVisitorData);
    socket.on('end', this.#onVisitorEnd);
    socket.on('drain', this.#onVisitorDrain);
    socket.on('error', this.#onVisitorGone);
    socket.on('close', this.#onVisitorGone);
    this.#sweep.add(this);
    this.#stream.setHandler(this);
    const fromUpstream = this.#fromUpstream;
    this.#fromUpstream = null;
    if (fromUpstream !== null && fromUpstream.length > 0) this.#toVisitor(fromUpstream);
    else this.#ack();
    const fromVisitor = this.#fromVisitor;
    this.#fromVisitor = null;
    if (fromVisitor !== null && fromVisitor.length > 0) this.#onVisitorData(fromVisitor);
    if (this.#upstreamEnded) this.#endVisitor();
    if (this.#closed) return;
    if (socket.destroyed) this.#onVisitorGone();
    else if (socket.readableEnded) this.#onVisitorEnd();
    else if (!this.#blocked) socket.resume();
  }

  onAccepted(): void {}

  onRefused(refusal: Refusal): void {
    if (this.#closed) return;
    this.#onRefused(refusal);
    this.#finish();
    reset(this.#socket);
  }

  onData(chunk: Buffer): void {
    if (this.#closed) return;
    this.#unacked += chunk.length;
    this.#endpoint.counters.bytesOut += chunk.length;
    this.#toVisitor(chunk);
  }

  onEnd(): void {
    if (this.#closed || this.#upstreamEnded) return;
    this.#upstreamEnded = true;
    this.#endVisitor();
  }

  onReset(): void {
    if (this.#closed) return;
    this.#finish();
    reset(this.#socket);
  }

  onWritable(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    if (!this.#closed) this.#socket.resume();
  }

  sweep(nowMs: number): void {
    if (this.#goodbye === 'said') {
      if (nowMs - this.#goodbyeMs >= GOODBYE_MS) this.#socket.destroy();
      return;
    }
    const limitMs = this.#visitorEnded || this.#upstreamEnded ? this.#halfClosedIdleMs : this.#idleMs;
    if (nowMs - this.#lastByteMs >= limitMs) this.#abort();
  }

  /** The edge goes away: a WebSocket is told so (1001) as soon as a frame has ended, anything else runs on. */
  drain(): void {
    if (this.#boundary === null || this.#goodbye !== 'none' || this.#closed) return;
    this.#goodbye = 'due';
    if (this.#boundary.isAtBoundary) this.#sayGoodbye();
  }

  #sayGoodbye(): void {
    this.#goodbye = 'said';
    this.#goodbyeMs = this.#sweep.now();
    corkForTurn(this.#socket);
    this.#socket.end(GOING_AWAY);
    // The visitor's close frame is for us now; the upstream sees its connection end.
    this.#stream.abort();
    this.#upstreamEnded = true;
    this.#visitorEnded = true;
  }

  #blocked = false;

  readonly #onVisitorData = (chunk: Buffer): void => {
    if (this.#closed || this.#goodbye === 'said') return;
    this.#lastByteMs = this.#sweep.now();
    this.#endpoint.counters.bytesIn += chunk.length;
    this.#watcher?.fromVisitor(chunk);
    if (this.#stream.write(chunk)) return;
    this.#blocked = true;
    this.#socket.pause();
  };

  readonly #onVisitorEnd = (): void => {
    if (this.#goodbye === 'said') this.#socket.destroy();
    if (this.#closed || this.#visitorEnded) return;
    this.#visitorEnded = true;
    this.#stream.end();
    this.#closeIfDone();
  };

  readonly #onVisitorDrain = (): void => {
    this.#lastByteMs = this.#sweep.now();
    this.#ack();
  };

  readonly #onVisitorGone = (): void => {
    if (this.#closed) return;
    // With both ways ended and flushed the socket closes by itself: nothing is left to abort.
    if (!(this.#visitorEnded && this.#upstreamEnded)) this.#stream.abort();
    this.#finish();
  };

  #toVisitor(chunk: Buffer): void {
    this.#lastByteMs = this.#sweep.now();
    this.#watcher?.toVisitor(chunk);
    const boundary = this.#boundary;
    if (boundary !== null) {
      const taken = boundary.push(chunk, this.#goodbye === 'due');
      if (this.#goodbye === 'due' && boundary.isAtBoundary) {
        this.#socket.write(chunk.subarray(0, taken));
        this.#sayGoodbye();
        return;
      }
    }
    corkForTurn(this.#socket);
    if (this.#socket.write(chunk)) this.#ack();
  }

  #endVisitor(): void {
    this.#socket.end();
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (!this.#visitorEnded || !this.#upstreamEnded) return;
    // What is queued towards the visitor still has to leave; 'close' follows it, and the sweep watches it.
    if (this.#socket.writableFinished) this.#finish();
  }

  #ack(): void {
    const bytes = this.#unacked;
    if (bytes === 0 || this.#closed) return;
    this.#unacked = 0;
    this.#stream.ack(bytes);
  }

  #abort(): void {
    if (this.#closed) return;
    this.#stream.abort();
    this.#finish();
    this.#socket.destroy();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweep.delete(this);
    this.#watcher?.over();
    this.#onClose();
  }
}

/** How long a visitor may take to close after the goodbye. */
const GOODBYE_MS = 2_000;

/** Ends a connection so that the peer sees it was broken off, not finished. */
function reset(socket: Socket): void {
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}
