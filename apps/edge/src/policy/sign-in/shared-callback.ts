import { createHash } from 'node:crypto';
import { PorticoError } from '@portico/errors';
import { SIGN_IN_PATHS } from '@portico/traffic-policy';
import { answerWhole } from '../../proxy/error-response.ts';
import type { Exchange } from '../../proxy/exchange.ts';
import type { KeyRing } from '../../session/key-ring.ts';
import type { SealedBox } from './sealed-box.ts';

const PURPOSE = 'sign-in-return';
const LIFE_MS = 15 * 60_000;
const QUERY_CHARACTERS_MAX = 6_000;

/**
 * The one address to which a provider sends people back when the application is the operator's, registered once for
 * all endpoints: `https://oauth.<base domain>/oauth2/callback`. Which endpoint somebody came from is signed into the
 * state. What the provider says is sealed for that endpoint and its account before it goes there: an account that lures
 * people into its own sign-in learns no code that another's sign-in would take, PKCE or not.
 */
export class SharedCallback {
  readonly #keys: KeyRing;
  readonly #box: SealedBox;
  readonly #host: string;
  readonly #now: () => number;

  constructor({
    keys,
    box,
    baseDomain,
    now = Date.now,
  }: {
    keys: KeyRing;
    box: SealedBox;
    baseDomain: string;
    now?: () => number;
  }) {
    this.#keys = keys;
    this.#box = box;
    this.#host = `oauth.${baseDomain}`;
    this.#now = now;
  }

  /** @param url the page that somebody signs in for */
  redirectUri({ protocol, port }: URL): string {
    return `${protocol}//${this.#host}${port === '' ? '' : `:${port}`}/oauth2/callback`;
  }

  /** @param random unguessable, and first in the state: the cookie of the sign-in is found by it */
  state(random: string, url: URL, accountId: string): string {
    return `${random}.${this.#keys.sign(PURPOSE, { o: url.origin, a: tagOf(accountId), x: this.#now() + LIFE_MS })}`;
  }

  /** What the provider said to the shared address, as it was sealed for this endpoint; null when it was not. */
  async opened(sealed: string, url: URL, accountId: string, signal: AbortSignal): Promise<URL | null> {
    const context = { purpose: 'callback', accountId: tagOf(accountId), host: url.hostname } as const;
    const payload = await this.#box.open(context, sealed, signal);
    if (typeof payload !== 'object' || payload === null || !('q' in payload) || typeof payload.q !== 'string')
      return null;
    if (!('x' in payload) || typeof payload.x !== 'number' || payload.x <= this.#now()) return null;
    return URL.parse(`${this.redirectUri(url)}${payload.q}`);
  }

  /** Answers what comes to the shared address; false for everything else. */
  readonly answer = (exchange: Exchange, fail: (error: PorticoError) => void): boolean => {
    const { hostname, method, target } = exchange.request;
    if (hostname !== this.#host || !(target === '/oauth2/callback' || target.startsWith('/oauth2/callback?')))
      return false;
    if (method !== 'GET' && method !== 'HEAD') {
      fail(new PorticoError(400, { reason: 'a provider sends browsers here by GET' }));
      return true;
    }
    if (!this.#keys.ready) {
      fail(new PorticoError(503, { what: 'Sign-in', seconds: 2 }));
      return true;
    }
    const query = target.slice('/oauth2/callback'.length);
    const state = new URLSearchParams(query).get('state') ?? '';
    const place = query.length > QUERY_CHARACTERS_MAX ? null : this.#placeOf(state);
    if (place === null) {
      fail(new PorticoError(3300, { provider: 'The provider' }));
      return true;
    }
    const { origin, accountTag } = place;
    const context = { purpose: 'callback', accountId: accountTag, host: new URL(origin).hostname } as const;
    const sealed = this.#box.sealNow(context, { q: query, x: this.#now() + LIFE_MS });
    const params = new URLSearchParams({ state, sealed });
    const location = `${origin}${SIGN_IN_PATHS.callback}?${params}`;
    const fields = ['Location', location, 'Cache-Control', 'no-store', 'Referrer-Policy', 'no-referrer'];
    answerWhole(exchange, 302, fields, Buffer.alloc(0));
    return true;
  };

  #placeOf(state: string): { readonly origin: string; readonly accountTag: string } | null {
    const dot = state.indexOf('.');
    const payload = dot === -1 ? null : this.#keys.verify(PURPOSE, state.slice(dot + 1));
    if (typeof payload !== 'object' || payload === null) return null;
    const { o, a, x }: { o?: unknown; a?: unknown; x?: unknown } = payload;
    if (typeof o !== 'string' || typeof a !== 'string' || typeof x !== 'number' || x <= this.#now()) return null;
    return { origin: o, accountTag: a };
  }
}

/** Everybody on the way reads the state: the account is told apart in it, not named. */
function tagOf(accountId: string): string {
  return createHash('sha256').update(accountId).digest('base64url').slice(0, 22);
}
