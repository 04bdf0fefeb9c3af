import type { CapturedMessage, CapturedMessages } from '@portico/api-contract/internal';
import type { ReadMessage } from '@portico/http1';

/** Of one exchange, while they wait for the next batch: of more than this the oldest leave. */
const MESSAGES_WAITING = 200;
const BYTES_WAITING = 131_072;

/** Kept of one message. */
export const MESSAGE_BYTES_KEPT = 4_096;

/** A message as it was read, with what could be made of it. */
export interface SeenMessage {
  readonly from: CapturedMessage['from'];
  readonly kind: Exclude<ReadMessage['kind'], 'continuation'>;
  /** As it travelled. */
  readonly bytes: number;
  /** Its beginning; whoever passes it does not change it afterwards. */
  readonly payload: Buffer;
  readonly truncated: boolean;
  readonly compressed: boolean;
}

/**
 * The messages of one exchange on their way to the API: a ring of so many, so many bytes. What has no room leaves a hole
 * in their numbers, by which a reader sees how many are missing.
 */
export class MessageQueue {
  readonly exchangeId: string;
  readonly accountId: string;
  readonly #now: () => number;
  /** Asked before bytes are kept; `settle` gives them back. False: there is no room. */
  readonly #reserve: (bytes: number) => boolean;
  readonly #release: (bytes: number) => void;
  #waiting: { readonly message: CapturedMessage; readonly bytes: number }[] = [];
  #bytes = 0;
  #count = 0;

  constructor(options: {
    exchangeId: string;
    accountId: string;
    now: () => number;
    reserve: (bytes: number) => boolean;
    release: (bytes: number) => void;
  }) {
    this.exchangeId = options.exchangeId;
    this.accountId = options.accountId;
    this.#now = options.now;
    this.#reserve = options.reserve;
    this.#release = options.release;
  }

  /** All that passed. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add({ payload, ...message }: SeenMessage): void {
    this.#count += 1;
    const kept = payload.subarray(0, MESSAGE_BYTES_KEPT).toString('base64');
    const bytes = 200 + kept.length;
    while (this.#waiting.length >= MESSAGES_WAITING || this.#bytes + bytes > BYTES_WAITING) this.#drop();
    if (!this.#reserve(bytes)) return;
    this.#bytes += bytes;
    this.#waiting.push({
      message: { ...message, number: this.#count, at: new Date(this.#now()).toISOString(), payload: kept },
      bytes,
    });
  }

  /** Takes those that wait, no more than a batch may have of one exchange. */
  take(): CapturedMessages | null {
    if (this.#waiting.length === 0) return null;
    const messages = this.#waiting.map(({ message }) => message);
    this.#release(this.#bytes);
    this.#waiting = [];
    this.#bytes = 0;
    return { exchangeId: this.exchangeId, accountId: this.accountId, messages };
  }

  #drop(): void {
    const oldest = this.#waiting.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.bytes;
    this.#release(oldest.bytes);
  }
}
