import {
  CHUNK_END,
  encodeChunkHead,
  encodeLastChunk,
  type Fields,
  type HttpSyntaxError,
  ResponseParser,
} from '@portico/http1';
import type { Endpoint, Member, Refusal, UpstreamHandler, UpstreamStream } from '../endpoint/endpoint.ts';
import type { AnswerHandler, TakenUpstream, UpstreamExchange, UpstreamFailure } from './upstream-exchange.ts';

/**
 * One mux stream that speaks HTTP/1.1 to one upstream and carries the requests of one visitor connection to one
 * endpoint, one after another (D7). It never passes to another visitor, and is dropped on any doubt about where
 * an answer ends.
 */
export class HttpStream implements UpstreamHandler, UpstreamExchange {
  readonly endpoint: Endpoint;
  readonly member: Member;
  /** Monotonic; set when it became idle. */
  idleSinceMs = 0;
  /** It carried an exchange before this one. */
  reused = false;
  readonly #stream: UpstreamStream;
  readonly #parser: ResponseParser;
  readonly #onIdle: (stream: HttpStream) => void;
  readonly #onGone: (stream: HttpStream) => void;
  readonly #onFault: (error: unknown) => void;
  #handler: AnswerHandler | null = null;
  #requestSent = false;
  #chunked = false;
  #heard = false;
  #ended: Fields | null = null;
  #syntaxError: HttpSyntaxError | null = null;
  #peerEnded = false;
  #unacked = 0;
  #held = false;
  /** What came while it was held: at most one window. */
  readonly #kept: Buffer[] = [];
  #open = true;

  /**
   * @param onIdle an exchange is over and the stream can carry the next one
   * @param onGone the stream is closed; called once
   * @param onFault an error of ours while an answer was handled; the exchange has failed (X19)
   */
  constructor({
    endpoint,
    member,
    stream,
    onIdle,
    onGone,
    onFault,
  }: {
    endpoint: Endpoint;
    member: Member;
    stream: UpstreamStream;
    onIdle: (stream: HttpStream) => void;
    onGone: (stream: HttpStream) => void;
    onFault: (error: unknown) => void;
  }) {
    this.endpoint = endpoint;
    this.member = member;
    this.#stream = stream;
    this.#onIdle = onIdle;
    this.#onGone = onGone;
    this.#onFault = onFault;
    this.#parser = new ResponseParser({
      onInterim: (head) => this.#handler?.onInterim(head),
      onHead: (head) => this.#handler?.onHead(head),
      onBody: (chunk) => this.#handler?.onAnswerBody(chunk),
      onEnd: (trailers) => {
        this.#ended = trailers;
      },
      onError: (error) => {
        this.#syntaxError = error;
      },
    });
  }

  /** Takes the stream for one exchange whose request head was sent or is about to be. */
  begin(
    handler: AnswerHandler,
    { method, upgradeAsked, chunked }: { method: string; upgradeAsked: string | null; chunked: boolean },
  ): void {
    this.#handler = handler;
    this.#requestSent = false;
    this.#chunked = chunked;
    this.#heard = false;
    this.#ended = null;
    if (!this.#parser.expect(method, { upgradeAsked })) throw new Error('a stream in use was taken again');
  }

  /** Starts delivery; call once, after the first `begin`. */
  listen(): void {
    this.#stream.setHandler(this);
  }

  /** Request bytes. False: stop until `onWritable`. */
  write(chunk: Uint8Array): boolean {
    this.endpoint.counters.bytesIn += chunk.length;
    return this.#stream.write(chunk);
  }

  writeBody(chunk: Uint8Array): boolean {
    if (!this.#chunked) return this.write(chunk);
    this.write(encodeChunkHead(chunk.length));
    this.write(chunk);
    return this.write(CHUNK_END);
  }

  /** There is no FIN: stock agents would close both ways at it. */
  endBody(trailers: Fields): void {
    if (this.#chunked) this.write(encodeLastChunk(trailers));
    this.#requestSent = true;
  }

  get heard(): boolean {
    return this.#heard;
  }

  get open(): boolean {
    return this.#open;
  }

  /**
   * What the agent sends within its window is kept here as it came: in the visitor's socket it would lie twice, plain
   * and encrypted.
   */
  hold(): void {
    this.#held = true;
  }

  letGo(): void {
    this.#held = false;
    while (this.#kept.length > 0 && !this.#held && this.#open) {
      const chunk = this.#kept.shift();
      if (chunk !== undefined) this.#parse(chunk);
    }
    if (this.#held || !this.#open) return;
    this.#ack();
    if (this.#peerEnded) this.#finish();
  }

  drop(): void {
    this.#handler = null;
    if (!this.#open) return;
    this.#stream.abort();
    this.#gone();
  }

  takeOver(): TakenUpstream {
    const rest = Buffer.concat([this.#parser.takeRest(), ...this.#kept]);
    const unacked = this.#unacked + bytesOf(this.#kept);
    this.#handler = null;
    this.#unacked = 0;
    this.#gone();
    return { stream: this.#stream, rest, unacked, ended: this.#peerEnded };
  }

  onAccepted(): void {
    // Repeats hang on answer bytes alone (`heard`), which is the stricter test.
  }

  onRefused(refusal: Refusal): void {
    this.#fail({ kind: 'refused', refusal });
  }

  onData(chunk: Buffer): void {
    if (!this.#open) return;
    if (this.#handler === null) {
      // Nobody asked: whatever this is, it is no answer to what the visitor sends next.
      this.drop();
      return;
    }
    this.endpoint.counters.bytesOut += chunk.length;
    this.#heard = true;
    if (this.#held) this.#kept.push(chunk);
    else this.#parse(chunk);
  }

  onEnd(): void {
    if (!this.#open) return;
    this.#peerEnded = true;
    if (this.#handler === null) this.drop();
    else if (this.#kept.length === 0) this.#finish();
  }

  #parse(chunk: Buffer): void {
    this.#unacked += chunk.length;
    try {
      this.#parser.push(chunk);
      if (!this.#held) this.#ack();
      this.#settle();
    } catch (error) {
      this.#fault(error);
    }
  }

  /** The peer's FIN, once all that came before it was parsed. */
  #finish(): void {
    if (!this.#open || this.#handler === null) return;
    try {
      this.#parser.finish();
      this.#settle();
      if (this.#open && this.#handler !== null) this.#fail({ kind: 'closed' });
    } catch (error) {
      this.#fault(error);
    }
  }

  onReset(): void {
    if (!this.#open) return;
    this.#gone();
    const handler = this.#handler;
    this.#handler = null;
    handler?.onFailed({ kind: 'closed' });
  }

  onWritable(): void {
    this.#handler?.onUpstreamWritable();
  }

  /** After bytes were parsed: an answer that is whole or broken is told only now, when nothing follows it. */
  #settle(): void {
    const trailers = this.#ended;
    const handler = this.#handler;
    if (!this.#open || handler === null) return;
    if (trailers === null) {
      if (this.#syntaxError === null) return;
      // An answer that ends too early is the upstream's going away, not its grammar.
      if (this.#peerEnded) this.#fail({ kind: 'closed' });
      else this.#fail({ kind: 'syntax', reason: this.#syntaxError.reason });
      return;
    }
    this.#ended = null;
    this.#handler = null;
    // Bytes behind the end of an answer make it a fault, though the answer itself stays good.
    const clean = this.#parser.reusable && this.#requestSent && !this.#peerEnded && this.#kept.length === 0;
    if (clean) {
      this.letGo();
      this.reused = true;
      this.#onIdle(this);
    } else if (this.#peerEnded && this.#requestSent) {
      this.#ack();
      this.#stream.end();
      this.#gone();
    } else {
      this.drop();
    }
    handler.onAnswerEnd(trailers);
  }

  #fault(error: unknown): void {
    this.#onFault(error);
    this.#fail({ kind: 'closed' });
  }

  #fail(failure: UpstreamFailure): void {
    const handler = this.#handler;
    this.#handler = null;
    if (failure.kind === 'refused') this.#gone();
    else this.drop();
    handler?.onFailed(failure);
  }

  #ack(): void {
    if (this.#unacked === 0) return;
    const bytes = this.#unacked;
    this.#unacked = 0;
    if (this.#open) this.#stream.ack(bytes);
  }

  #gone(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kept.length = 0;
    this.#onGone(this);
  }
}

function bytesOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
