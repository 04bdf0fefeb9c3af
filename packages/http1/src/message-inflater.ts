import { constants, inflateRawSync } from 'node:zlib';

/** A message that inflates to more than this is shown as it travelled. */
const INFLATED_BYTES_MAX = 65_536;
/** What one message costs beside its bytes: the state of zlib. */
const COST_OF_ONE = 4_096;
/** LZ77 looks back this far (RFC 1951 section 2). */
const WINDOW_BYTES = 32_768;
/** What a sender leaves out at the end of each message (RFC 7692 section 7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/**
 * How much may be inflated for people who look, by the whole process: traffic has the processor first. Whoever finds
 * nothing left shows what it has compressed.
 */
export class InflateBudget {
  readonly #bytesASecond: number;
  readonly #nowMs: () => number;
  #left: number;
  #atMs: number;

  constructor({ bytesASecond, nowMs }: { bytesASecond: number; nowMs: () => number }) {
    this.#bytesASecond = bytesASecond;
    this.#nowMs = nowMs;
    this.#left = bytesASecond;
    this.#atMs = nowMs();
  }

  get isSpent(): boolean {
    const nowMs = this.#nowMs();
    this.#left = Math.min(this.#bytesASecond, this.#left + ((nowMs - this.#atMs) / 1_000) * this.#bytesASecond);
    this.#atMs = nowMs;
    return this.#left <= 0;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
  }
}

/**
 * Undoes permessage-deflate (RFC 7692) of one direction. A message leans on those before it, so one that is missed makes
 * all later ones unreadable, unless the sides agreed to begin anew with each.
 */
export class MessageInflater {
  readonly #startsAnew: boolean;
  readonly #budget: InflateBudget;
  #window: Buffer = Buffer.alloc(0);
  #isLost = false;

  /** @param startsAnew the sender agreed to `no_context_takeover` */
  constructor({ startsAnew, budget }: { startsAnew: boolean; budget: InflateBudget }) {
    this.#startsAnew = startsAnew;
    this.#budget = budget;
  }

  /** Null: it cannot be read. */
  inflate(payload: Buffer): Buffer | null {
    if (this.#isLost) return null;
    if (this.#budget.isSpent) return this.miss();
    try {
      const plain = inflateRawSync(Buffer.concat([payload, TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: INFLATED_BYTES_MAX,
        ...(this.#window.length === 0 ? {} : { dictionary: this.#window }),
      });
      this.#budget.spend(COST_OF_ONE + payload.length + plain.length);
      if (!this.#startsAnew) this.#window = Buffer.concat([this.#window, plain]).subarray(-WINDOW_BYTES);
      return plain;
    } catch {
      this.#budget.spend(COST_OF_ONE + INFLATED_BYTES_MAX);
      return this.miss();
    }
  }

  /** A message passed that was not given to `inflate`. */
  miss(): null {
    this.#isLost = !this.#startsAnew;
    this.#window = Buffer.alloc(0);
    return null;
  }
}

export interface DeflateAgreement {
  readonly visitorStartsAnew: boolean;
  readonly upstreamStartsAnew: boolean;
}

/**
 * What a 101 agreed to (RFC 7692 section 7.1); null without compression.
 *
 * @param values of its `Sec-WebSocket-Extensions` fields
 */
export function deflateAgreement(values: readonly string[]): DeflateAgreement | null {
  for (const value of values) {
    for (const extension of value.split(',')) {
      const [name = '', ...parameters] = extension.split(';').map((part) => part.trim().toLowerCase());
      if (name !== 'permessage-deflate') continue;
      return {
        visitorStartsAnew: parameters.includes('client_no_context_takeover'),
        upstreamStartsAnew: parameters.includes('server_no_context_takeover'),
      };
    }
  }
  return null;
}
