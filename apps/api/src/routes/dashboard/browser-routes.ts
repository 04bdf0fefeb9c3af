import { accountHeader, csrfHeader } from '@portico/api-contract/dashboard';
import type { Permission } from '@portico/api-contract/identity';
import { type DashboardSessionRow, findMembership, type MembershipWithAccount } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Client, Sessions } from '../../accounts/sessions.ts';
import { sessionName } from '../../audit/person-events.ts';
import type { ApiContext } from '../../context.ts';
import { demand, rightsOf } from '../../memberships/permissions.ts';
import type { Member } from '../../memberships/team.ts';
import { operationId } from '../../plugins/failure.ts';
import { checkRestriction } from '../../restrictions/check-restriction.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/**
 * What a route wants of who asks. `open`: nothing; `person`: a session; `confirmed`: one that was just confirmed;
 * `operator`: one of an operator of this installation, just confirmed for changes.
 */
export type Needs = 'open' | 'person' | 'confirmed' | 'operator' | { readonly permission: Permission | null };

export interface DeclaredRoute {
  readonly method: Method;
  readonly url: string;
  readonly needs: Needs;
}

/** Who asks, as far as the route wanted to know. */
export interface Visitor {
  readonly client: Client;
  readonly session: DashboardSessionRow | null;
}
export interface SignedInPerson extends Visitor {
  readonly session: DashboardSessionRow;
}
export interface AccountMember extends SignedInPerson {
  readonly membership: MembershipWithAccount;
  readonly member: Member;
}

type Handler<W> = (request: FastifyRequest, reply: FastifyReply, who: W) => Promise<unknown>;

/**
 * The one place that decides who may use a route of the dashboard: each is declared with what it needs, and its
 * handler runs only after that was checked. Changes come from the dashboard's own pages (`Origin`) and carry the
 * token of their session.
 */
export class BrowserRoutes {
  /** All that were declared, for tests that try each of them as somebody else. */
  readonly declared: DeclaredRoute[] = [];
  readonly #app: FastifyInstance;
  readonly #context: Pick<ApiContext, 'config' | 'database' | 'log' | 'now'>;
  readonly #sessions: Sessions;

  constructor(
    app: FastifyInstance,
    context: Pick<ApiContext, 'config' | 'database' | 'log' | 'now'>,
    sessions: Sessions,
  ) {
    this.#app = app;
    this.#context = context;
    this.#sessions = sessions;
  }

  open(method: Method, url: string, handler: Handler<Visitor>): void {
    this.#declare(method, url, 'open', async (request, reply) =>
      handler(request, reply, { client: this.clientOf(request), session: await this.sessionOf(request) }),
    );
  }

  person(method: Method, url: string, handler: Handler<SignedInPerson>): void {
    this.#declare(method, url, 'person', async (request, reply) =>
      handler(request, reply, await this.signedIn(request)),
    );
  }

  /** 4008 unless the person proved within the last minutes who they are. */
  confirmed(method: Method, url: string, handler: Handler<SignedInPerson>): void {
    this.#declare(method, url, 'confirmed', async (request, reply) => {
      const who = await this.signedIn(request);
      this.demandConfirmed(who.session);
      return handler(request, reply, who);
    });
  }

  /** 4019 unless the person runs this installation; for a change also 4008, as `confirmed`. */
  operator(method: Method, url: string, handler: Handler<SignedInPerson>): void {
    this.#declare(method, url, 'operator', async (request, reply) => {
      const who = await this.signedIn(request);
      if (!who.session.user.isOperator) throw new PorticoError(4019);
      if (method !== 'GET') this.demandConfirmed(who.session);
      return handler(request, reply, who);
    });
  }

  /** A member of the account that the page is about; with a permission, one who has it. */
  member(method: Method, url: string, permission: Permission | null, handler: Handler<AccountMember>): void {
    this.#declare(method, url, { permission }, async (request, reply) => {
      const who = await this.memberOf(request);
      if (permission !== null) demand(who.member.rights, permission);
      return handler(request, reply, who);
    });
  }

  /** 4003 without a session · 4004 for a change without its token. */
  async signedIn(request: FastifyRequest): Promise<SignedInPerson> {
    const session = await this.sessionOf(request);
    if (session === null) throw new PorticoError(4003);
    if (request.method !== 'GET' && !this.hasToken(request, session)) throw new PorticoError(4004);
    return { client: this.clientOf(request), session };
  }

  /**
   * The account that the page is about. Another's is not told from one that does not exist (404) · 220 not from this
   * address · 4012 the account wants a second factor · 205 a change, while the account is suspended.
   */
  async memberOf(request: FastifyRequest): Promise<AccountMember> {
    const { session, client } = await this.signedIn(request);
    const { database } = this.#context;
    const start = request.url.indexOf('?');
    const query = new URLSearchParams(start < 0 ? '' : request.url.slice(start + 1));
    const id = fieldOf(request, accountHeader) ?? query.get('account') ?? '';
    const membership = id === '' ? null : await findMembership(database.queries, id, session.userId);
    if (membership === null || membership.disabledAt !== null) {
      throw new PorticoError(404, { what: 'account', id: id.slice(0, 200) });
    }
    const address = client.ip;
    if ((await checkRestriction(this.#context, { accountId: id, type: 'dashboard', address })) !== 'allowed') {
      throw new PorticoError(220, { address });
    }
    if (membership.account.requireSecondFactor && !session.isStrong) throw new PorticoError(4012);
    if (membership.account.suspendedAt !== null && request.method !== 'GET') throw new PorticoError(205);
    const credentialId = sessionName(session.id);
    const actor = { accountId: id, actorId: session.userId, credentialId, address, requestId: client.requestId };
    const member = { accountId: id, user: session.user, rights: rightsOf(membership), actor, client };
    return { client, session, membership, member };
  }

  async sessionOf(request: FastifyRequest): Promise<DashboardSessionRow | null> {
    const reference = readCookie(request, 'session');
    return reference === null ? null : this.#sessions.find(reference);
  }

  hasToken(request: FastifyRequest, session: DashboardSessionRow): boolean {
    return this.#sessions.isCsrfToken(session.id, fieldOf(request, csrfHeader));
  }

  demandConfirmed(session: DashboardSessionRow): void {
    if (this.#sessions.confirmedUntil(session) === null) throw new PorticoError(4008);
  }

  clientOf(request: FastifyRequest): Client {
    const origin = ownOrigin(request);
    const { dashboardOrigin } = this.#context.config;
    return {
      ip: fieldOf(request, 'x-forwarded-for')?.split(',')[0]?.trim() || request.ip,
      userAgent: request.headers['user-agent'] ?? '',
      requestId: operationId(request),
      origin,
      // Whoever sends a request can write any host into it, and so into somebody's mail.
      trustedOrigin: isLoopbackOrigin(origin) && isLoopbackOrigin(dashboardOrigin) ? origin : dashboardOrigin,
    };
  }

  #declare(method: Method, url: string, needs: Needs, handler: Handler<undefined>): void {
    this.declared.push({ method, url, needs });
    this.#app.route({
      method,
      url,
      handler: async (request, reply) => {
        if (method !== 'GET') checkOrigin(request);
        return handler(request, reply, undefined);
      },
    });
  }
}

/** A change comes from the dashboard's own pages: `Origin` is theirs, and `Sec-Fetch-Site` does not say otherwise. */
export function checkOrigin(request: FastifyRequest): void {
  const site = fieldOf(request, 'sec-fetch-site');
  const origin = fieldOf(request, 'origin');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw new PorticoError(4004);
  if (origin !== undefined && origin.toLowerCase() !== ownOrigin(request).toLowerCase()) throw new PorticoError(4004);
  if (origin === undefined && site === undefined) throw new PorticoError(4004);
}

type CookieKind = 'session' | 'step';

/** `value` '' takes the cookie away. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  kind: CookieKind,
  { value, lifeMs }: { value: string; lifeMs: number },
): void {
  const secure = isSecure(request) ? '; Secure' : '';
  const life = `Max-Age=${Math.floor((value === '' ? 0 : lifeMs) / 1_000)}`;
  reply.header('set-cookie', `${cookieName(request, kind)}=${value}; Path=/; HttpOnly; SameSite=Lax; ${life}${secure}`);
}

export function readCookie(request: FastifyRequest, kind: CookieKind): string | null {
  const name = cookieName(request, kind);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) {
      const value = pair.slice(equals + 1).trim();
      return /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null;
    }
  }
  return null;
}

export function fieldOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Whether an origin is of this very machine. */
export function isLoopbackOrigin(origin: string): boolean {
  const hostname = URL.parse(origin)?.hostname ?? '';
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function ownOrigin(request: FastifyRequest): string {
  return `${isSecure(request) ? 'https' : 'http'}://${fieldOf(request, 'x-forwarded-host') ?? ''}`;
}

function isSecure(request: FastifyRequest): boolean {
  return fieldOf(request, 'x-forwarded-proto')?.split(',')[0]?.trim() === 'https';
}

/** On plain http (localhost) browsers refuse the prefix and the attribute. */
function cookieName(request: FastifyRequest, kind: CookieKind): string {
  return `${isSecure(request) ? '__Host-' : ''}portico_${kind}`;
}
