import {
  accountHeader,
  csrfHeader,
  type LiveMessage,
  type SessionAnswer,
  signInRequest,
} from '@portico/api-contract/dashboard';
import {
  type DashboardSessionRow,
  findMembership,
  listMemberships,
  type MembershipWithAccount,
  type UserRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SignIns } from '../../accounts/sign-in.ts';
import type { ApiContext } from '../../context.ts';
import type { AccountFeeds } from '../../live/account-feeds.ts';
import type { LiveState } from '../../live/live-state.ts';
import { readBody } from '../../plugins/json-input.ts';
import type { OpenStreams } from '../../plugins/open-stream.ts';
import { checkRestriction } from '../../restrictions/check-restriction.ts';
import { setCaller } from '../public/conventions.ts';
import { resourceRoutes } from '../public/resource-routes.ts';

const passwordChange = z.strictObject({ current: z.string().max(1024), password: z.string().max(4096) });

/** A session that ended without anybody saying so (idle, a user disabled) is noticed by an open page after this time. */
const liveRecheckMs = 30_000;

export interface DashboardServices {
  readonly signIns: SignIns;
  readonly feeds: AccountFeeds;
  readonly streams: OpenStreams;
  readonly live: LiveState;
}

/**
 * What the dashboard asks on behalf of a browser; shapes and rules stand in `@portico/api-contract/dashboard`. The
 * node credential has been checked, so the `x-forwarded-…` fields are believed.
 */
export function dashboardRoutes(app: FastifyInstance, context: ApiContext, services: DashboardServices): void {
  const { database, config, now } = context;
  const { signIns, feeds, streams } = services;

  app.post('/dashboard/v1/session', async (request, reply) => {
    checkOrigin(request);
    const before = await sessionOf(request);
    const { reference, session, user } = await signIns.signIn(readBody(request, signInRequest), {
      ip: clientAddress(request),
      userAgent: request.headers['user-agent'] ?? '',
    });
    // A new reference at each sign-in; the browser forgets the old one, so it must not live on.
    if (before !== null) await signIns.signOut(before.id);
    reply.header('set-cookie', cookieFor(request, reference, config.limits.sessionLifeMs));
    return sessionAnswer(user, session);
  });

  app.get('/dashboard/v1/session', async (request) => {
    const session = await signedIn(request);
    return sessionAnswer(session.user, session);
  });

  app.delete('/dashboard/v1/session', async (request, reply) => {
    checkOrigin(request);
    const session = await signedIn(request);
    checkToken(request, session);
    await signIns.signOut(session.id);
    return reply
      .header('set-cookie', cookieFor(request, '', 0))
      .code(204)
      .send();
  });

  app.post('/dashboard/v1/password', async (request, reply) => {
    checkOrigin(request);
    const session = await signedIn(request);
    checkToken(request, session);
    const { current, password } = readBody(request, passwordChange);
    await signIns.changePassword(session, current, password);
    return reply.code(204).send();
  });

  // The resources of the REST API, for the person who is signed in and the account that the page is about.
  app.register(
    async (resources) => {
      resources.addHook('onRequest', async (request) => {
        const isChange = request.method !== 'GET';
        if (isChange) checkOrigin(request);
        const session = await signedIn(request);
        if (isChange) checkToken(request, session);
        const { accountId, role } = await membershipOf(request, session);
        if (isChange && role === 'viewer') throw new PorticoError(4006, { role });
        setCaller(request, {
          accountId,
          keyId: `session_${session.id.slice(0, 12)}`,
          ownerId: session.userId,
          address: clientAddress(request),
        });
      });
      resourceRoutes(resources, context, services.live);
    },
    { prefix: '/dashboard/v1/api' },
  );

  app.get('/dashboard/v1/overview', async (request) => {
    const account = await accountOf(request, await signedIn(request));
    let overview: LiveMessage | null = null;
    const stop = await feeds.subscribe(account, (message) => {
      overview ??= message;
    });
    stop();
    return overviewOf(overview);
  });

  app.get('/dashboard/v1/live', async (request, reply) => {
    const session = await signedIn(request);
    const account = await accountOf(request, session);
    await live(request, reply, session, account);
  });

  async function live(
    request: FastifyRequest,
    reply: FastifyReply,
    session: DashboardSessionRow,
    account: Parameters<AccountFeeds['subscribe']>[0],
  ): Promise<void> {
    const stops: (() => void)[] = [];
    let send: (message: LiveMessage) => void = () => {};
    // Before the answer begins: a database that is away is still a plain 503.
    const early: LiveMessage[] = [];
    send = (message) => early.push(message);
    stops.push(await feeds.subscribe(account, (message) => send(message)));
    if (request.raw.destroyed) {
      for (const stop of stops) stop();
      return;
    }
    let spokeAtMs = performance.now();
    let unsent: LiveMessage | null = null;
    const stream = streams.begin(request, reply, {
      headers: { 'content-type': 'text/event-stream; charset=utf-8' },
      onEnd: () => {
        for (const stop of stops) stop();
      },
    });
    const write = (message: LiveMessage): void => {
      spokeAtMs = performance.now();
      stream.write(`data: ${JSON.stringify(message)}\n\n`);
    };
    send = (message) => {
      // To a slow reader the newest overview is sent when it has room; older ones are not worth keeping.
      if (stream.isDrained) write(message);
      else unsent = message;
    };
    reply.raw.on('drain', () => {
      if (unsent !== null) write(unsent);
      unsent = null;
    });
    for (const message of early) write(message);
    const end = (): void => {
      write({ kind: 'signed-out' });
      stream.end();
    };
    stops.push(
      signIns.watchEnds((sessionId) => {
        if (sessionId === session.id) end();
      }),
    );
    const ping = setInterval(() => {
      if (performance.now() - spokeAtMs >= config.limits.livePingMs) write({ kind: 'ping', at: now().toISOString() });
    }, config.limits.livePingMs / 5);
    const recheck = setInterval(() => {
      sessionOf(request).then(
        (still) => (still === null ? end() : undefined),
        () => {
          // The database is away; the page keeps what it has.
        },
      );
    }, liveRecheckMs);
    stops.push(() => {
      clearInterval(ping);
      clearInterval(recheck);
    });
    if (reply.raw.destroyed) for (const stop of stops) stop();
  }

  async function sessionAnswer(user: UserRow, session: { id: string; expiresAt: Date }): Promise<SessionAnswer> {
    const memberships = await listMemberships(database.queries, user.id);
    return {
      user: { id: user.id, email: user.email, name: user.name },
      accounts: memberships.map(({ account, role }) => ({ id: account.id, name: account.name, role })),
      csrfToken: signIns.csrfToken(session.id),
      expiresAt: session.expiresAt.toISOString(),
    };
  }

  async function sessionOf(request: FastifyRequest): Promise<DashboardSessionRow | null> {
    const reference = readCookie(request.headers.cookie ?? '', cookieName(request));
    return reference === null ? null : signIns.find(reference);
  }

  async function signedIn(request: FastifyRequest): Promise<DashboardSessionRow> {
    const session = await sessionOf(request);
    if (session === null) throw new PorticoError(4003);
    return session;
  }

  /** The account that the page is about. Another's is not told from one that does not exist. */
  async function accountOf(request: FastifyRequest, session: DashboardSessionRow) {
    return (await membershipOf(request, session)).account;
  }

  async function membershipOf(request: FastifyRequest, session: DashboardSessionRow): Promise<MembershipWithAccount> {
    const start = request.url.indexOf('?');
    const query = new URLSearchParams(start < 0 ? '' : request.url.slice(start + 1));
    const id = fieldOf(request, accountHeader) ?? query.get('account') ?? '';
    const membership = id === '' ? null : await findMembership(database.queries, id, session.userId);
    if (membership === null) throw new PorticoError(404, { what: 'account', id: id.slice(0, 200) });
    const address = clientAddress(request);
    if ((await checkRestriction(context, { accountId: id, type: 'dashboard', address })) !== 'allowed') {
      throw new PorticoError(220, { address });
    }
    return membership;
  }

  function checkToken(request: FastifyRequest, session: DashboardSessionRow): void {
    if (!signIns.isCsrfToken(session.id, fieldOf(request, csrfHeader))) throw new PorticoError(4004);
  }
}

function overviewOf(message: LiveMessage | null) {
  if (message?.kind !== 'overview') throw new Error('a feed began with something else than an overview');
  return message.overview;
}

/** A change comes from the dashboard's own pages: `Origin` is theirs, and `Sec-Fetch-Site` does not say otherwise. */
function checkOrigin(request: FastifyRequest): void {
  const site = fieldOf(request, 'sec-fetch-site');
  const origin = fieldOf(request, 'origin');
  const own = `${isSecure(request) ? 'https' : 'http'}://${fieldOf(request, 'x-forwarded-host') ?? ''}`;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw new PorticoError(4004);
  if (origin !== undefined && origin.toLowerCase() !== own.toLowerCase()) throw new PorticoError(4004);
  if (origin === undefined && site === undefined) throw new PorticoError(4004);
}

function isSecure(request: FastifyRequest): boolean {
  return fieldOf(request, 'x-forwarded-proto')?.split(',')[0]?.trim() === 'https';
}

/** On plain http (localhost) browsers refuse the prefix and the attribute. */
function cookieName(request: FastifyRequest): string {
  return isSecure(request) ? '__Host-portico_session' : 'portico_session';
}

function cookieFor(request: FastifyRequest, value: string, lifeMs: number): string {
  const secure = isSecure(request) ? '; Secure' : '';
  return `${cookieName(request)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${Math.floor(lifeMs / 1_000)}${secure}`;
}

function readCookie(header: string, name: string): string | null {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) {
      const value = pair.slice(equals + 1).trim();
      return /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null;
    }
  }
  return null;
}

function clientAddress(request: FastifyRequest): string {
  return fieldOf(request, 'x-forwarded-for')?.split(',')[0]?.trim() || request.ip;
}

function fieldOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
