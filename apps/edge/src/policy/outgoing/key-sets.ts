import type { Outgoing } from '@portico/outgoing';
import type { JwksResolver } from '@portico/traffic-policy';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';

export interface KeySetLimits {
  /** Keys are asked for again after this. */
  readonly maxAgeMs: number;
  /** While their address does not answer, older keys are good for so long. */
  readonly staleMs: number;
  /** A key that is not in the set is looked for at the address again, but not more often than this. */
  readonly cooldownMs: number;
  readonly setsMax: number;
  readonly bytesMax: number;
  readonly keysMax: number;
}

export const keySetLimits: KeySetLimits = {
  maxAgeMs: 15 * 60_000,
  staleMs: 4 * 3_600_000,
  cooldownMs: 5_000,
  setsMax: 500,
  bytesMax: 262_144,
  keysMax: 100,
};

/**
 * The public keys of issuers by the address of their JWKS: fetched when they are first needed, once for all who wait,
 * and again when they are old or when a token names a key that is not among them (rotation). Bounded; nothing is
 * fetched that nobody asked for.
 */
export class KeySets {
  readonly #sets: LRUCache<string, RemoteKeySet>;
  readonly #outgoing: Outgoing;
  readonly #limits: KeySetLimits;
  readonly #nowMs: () => number;

  constructor({
    outgoing,
    limits = keySetLimits,
    nowMs = () => performance.now(),
  }: {
    outgoing: Outgoing;
    limits?: KeySetLimits;
    nowMs?: () => number;
  }) {
    this.#outgoing = outgoing;
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#sets = new LRUCache({ max: limits.setsMax });
  }

  readonly resolver: JwksResolver = (url) => {
    let set = this.#sets.get(url);
    if (set === undefined) {
      set = new RemoteKeySet(() => this.#fetch(url), this.#limits, this.#nowMs);
      this.#sets.set(url, set);
    }
    return set.find;
  };

  async #fetch(url: string): Promise<JSONWebKeySet> {
    const { status, body } = await this.#outgoing.send(url, {
      headers: { accept: 'application/json, application/jwk-set+json' },
      maxBytes: this.#limits.bytesMax,
    });
    if (status !== 200) throw new Error(`it answers ${status}`);
    const value: unknown = parseJson(body);
    if (!isKeySet(value)) throw new Error('its answer is not a key set');
    if (value.keys.length > this.#limits.keysMax) throw new Error('it has too many keys');
    return value;
  }
}

class RemoteKeySet {
  readonly #fetch: () => Promise<JSONWebKeySet>;
  readonly #limits: KeySetLimits;
  readonly #nowMs: () => number;
  #keys: ReturnType<typeof createLocalJWKSet> | null = null;
  #fetchedMs = 0;
  #triedMs: number | null = null;
  #failure: unknown = null;
  #pending: Promise<void> | null = null;

  constructor(fetch: () => Promise<JSONWebKeySet>, limits: KeySetLimits, nowMs: () => number) {
    this.#fetch = fetch;
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#keys === null || this.#age() > this.#limits.maxAgeMs) await this.#refresh();
    const keys = this.#keys;
    if (keys === null) throw this.#failure;
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || this.#isCool()) throw error;
      await this.#refresh();
      const renewed = this.#keys;
      if (renewed === null || renewed === keys) throw error;
      return renewed(header, token);
    }
  };

  #age(): number {
    return this.#nowMs() - this.#fetchedMs;
  }

  #isCool(): boolean {
    return this.#triedMs !== null && this.#nowMs() - this.#triedMs < this.#limits.cooldownMs;
  }

  /** Fetches once for all who wait. A failure leaves the keys there were, unless they are too old. */
  async #refresh(): Promise<void> {
    // An address that just failed is not asked for every token again.
    if (this.#pending === null && this.#failure !== null && this.#isCool()) return;
    this.#pending ??= this.#load().finally(() => {
      this.#pending = null;
    });
    await this.#pending;
  }

  async #load(): Promise<void> {
    this.#triedMs = this.#nowMs();
    try {
      this.#keys = createLocalJWKSet(await this.#fetch());
      this.#fetchedMs = this.#nowMs();
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
      if (this.#age() > this.#limits.staleMs) this.#keys = null;
    }
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return (
    typeof value === 'object' &&
    value !== null &&
    'keys' in value &&
    Array.isArray(value.keys) &&
    value.keys.every((key: unknown) => typeof key === 'object' && key !== null)
  );
}
