import type { Clock } from './clock.ts';
import type { HttpTap } from './http-tap.ts';
import type { StreamTap } from './stream-tap.ts';

/** Enough for every request of a large page at once, and for more in a second than anybody reads. */
const exchangesBurst = 1_000;
const exchangesPerSecond = 100;
const bytesBurst = 64 * 1024 * 1024;
const bytesPerSecond = 4 * 1024 * 1024;

/**
 * How much of the traffic is looked at. Parsing and keeping an exchange costs several times what forwarding it does,
 * so that under load only some are: the others pass over, and are counted.
 */
export class TapBudget {
  readonly #clock: Clock;
  #exchanges = exchangesBurst;
  #bytes = bytesBurst;
  #atMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.nowMs();
  }

  /** Whether one more exchange may be looked at. */
  take(): boolean {
    if (this.#exchanges < 1 || this.#bytes <= 0) this.#earn();
    if (this.#exchanges < 1 || this.#bytes <= 0) return false;
    this.#exchanges -= 1;
    return true;
  }

  /** Bytes of an exchange that is looked at; what is too much is missing afterwards. */
  spend(bytes: number): void {
    this.#bytes -= bytes;
  }

  #earn(): void {
    const nowMs = this.#clock.nowMs();
    const seconds = (nowMs - this.#atMs) / 1_000;
    this.#atMs = nowMs;
    this.#exchanges = Math.min(exchangesBurst, this.#exchanges + seconds * exchangesPerSecond);
    this.#bytes = Math.min(bytesBurst, this.#bytes + seconds * bytesPerSecond);
  }
}

export interface BudgetTapOptions {
  readonly budget: TapBudget;
  readonly clock: Clock;
  /** Made when there is something to look at. */
  makeTap(): HttpTap;
  /** A request that nobody looks at came, and later it was over. */
  onPassedOver(): void;
  onPassedOverEnd(durationMs: number): void;
}

/**
 * Lets a tap see whole exchanges as far as the budget goes. The edge sends the next request of a stream only after the
 * answer to the last, so bytes of the visitor behind bytes of the upstream begin an exchange; where they do not (an
 * answer that comes before all of its request), they do not look like a head either.
 */
export class BudgetTap implements StreamTap {
  readonly #options: BudgetTapOptions;
  #tap: HttpTap | null = null;
  #state: 'between' | 'watching' | 'passing' = 'between';
  #answered = false;
  #startedMs = 0;

  constructor(options: BudgetTapOptions) {
    this.#options = options;
  }

  get isWatching(): boolean {
    return this.#state === 'watching';
  }

  request(bytes: Buffer): void {
    if (this.#state === 'between' || (this.#answered && this.#mayBegin(bytes))) this.#begin();
    if (this.#state !== 'watching') return;
    this.#options.budget.spend(bytes.length);
    this.#tap?.request(bytes);
  }

  response(bytes: Buffer): void {
    if (!this.#answered) this.#answered = !isInterim(bytes);
    if (this.#state !== 'watching') return;
    this.#options.budget.spend(bytes.length);
    this.#tap?.response(bytes);
  }

  failed(message: string): void {
    if (this.#state === 'watching') this.#tap?.failed(message);
  }

  closed(whole: boolean): void {
    if (this.#state === 'passing') this.#endPassing();
    this.#state = 'between';
    this.#tap?.closed(whole);
  }

  #mayBegin(bytes: Buffer): boolean {
    // A tap in the middle of something knows better than these bytes.
    return this.#state === 'watching' ? this.#tap?.isBetween === true : looksLikeHead(bytes);
  }

  #begin(): void {
    if (this.#state === 'passing') this.#endPassing();
    this.#answered = false;
    if (this.#options.budget.take()) {
      this.#tap ??= this.#options.makeTap();
      this.#state = 'watching';
      return;
    }
    this.#state = 'passing';
    this.#startedMs = this.#options.clock.nowMs();
    this.#options.onPassedOver();
  }

  #endPassing(): void {
    this.#options.onPassedOverEnd(this.#options.clock.nowMs() - this.#startedMs);
  }
}

/** A 1xx: the answer itself is still to come. 101 is one, since what follows is no request. */
function isInterim(bytes: Buffer): boolean {
  return bytes[9] === 0x31 && bytes.toString('latin1', 0, 8) === 'HTTP/1.1';
}

/** `GET /`: a method and a path. */
function looksLikeHead(bytes: Buffer): boolean {
  let at = 0;
  while (at < bytes.length && at < 24 && isUpper(bytes[at] ?? 0)) at += 1;
  return at > 0 && bytes[at] === 0x20 && bytes[at + 1] === 0x2f;
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}
