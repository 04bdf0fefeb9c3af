import { createHash } from 'node:crypto';
import { PorticoError } from '@portico/errors';
import {
  type Answer,
  emptyAnswer,
  type OAuthConfig,
  type OpenIdConnectConfig,
  type PolicyScope,
  type RequestContext,
  type ResultName,
  SIGN_IN_PATHS,
  type SignInConfig,
  signInPathOf,
} from '@portico/traffic-policy';
import { LRUCache } from 'lru-cache';
import type { VisitorSessions } from '../../control/visitor-sessions.ts';
import type { ActionOf, AsyncAction, AsyncOutcome, AsyncTools } from '../async-action.ts';
import { NEXT, NO_ERROR, refuse, resultError } from '../outgoing/refusal.ts';
import {
  type CookieJar,
  endedSessionCookies,
  hasNonceCookie,
  nonceCookie,
  nonceCookieName,
  readCookie,
  readSessionText,
  SESSION_CHARACTERS_MAX,
  sessionCookies,
  staleNonceCookies,
  withoutSignInCookies,
} from './cookies.ts';
import {
  type Application,
  applicationId,
  type IdentityProvider,
  type ProviderPlace,
  titleOf,
} from './identity-provider.ts';
import type { IdentityProviders } from './identity-providers.ts';
import type { ProviderSettings } from './provider-settings.ts';
import { safeReturnPath } from './return-path.ts';
import type { SealContext, SealedBox } from './sealed-box.ts';
import {
  endsAtMs,
  parseSession,
  type Session,
  type SessionRules,
  type SessionState,
  stateOf,
  wantsTouch,
} from './session.ts';
import type { SharedCallback } from './shared-callback.ts';
import { visitorPlace } from './visitor-place.ts';

const SIGN_IN_MINUTES = 15;
const SIGN_INS_AT_ONCE = 5;
/** While a provider is away, a person who was due to be checked goes on for as long again, not longer. */
const CHECK_GRACE = 2;

export interface SignInParts {
  /** Tells owners who is signed in, and knows whom they signed out. */
  readonly visitors: Pick<VisitorSessions, 'newId' | 'note' | 'isEnded'>;
  readonly providers: IdentityProviders;
  readonly box: SealedBox;
  readonly settings: ProviderSettings;
  /** Where people come back to when the application is the operator's. */
  readonly sharedCallback: SharedCallback;
  /** Domains that other accounts have names under: no cookie may be shared there, above or below. */
  readonly sharedDomains: readonly string[];
}

/** One request on its way through a sign-in action. */
interface Visit {
  readonly scope: PolicyScope;
  readonly tools: AsyncTools;
  readonly request: RequestContext;
  readonly config: SignInConfig;
  readonly result: ResultName;
  readonly place: ProviderPlace;
  readonly application: Application;
  /** The application is the operator's. */
  readonly isShared: boolean;
  readonly app: string;
  readonly rules: SessionRules;
  readonly jar: CookieJar;
  readonly url: URL;
  readonly nowMs: number;
}

/**
 * Lets only people in who signed in at a provider (`oauth`, `openid-connect`): sends browsers there, takes them back
 * with state, nonce and PKCE, and keeps who they are in a sealed cookie of this host. Nothing of a session is kept
 * here, so any edge serves it, also after a restart.
 */
export class SignIn {
  readonly #parts: SignInParts;
  /** Checks under way and done, by session: a page's twenty requests ask the provider once. */
  readonly #checks = new LRUCache<string, Promise<Session>>({ max: 10_000, ttl: 60_000, ttlResolution: 1_000 });

  constructor(parts: SignInParts) {
    this.#parts = parts;
  }

  readonly oauth: AsyncAction<'oauth'> = {
    run: (action: ActionOf<'oauth'>, scope, tools) => {
      const { provider } = action.config;
      const place: ProviderPlace = { kind: 'oauth', facts: this.#parts.settings.facts[provider] };
      return this.#run(action.config, this.#applicationOf(action.config, scope), place, 'oauth', scope, tools);
    },
  };

  readonly openIdConnect: AsyncAction<'openid-connect'> = {
    run: (action: ActionOf<'openid-connect'>, scope, tools) => {
      const place: ProviderPlace = { kind: 'oidc', issuerUrl: action.config.issuerUrl.text(scope) };
      return this.#run(action.config, this.#applicationOf(action.config, scope), place, 'oidc', scope, tools);
    },
  };

  async #run(
    config: SignInConfig,
    application: Application | null,
    place: ProviderPlace,
    result: ResultName,
    scope: PolicyScope,
    tools: AsyncTools,
  ): Promise<AsyncOutcome> {
    const { request } = scope;
    if (request === null) return NEXT;
    const isShared = config.clientId === null;
    if (application === null || (isShared && config.scopes.length > 0)) {
      const reason =
        application === null
          ? 'this server has none for policies without'
          : 'only with one can more scopes be asked for';
      const details = { provider: titleOf(place), reason };
      scope.setResult(result, { error: resultError(3106, details) });
      return refuse(3106, details);
    }
    if (config.allowCorsPreflight && isPreflight(request)) {
      strip(scope);
      return NEXT;
    }
    const url = URL.parse(`${request.scheme}://${request.authority}${request.target}`);
    if (url === null) return refuse(400, { reason: 'the address cannot be read' });
    const visit: Visit = {
      scope,
      tools,
      request,
      config,
      result,
      place,
      application,
      isShared,
      app: applicationId(place, application),
      rules: { maxMs: config.maxSessionMs, idleMs: config.idleSessionMs },
      jar: this.#jarOf(config, request, url),
      url,
      nowMs: scope.now().getTime(),
    };
    const outcome = await this.#visit(visit);
    // After it read them: the upstream, and whoever a later rule asks, never sees them.
    strip(scope);
    return outcome;
  }

  async #visit(visit: Visit): Promise<AsyncOutcome> {
    const { url, config, request } = visit;
    switch (signInPathOf(request, config)) {
      case 'callback':
        return this.#finish(visit);
      case 'logout':
        return this.#logout(visit);
      case 'login':
        if (!isNavigation(request)) return this.#refuseUnsigned(visit, 'good');
        return this.#begin(visit, safeReturnPath(url.searchParams.get('redirect_path')), true);
      case null:
        return this.#enter(visit);
    }
  }

  /** Any other request: with a session it goes on, without one a browser is sent to sign in. */
  async #enter(visit: Visit): Promise<AsyncOutcome> {
    const { request, rules, nowMs, tools, scope, result } = visit;
    const session = await this.#sessionOf(visit);
    const state = session === null ? 'good' : stateOf(session, rules, nowMs);
    if (session !== null && state === 'good') {
      try {
        const current = await this.#checked(visit, session);
        const touched = { ...current, seenMs: nowMs };
        if (current !== session || wantsTouch(session, rules, nowMs)) {
          for (const value of await this.#cookies(visit, touched)) tools.addResponseField('set-cookie', value);
          this.#note(visit, touched);
        }
        scope.setResult(result, this.#resultOf(visit, touched, current !== session));
        return NEXT;
      } catch (error) {
        if (!(error instanceof PorticoError)) throw error;
        if (error.code !== 3151) {
          scope.setResult(result, { error: resultError(error.code, error.details) });
          return refuse(error.code, error.details);
        }
      }
    }
    if (!isNavigation(request)) return this.#refuseUnsigned(visit, state);
    const { pathname, search } = visit.url;
    return this.#begin(visit, safeReturnPath(`${pathname}${search}`), false);
  }

  async #sessionOf(visit: Visit): Promise<Session | null> {
    const text = readSessionText(visit.jar, visit.request);
    if (text === null) return null;
    const payload = await this.#parts.box.open(contextOf(visit, 'session'), text, visit.tools.signal);
    const session = parseSession(payload);
    if (session === null || session.app !== visit.app) return null;
    return this.#parts.visitors.isEnded(session.id) ? null : session;
  }

  /** The session, after asking the provider again where the policy wants that from time to time. */
  async #checked(visit: Visit, session: Session): Promise<Session> {
    const everyMs = visit.config.userinfoRefreshMs;
    if (everyMs === null) return session;
    let current = session;
    // A browser that has not taken its newer cookie yet comes with the old one: what was found since counts.
    while (visit.nowMs - current.checkedMs >= everyMs) {
      const key = `${visit.app} ${current.id} ${current.checkedMs}`;
      let check = this.#checks.get(key);
      if (check === undefined) {
        check = this.#check(visit, current);
        this.#checks.set(key, check);
        check.catch(() => this.#checks.delete(key));
      }
      try {
        current = await check;
      } catch (error) {
        const isAway = error instanceof PorticoError && error.code === 3160;
        if (isAway && visit.nowMs - current.checkedMs < everyMs * CHECK_GRACE) return current;
        throw error;
      }
    }
    return current;
  }

  async #check(visit: Visit, session: Session): Promise<Session> {
    const provider = await this.#provider(visit);
    const { tokens, identity } = await provider.check(session, session, visit.nowMs);
    return {
      ...session,
      ...tokens,
      email: identity.email,
      name: identity.name,
      checkedMs: visit.nowMs,
    };
  }

  /** Sends the browser to the provider. */
  async #begin(visit: Visit, returnPath: string, freshLogin: boolean): Promise<AsyncOutcome> {
    const { jar, request, config, tools, nowMs } = visit;
    const { sharedCallback } = this.#parts;
    try {
      const provider = await this.#provider(visit);
      const made = provider.newStart();
      const start = visit.isShared
        ? { ...made, state: sharedCallback.state(made.state, visit.url, tools.endpoint.accountId) }
        : made;
      const sealed = await this.#parts.box.seal(
        contextOf(visit, 'sign-in'),
        { v: 1, app: visit.app, ...start, returnPath, atMs: nowMs },
        tools.signal,
      );
      const location = await provider.authorizationUrl(start, {
        redirectUri: visit.isShared ? sharedCallback.redirectUri(visit.url) : redirectUri(visit.url),
        scopes: config.scopes,
        parameters: config.authorizationParameters,
        freshLogin,
      });
      return answer(302, location, [
        ...staleNonceCookies(jar, request, SIGN_INS_AT_ONCE - 1),
        nonceCookie(jar, start.state, sealed, SIGN_IN_MINUTES * 60),
      ]);
    } catch (error) {
      return this.#refused(visit, error);
    }
  }

  /** The browser comes back. */
  async #finish(visit: Visit): Promise<AsyncOutcome> {
    const { jar, request, url, nowMs, tools } = visit;
    const provider = titleOf(visit.place);
    const state = url.searchParams.get('state');
    if (state === null || state === '') return this.#refused(visit, new PorticoError(3120, { provider }));
    const text = readCookie(request, nonceCookieName(jar, state));
    if (text === null) {
      return this.#refused(visit, new PorticoError(hasNonceCookie(jar, request) ? 3300 : 3121, { provider }));
    }
    const opened = await this.#parts.box.open(contextOf(visit, 'sign-in'), text, tools.signal);
    const start = parseStart(opened);
    // The cookie is found by the beginning of the state, so all of it is compared; by openid-client too.
    if (start === null || start.app !== visit.app || start.state !== state) {
      return this.#refused(visit, new PorticoError(3300, { provider }));
    }
    const clear = nonceCookie(jar, state, '', 0);
    if (nowMs - start.atMs > SIGN_IN_MINUTES * 60_000) {
      return this.#refused(visit, new PorticoError(3119, { provider, minutes: SIGN_IN_MINUTES }), [clear]);
    }
    // A plain code never came by the shared address, and a sealed one nowhere else.
    const said = visit.isShared
      ? await this.#parts.sharedCallback.opened(
          url.searchParams.get('sealed') ?? '',
          url,
          tools.endpoint.accountId,
          tools.signal,
        )
      : url;
    if (said === null) return this.#refused(visit, new PorticoError(3300, { provider }), [clear]);
    try {
      const connected = await this.#provider(visit);
      const { tokens, identity } = await connected.finish(said, start, nowMs);
      const session: Session = {
        v: 1,
        app: visit.app,
        id: this.#parts.visitors.newId(),
        ...identity,
        ...tokens,
        signedInMs: nowMs,
        seenMs: nowMs,
        checkedMs: nowMs,
      };
      this.#note(visit, session);
      return answer(302, safeReturnPath(start.returnPath), [clear, ...(await this.#cookies(visit, session))]);
    } catch (error) {
      return this.#refused(visit, error, [clear]);
    }
  }

  /** For the owner of the endpoint: who is signed in where, never what they hold. */
  #note({ place, request, rules, scope, tools }: Visit, session: Session): void {
    const { id: endpointId, accountId, url } = tools.endpoint;
    const time = (ms: number): string => new Date(ms).toISOString();
    this.#parts.visitors.note({
      id: session.id,
      accountId,
      endpointId,
      publicUrl: url.slice(0, 2_048),
      provider: place.kind === 'oauth' ? place.facts.title.toLowerCase() : place.issuerUrl.slice(0, 1_024),
      subject: session.subject.slice(0, 512),
      username: '',
      email: session.email.slice(0, 512),
      name: session.name.slice(0, 512),
      ip: scope.connection.clientIp.slice(0, 64),
      userAgent: (fieldOf(request, 'user-agent') ?? '').slice(0, 512),
      place: visitorPlace(scope.connection.ipFacts(scope.connection.clientIp)),
      startedAt: time(session.signedInMs),
      lastActiveAt: time(session.seenMs),
      expiresAt: time(endsAtMs(session, rules)),
    });
  }

  /** Ends the session of this browser; the one at the provider goes on. */
  #logout(visit: Visit): AsyncOutcome {
    const { jar, request, url } = visit;
    const site = fieldOf(request, 'sec-fetch-site');
    if (!isNavigation(request) && site !== null && site !== 'same-origin' && site !== 'none') {
      return refuse(400, { reason: 'another site may not sign people out' });
    }
    const gone = endedSessionCookies(jar, request);
    const wanted = url.searchParams.get('redirect_path');
    if (wanted !== null) return answer(302, safeReturnPath(wanted), gone);
    return {
      kind: 'answer',
      answer: {
        status: 200,
        fields: [...PRIVATE, 'content-type', 'text/plain; charset=utf-8', ...setCookieFields(gone)],
        body: Buffer.from('You are signed out.\n'),
        error: null,
      },
    };
  }

  #refuseUnsigned(visit: Visit, state: SessionState): AsyncOutcome {
    const details = {
      provider: titleOf(visit.place),
      reason: 'only page loads by GET are sent to sign in, not other requests',
    };
    visit.scope.setResult(visit.result, {
      error: resultError(3150, details),
      session_timed_out: state === 'timed-out',
      session_max_duration_reached: state === 'max-duration-reached',
    });
    return refuse(3150, details);
  }

  #refused(visit: Visit, error: unknown, cookies: readonly string[] = []): AsyncOutcome {
    if (!(error instanceof PorticoError)) throw error;
    visit.scope.setResult(visit.result, { error: resultError(error.code, error.details) });
    for (const value of cookies) visit.tools.addResponseField('set-cookie', value);
    return refuse(error.code, error.details);
  }

  #provider(visit: Visit): Promise<IdentityProvider> {
    return this.#parts.providers.get(visit.place, visit.application);
  }

  /** `Set-Cookie` values of a session. Tokens that do not fit into cookies are left out, the least needed first. */
  async #cookies(visit: Visit, session: Session): Promise<string[]> {
    const maxAgeS = (endsAtMs(session, visit.rules) - visit.nowMs) / 1_000;
    for (const smaller of [{}, { idToken: '' }, { idToken: '', refreshToken: '' }, NO_TOKENS]) {
      const kept = { ...session, ...smaller };
      const text = await this.#parts.box.seal(contextOf(visit, 'session'), kept, visit.tools.signal);
      if (text.length <= SESSION_CHARACTERS_MAX) return sessionCookies(visit.jar, text, maxAgeS, visit.request);
    }
    throw new PorticoError(3164, { provider: titleOf(visit.place), reason: 'what it says of the person is too long' });
  }

  #resultOf(visit: Visit, session: Session, refreshed: boolean): { readonly [field: string]: unknown } {
    return {
      error: NO_ERROR,
      identity: {
        id: identityId(visit.tools.endpoint.accountId, visit.place, session.subject),
        email: session.email,
        name: session.name,
        provider_user_id: session.subject,
        current_provider_session_id: session.id,
        current_session_id: session.id,
      },
      // People gave these to the operator's application, not to that of this account.
      access_token: visit.isShared ? '' : session.accessToken,
      refresh_token: visit.isShared ? '' : session.refreshToken,
      expires_at: new Date(endsAtMs(session, visit.rules)).toISOString(),
      session_timed_out: false,
      session_max_duration_reached: false,
      userinfo_refreshed: refreshed,
      ...(visit.result === 'oidc' ? { identity_token: session.idToken } : {}),
    };
  }

  #applicationOf(config: OAuthConfig | OpenIdConnectConfig, scope: PolicyScope): Application | null {
    const clientId = config.clientId?.text(scope) ?? '';
    if (clientId !== '') return { clientId, clientSecret: config.clientSecret?.text(scope) ?? '' };
    return 'provider' in config && config.clientId === null
      ? (this.#parts.settings.applications[config.provider] ?? null)
      : null;
  }

  /** @throws {PorticoError} 3313 for a cookie domain that is not this host's, or that other accounts share. */
  #jarOf(config: SignInConfig, request: RequestContext, url: URL): CookieJar {
    const secure = request.scheme === 'https';
    const authId = config.authId ?? '';
    const domain = config.cookieDomain?.replace(/^\./, '').toLowerCase() ?? null;
    if (domain === null) return { secure, domain, authId };
    const host = url.hostname;
    const bad = (reason: string): PorticoError => new PorticoError(3313, { domain, host, reason });
    if (host !== domain && !host.endsWith(`.${domain}`)) throw bad('the host is not under it');
    const isShared = this.#parts.sharedDomains.some(
      (shared) => shared === domain || shared.endsWith(`.${domain}`) || domain.endsWith(`.${shared}`),
    );
    if (isShared) throw bad('other accounts have names under it');
    return { secure, domain, authId };
  }
}

const NO_TOKENS = { idToken: '', refreshToken: '', accessToken: '' };

/** What a browser must not keep or show to others. */
const PRIVATE = ['cache-control', 'no-store', 'referrer-policy', 'no-referrer'];

function answer(status: number, location: string, cookies: readonly string[]): AsyncOutcome {
  const redirect: Answer = emptyAnswer(status, ['location', location, ...PRIVATE, ...setCookieFields(cookies)]);
  return { kind: 'answer', answer: redirect };
}

function setCookieFields(values: readonly string[]): string[] {
  return values.flatMap((value) => ['set-cookie', value]);
}

function contextOf({ tools, jar, url }: Visit, purpose: SealContext['purpose']): SealContext {
  const host = purpose === 'session' ? (jar.domain ?? url.hostname) : url.hostname;
  return { purpose, accountId: tools.endpoint.accountId, host };
}

function redirectUri(url: URL): string {
  return `${url.origin}${SIGN_IN_PATHS.callback}`;
}

function strip(scope: PolicyScope): void {
  const { request } = scope;
  if (request !== null) scope.request = withoutSignInCookies(request);
}

interface Start {
  readonly app: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly returnPath: string;
  readonly atMs: number;
}

function parseStart(value: unknown): Start | null {
  if (typeof value !== 'object' || value === null) return null;
  const read = (name: string): unknown => Object.getOwnPropertyDescriptor(value, name)?.value;
  const [app, state, nonce, verifier, returnPath, atMs] = [
    read('app'),
    read('state'),
    read('nonce'),
    read('verifier'),
    read('returnPath'),
    read('atMs'),
  ];
  if (typeof app !== 'string' || typeof state !== 'string' || typeof nonce !== 'string') return null;
  if (typeof verifier !== 'string' || typeof returnPath !== 'string' || typeof atMs !== 'number') return null;
  return { app, state, nonce, verifier, returnPath, atMs };
}

/** A page load, which may be sent elsewhere; scripts, forms and WebSockets get 401 and can act on it. */
function isNavigation(request: RequestContext): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  if (fieldOf(request, 'upgrade') !== null || fieldOf(request, 'sec-websocket-key') !== null) return false;
  const mode = fieldOf(request, 'sec-fetch-mode');
  if (mode !== null) return mode.toLowerCase() === 'navigate';
  if (fieldOf(request, 'x-requested-with') !== null) return false;
  const accept = fieldOf(request, 'accept')?.toLowerCase() ?? '*/*';
  return accept.includes('text/html') || accept.includes('*/*');
}

/** What a browser asks before a request of another site; without cookies, so it can never be signed in. */
function isPreflight(request: RequestContext): boolean {
  return (
    request.method === 'OPTIONS' &&
    fieldOf(request, 'origin') !== null &&
    fieldOf(request, 'access-control-request-method') !== null
  );
}

function fieldOf({ fields }: RequestContext, lowerName: string): string | null {
  for (let index = 0; index + 1 < fields.length; index += 2) {
    if ((fields[index] ?? '').toLowerCase() === lowerName) return fields[index + 1] ?? '';
  }
  return null;
}

/** The same person at the same provider always has the same id in one account, and another one in every other. */
function identityId(accountId: string, place: ProviderPlace, subject: string): string {
  const where = place.kind === 'oauth' ? place.facts.title : place.issuerUrl;
  const digest = createHash('sha256').update(`${accountId}\n${where}\n${subject}`).digest('base64url');
  return `idn_${digest.replace(/[-_]/g, '0').slice(0, 27)}`;
}
