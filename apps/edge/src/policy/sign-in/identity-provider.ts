import { createHash } from 'node:crypto';
import { PorticoError } from '@portico/errors';
import { type Outgoing, OutgoingError } from '@portico/outgoing';
import { errors as joseErrors, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import type { KeySets } from '../outgoing/key-sets.ts';
import { type Identity, identityOfClaims, type ProviderFacts, verifiedEmail } from './provider-facts.ts';

/** The application of a policy at a provider. */
export interface Application {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Where people sign in: an OAuth provider whose endpoints are known, or an issuer that says where they are. */
export type ProviderPlace =
  | { readonly kind: 'oauth'; readonly facts: ProviderFacts }
  | { readonly kind: 'oidc'; readonly issuerUrl: string };

export interface SignInStart {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
  /** Milliseconds since 1970; 0: not said. */
  readonly accessExpiresMs: number;
}

const USER_BYTES_MAX = 262_144;
const ID_TOKEN_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/**
 * One application at one provider: what the sign-in of any number of people needs. Everything that it asks of the
 * provider goes through `Outgoing`. Errors are PorticoError that say whose fault it is.
 */
export class IdentityProvider {
  readonly title: string;
  readonly #place: ProviderPlace;
  readonly #application: Application;
  readonly #config: oidc.Configuration;
  readonly #outgoing: Outgoing;
  readonly #keySets: KeySets;

  private constructor(
    place: ProviderPlace,
    application: Application,
    config: oidc.Configuration,
    { outgoing, keySets }: { outgoing: Outgoing; keySets: KeySets },
  ) {
    this.title = titleOf(place);
    this.#place = place;
    this.#application = application;
    this.#config = config;
    this.#outgoing = outgoing;
    this.#keySets = keySets;
  }

  /** @throws {PorticoError} 3160 when the issuer cannot be asked where its endpoints are. */
  static async connect(
    place: ProviderPlace,
    application: Application,
    collaborators: { outgoing: Outgoing; keySets: KeySets },
  ): Promise<IdentityProvider> {
    const { clientId, clientSecret } = application;
    const fetch = fetchFor(collaborators.outgoing);
    const authenticate = clientAuth(clientSecret);
    if (place.kind === 'oauth') {
      const { authorizationUrl, tokenUrl } = place.facts;
      const server: oidc.ServerMetadata = {
        issuer: new URL(tokenUrl).origin,
        authorization_endpoint: authorizationUrl,
        token_endpoint: tokenUrl,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
      };
      const config = new oidc.Configuration(server, clientId, clientSecret, authenticate);
      config[oidc.customFetch] = fetch;
      // Plain http gets past `Outgoing` only where the operator allowed the address.
      if (tokenUrl.startsWith('http:')) oidc.allowInsecureRequests(config);
      return new IdentityProvider(place, application, config, collaborators);
    }
    const issuer = URL.parse(place.issuerUrl);
    if (issuer === null) throw new PorticoError(3160, { provider: titleOf(place), reason: 'issuer_url is not a URL' });
    try {
      const config = await oidc.discovery(issuer, clientId, clientSecret, authenticate, {
        [oidc.customFetch]: fetch,
        execute: issuer.protocol === 'http:' ? [oidc.allowInsecureRequests] : [],
      });
      return new IdentityProvider(place, application, config, collaborators);
    } catch (error) {
      throw new PorticoError(3160, { provider: titleOf(place), reason: reasonOf(error) }, { cause: error });
    }
  }

  newStart(): SignInStart {
    return { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
  }

  /** Where the browser is sent. */
  async authorizationUrl(
    start: SignInStart,
    {
      redirectUri,
      scopes,
      parameters,
      freshLogin,
    }: {
      redirectUri: string;
      scopes: readonly string[];
      parameters: ReadonlyMap<string, string>;
      freshLogin: boolean;
    },
  ): Promise<string> {
    const known = this.#place.kind === 'oauth' ? this.#place.facts.scopes : ['openid', 'profile', 'email'];
    const asked: Record<string, string> = { ...Object.fromEntries(parameters) };
    if (freshLogin && this.#place.kind === 'oidc') asked.prompt ??= 'login';
    asked.redirect_uri = redirectUri;
    asked.scope = [...new Set([...known, ...scopes])].join(' ');
    asked.state = start.state;
    asked.response_type = 'code';
    if (this.#place.kind === 'oidc') asked.nonce = start.nonce;
    if (this.#usesPkce) {
      asked.code_challenge = await oidc.calculatePKCECodeChallenge(start.verifier);
      asked.code_challenge_method = 'S256';
    }
    return oidc.buildAuthorizationUrl(this.#config, asked).href;
  }

  /**
   * The person who comes back with a code.
   * @param url the address that the provider sent the browser to, with its query
   * @throws {PorticoError} 3112, 3114, 3122, 3125, 3160 or 3164
   */
  async finish(
    url: URL,
    start: SignInStart,
    nowMs: number,
  ): Promise<{ readonly tokens: Tokens; readonly identity: Identity }> {
    const response = await this.#guarded(() =>
      oidc.authorizationCodeGrant(this.#config, url, {
        expectedState: start.state,
        ...(this.#usesPkce ? { pkceCodeVerifier: start.verifier } : {}),
        ...(this.#place.kind === 'oidc' ? { expectedNonce: start.nonce, idTokenExpected: true } : {}),
      }),
    );
    const tokens = tokensOf(response, nowMs);
    if (this.#place.kind === 'oauth') return { tokens, identity: await this.#askOAuth(this.#place.facts, tokens) };
    await this.#verifyIdToken(tokens.idToken);
    const claims = response.claims();
    const fromToken = identityOfClaims(claims);
    if (fromToken === null) throw this.#failed('its ID token names nobody');
    // The ID token may leave out what the userinfo endpoint tells.
    const asked = fromToken.email === '' || fromToken.name === '' ? await this.#askOidc(tokens, fromToken) : null;
    return { tokens, identity: asked ?? fromToken };
  }

  /**
   * Asks the provider again who the person is, with new tokens where the old ones have expired.
   * @throws {PorticoError} 3151 when the provider no longer accepts the tokens, 3160 when it cannot be asked
   */
  async check(
    tokens: Tokens,
    identity: Identity,
    nowMs: number,
  ): Promise<{ readonly tokens: Tokens; readonly identity: Identity }> {
    let current = tokens;
    const expired = tokens.accessExpiresMs > 0 && tokens.accessExpiresMs <= nowMs + 10_000;
    if (expired) {
      if (tokens.refreshToken === '') throw this.#ended();
      const response = await this.#guarded(() => oidc.refreshTokenGrant(this.#config, tokens.refreshToken), true);
      const renewed = tokensOf(response, nowMs);
      current = {
        ...renewed,
        refreshToken: renewed.refreshToken || tokens.refreshToken,
        idToken: renewed.idToken || tokens.idToken,
      };
    }
    const found =
      this.#place.kind === 'oauth'
        ? await this.#askOAuth(this.#place.facts, current, true)
        : await this.#askOidc(current, identity, true);
    if (found !== null && found.subject !== identity.subject) throw this.#ended();
    return { tokens: current, identity: found ?? identity };
  }

  get #usesPkce(): boolean {
    return this.#place.kind === 'oidc' || this.#place.facts.pkce;
  }

  async #askOAuth(facts: ProviderFacts, tokens: Tokens, isCheck = false): Promise<Identity> {
    const identity = facts.identity(await this.#ask(facts.userUrl, tokens, facts, isCheck));
    if (identity === null) throw this.#failed('it does not say who this is');
    if (identity.email !== '' || facts.emailsUrl === undefined) return identity;
    return { ...identity, email: verifiedEmail(await this.#ask(facts.emailsUrl, tokens, facts, isCheck)) };
  }

  /** Null where there is no userinfo endpoint. */
  async #askOidc(tokens: Tokens, known: Identity, isCheck = false): Promise<Identity | null> {
    const url = this.#config.serverMetadata().userinfo_endpoint;
    if (url === undefined) return null;
    const found = identityOfClaims(await this.#ask(url, tokens, null, isCheck));
    // OpenID Connect Core section 5.3.2: another subject must not be used.
    if (found === null || found.subject !== known.subject) throw this.#failed('its userinfo is of somebody else');
    return { subject: found.subject, email: found.email || known.email, name: found.name || known.name };
  }

  async #ask(url: string, tokens: Tokens, facts: ProviderFacts | null, isCheck: boolean): Promise<unknown> {
    const { clientIdField } = facts ?? {};
    try {
      const { status, body } = await this.#outgoing.send(url, {
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${tokens.accessToken}`,
          ...(clientIdField === undefined ? {} : { [clientIdField]: this.#application.clientId }),
        },
        maxBytes: USER_BYTES_MAX,
      });
      if (status === 401 || status === 403) throw isCheck ? this.#ended() : this.#failed(`it answers ${status}`);
      if (status !== 200) throw new PorticoError(3160, { provider: this.title, reason: `it answers ${status}` });
      return JSON.parse(body.toString('utf8'));
    } catch (error) {
      if (error instanceof PorticoError) throw error;
      throw new PorticoError(3160, { provider: this.title, reason: reasonOf(error) }, { cause: error });
    }
  }

  /** Checked with the issuer's keys, although it came from the issuer itself (OpenID Connect Core section 3.1.3.7). */
  async #verifyIdToken(idToken: string): Promise<void> {
    const { jwks_uri: jwksUrl, issuer } = this.#config.serverMetadata();
    if (jwksUrl === undefined) throw this.#failed('it does not say where its keys are');
    try {
      await jwtVerify(idToken, this.#keySets.resolver(jwksUrl), {
        issuer,
        audience: this.#application.clientId,
        algorithms: ID_TOKEN_ALGORITHMS,
        clockTolerance: 30,
      });
    } catch (error) {
      if (error instanceof joseErrors.JOSEError) throw this.#failed(`its ID token does not hold: ${error.code}`);
      throw new PorticoError(3160, { provider: this.title, reason: reasonOf(error) }, { cause: error });
    }
  }

  async #guarded<T>(work: () => Promise<T>, isCheck = false): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const provider = this.title;
      if (error instanceof oidc.AuthorizationResponseError) {
        if (error.error === 'access_denied') throw new PorticoError(3114, { provider });
        throw new PorticoError(3112, { provider, error: codeText(error.error) });
      }
      if (error instanceof oidc.ResponseBodyError) {
        const code = codeText(error.error);
        if (error.error === 'invalid_grant') throw isCheck ? this.#ended() : new PorticoError(3122, { provider });
        if (error.error === 'invalid_client' || error.error === 'unauthorized_client') {
          throw new PorticoError(3125, { provider, reason: code });
        }
        throw this.#failed(`it answers ${code}`);
      }
      const outgoing = outgoingCause(error);
      if (outgoing !== null) throw new PorticoError(3160, { provider, reason: outgoing.message }, { cause: error });
      throw new PorticoError(3164, { provider, reason: reasonOf(error) }, { cause: error });
    }
  }

  #failed(reason: string): PorticoError {
    return new PorticoError(3164, { provider: this.title, reason });
  }

  #ended(): PorticoError {
    return new PorticoError(3151, { provider: this.title });
  }
}

/** Tells applications apart in cookies and caches without showing their secret. */
export function applicationId(place: ProviderPlace, { clientId, clientSecret }: Application): string {
  const where = place.kind === 'oauth' ? `${place.facts.authorizationUrl} ${place.facts.tokenUrl}` : place.issuerUrl;
  const parts = [place.kind, where, clientId, clientSecret];
  return createHash('sha256')
    .update(parts.map((part) => `${part.length}:${part}`).join(''))
    .digest('base64url')
    .slice(0, 22);
}

export function titleOf(place: ProviderPlace): string {
  return place.kind === 'oauth' ? place.facts.title : (URL.parse(place.issuerUrl)?.host ?? 'the issuer');
}

/** By the method that the server names; the secret in the body where it names none, as most applications are set up. */
function clientAuth(clientSecret: string): oidc.ClientAuth {
  const post = oidc.ClientSecretPost(clientSecret);
  const basic = oidc.ClientSecretBasic(clientSecret);
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const chosen = methods.includes('client_secret_post') ? post : basic;
    chosen(server, client, body, headers);
  };
}

function fetchFor(outgoing: Outgoing): oidc.CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    if (body instanceof ReadableStream) throw new TypeError('nothing here streams');
    const response = await outgoing.fetch(url, {
      method,
      headers,
      body,
      ...(signal === undefined ? {} : { signal }),
    });
    return repaired(response);
  };
}

/** Twitch gives its scopes as a list, where RFC 6749 section 5.1 has a text. */
async function repaired(response: Response): Promise<Response> {
  if (response.headers.get('content-type')?.includes('json') !== true) return response;
  const text = await response.text();
  const { status, headers } = response;
  let fixed = text;
  if (/"scope"\s*:\s*\[/.test(text)) {
    const value: unknown = parse(text);
    if (typeof value === 'object' && value !== null && 'scope' in value && Array.isArray(value.scope)) {
      fixed = JSON.stringify({ ...value, scope: value.scope.join(' ') });
    }
  }
  return new Response(fixed, { status, headers });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function tokensOf(response: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers, nowMs: number): Tokens {
  const expiresIn = response.expires_in;
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token ?? '',
    idToken: response.id_token ?? '',
    accessExpiresMs: expiresIn === undefined ? 0 : nowMs + expiresIn * 1_000,
  };
}

/** An error code of OAuth as it may be shown: RFC 6749 allows no more than these characters in it, a server may. */
function codeText(text: string): string {
  return text.replace(/[^\w.:-]/g, '').slice(0, 64) || 'unknown';
}

function outgoingCause(error: unknown): OutgoingError | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof OutgoingError) return at;
  }
  return null;
}

/** For the owner: never with tokens or codes, which errors of the library do not hold. */
function reasonOf(error: unknown): string {
  return (outgoingCause(error)?.message ?? (error instanceof Error ? error.message : 'unknown reason')).slice(0, 200);
}
