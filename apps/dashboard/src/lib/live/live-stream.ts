import { EventReader } from './event-reader.ts';

/**
 * How the page stands with the server. Times are of the clock that was passed in (ms, monotonic).
 * - `resting`: nobody looks at the page, so it asks for nothing.
 * - `refused`: the account is gone, or no longer this user's.
 */
export type Contact =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'resting' }
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly retryAtMs: number }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'refused' };

/** What a message means for the stream; the message itself has already been taken. */
export type Heard = 'message' | 'signed-out' | 'unreadable';

export interface LiveStreamOptions {
  readonly url: string;
  readonly fields: Record<string, string>;
  /** Takes the text of one event. */
  readonly onEvent: (data: string) => Heard;
  readonly onContact: (contact: Contact) => void;
  readonly fetch?: typeof globalThis.fetch;
  readonly now?: () => number;
  readonly random?: () => number;
  /** The server speaks at least every 5 s; after this much silence the connection counts as dead. */
  readonly silenceMs?: number;
  readonly firstPauseMs?: number;
  readonly pauseMsMax?: number;
}

/**
 * One stream of events from the server, taken up again for as long as the page is open: after 0.5 s, then twice as long up
 * to 8 s, each with up to a quarter of jitter. `start` begins it; `close` ends it for good, with its request and timers.
 */
export class LiveStream {
  readonly #options: Required<LiveStreamOptions>;
  #attempt: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #lastHeardMs: number;
  #state: 'idle' | 'running' | 'resting' | 'closed' = 'idle';

  constructor(options: LiveStreamOptions) {
    this.#options = {
      fetch: (...args) => globalThis.fetch(...args),
      now: () => performance.now(),
      random: Math.random,
      silenceMs: 12_000,
      firstPauseMs: 500,
      pauseMsMax: 8000,
      ...options,
    };
    this.#lastHeardMs = this.#options.now();
  }

  start(): void {
    if (this.#state === 'running' || this.#state === 'closed') return;
    const first = this.#state === 'idle';
    this.#state = 'running';
    if (first) this.#options.onContact({ kind: 'connecting' });
    this.#connect();
  }

  /** Asks again now instead of after the pause. */
  tryNow(): void {
    if (this.#state !== 'running') return;
    this.#stopAttempt();
    this.#connect();
  }

  /** Lets go of the connection until `start`. Browsers give a site six; a forgotten tab shall not hold one. */
  rest(): void {
    if (this.#state !== 'running') return;
    this.#state = 'resting';
    this.#stopAttempt();
    this.#options.onContact({ kind: 'resting' });
  }

  close(): void {
    this.#state = 'closed';
    this.#stopAttempt();
  }

  #stopAttempt(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#attempt?.abort();
    this.#attempt = null;
  }

  #connect(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#listenForSilence(attempt);
    this.#read(attempt).then(
      (end) => this.#ended(attempt, end),
      () => this.#ended(attempt, 'lost'),
    );
  }

  async #read(attempt: AbortController): Promise<'lost' | 'signed-out' | 'refused'> {
    const { url, fields, onEvent } = this.#options;
    const answer = await this.#options.fetch(url, {
      headers: { accept: 'text/event-stream', ...fields },
      cache: 'no-store',
      signal: attempt.signal,
    });
    if (answer.status === 401) return 'signed-out';
    if (answer.status === 403 || answer.status === 404) return 'refused';
    if (!answer.ok || !answer.body) return 'lost';

    let end: 'lost' | 'signed-out' | null = null;
    const events = new EventReader((data) => {
      if (end || attempt !== this.#attempt) return;
      const heard = onEvent(data);
      if (heard === 'signed-out') end = 'signed-out';
      else if (heard === 'unreadable') end = 'lost';
      else this.#heard();
    });
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 'lost';
      this.#listenForSilence(attempt);
      events.push(decoder.decode(value, { stream: true }));
      if (end) return end;
    }
  }

  #heard(): void {
    this.#failures = 0;
    this.#lastHeardMs = this.#options.now();
    this.#options.onContact({ kind: 'live' });
  }

  #listenForSilence(attempt: AbortController): void {
    if (attempt !== this.#attempt) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => attempt.abort(), this.#options.silenceMs);
  }

  #ended(attempt: AbortController, end: 'lost' | 'signed-out' | 'refused'): void {
    if (attempt !== this.#attempt || this.#state !== 'running') return;
    this.#stopAttempt();
    if (end !== 'lost') {
      this.#state = 'closed';
      this.#options.onContact({ kind: end });
      return;
    }
    const { firstPauseMs, pauseMsMax, random, now } = this.#options;
    const pauseMs = Math.min(firstPauseMs * 2 ** this.#failures, pauseMsMax) * (1 + random() / 4);
    this.#failures = Math.min(this.#failures + 1, 30);
    this.#options.onContact({ kind: 'lost', sinceMs: this.#lastHeardMs, retryAtMs: now() + pauseMs });
    this.#timer = setTimeout(() => this.#connect(), pauseMs);
  }
}
