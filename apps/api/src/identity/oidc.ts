import {
  createMembership,
  createUser,
  findAccount,
  findInvitationsOfAddress,
  findUserByEmail,
  findUserIdentity,
  linkUserIdentity,
  noteIdentityUse,
  type Queries,
  type UserRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import * as client from 'openid-client';
import { z } from 'zod';
import type { Client } from '../accounts/sessions.ts';
import { plainEmail, type SignInOutcome, type SignIns } from '../accounts/sign-in.ts';
import type { ApiContext } from '../context.ts';
import type { Team } from '../memberships/team.ts';
import type { People } from './people.ts';
import type { IdentityProvider } from './providers.ts';
import type { Steps } from './steps.ts';

const discoveryKeptMs = 60 * 60_000;

const stepData = z.object({
  provider: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  redirect: z.string(),
  next: z.string(),
});

const userClaims = z.object({
  sub: z.string().min(1).max(512),
  email: z.string().max(320).nullish(),
  email_verified: z.union([z.boolean(), z.enum(['true', 'false'])]).nullish(),
  name: z.string().nullish(),
  preferred_username: z.string().nullish(),
});

export interface OidcParts {
  readonly context: Pick<ApiContext, 'config' | 'database' | 'log' | 'now' | 'outgoing'>;
  readonly signIns: SignIns;
  readonly steps: Steps;
  readonly people: People;
  readonly team: Team;
}

/** Signing in through the identity providers that the operator configured: code flow with PKCE, state and nonce. */
export class OidcSignIns {
  readonly #parts: OidcParts;
  readonly #discovered = new Map<string, { readonly found: Promise<client.Configuration>; readonly atMs: number }>();

  constructor(parts: OidcParts) {
    this.#parts = parts;
  }

  get providers(): readonly { readonly id: string; readonly name: string }[] {
    return this.#parts.context.config.oidc.map(({ id, name }) => ({ id, name }));
  }

  /** Where to send the browser, and the cookie of this step. 404 no such provider · 4015 it does not answer. */
  async begin(providerId: string, next: string, browser: Client): Promise<{ url: string; step: string }> {
    const provider = this.#provider(providerId);
    const config = await this.#speak(provider, () => this.#discover(provider));
    const data = {
      provider: provider.id,
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      redirect: `${browser.trustedOrigin}/sign-in/callback/${provider.id}`,
      next,
    };
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: data.redirect,
      scope: provider.scopes.join(' '),
      response_type: 'code',
      state: data.state,
      nonce: data.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(data.verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, step: await this.#parts.steps.begin('oidc', data, null) };
  }

  /**
   * The browser is back. 4017 nothing was begun here · 4015 the provider, or what it sent, is not to be believed ·
   * 4011 nobody here has that address.
   */
  async finish(
    step: string | null,
    { providerId, query }: { providerId: string; query: string },
    browser: Client,
  ): Promise<{ outcome: SignInOutcome; next: string }> {
    const { signIns, steps } = this.#parts;
    const { data } = await steps.take(step, 'oidc', stepData);
    if (data.provider !== providerId) throw new PorticoError(4017);
    const provider = this.#provider(providerId);
    const claims = await this.#speak(provider, async () => {
      const config = await this.#discover(provider);
      const tokens = await client.authorizationCodeGrant(config, new URL(`${data.redirect}?${query}`), {
        expectedState: data.state,
        expectedNonce: data.nonce,
        pkceCodeVerifier: data.verifier,
        idTokenExpected: true,
      });
      const inToken = userClaims.parse(tokens.claims());
      if (inToken.email || config.serverMetadata().userinfo_endpoint === undefined) return inToken;
      const asked = await client.fetchUserInfo(config, tokens.access_token, inToken.sub);
      return userClaims.parse({ ...asked, sub: inToken.sub });
    });
    const user = await this.#userOf(provider, claims, browser);
    return { outcome: await signIns.proceed(user, `oidc:${provider.id}`, browser), next: data.next };
  }

  /** The user of that identity; the first time the one with its address, if both sides have proven it, or a new one. */
  #userOf(provider: IdentityProvider, claims: z.infer<typeof userClaims>, browser: Client): Promise<UserRow> {
    const { context } = this.#parts;
    const { issuer } = provider;
    const email = claims.email ? plainEmail(claims.email) : null;
    const isVerified = claims.email_verified === true || claims.email_verified === 'true';
    return context.database.transaction(async (tx) => {
      const at = context.now();
      const known = await findUserIdentity(tx, issuer, claims.sub);
      if (known !== null) {
        if (known.user.disabledAt !== null) throw new PorticoError(4011, { email: known.user.email });
        await noteIdentityUse(tx, issuer, claims.sub, at);
        return known.user;
      }
      if (email === null || !isVerified || !z.email().max(254).safeParse(email).success) {
        throw new PorticoError(4015, { provider: provider.name, reason: 'it names no address that it has verified' });
      }
      const user = (await this.#existing(tx, email)) ?? (await this.#newUser(tx, provider, claims, email, browser));
      await linkUserIdentity(tx, { issuer, subject: claims.sub, userId: user.id, email, createdAt: at });
      return user;
    });
  }

  async #existing(tx: Queries, email: string): Promise<UserRow | null> {
    const user = await findUserByEmail(tx, email);
    if (user === null) return null;
    if (user.disabledAt !== null) throw new PorticoError(4011, { email });
    // Whoever made it may not have had this address: they would share the user with its owner from now on.
    if (user.emailVerifiedAt === null) {
      throw new PorticoError(409, {
        reason: `The user ${email} has not confirmed this address; sign in with the password and confirm it first`,
      });
    }
    return user;
  }

  async #newUser(
    tx: Queries,
    provider: IdentityProvider,
    claims: z.infer<typeof userClaims>,
    email: string,
    browser: Client,
  ): Promise<UserRow> {
    const { context, people, team } = this.#parts;
    const at = context.now();
    const invitations = await findInvitationsOfAddress(tx, email, at);
    const { sign_up: signUp } = provider;
    if (signUp === 'invited' && invitations.length === 0) throw new PorticoError(4011, { email });
    const user = await createUser(tx, {
      id: newId('usr', at.getTime()),
      email,
      name: (claims.name ?? claims.preferred_username ?? '').slice(0, 200),
      passwordHash: null,
      passwordChangedAt: at,
      emailVerifiedAt: at,
      createdAt: at,
    });
    for (const invitation of invitations) await team.joinInvited(tx, invitation, user, browser);
    if (typeof signUp === 'object' && !invitations.some(({ accountId }) => accountId === signUp.join)) {
      const account = await findAccount(tx, signUp.join);
      if (account === null) throw new PorticoError(404, { what: 'account', id: signUp.join });
      const fields = { id: newId('mb', at.getTime()), userId: user.id, role: signUp.role, mayInvite: false };
      await createMembership(tx, account.id, { ...fields, createdAt: at });
    } else if (signUp === 'open' && invitations.length === 0) {
      await people.makeAccount(tx, user);
    }
    return user;
  }

  #provider(id: string): IdentityProvider {
    const provider = this.#parts.context.config.oidc.find((one) => one.id === id);
    if (provider === undefined) throw new PorticoError(404, { what: 'identity provider', id: id.slice(0, 64) });
    return provider;
  }

  /** Asked once an hour; a failure is not kept. */
  #discover(provider: IdentityProvider): Promise<client.Configuration> {
    const known = this.#discovered.get(provider.id);
    if (known !== undefined && performance.now() - known.atMs < discoveryKeptMs) return known.found;
    const { outgoing } = this.#parts.context;
    const found = client.discovery(
      new URL(provider.issuer),
      provider.client_id,
      {},
      client.ClientSecretPost(provider.client_secret),
      {
        [client.customFetch]: (url, { method, headers, body, signal }) =>
          outgoing.fetch(url, { method, headers, body, redirect: 'manual', ...(signal ? { signal } : {}) }),
        timeout: 10,
        // Plain http only where the operator wrote it; what it may reach is for `outgoing` to say.
        execute: provider.issuer.startsWith('http:') ? [client.allowInsecureRequests] : [],
      },
    );
    this.#discovered.set(provider.id, { found, atMs: performance.now() });
    found.catch(() => this.#discovered.delete(provider.id));
    return found;
  }

  /** What a provider does wrong is told without its particulars, and logged with them. */
  async #speak<T>(provider: IdentityProvider, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof PorticoError) throw error;
      this.#parts.context.log.warn({ err: error, provider: provider.id }, 'an identity provider failed');
      throw new PorticoError(4015, { provider: provider.name, reason: reasonOf(error) });
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof client.AuthorizationResponseError) return `it answered ${error.error.slice(0, 60)}`;
  if (error instanceof client.ResponseBodyError) return `it answered ${error.error.slice(0, 60)}`;
  if (error instanceof z.ZodError) return 'its answer does not say who you are';
  return 'it could not be reached, or its answer could not be believed';
}
