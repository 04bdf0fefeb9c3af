import type { AccountSettings } from '@portico/api-contract/internal';
import { PorticoError } from '@portico/errors';

type Limits = AccountSettings['limits'];

/** A second's worth at once, then evenly. */
class Bucket {
  readonly perSecond: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.perSecond = perSecond;
    this.#left = perSecond;
    this.#atMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#left = Math.min(this.perSecond, this.#left + ((nowMs - this.#atMs) / 1_000) * this.perSecond);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

interface Account {
  readonly limits: Limits;
  readonly requests: Bucket | null;
  readonly connections: Bucket | null;
}

/**
 * Holds accounts to what their plan allows on this edge: requests and new connections a second, and what is used up
 * for this month. Accounts without limits are not in it, and cost one look at an empty map.
 */
export class Quotas {
  readonly #accounts = new Map<string, Account>();
  /** Visitors' connections that were counted. */
  readonly #known = new WeakSet<object>();
  readonly #nowMs: () => number;
  /** Time of day: a month is one of dates. */
  readonly #now: () => number;

  constructor({ nowMs, now }: { nowMs: () => number; now: () => number }) {
    this.#nowMs = nowMs;
    this.#now = now;
  }

  /** Limits as the API has them now; what has been taken this second stays taken. */
  set(accountId: string, limits: Limits): void {
    const { requestsPerSecond, connectionsPerSecond, exhausted } = limits;
    if (requestsPerSecond === null && connectionsPerSecond === null && exhausted === null) {
      this.#accounts.delete(accountId);
      return;
    }
    const before = this.#accounts.get(accountId);
    this.#accounts.set(accountId, {
      limits,
      requests: this.#bucket(before?.requests ?? null, requestsPerSecond),
      connections: this.#bucket(before?.connections ?? null, connectionsPerSecond),
    });
  }

  forget(accountId: string): void {
    this.#accounts.delete(accountId);
  }

  /**
   * Why this request is not served; null: it is, and counts. 725, 726, 727 used up · 702, 703 too many a second.
   * @param connection the visitor's, which counts once
   */
  refusesRequest(accountId: string, connection: object): PorticoError | null {
    if (this.#accounts.size === 0) return null;
    const account = this.#accounts.get(accountId);
    if (account === undefined) return null;
    const refusal = this.#exhausted(account);
    if (refusal !== null) return refusal;
    if (account.connections !== null && !this.#known.has(connection)) {
      const tooMany = this.#tooMany(account.connections, 702);
      if (tooMany !== null) return tooMany;
      this.#known.add(connection);
    }
    return account.requests === null ? null : this.#tooMany(account.requests, 703);
  }

  /** The same for a connection that carries no requests. */
  refusesConnection(accountId: string): PorticoError | null {
    if (this.#accounts.size === 0) return null;
    const account = this.#accounts.get(accountId);
    if (account === undefined) return null;
    return this.#exhausted(account) ?? (account.connections === null ? null : this.#tooMany(account.connections, 702));
  }

  #exhausted({ limits: { exhausted } }: Account): PorticoError | null {
    if (exhausted === null || this.#now() >= Date.parse(exhausted.until)) return null;
    const details = { limit: exhausted.limit, until: exhausted.until };
    if (exhausted.code === 725) return new PorticoError(725, details);
    return exhausted.code === 726 ? new PorticoError(726, details) : new PorticoError(727, details);
  }

  #tooMany(bucket: Bucket, code: 702 | 703): PorticoError | null {
    return bucket.take(this.#nowMs()) ? null : new PorticoError(code, { limit: bucket.perSecond });
  }

  #bucket(before: Bucket | null, perSecond: number | null): Bucket | null {
    if (perSecond === null) return null;
    return before?.perSecond === perSecond ? before : new Bucket(perSecond, this.#nowMs());
  }
}
