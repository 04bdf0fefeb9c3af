import { RequestParser, ResponseParser } from '@portico/http1';
import type { Clock } from './clock.ts';
import type { StreamTap } from './stream-tap.ts';

/** One request and its answer, as far as they have come. A new object is told at each change. */
export interface Exchange {
  /** Counts up within the process. */
  readonly id: number;
  readonly endpoint: string;
  readonly clientIp: string;
  /** Wall clock, for display. */
  readonly startedAt: Date;
  readonly method: string;
  /** At most 1,024 characters, as received: make it safe before showing it. */
  readonly path: string;
  readonly upgrade: string | null;
  readonly status: number | null;
  readonly reason: string;
  /** Null while it lasts. */
  readonly durationMs: number | null;
  readonly state: 'open' | 'done' | 'cut';
}

export interface HttpTapOptions {
  readonly endpoint: string;
  readonly clientIp: string;
  readonly clock: Clock;
  onExchange(exchange: Exchange): void;
}

const pathCharsMax = 1024;
let lastId = 0;

/**
 * Reads the heads that pass on one stream, for the list of requests on the screen. It keeps no body, and at the first
 * thing that it does not understand it stops looking: traffic is the edge's to judge.
 */
export class HttpTap implements StreamTap {
  readonly #options: HttpTapOptions;
  readonly #requests: RequestParser;
  readonly #responses: ResponseParser;
  #current: Exchange | null = null;
  #startedMs = 0;
  #blind = false;

  constructor(options: HttpTapOptions) {
    this.#options = options;
    this.#requests = new RequestParser({
      onHead: (head) => {
        if (!this.#responses.expect(head.method, { upgradeAsked: head.upgrade })) {
          this.#blind = true;
          return;
        }
        lastId += 1;
        this.#startedMs = options.clock.nowMs();
        this.#tell({
          id: lastId,
          endpoint: options.endpoint,
          clientIp: options.clientIp,
          startedAt: new Date(),
          method: head.method,
          path: head.target.slice(0, pathCharsMax),
          upgrade: head.upgrade,
          status: null,
          reason: '',
          durationMs: null,
          state: 'open',
        });
      },
      onBody: () => {},
      onEnd: () => this.#requests.next(),
      onError: () => {
        this.#blind = true;
      },
    });
    this.#responses = new ResponseParser({
      onInterim: () => {},
      onHead: (head) => {
        if (this.#current === null) return;
        this.#tell({ ...this.#current, status: head.status, reason: head.reason });
        // From here the bytes are another protocol's.
        if (head.status === 101) this.#blind = true;
      },
      onBody: () => {},
      onEnd: () => this.#end('done'),
      onError: () => {
        this.#blind = true;
      },
    });
  }

  request(bytes: Buffer): void {
    if (!this.#blind) this.#requests.push(bytes);
  }

  response(bytes: Buffer): void {
    if (!this.#blind) this.#responses.push(bytes);
  }

  failed(message: string): void {
    if (this.#current === null) return;
    const refused = message.includes('ECONNREFUSED');
    this.#current = { ...this.#current, status: 502, reason: refused ? 'upstream refused' : 'upstream unreachable' };
    this.#end('done');
  }

  closed(whole: boolean): void {
    // An answer without length ends with the connection.
    if (whole && !this.#blind) this.#responses.finish();
    this.#end(whole && this.#current?.status !== null ? 'done' : 'cut');
    this.#blind = true;
  }

  #tell(exchange: Exchange): void {
    this.#current = exchange;
    this.#options.onExchange(exchange);
  }

  #end(state: 'done' | 'cut'): void {
    if (this.#current === null) return;
    const durationMs = Math.round(this.#options.clock.nowMs() - this.#startedMs);
    this.#options.onExchange({ ...this.#current, durationMs, state });
    this.#current = null;
  }
}
