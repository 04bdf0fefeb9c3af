import { answerFields } from '@portico/http-rules';
import type { Fields, RequestHead, ResponseHead } from '@portico/http1';
import { OutgoingError } from '@portico/outgoing';
import type { Endpoint } from '../../endpoint/endpoint.ts';
import type { Exchange, ExchangeHandler, TakenOver, Visitor } from '../../proxy/exchange.ts';
import type { Sweep } from '../../proxy/sweep.ts';

/** A request that a policy sends to an endpoint of its account, and not to anybody outside. */
export interface InternalRequest {
  readonly method: string;
  readonly url: URL;
  /** Flat, without Host and framing. */
  readonly fields: readonly string[];
  readonly body: Buffer;
  /** Whose request it is on behalf of: its streams carry this one too. */
  readonly visitor: Visitor;
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

export interface InternalAnswer {
  readonly status: number;
  readonly fields: Fields;
  readonly body: Buffer;
}

/** Takes exchanges as `HttpProxy.pass` does. */
export type PassExchange = (exchange: Exchange, endpoint: Endpoint, hops: number) => void;

/**
 * Sends a request to an endpoint by its own policy, as if a visitor had.
 * @throws {OutgoingError} `too-large`, `bad-answer`, or the reason of the signal
 */
export function sendInternal(
  request: InternalRequest,
  { endpoint, hops, pass, sweep }: { endpoint: Endpoint; hops: number; pass: PassExchange; sweep: Sweep },
): Promise<InternalAnswer> {
  return new Promise((resolve, reject) => {
    const { signal } = request;
    const exchange = new InternalExchange(request, sweep, (outcome) => {
      signal.removeEventListener('abort', abort);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    });
    const abort = (): void => exchange.abandon(abortReason(signal));
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    exchange.begin();
    try {
      pass(exchange, endpoint, hops);
    } catch (error) {
      exchange.abandon(error instanceof Error ? error : new Error('the endpoint failed'));
    }
  });
}

function abortReason({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new OutgoingError('aborted', 'the request was given up');
}

/** The visitor's side of such a request: the body is at hand, the answer is collected. */
class InternalExchange implements Exchange {
  readonly request: RequestHead;
  readonly visitor: Visitor;
  readonly requestEnded = true;
  readonly #body: Buffer;
  readonly #maxBytes: number;
  readonly #sweep: Sweep;
  readonly #onOver: (outcome: InternalAnswer | Error) => void;
  #handler: ExchangeHandler | null = null;
  #head: ResponseHead | null = null;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(request: InternalRequest, sweep: Sweep, onOver: (outcome: InternalAnswer | Error) => void) {
    const { url, method, fields, body } = request;
    this.request = {
      method,
      target: `${url.pathname}${url.search}`,
      form: 'origin',
      scheme: null,
      authority: url.host,
      hostname: url.hostname,
      port: url.port === '' ? null : Number(url.port),
      minor: 1,
      fields: ['Host', url.host, ...fields],
      body: body.length === 0 ? { kind: 'none' } : { kind: 'length', bytes: body.length },
      keepAlive: true,
      upgrade: null,
      expectContinue: false,
    };
    this.visitor = request.visitor;
    this.#body = body;
    this.#maxBytes = request.maxBytes;
    this.#sweep = sweep;
    this.#onOver = onOver;
  }

  begin(): void {
    this.#sweep.add(this);
  }

  get answered(): boolean {
    return this.#head !== null;
  }

  receive(handler: ExchangeHandler): void {
    this.#handler = handler;
    if (this.#body.length > 0) handler.onBody(this.#body);
    if (!this.#isOver) handler.onBodyEnd([]);
  }

  pause(): void {}

  resume(): void {}

  interim(): void {}

  head(response: ResponseHead, own: Fields = []): void {
    const fields = [...answerFields(response, response.fields, null), ...own];
    this.#head = { ...response, fields };
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isOver) return true;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      this.abandon(new OutgoingError('too-large', `the answer is longer than ${this.#maxBytes} bytes`));
      return true;
    }
    // What is given may be used again by its owner.
    this.#chunks.push(Buffer.from(chunk));
    return true;
  }

  end(): void {
    const head = this.#head;
    if (head === null) this.#finish(new OutgoingError('bad-answer', 'there was no answer'));
    else this.#finish({ status: head.status, fields: head.fields, body: Buffer.concat(this.#chunks, this.#bytes) });
  }

  cut(): void {
    this.#finish(new OutgoingError('bad-answer', 'the answer broke off'));
  }

  ownAnswer(): Exchange {
    return this;
  }

  takeOver(): TakenOver | null {
    this.cut();
    return null;
  }

  sweep(nowMs: number): void {
    this.#handler?.sweep(nowMs);
  }

  /** Nobody waits for it any more. */
  abandon(reason: Error): void {
    if (this.#isOver) return;
    const handler = this.#handler;
    this.#finish(reason);
    handler?.onGone();
  }

  #finish(outcome: InternalAnswer | Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler = null;
    this.#sweep.delete(this);
    this.#onOver(outcome);
  }
}
