import { BlockReader } from './block-reader.ts';
import { BodyReader } from './body-reader.ts';
import { type Fields, INCOMPLETE } from './fields.ts';
import { InputQueue } from './input-queue.ts';
import { RESPONSE_LIMITS, type ResponseLimits } from './limits.ts';
import { type ResponseHead, readResponseHead } from './response-head.ts';
import { type FaultPhase, HttpSyntaxError } from './syntax-error.ts';

/**
 * - `idle`: no answer is expected; any byte is a fault
 * - `head`: until the final head (`responseHeadMs`)
 * - `body`: inside a body (`responseBodyGapMs`)
 * - `upgraded`: 101 came; bytes are held for `takeRest()`
 * - `finished`: the upstream ended the connection, rightly
 * - `failed`: a fault was reported, or `stop()` called; bytes are thrown away
 * - `taken`: `takeRest()` gave the bytes away
 */
export type ResponseParserState = 'idle' | 'head' | 'body' | 'upgraded' | 'finished' | 'failed' | 'taken';

export interface ResponseParserOptions {
  readonly limits?: Partial<ResponseLimits>;
  /** A 1xx other than 101. */
  onInterim(head: ResponseHead): void;
  /** The final head; with status 101 the last callback, `takeRest()` then gives what follows. */
  onHead(head: ResponseHead): void;
  /** A slice of a pushed chunk, not a copy; never empty. */
  onBody(slice: Buffer): void;
  /** The answer is whole. Look at `reusable` before another request goes out. */
  onEnd(trailers: Fields): void;
  /** Terminal, at most once: drop the connection. `phase` `head`: answer 502; `body`: cut the visitor's answer
   * visibly; `after-end`: the answers given are good, the bytes that came are for nobody. */
  onError(error: HttpSyntaxError): void;
}

export interface Expectation {
  /** Protocol of the request's agreed upgrade (`RequestHead.upgrade`), the only one that 101 may switch to. */
  readonly upgradeAsked?: string | null;
}

/**
 * Reads the answers of one upstream connection, as strictly as a visitor's requests (RFC 9112). `expect` before each
 * request goes out; a byte that comes when none is expected, behind a finished answer too, fails the connection, so
 * that no answer can be given to the wrong request. Every method may be called from inside a callback.
 */
export class ResponseParser {
  readonly #limits: ResponseLimits;
  readonly #options: ResponseParserOptions;
  readonly #input: InputQueue;
  readonly #headBlock: BlockReader;
  readonly #body: BodyReader;
  #state: ResponseParserState = 'idle';
  #head: ResponseHead | null = null;
  #requestMethod = 'GET';
  #upgradeAsked: string | null = null;
  #interimHeads = 0;
  #keepAlive = true;
  #inputEnded = false;
  #running = false;

  constructor(options: ResponseParserOptions) {
    const limits: ResponseLimits =
      options.limits === undefined ? RESPONSE_LIMITS : { ...RESPONSE_LIMITS, ...options.limits };
    this.#limits = limits;
    this.#options = options;
    this.#input = new InputQueue(limits.heldBytes);
    this.#headBlock = new BlockReader(
      limits.headBytes,
      (bytes, text, start, end) => readResponseHead(bytes, text, start, end, limits, this.#requestMethod, this.#found),
      () => new HttpSyntaxError(502, 'response head too large'),
    );
    const bodyLimits = { ...limits, trailerBytes: limits.headBytes, bodyBytes: Number.POSITIVE_INFINITY };
    this.#body = new BodyReader(bodyLimits, 502, (slice) => options.onBody(slice));
  }

  get state(): ResponseParserState {
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

  /** Whether the connection may carry another request: idle, kept alive, and no byte too many. True in `onEnd` only
   * if nothing lies behind the answer. */
  get reusable(): boolean {
    return this.#state === 'idle' && this.#keepAlive && !this.#inputEnded && this.#input.bytes === 0;
  }

  /** A request goes out. Returns false, and changes nothing, when the connection is not reusable. */
  expect(requestMethod: string, expectation: Expectation = {}): boolean {
    if (!this.reusable) return false;
    this.#requestMethod = requestMethod;
    this.#upgradeAsked = expectation.upgradeAsked ?? null;
    this.#interimHeads = 0;
    this.#state = 'head';
    return true;
  }

  /** The chunk must not be changed afterwards: bodies are handed on as slices of it. */
  push(chunk: Buffer): void {
    if (chunk.length === 0 || this.#inputEnded || this.#isOver()) return;
    this.#input.add(chunk);
    this.#run();
  }

  /** The upstream ended its side properly (FIN). After a reset call `stop()`: a body until close is then cut. */
  finish(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#run();
  }

  /** After 101: every byte behind its head, which the parser then forgets. Throws HttpSyntaxError when some were
   * thrown away because the caller went on pushing beyond `heldBytes`. */
  takeRest(): Buffer {
    const { lost } = this.#input;
    this.#state = 'taken';
    const rest = this.#input.take();
    if (lost) throw new HttpSyntaxError(502, 'too many bytes after the upgrade', 'body');
    return rest;
  }

  /** The caller lost interest: no more callbacks, nothing kept. */
  stop(): void {
    this.#state = 'failed';
    this.#drop();
  }

  readonly #found = (head: ResponseHead): void => {
    this.#head = head;
  };

  #isOver(): boolean {
    return this.#state === 'failed' || this.#state === 'finished' || this.#state === 'taken';
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#isReading() && this.#input.advance()) this.#step();
      if (this.#isReading() && this.#inputEnded) this.#outOfInput();
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
    if (this.#state === 'idle') throw new HttpSyntaxError(502, 'bytes that no request asked for', 'after-end');
    const next = this.#headBlock.read(input.chunk, input.at);
    if (next === INCOMPLETE) {
      input.at = input.chunk.length;
      return;
    }
    input.at = next;
    const head = this.#head;
    if (head === null) throw new Error('a head was read and not found');
    this.#head = null;
    this.#take(head);
  }

  #take(head: ResponseHead): void {
    if (head.status === 101) {
      if (this.#upgradeAsked === null || head.upgrade !== this.#upgradeAsked) {
        throw new HttpSyntaxError(502, 'switched to a protocol that was not asked for');
      }
      this.#keepAlive = false;
      this.#state = 'upgraded';
      this.#options.onHead(head);
      return;
    }
    if (head.status < 200) {
      if (++this.#interimHeads > this.#limits.interimHeads) throw new HttpSyntaxError(502, 'too many interim heads');
      this.#options.onInterim(head);
      return;
    }
    this.#keepAlive = head.keepAlive;
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
    this.#state = 'idle';
    this.#options.onEnd(this.#body.trailers);
  }

  #outOfInput(): void {
    if (this.#state === 'idle') {
      this.#state = 'finished';
    } else if (this.#state === 'body' && this.#body.finish()) {
      this.#state = 'finished';
      this.#options.onEnd(this.#body.trailers);
    } else {
      const phase: FaultPhase = this.#state === 'body' ? 'body' : 'head';
      throw new HttpSyntaxError(502, `connection ended inside a ${phase}`, phase);
    }
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
