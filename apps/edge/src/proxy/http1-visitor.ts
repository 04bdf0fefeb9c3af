import type { Socket } from 'node:net';
import { PorticoError } from '@portico/errors';
import { type AnswerFraming, visitorInterim, visitorResponse } from '@portico/http-rules';
import {
  CHUNK_END,
  encodeChunkHead,
  encodeLastChunk,
  encodeResponseHead,
  type Fields,
  type HttpSyntaxError,
  type RequestHead,
  RequestParser,
  type ResponseHead,
} from '@portico/http1';
import { corkForTurn } from './cork.ts';
import type { Exchange, ExchangeHandler, TakenOver, Visitor } from './exchange.ts';
import type { HttpProxy } from './http-proxy.ts';
import type { Swept } from './sweep.ts';

/**
 * - `reading`: no exchange is under way
 * - `exchange`: one request was given to the proxy and its answer is not over
 * - `lingering`: the last answer was sent and our side is ended; what still comes is thrown away, so that the
 *   kernel does not reset the connection under the answer
 * - `taken`: upgraded, the socket is another's
 */
type Phase = 'reading' | 'exchange' | 'lingering' | 'taken' | 'closed';

/**
 * A visitor's HTTP/1.1 connection: reads requests strictly, hands them to the proxy one at a time and writes the
 * answers anew (RFC 9112). It is the exchange of the request that is under way. Owns the socket until `takeOver`.
 */
export class Http1Visitor implements Exchange, Swept {
  readonly visitor: Visitor;
  readonly #socket: Socket;
  readonly #proxy: HttpProxy;
  readonly #parser: RequestParser;
  #phase: Phase = 'reading';
  #head: RequestHead | null = null;
  #handler: ExchangeHandler | null = null;
  #requestEnded = false;
  #answered = false;
  #answerEnded = false;
  #framing: AnswerFraming = 'none';
  #keepAlive = true;
  #draining = false;
  #taken: TakenOver | null = null;
  /** An exchange is over; the next waits until its answer has left. */
  #nextDue = false;
  #bodyPaused = false;
  #pipelinePaused = false;
  #served = false;
  /** Since when the state that is timed has lasted (monotonic): idle, reading a head, lingering. */
  #sinceMs: number;
  #headSinceMs: number | null = null;
  #lastBodyMs = 0;
  #windowSinceMs = 0;
  #windowBytes = 0;
  #stalledSinceMs: number | null = null;

  /** @param socket plain or TLS, with `allowHalfOpen` */
  constructor({ socket, visitor, proxy }: { socket: Socket; visitor: Visitor; proxy: HttpProxy }) {
    this.visitor = visitor;
    this.#socket = socket;
    this.#proxy = proxy;
    this.#sinceMs = proxy.sweep.now();
    this.#parser = new RequestParser({
      onHead: (head) => this.#onHead(head),
      onBody: (chunk) => this.#onBody(chunk),
      onEnd: (trailers) => this.#onRequestEnd(trailers),
      onError: (error) => this.#onSyntaxError(error),
    });
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('drain', this.#onDrain);
    socket.on('error', this.#onClose);
    socket.on('close', this.#onClose);
    proxy.sweep.add(this);
  }

  // What the proxy sees of the exchange

  get request(): RequestHead {
    if (this.#head === null) throw new Error('no exchange is under way');
    return this.#head;
  }

  get requestEnded(): boolean {
    return this.#requestEnded;
  }

  get answered(): boolean {
    return this.#answered;
  }

  receive(handler: ExchangeHandler): void {
    this.#handler = handler;
  }

  pause(): void {
    this.#bodyPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    this.#lastBodyMs = this.#proxy.sweep.now();
    this.#windowSinceMs = this.#lastBodyMs;
    this.#windowBytes = 0;
    if (!this.#pipelinePaused) this.#socket.resume();
  }

  interim(response: ResponseHead): void {
    if (this.#phase !== 'exchange' || this.#answered) return;
    const interim = visitorInterim(this.request, response);
    if (interim === null) return;
    corkForTurn(this.#socket);
    this.#socket.write(encodeResponseHead(interim));
  }

  head(response: ResponseHead, own: Fields = []): void {
    if (this.#phase !== 'exchange' || this.#answered) return;
    this.#answered = true;
    // A request whose rest is still to come may never end: its connection is not used again.
    const keepAlive = !this.#draining && (this.#requestEnded || this.request.body.kind === 'none');
    const answer = visitorResponse({ request: this.request, response, keepAlive });
    this.#framing = answer.framing;
    this.#keepAlive = answer.keepAlive;
    for (const text of own) answer.fields.push(text);
    corkForTurn(this.#socket);
    this.#socket.write(encodeResponseHead(answer));
  }

  write(chunk: Uint8Array): boolean {
    if (this.#phase !== 'exchange' || this.#framing === 'none' || chunk.length === 0) return true;
    const socket = this.#socket;
    corkForTurn(socket);
    if (this.#framing !== 'chunked') return this.#noteStall(socket.write(chunk));
    socket.write(encodeChunkHead(chunk.length));
    socket.write(chunk);
    return this.#noteStall(socket.write(CHUNK_END));
  }

  end(trailers: Fields): void {
    if (this.#phase !== 'exchange') return;
    if (this.#framing === 'chunked') {
      corkForTurn(this.#socket);
      this.#socket.write(encodeLastChunk(trailers));
    }
    this.#answerEnded = true;
    this.#finishExchange();
  }

  ownAnswer(): this {
    return this;
  }

  cut(): void {
    // What was written leaves first: the visitor should see how far the answer came.
    if (this.#socket.writableCorked > 0) this.#socket.uncork();
    // Without a length only a reset tells the visitor that the end was not meant.
    if (this.#framing === 'close' && !('encrypted' in this.#socket)) this.#socket.resetAndDestroy();
    this.#destroy();
  }

  takeOver(response: ResponseHead): TakenOver {
    const { request } = this;
    this.#phase = 'taken';
    this.#handler = null;
    this.#proxy.sweep.delete(this);
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('drain', this.#onDrain);
    socket.off('error', this.#onClose);
    socket.off('close', this.#onClose);
    corkForTurn(socket);
    socket.write(encodeResponseHead(visitorResponse({ request, response, keepAlive: true })));
    const taken: TakenOver = { socket, rest: this.#parser.takeRest(), onDrain: () => {} };
    this.#taken = taken;
    return taken;
  }

  // What the listener asks

  /** Serves no further request: closes when idle, after the answer otherwise. */
  drain(): void {
    this.#draining = true;
    this.#taken?.onDrain();
    if (this.#phase === 'reading' && this.#parser.state === 'idle') this.#endAndLinger();
  }

  // From the parser

  #onHead(head: RequestHead): void {
    this.#head = head;
    this.#phase = 'exchange';
    this.#handler = null;
    this.#requestEnded = false;
    this.#answered = false;
    this.#answerEnded = false;
    this.#headSinceMs = null;
    this.#served = true;
    const nowMs = this.#proxy.sweep.now();
    this.#lastBodyMs = nowMs;
    this.#windowSinceMs = nowMs;
    this.#windowBytes = 0;
    this.#proxy.serve(this);
  }

  #onBody(chunk: Buffer): void {
    this.#windowBytes += chunk.length;
    this.#handler?.onBody(chunk);
  }

  #onRequestEnd(trailers: Fields): void {
    this.#requestEnded = true;
    this.#handler?.onBodyEnd(trailers);
    if (this.#answerEnded) this.#finishExchange();
  }

  #onSyntaxError(error: HttpSyntaxError): void {
    const handler = this.#handler;
    this.#handler = null;
    handler?.onGone();
    if (this.#phase === 'exchange' && this.#answered) {
      if (this.#answerEnded) this.#endAndLinger();
      else this.cut();
      return;
    }
    if (this.#phase !== 'exchange' && this.#phase !== 'reading') return;
    this.#refuse(new PorticoError(400, { reason: error.reason }), error.status);
  }

  /** Answers without an exchange, for a request that could not be read or did not come; then closes. */
  #refuse(error: PorticoError, status: number): void {
    corkForTurn(this.#socket);
    this.#socket.write(this.#proxy.errors.plainAnswer(error, status));
    this.#endAndLinger();
  }

  // From the socket

  readonly #onData = (chunk: Buffer): void => {
    if (this.#phase !== 'reading' && this.#phase !== 'exchange') return;
    const nowMs = this.#proxy.sweep.now();
    this.#lastBodyMs = nowMs;
    try {
      this.#parser.push(chunk);
      this.#afterParsing();
    } catch (error) {
      this.#fault(error);
    }
  };

  /** The visitor ended its side. Without all of its request, or while it waits, that is going away. */
  readonly #onEnd = (): void => {
    switch (this.#phase) {
      case 'reading':
        this.#parser.finish();
        // What is still queued of the last answer leaves first.
        if (this.#phase === 'reading') this.#endAndLinger();
        return;
      case 'exchange':
        this.#destroy();
        return;
      case 'lingering':
      // Both sides have ended: the socket closes by itself once everything has left.
      case 'taken':
      case 'closed':
    }
  };

  readonly #onDrain = (): void => {
    this.#stalledSinceMs = null;
    this.#handler?.onVisitorWritable();
    this.#advance();
  };

  readonly #onClose = (): void => {
    this.#destroy();
  };

  // Between exchanges

  /** X19: an error of ours in one exchange ends that exchange, not the process. */
  #fault(error: unknown): void {
    this.#proxy.errors.report(error);
    this.#parser.stop();
    const handler = this.#handler;
    this.#handler = null;
    handler?.onGone();
    if (this.#answered || (this.#phase !== 'exchange' && this.#phase !== 'reading')) this.#destroy();
    else this.#refuse(new PorticoError(500, { id: 'the log' }), 500);
  }

  /** Once the answer is over, and the request too if the connection is to live on. */
  #finishExchange(): void {
    if (this.#phase !== 'exchange') return;
    if (!this.#keepAlive) {
      this.#endAndLinger();
      return;
    }
    if (!this.#requestEnded) return;
    this.#phase = 'reading';
    this.#head = null;
    this.#handler = null;
    this.#sinceMs = this.#proxy.sweep.now();
    this.#nextDue = true;
    this.#advance();
  }

  /** Goes on with the next request, once the answer before it has left: pipelining must not pile answers up. */
  #advance(): void {
    if (!this.#nextDue || this.#socket.writableNeedDrain) return;
    this.#nextDue = false;
    try {
      this.#parser.next();
      this.#afterParsing();
    } catch (error) {
      this.#fault(error);
    }
  }

  #afterParsing(): void {
    if (this.#phase !== 'reading' && this.#phase !== 'exchange') return;
    if (this.#headSinceMs === null && this.#parser.state === 'head') this.#headSinceMs = this.#proxy.sweep.now();
    const full = this.#parser.heldBytes > this.#proxy.limits.pipelineBytes;
    if (full === this.#pipelinePaused) return;
    this.#pipelinePaused = full;
    if (full) this.#socket.pause();
    else if (!this.#bodyPaused) this.#socket.resume();
  }

  #endAndLinger(): void {
    if (this.#phase === 'closed' || this.#phase === 'lingering') return;
    const handler = this.#handler;
    this.#handler = null;
    this.#phase = 'lingering';
    this.#sinceMs = this.#proxy.sweep.now();
    if (!this.#answerEnded) handler?.onGone();
    this.visitor.streams.close();
    this.#socket.end();
    this.#socket.resume();
  }

  #destroy(): void {
    if (this.#phase === 'closed' || this.#phase === 'taken') return;
    this.#phase = 'closed';
    this.#proxy.sweep.delete(this);
    const handler = this.#handler;
    this.#handler = null;
    if (!this.#answerEnded) handler?.onGone();
    this.visitor.streams.close();
    this.#socket.destroy();
  }

  #noteStall(taken: boolean): boolean {
    if (taken) this.#stalledSinceMs = null;
    else this.#stalledSinceMs ??= this.#proxy.sweep.now();
    return taken;
  }

  // Deadlines

  sweep(nowMs: number): void {
    const { limits } = this.#proxy;
    switch (this.#phase) {
      case 'reading': {
        if (this.#headSinceMs !== null) {
          if (nowMs - this.#headSinceMs >= limits.headMs) {
            this.#refuse(new PorticoError(400, { reason: 'the request head did not come in time' }), 408);
          }
        } else if (nowMs - this.#sinceMs >= (this.#served ? limits.keepAliveMs : limits.firstByteMs)) {
          this.#destroy();
        }
        return;
      }
      case 'exchange':
        if (this.#stalledSinceMs !== null && nowMs - this.#stalledSinceMs >= limits.responseBodyGapMs) {
          this.#destroy();
          return;
        }
        if (!this.#requestEnded && !this.#bodyPaused && this.#requestStalled(nowMs)) {
          const handler = this.#handler;
          this.#handler = null;
          handler?.onGone();
          if (this.#answered) this.cut();
          else this.#refuse(new PorticoError(400, { reason: 'the request body did not come in time' }), 408);
          return;
        }
        this.#handler?.sweep(nowMs);
        return;
      case 'lingering':
        // The visitor may be slow to take the rest of the answer; what it may not do is keep us after that.
        if (nowMs - this.#sinceMs >= (this.#socket.writableFinished ? limits.lingerMs : limits.responseBodyGapMs)) {
          this.#destroy();
        }
        return;
      case 'taken':
      case 'closed':
    }
  }

  /** L9: a gap in the body, or one that drips: both hold a stream to the agent for nothing. */
  #requestStalled(nowMs: number): boolean {
    const { limits } = this.#proxy;
    if (nowMs - this.#lastBodyMs >= limits.requestBodyGapMs) return true;
    if (nowMs - this.#windowSinceMs < limits.requestBodyWindowMs) return false;
    const floorBytes = (limits.requestBodyFloorBytesPerS * (nowMs - this.#windowSinceMs)) / 1000;
    if (this.#windowBytes < floorBytes) return true;
    this.#windowSinceMs = nowMs;
    this.#windowBytes = 0;
    return false;
  }
}
