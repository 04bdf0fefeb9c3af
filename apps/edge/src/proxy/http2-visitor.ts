import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { PorticoError } from '@portico/errors';
import {
  DataLength,
  fromHttp2Headers,
  fromHttp2Trailers,
  getField,
  http2HeaderObject,
  toHttp2Headers,
  toHttp2Trailers,
} from '@portico/http-rules';
import type { Fields, RequestHead, ResponseHead } from '@portico/http1';
import type { Exchange, ExchangeHandler, Visitor } from './exchange.ts';
import type { HttpProxy } from './http-proxy.ts';
import type { VisitorLimits } from './limits.ts';
import type { Swept } from './sweep.ts';

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } =
  constants;

/** L17: decoded header lists; nghttp2 itself stops at 8 CONTINUATION frames and 64 KiB on the wire. */
const HEADER_LIST_BYTES = 65_536;
const HEADER_PAIRS = 110;
const LAST_STREAM_ID = 2 ** 31 - 1;
/** Between the GOAWAY that announces and the one that counts: a round trip of any visitor. */
const DRAIN_NOTICE_MS = 1_000;

/**
 * A visitor's HTTP/2 connection: checks each request, hands it to the proxy as an exchange and writes the answer
 * (RFC 9113). Frames, HPACK and flow control are node:http2's; what it leaves to its user is checked here. Owns the
 * socket.
 */
export class Http2Visitor implements Swept {
  readonly visitor: Visitor;
  readonly proxy: HttpProxy;
  readonly #socket: TLSSocket;
  readonly #session: ServerHttp2Session;
  readonly #exchanges = new Set<Http2Exchange>();
  /** Requests beyond the streams that one connection may have with agents (D7). */
  readonly #waiting: Http2Exchange[] = [];
  readonly #pings: FloodGate;
  readonly #settings: FloodGate;
  #serving = 0;
  #idleSinceMs: number;
  #pingSentMs: number;
  #pingAnswered = true;
  #drainSinceMs: number | null = null;
  #closed = false;

  constructor({ socket, visitor, proxy }: { socket: TLSSocket; visitor: Visitor; proxy: HttpProxy }) {
    this.visitor = visitor;
    this.proxy = proxy;
    this.#socket = socket;
    const { limits, sweep } = proxy;
    const nowMs = sweep.now();
    this.#idleSinceMs = nowMs;
    this.#pingSentMs = nowMs;
    this.#pings = new FloodGate(limits.http2FramesPerS);
    this.#settings = new FloodGate(limits.http2FramesPerS);
    const session = performServerHandshake(socket, {
      settings: {
        maxConcurrentStreams: limits.http2Streams,
        initialWindowSize: limits.http2StreamWindowBytes,
        maxHeaderListSize: HEADER_LIST_BYTES,
        enablePush: false,
        enableConnectProtocol: false,
      },
      maxHeaderListPairs: HEADER_PAIRS,
      maxSessionInvalidFrames: 100,
      maxSettings: 32,
      // L16
      streamResetBurst: 100,
      streamResetRate: 10,
    });
    this.#session = session;
    session.setLocalWindowSize(limits.http2ConnectionWindowBytes);
    session.on('stream', this.#onStream);
    session.on('ping', () => this.#countFrame(this.#pings));
    session.on('remoteSettings', () => this.#countFrame(this.#settings));
    session.on('error', () => {});
    session.on('close', () => this.#close());
    socket.once('close', () => this.#close());
    // These sockets may be half open, and HTTP/2 has no use for that: who ends the connection has left it.
    socket.once('end', () => session.destroy());
    sweep.add(this);
  }

  /** Announces the end (GOAWAY twice, RFC 9113 section 6.8): open requests finish, new ones go elsewhere. */
  drain(): void {
    if (this.#drainSinceMs !== null || this.#session.destroyed || this.#session.closed) return;
    this.#drainSinceMs = this.proxy.sweep.now();
    this.#session.goaway(NGHTTP2_NO_ERROR, LAST_STREAM_ID);
  }

  sweep(nowMs: number): void {
    const { limits } = this.proxy;
    const session = this.#session;
    if (session.destroyed) {
      this.#close();
      return;
    }
    if (this.#drainSinceMs !== null && nowMs - this.#drainSinceMs >= DRAIN_NOTICE_MS && !session.closed)
      session.close();
    for (const exchange of this.#exchanges) exchange.sweep(nowMs);
    this.#serveWaiting();
    if (session.closed) return;
    if (this.#exchanges.size === 0 && nowMs - this.#idleSinceMs >= limits.http2IdleMs) {
      session.close();
      return;
    }
    if (nowMs - this.#pingSentMs < limits.http2PingMs) return;
    if (!this.#pingAnswered) {
      session.destroy();
      return;
    }
    this.#pingSentMs = nowMs;
    this.#pingAnswered = false;
    session.ping(() => {
      this.#pingAnswered = true;
    });
  }

  readonly #onStream = (
    stream: ServerHttp2Stream,
    _headers: IncomingHttpHeaders,
    flags: number,
    rawHeaders: string[],
  ): void => {
    stream.on('error', () => {});
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const request = fromHttp2Headers(rawHeaders, { endStream });
    if (request.kind === 'malformed' && request.status === 400) {
      stream.close(NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    const head = request.kind === 'request' ? request.head : UNREADABLE;
    const exchange = new Http2Exchange({ stream, head, endStream, connection: this });
    this.#exchanges.add(exchange);
    stream.once('close', () => this.#finished(exchange));
    if (request.kind === 'malformed') {
      const error = new PorticoError(400, { reason: request.reason });
      this.proxy.errors.answer(exchange, error, { status: request.status });
    } else if (this.#hasRoom()) {
      this.#serve(exchange);
    } else {
      this.#waiting.push(exchange);
    }
  };

  #serve(exchange: Http2Exchange): void {
    this.#serving += 1;
    exchange.served = true;
    try {
      this.proxy.serve(exchange);
    } catch (error) {
      // X19: an error of ours in one exchange ends that exchange alone.
      this.proxy.errors.report(error);
      if (exchange.answered) exchange.cut();
      else this.proxy.errors.answer(exchange, new PorticoError(500, { id: 'unknown' }));
    }
  }

  #finished(exchange: Http2Exchange): void {
    if (!this.#exchanges.delete(exchange)) return;
    exchange.close();
    if (exchange.served) this.#serving -= 1;
    const at = this.#waiting.indexOf(exchange);
    if (at !== -1) this.#waiting.splice(at, 1);
    this.#idleSinceMs = this.proxy.sweep.now();
    this.#serveWaiting();
  }

  /** Requests that share a stream with others leave its place to those that need one of their own (D7). */
  #hasRoom(): boolean {
    return this.#serving - this.visitor.streams.shared < this.proxy.limits.http2StreamsUpstream;
  }

  #serveWaiting(): void {
    while (!this.#closed && this.#hasRoom()) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#serve(next);
    }
  }

  /** L18: frames that cost us an answer and the visitor nothing. */
  #countFrame(gate: FloodGate): void {
    if (gate.take(this.proxy.sweep.now())) return;
    this.#session.goaway(NGHTTP2_ENHANCE_YOUR_CALM);
    this.#session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.proxy.sweep.delete(this);
    this.#waiting.length = 0;
    for (const exchange of this.#exchanges) this.#finished(exchange);
    this.visitor.streams.close();
    this.#session.destroy();
    this.#socket.destroy();
  }
}

/** One request on an HTTP/2 connection. */
class Http2Exchange implements Exchange {
  readonly request: RequestHead;
  readonly visitor: Visitor;
  served = false;
  readonly #stream: ServerHttp2Stream;
  readonly #connection: Http2Visitor;
  readonly #length: DataLength;
  #handler: ExchangeHandler | null = null;
  #requestEnded: boolean;
  #trailers: Fields = [];
  #answered = false;
  #answerEnded = false;
  #answerEndedMs = 0;
  #bodyless = false;
  #paused = false;
  #over = false;
  #lastBodyMs: number;
  #stalledSinceMs: number | null = null;

  constructor({
    stream,
    head,
    endStream,
    connection,
  }: {
    stream: ServerHttp2Stream;
    head: RequestHead;
    endStream: boolean;
    connection: Http2Visitor;
  }) {
    this.request = head;
    this.visitor = connection.visitor;
    this.#stream = stream;
    this.#connection = connection;
    this.#length = new DataLength(head.body);
    this.#requestEnded = endStream;
    this.#lastBodyMs = connection.proxy.sweep.now();
    stream.on('drain', this.#onDrain);
  }

  get requestEnded(): boolean {
    return this.#requestEnded;
  }

  get answered(): boolean {
    return this.#answered;
  }

  receive(handler: ExchangeHandler): void {
    this.#handler = handler;
    this.#lastBodyMs = this.#connection.proxy.sweep.now();
    const stream = this.#stream;
    stream.on('data', this.#onData);
    stream.on('trailers', this.#onTrailers);
    stream.on('end', this.#onEnd);
    if (this.#requestEnded) handler.onBodyEnd([]);
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastBodyMs = this.#connection.proxy.sweep.now();
    this.#stream.resume();
  }

  interim(response: ResponseHead): void {
    if (!this.#isOpen() || this.#answered) return;
    this.#stream.additionalHeaders(http2HeaderObject(toHttp2Headers(response)));
  }

  head(response: ResponseHead, own: Fields = []): void {
    if (!this.#isOpen() || this.#answered) return;
    // Without a body the head itself ends the stream: so gRPC tells an answer that is its trailers alone.
    const isEmpty = response.body.kind === 'length' && response.body.bytes === 0;
    this.#bodyless = isEmpty || response.body.kind === 'none' || response.status === 205;
    const list = toHttp2Headers(response);
    for (let i = 0; i < own.length; i += 2) list.push((own[i] ?? '').toLowerCase(), own[i + 1] ?? '');
    // Only a chunked answer can have trailers; without them the last DATA carries END_STREAM.
    const waitForTrailers = response.body.kind === 'chunked' && !this.#bodyless;
    this.#stream.respond(http2HeaderObject(list), { endStream: this.#bodyless, waitForTrailers });
    // Only now: node refuses heads that it cannot send, such as a status above 599, and then a page can still follow.
    this.#answered = true;
    if (waitForTrailers) this.#stream.once('wantTrailers', this.#onWantTrailers);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#isOpen() || this.#bodyless || chunk.length === 0) return true;
    if (this.#stream.write(chunk)) return true;
    this.#stalledSinceMs ??= this.#connection.proxy.sweep.now();
    return false;
  }

  end(trailers: Fields): void {
    if (this.#over || this.#answerEnded) return;
    this.#answerEnded = true;
    this.#handler = null;
    this.#trailers = trailers;
    if (!this.#bodyless) this.#stream.end();
    // What still comes of the request is thrown away for a while; a reset now could overtake the answer.
    this.#answerEndedMs = this.#connection.proxy.sweep.now();
    this.#stream.resume();
  }

  ownAnswer(): this {
    return this;
  }

  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler = null;
    // Not `close`, which ends an answer of known length first. The reset says INTERNAL_ERROR.
    this.#stream.destroy(new Error('the answer is not whole'));
  }

  takeOver(): null {
    // Upgrade does not exist in HTTP/2, and extended CONNECT is off.
    return null;
  }

  /** The stream is closed, whoever did it. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    const handler = this.#handler;
    this.#handler = null;
    if (!this.#answerEnded) handler?.onGone();
  }

  sweep(nowMs: number): void {
    const { limits } = this.#connection.proxy;
    if (this.#over) return;
    if (this.#stalledSinceMs !== null && nowMs - this.#stalledSinceMs >= limits.http2StallMs) {
      this.#gone(NGHTTP2_CANCEL);
    } else if (this.#answerEnded) {
      // RFC 9113 section 8.1: the rest of the request is not wanted, the answer stands.
      if (this.#stream.writableFinished && nowMs - this.#answerEndedMs >= limits.lingerMs) {
        this.#reset(NGHTTP2_NO_ERROR);
      }
    } else if (this.#bodyIsLate(nowMs, limits)) {
      if (this.#answered) {
        this.#gone(NGHTTP2_CANCEL);
        return;
      }
      const handler = this.#handler;
      this.#handler = null;
      handler?.onGone();
      const error = new PorticoError(400, { reason: 'the request body did not come in time' });
      this.#connection.proxy.errors.answer(this, error, { status: 408 });
    } else {
      this.#handler?.sweep(nowMs);
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#lastBodyMs = this.#connection.proxy.sweep.now();
    if (this.#over || this.#handler === null) return;
    if (!this.#length.add(chunk.length)) {
      this.#gone(NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    try {
      this.#handler.onBody(chunk);
    } catch (error) {
      this.#connection.proxy.errors.report(error);
      this.#gone(NGHTTP2_INTERNAL_ERROR);
    }
  };

  readonly #onTrailers = (_headers: IncomingHttpHeaders, _flags: number, raw: string[]): void => {
    const trailers = fromHttp2Trailers(raw);
    if (trailers.kind === 'malformed') this.#gone(NGHTTP2_PROTOCOL_ERROR);
    else this.#trailers = trailers.fields;
  };

  readonly #onEnd = (): void => {
    if (this.#over || this.#requestEnded) return;
    if (this.#stream.aborted || !this.#length.isWhole()) {
      this.#gone(NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    this.#requestEnded = true;
    this.#handler?.onBodyEnd(this.#trailers);
  };

  readonly #onDrain = (): void => {
    this.#stalledSinceMs = null;
    this.#handler?.onVisitorWritable();
  };

  readonly #onWantTrailers = (): void => {
    // With none, node sends an empty DATA frame with END_STREAM.
    if (!this.#over) this.#stream.sendTrailers(http2HeaderObject(toHttp2Trailers(this.#trailers)));
  };

  /** A stream that is closed says so to us later, by 'close'. */
  #isOpen(): boolean {
    return !this.#over && !this.#stream.destroyed && !this.#stream.closed;
  }

  /** The visitor's side is over for this request: tells the proxy, then resets. */
  #gone(code: number): void {
    const handler = this.#handler;
    this.#handler = null;
    handler?.onGone();
    this.#reset(code);
  }

  #reset(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler = null;
    this.#stream.close(code);
  }

  #bodyIsLate(nowMs: number, limits: VisitorLimits): boolean {
    // A gRPC call may be silent for as long as an upgraded connection.
    const gapMs = isGrpc(this.request.fields) ? limits.upgradedIdleMs : limits.requestBodyGapMs;
    return this.served && !this.#requestEnded && !this.#paused && nowMs - this.#lastBodyMs >= gapMs;
  }
}

function isGrpc(fields: Fields): boolean {
  return getField(fields, 'content-type')?.startsWith('application/grpc') === true;
}

/** So many at once, and so many a second. */
class FloodGate {
  readonly #perS: number;
  #tokens: number;
  #atMs = 0;

  constructor(perS: number) {
    this.#perS = perS;
    this.#tokens = perS;
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#perS, this.#tokens + ((nowMs - this.#atMs) * this.#perS) / 1000);
    this.#atMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** Stands for a request whose head is refused: only its method matters to the answer. */
const UNREADABLE: RequestHead = {
  method: 'GET',
  target: '/',
  form: 'origin',
  scheme: 'https',
  authority: '',
  hostname: '',
  port: null,
  minor: 1,
  fields: [],
  body: { kind: 'none' },
  keepAlive: true,
  upgrade: null,
  expectContinue: false,
};
