import { BlockReader } from './block-reader.ts';
import { BodyReader } from './body-reader.ts';
import { type Fields, INCOMPLETE } from './fields.ts';
import { InputQueue } from './input-queue.ts';
import { REQUEST_LIMITS, type RequestLimits } from './limits.ts';
import { type RequestHead, readRequestHead } from './request-head.ts';
import { HttpSyntaxError } from './syntax-error.ts';

/**
 * - `idle`: before the first byte of a request (first: `firstByteMs`; later: `idleMs`)
 * - `head`: inside a head (`headMs`)
 * - `body`: inside a body (`requestBodyGapMs`)
 * - `held`: the request is whole; later bytes wait for `next()`
 * - `finished`: the visitor ended the connection between two requests
 * - `failed`: a fault was reported, or `stop()` called; bytes are thrown away
 * - `taken`: `takeRest()` gave the bytes away
 */
export type RequestParserState = 'idle' | 'head' | 'body' | 'held' | 'finished' | 'failed' | 'taken';

export interface RequestParserOptions {
  readonly limits?: Partial<RequestLimits>;
  onHead(head: RequestHead): void;
  /** A slice of a pushed chunk, not a copy; never empty. */
  onBody(slice: Buffer): void;
  /** The request is whole. Trailers as received: see `filterTrailers` of http-rules. */
  onEnd(trailers: Fields): void;
  /** Terminal, at most once. `error.phase` tells whether the head was passed on. */
  onError(error: HttpSyntaxError): void;
}

const LF = 0x0a;
const CR = 0x0d;
const EMPTY_LINES_MAX = 2;

/**
 * Reads the requests of one connection, strictly (RFC 9112). It has no socket and no clock: the caller pushes what it
 * receives, stops pushing when it cannot go on, times `state`, and closes the connection after `onError`.
 *
 * One request at a time: after `onEnd` nothing is read until `next()`; what the visitor sent ahead is held, up to
 * `heldBytes`, so stop reading from the socket while the state is `held`. A fault in what is held shows after
 * `next()`, when the good requests before it have their answers.
 *
 * Every method may be called from inside a callback.
 */
export class RequestParser {
  readonly #options: RequestParserOptions;
  readonly #input: InputQueue;
  readonly #headBlock: BlockReader;
  readonly #body: BodyReader;
  #state: RequestParserState = 'idle';
  #head: RequestHead | null = null;
  #emptyLines = 0;
  #sawCr = false;
  #inputEnded = false;
  #running = false;

  constructor(options: RequestParserOptions) {
    const limits: RequestLimits =
      options.limits === undefined ? REQUEST_LIMITS : { ...REQUEST_LIMITS, ...options.limits };
    this.#options = options;
    this.#input = new InputQueue(limits.heldBytes);
    this.#headBlock = new BlockReader(
      limits.headBytes,
      (bytes, text, start, end) => readRequestHead(bytes, text, start, end, limits, this.#found),
      () => new HttpSyntaxError(431, 'head too large'),
    );
    this.#body = new BodyReader({ ...limits, trailerBytes: limits.headBytes }, 400, (slice) => options.onBody(slice));
  }

  get state(): RequestParserState {
    return this.#state;
  }

  /** Bytes received and not yet read. */
  get heldBytes(): number {
    return this.#input.bytes;
  }

  /** Bytes kept of an unfinished head. */
  get unfinishedHeadBytes(): number {
    return this.#headBlock.keptBytes;
  }

  /** The chunk must not be changed afterwards: bodies are handed on as slices of it. */
  push(chunk: Buffer): void {
    if (chunk.length === 0 || this.#inputEnded || this.#isOver()) return;
    this.#input.add(chunk);
    this.#run();
  }

  /** After `onEnd`: goes on with the next request. Does nothing in any other state. */
  next(): void {
    if (this.#state !== 'held') return;
    this.#state = 'idle';
    this.#run();
  }

  /** The visitor ended its side of the connection. Inside a request that is a fault. */
  finish(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#run();
  }

  /**
   * For an upgraded connection, after `onEnd`: every byte behind the request, which the parser then forgets. Throws
   * HttpSyntaxError when some were thrown away because the caller went on pushing beyond `heldBytes`.
   */
  takeRest(): Buffer {
    const { lost } = this.#input;
    this.#state = 'taken';
    const rest = this.#input.take();
    if (lost) throw new HttpSyntaxError(400, 'too many bytes before the upgrade', 'after-end');
    return rest;
  }

  /** The caller lost interest: no more callbacks, nothing kept. */
  stop(): void {
    this.#state = 'failed';
    this.#drop();
  }

  readonly #found = (head: RequestHead): void => {
    this.#head = head;
  };

  #isOver(): boolean {
    return this.#state === 'failed' || this.#state === 'finished' || this.#state === 'taken';
  }

  #run(): void {
    // A callback that pushes or calls next() is served by the loop that called it.
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#isReading() && this.#input.advance()) this.#step();
      if (this.#isReading()) this.#outOfInput();
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error;
      this.#fail(error);
    } finally {
      this.#running = false;
    }
  }

  #isReading(): boolean {
    return this.#state === 'idle' || this.#state === 'head' || this.#state === 'body';
  }

  #step(): void {
    const input = this.#input;
    if (this.#state === 'body') {
      const next = this.#readBody(input.chunk, input.at);
      // The callback may have stopped the parser, and the queue with it.
      if (!this.#isReading()) return;
      input.at = next;
      if (this.#body.ended) this.#end();
      return;
    }
    if (this.#state === 'idle' && !this.#skipEmptyLines()) return;
    const next = this.#headBlock.read(input.chunk, input.at);
    if (next === INCOMPLETE) {
      input.at = input.chunk.length;
      return;
    }
    input.at = next;
    const head = this.#head;
    if (head === null) throw new Error('a head was read and not found');
    this.#head = null;
    this.#body.begin(head.body);
    this.#state = 'body';
    this.#options.onHead(head);
    if (this.#body.ended && this.#state === 'body') this.#end();
  }

  #readBody(chunk: Buffer, at: number): number {
    try {
      return this.#body.read(chunk, at);
    } catch (error) {
      if (error instanceof HttpSyntaxError) error.phase = 'body';
      throw error;
    }
  }

  #end(): void {
    this.#state = 'held';
    this.#emptyLines = 0;
    this.#options.onEnd(this.#body.trailers);
  }

  /** RFC 9112 section 2.2. Returns whether a first byte of a head is there. */
  #skipEmptyLines(): boolean {
    const input = this.#input;
    while (input.at < input.chunk.length) {
      const byte = input.chunk[input.at];
      if (this.#sawCr) {
        if (byte !== LF) throw new HttpSyntaxError(400, 'bare CR');
        if (++this.#emptyLines > EMPTY_LINES_MAX) throw new HttpSyntaxError(400, 'too many empty lines');
        this.#sawCr = false;
      } else if (byte === CR) {
        this.#sawCr = true;
      } else {
        this.#state = 'head';
        return true;
      }
      input.at++;
    }
    return false;
  }

  #outOfInput(): void {
    if (this.#input.lost) throw new HttpSyntaxError(400, 'too many bytes sent ahead', this.#phase());
    if (!this.#inputEnded) return;
    if (this.#state === 'idle') this.#state = 'finished';
    else throw new HttpSyntaxError(400, `connection ended inside a ${this.#state}`, this.#phase());
  }

  #phase(): 'head' | 'body' {
    return this.#state === 'body' ? 'body' : 'head';
  }

  #fail(error: HttpSyntaxError): void {
    if (this.#isOver()) return;
    this.#state = 'failed';
    this.#drop();
    this.#options.onError(error);
  }

  #drop(): void {
    this.#input.drop();
    this.#headBlock.drop();
    this.#body.drop();
  }
}
