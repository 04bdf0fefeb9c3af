import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import {
  DataLength,
  fromHttp2Answer,
  fromHttp2Trailers,
  http2HeaderObject,
  toHttp2Request,
  toHttp2Trailers,
  type UpstreamRequest,
} from '@portico/http-rules';
import { type Fields, NO_BODY, RESPONSE_LIMITS } from '@portico/http1';
import type { Endpoint, Member, UpstreamStream } from '../endpoint/endpoint.ts';
import { RefusedError, StreamDuplex } from './stream-duplex.ts';
import type { AnswerHandler, UpstreamExchange, UpstreamFailure } from './upstream-exchange.ts';

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } =
  constants;

const STREAM_WINDOW_BYTES = 262_144;
const CONNECTION_WINDOW_BYTES = 1_048_576;
/** L4, as over HTTP/1.1. */
const HEADER_LIST_BYTES = 65_536;
const HEADER_PAIRS = 210;

/**
 * One mux stream that speaks HTTP/2 with prior knowledge to one upstream and carries all requests that one visitor
 * connection has for one endpoint there, at once (D7). Owns the stream. Frames, HPACK and flow control are node:http2's;
 * what it leaves to its user is checked here.
 */
export class Http2Upstream {
  readonly endpoint: Endpoint;
  readonly member: Member;
  /** Monotonic; set when it became idle. */
  idleSinceMs = 0;
  readonly #session: ClientHttp2Session;
  readonly #onIdle: (connection: Http2Upstream) => void;
  readonly #onGone: (connection: Http2Upstream) => void;
  readonly #onFault: (error: unknown) => void;
  readonly #load: { shared: number };
  readonly #exchanges = new Set<Http2UpstreamExchange>();
  #used = false;
  #gone = false;
  #failure: UpstreamFailure = { kind: 'closed' };

  /**
   * @param onIdle no request is under way
   * @param onGone it takes no more requests; called once. Those under way go on to their own end.
   * @param onFault an error of ours while an answer was handled; the exchange has failed (X19)
   * @param load where requests under way are counted
   */
  constructor({
    endpoint,
    member,
    stream,
    load,
    onIdle,
    onGone,
    onFault,
  }: {
    endpoint: Endpoint;
    member: Member;
    stream: UpstreamStream;
    load: { shared: number };
    onIdle: (connection: Http2Upstream) => void;
    onGone: (connection: Http2Upstream) => void;
    onFault: (error: unknown) => void;
  }) {
    this.endpoint = endpoint;
    this.member = member;
    this.#load = load;
    this.#onIdle = onIdle;
    this.#onGone = onGone;
    this.#onFault = onFault;
    const duplex = new StreamDuplex(stream, endpoint.counters);
    duplex.on('error', (error) => {
      if (error instanceof RefusedError) this.#failure = { kind: 'refused', refusal: error.refusal };
    });
    const session = connect('http://upstream', {
      createConnection: () => duplex,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: HEADER_LIST_BYTES },
      maxHeaderListPairs: HEADER_PAIRS,
      maxSettings: 32,
    });
    this.#session = session;
    session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    session.on('error', (error) => {
      if (error instanceof RefusedError) this.#failure = { kind: 'refused', refusal: error.refusal };
      else if (!duplex.errored && this.#failure.kind === 'closed') {
        this.#failure = { kind: 'syntax', reason: `not HTTP/2: ${error.message}` };
      }
    });
    session.on('goaway', () => this.#leave());
    session.on('close', () => {
      this.#leave();
      duplex.destroy();
      for (const exchange of [...this.#exchanges]) exchange.fail(this.#failure);
    });
  }

  /** Whether another request may be sent on it. */
  get takesRequests(): boolean {
    return !this.#gone && !this.#session.closed && !this.#session.destroyed;
  }

  /** Starts a request; `handler` hears of its answer, never before this returns. */
  send(
    request: UpstreamRequest,
    { handler, scheme, hasBody }: { handler: AnswerHandler; scheme: 'http' | 'https'; hasBody: boolean },
  ): UpstreamExchange {
    const stream = this.#session.request(http2HeaderObject(toHttp2Request(request, scheme)), {
      endStream: !hasBody,
      waitForTrailers: hasBody,
    });
    const exchange = new Http2UpstreamExchange({
      member: this.member,
      method: request.method,
      reused: this.#used,
      stream,
      handler,
      failureOfConnection: () => this.#failure,
      onFault: this.#onFault,
      onOver: () => this.#over(exchange),
    });
    this.#used = true;
    this.#exchanges.add(exchange);
    this.#load.shared += 1;
    return exchange;
  }

  /** Ends it, whatever it is doing. */
  drop(): void {
    this.#leave();
    this.#session.destroy();
  }

  #over(exchange: Http2UpstreamExchange): void {
    if (this.#exchanges.delete(exchange)) this.#load.shared -= 1;
    if (this.#exchanges.size > 0) return;
    if (this.takesRequests) this.#onIdle(this);
    else this.#session.destroy();
  }

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#onGone(this);
  }
}

class Http2UpstreamExchange implements UpstreamExchange {
  readonly member: Member;
  readonly reused: boolean;
  heard = false;
  readonly #method: string;
  readonly #stream: ClientHttp2Stream;
  readonly #failureOfConnection: () => UpstreamFailure;
  readonly #onFault: (error: unknown) => void;
  readonly #onOver: () => void;
  #handler: AnswerHandler | null;
  #length = new DataLength(NO_BODY);
  #interims = 0;
  #answered = false;
  #trailers: Fields = [];
  /** To send behind the request body; null until it has ended. */
  #ownTrailers: Fields | null = null;
  #closed = false;

  constructor(options: {
    member: Member;
    method: string;
    reused: boolean;
    stream: ClientHttp2Stream;
    handler: AnswerHandler;
    failureOfConnection: () => UpstreamFailure;
    onFault: (error: unknown) => void;
    onOver: () => void;
  }) {
    this.member = options.member;
    this.reused = options.reused;
    this.#method = options.method;
    this.#stream = options.stream;
    this.#handler = options.handler;
    this.#failureOfConnection = options.failureOfConnection;
    this.#onFault = options.onFault;
    this.#onOver = options.onOver;
    const { stream } = options;
    stream.on('headers', (_headers, _flags, raw: string[]) => this.#guarded(() => this.#onInterim(raw)));
    stream.on('response', (_headers, flags, raw: string[]) => this.#guarded(() => this.#onHead(raw, flags)));
    stream.on('trailers', (_headers, _flags, raw: string[]) => this.#guarded(() => this.#onTrailers(raw)));
    stream.on('drain', () => this.#guarded(() => this.#handler?.onUpstreamWritable()));
    stream.on('wantTrailers', () => {
      // Closing a stream asks for them too: a request that is given up must not look as if it had ended.
      const trailers = this.#ownTrailers;
      if (trailers !== null && !stream.destroyed) stream.sendTrailers(http2HeaderObject(toHttp2Trailers(trailers)));
    });
    // 'close' follows with the code.
    stream.on('error', () => {});
    stream.on('close', () => this.#onClose());
  }

  writeBody(chunk: Uint8Array): boolean {
    // Without a reader any more: what the visitor still sends is not wanted.
    if (this.#stream.destroyed || !this.#stream.writable) return true;
    return this.#stream.write(chunk);
  }

  endBody(trailers: Fields): void {
    this.#ownTrailers = trailers;
    if (!this.#stream.destroyed && this.#stream.writable) this.#stream.end();
  }

  hold(): void {
    this.#stream.pause();
  }

  letGo(): void {
    this.#stream.resume();
  }

  drop(): void {
    this.#handler = null;
    this.#reset(NGHTTP2_CANCEL);
  }

  takeOver(): null {
    // There is no upgrade in HTTP/2.
    return null;
  }

  /** The connection is over, or what came is no answer. */
  fail(failure: UpstreamFailure): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#reset(failure.kind === 'syntax' ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_CANCEL);
    handler?.onFailed(failure);
  }

  #onInterim(raw: string[]): void {
    this.heard = true;
    this.#interims += 1;
    const answer = fromHttp2Answer(raw, { method: this.#method, endStream: false });
    if (answer.kind === 'malformed') this.fail({ kind: 'syntax', reason: answer.reason });
    else if (this.#interims > RESPONSE_LIMITS.interimHeads) this.fail({ kind: 'syntax', reason: 'too many 1xx' });
    else this.#handler?.onInterim(answer.head);
  }

  #onHead(raw: string[], flags: number): void {
    this.heard = true;
    const endStream = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
    const answer = fromHttp2Answer(raw, { method: this.#method, endStream });
    if (answer.kind === 'malformed') {
      this.fail({ kind: 'syntax', reason: answer.reason });
      return;
    }
    this.#answered = true;
    this.#length = new DataLength(answer.head.body);
    this.#handler?.onHead(answer.head);
    // Only now: node tells of the head a tick late, and would tell of bytes before it.
    this.#stream.on('data', (chunk: Buffer) => this.#guarded(() => this.#onData(chunk)));
    this.#stream.on('end', () => this.#guarded(() => this.#onEnd()));
  }

  #onData(chunk: Buffer): void {
    if (!this.#length.add(chunk.length)) this.fail({ kind: 'syntax', reason: 'more body than its length says' });
    else this.#handler?.onAnswerBody(chunk);
  }

  #onTrailers(raw: string[]): void {
    const trailers = fromHttp2Trailers(raw, RESPONSE_LIMITS.trailers);
    if (trailers.kind === 'malformed') this.fail({ kind: 'syntax', reason: trailers.reason });
    else this.#trailers = trailers.fields;
  }

  /** Also called when the upstream reset the stream: then its code tells. */
  #onEnd(): void {
    const { rstCode } = this.#stream;
    if (!this.#answered || !this.#length.isWhole() || rstCode !== NGHTTP2_NO_ERROR) return;
    const handler = this.#handler;
    this.#handler = null;
    if (!this.#stream.writableEnded) this.#reset(NGHTTP2_NO_ERROR);
    handler?.onAnswerEnd(this.#trailers);
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    const handler = this.#handler;
    this.#handler = null;
    this.#onOver();
    if (handler === null) return;
    if (this.#stream.rstCode === NGHTTP2_REFUSED_STREAM && !this.heard) {
      handler.onFailed({ kind: 'refused', refusal: { code: 'NOT_TAKEN', message: 'the upstream is busy', dialMs: 0 } });
    } else {
      handler.onFailed(this.#failureOfConnection());
    }
  }

  /** X19: an error of ours in one exchange ends that exchange alone. */
  #guarded(run: () => void): void {
    if (this.#handler === null) return;
    try {
      run();
    } catch (error) {
      this.#onFault(error);
      this.fail({ kind: 'closed' });
    }
  }

  #reset(code: number): void {
    if (!this.#stream.destroyed && !this.#stream.closed) this.#stream.close(code);
    // What is still to be read would keep the stream from closing.
    this.#stream.resume();
  }
}
