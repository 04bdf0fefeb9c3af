import { randomBytes } from 'node:crypto';
import type { KeyRing } from './key-ring.ts';

const LIFE_MS = 30 * 86_400_000;

/** What a bind token proves: this account had this endpoint under this id, with these options. */
export interface BindClaim {
  readonly bindId: string;
  readonly endpointId: string;
  readonly accountId: string;
  /** Which name it was: `https/demo.example.com`, `tcp/20001`. */
  readonly name: string;
  /** `hashOptions` of the options that were bound. */
  readonly optionsHash: string;
}

/** The secrets that agents keep for us between connections: nothing needs to be remembered here (design §4). */
export class AgentTokens {
  readonly #keys: KeyRing;
  readonly #now: () => number;

  constructor({ keys, now }: { keys: KeyRing; now: () => number }) {
    this.#keys = keys;
    this.#now = now;
  }

  /** The Token of a BindResp. */
  bindToken(claim: BindClaim): string {
    return this.#keys.sign('bind', {
      b: claim.bindId,
      e: claim.endpointId,
      a: claim.accountId,
      n: claim.name,
      o: claim.optionsHash,
      x: this.#expiry(),
    });
  }

  /** What the token proves, or null if it was not signed here or has expired. */
  readBindToken(token: string): BindClaim | null {
    const payload = this.#read('bind', token);
    if (payload === null) return null;
    const { b, e, a, n, o } = payload;
    if (!isText(b) || !isText(e) || !isText(a) || !isText(n) || !isText(o)) return null;
    return { bindId: b, endpointId: e, accountId: a, name: n, optionsHash: o };
  }

  /** The Cookie of an AuthResp: the right to come back as this client. */
  cookie(clientId: string, accountId: string): string {
    return this.#keys.sign('cookie', { c: clientId, a: accountId, x: this.#expiry() });
  }

  /** Whether the cookie lets this account come back under the client id. */
  isCookie(cookie: string, clientId: string, accountId: string): boolean {
    const payload = this.#read('cookie', cookie);
    return payload !== null && payload.c === clientId && payload.a === accountId;
  }

  /** A client id or bind id: 128 random bits. */
  newOpaqueId(): string {
    return randomBytes(16).toString('hex');
  }

  #expiry(): number {
    return Math.floor((this.#now() + LIFE_MS) / 1000);
  }

  #read(purpose: string, text: string): Record<string, unknown> | null {
    const payload = this.#keys.verify(purpose, text);
    if (!isRecord(payload)) return null;
    return typeof payload.x === 'number' && payload.x * 1000 > this.#now() ? payload : null;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
