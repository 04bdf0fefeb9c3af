import { Readable } from 'node:stream';
import type { LiveMessage } from '@portico/api-contract/dashboard';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { exportAuditEvents } from '../../audit/audit-export.ts';
import type { ApiContext } from '../../context.ts';
import type { ExchangeFeed } from '../../exchanges/exchange-feed.ts';
import type { Identity } from '../../identity/identity.ts';
import type { AccountFeeds } from '../../live/account-feeds.ts';
import type { LiveState } from '../../live/live-state.ts';
import { type RecordNewsHub, readableLists } from '../../live/record-news.ts';
import type { Traffic } from '../../live/traffic.ts';
import { operatorRoutes } from '../../operator/operator-routes.ts';
import type { OpenStreams } from '../../plugins/open-stream.ts';
import { setCaller } from '../public/conventions.ts';
import { resourceRoutes } from '../public/resource-routes.ts';
import { type AccountMember, BrowserRoutes, checkOrigin, type DeclaredRoute } from './browser-routes.ts';
import { ChangedLists } from './changed-lists.ts';
import { exchangeLiveRoute } from './exchange-live.ts';
import { personRoutes } from './person-routes.ts';
import { signInRoutes } from './sign-in-routes.ts';
import { teamRoutes } from './team-routes.ts';

/** A session that ended without anybody saying so (idle, a user disabled) is noticed by an open page after this time. */
const liveRecheckMs = 30_000;
const exportDaysMax = 366;
const DAY_MS = 86_400_000;

export interface DashboardServices {
  readonly identity: Identity;
  readonly feeds: AccountFeeds;
  readonly streams: OpenStreams;
  readonly live: LiveState;
  readonly traffic: Traffic;
  readonly exchangeFeed: ExchangeFeed;
  readonly recordNews: RecordNewsHub;
  /** Every route with what it needs, once they are made. */
  onRoutes(routes: readonly DeclaredRoute[]): void;
}

/**
 * What the dashboard asks on behalf of a browser; shapes and rules stand in `@portico/api-contract/dashboard` and
 * `/identity`. The node credential has been checked, so the `x-forwarded-…` fields are believed.
 */
export function dashboardRoutes(app: FastifyInstance, context: ApiContext, services: DashboardServices): void {
  const { config, database, now } = context;
  const { identity, feeds, streams } = services;
  const { sessions, team } = identity;
  const routes = new BrowserRoutes(app, context, sessions);
  signInRoutes(routes, context, identity);
  personRoutes(routes, context, identity);
  teamRoutes(routes, context, identity);
  operatorRoutes(routes, context, services);
  exchangeLiveRoute(routes, context, { feed: services.exchangeFeed, streams });

  // The resources of the REST API, for the person who is signed in and the account that the page is about.
  app.register(
    async (resources) => {
      resources.addHook('onRequest', async (request) => {
        if (request.method !== 'GET') checkOrigin(request);
        const { member, session } = await routes.memberOf(request);
        const { accountId, actor, rights, client } = member;
        const caller = { accountId, keyId: actor.credentialId, ownerId: session.userId, address: client.ip, rights };
        setCaller(request, caller);
      });
      resourceRoutes(resources, context, services.live);
    },
    { prefix: '/dashboard/v1/api' },
  );

  routes.member('GET', '/dashboard/v1/audit-export', 'audit.read', async (request, reply, { member }) => {
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    const format = query.get('format') ?? 'csv';
    if (format !== 'csv' && format !== 'jsonl') {
      throw new PorticoError(215, { field: 'format', reason: 'it is csv or jsonl' });
    }
    const to = timeOf('to', query.get('to'), now());
    const from = timeOf('from', query.get('from'), new Date(to.getTime() - exportDaysMax * DAY_MS));
    const lines = exportAuditEvents(database, member.accountId, { from, to, format });
    const day = now().toISOString().slice(0, 10);
    return reply
      .header('content-type', format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl; charset=utf-8')
      .header('content-disposition', `attachment; filename="audit-${day}.${format}"`)
      .send(Readable.from(lines));
  });

  routes.member('GET', '/dashboard/v1/overview', 'resources.read', async (_request, _reply, { membership }) => {
    let overview: LiveMessage | null = null;
    const stop = await feeds.subscribe(membership.account, (message) => {
      overview ??= message;
    });
    stop();
    return overviewOf(overview);
  });

  routes.member('GET', '/dashboard/v1/live', 'resources.read', async (request, reply, who) => {
    await live(request, reply, who);
    return reply;
  });

  async function live(request: FastifyRequest, reply: FastifyReply, who: AccountMember): Promise<void> {
    const { session, membership } = who;
    let { rights } = who.member;
    const stops: (() => void)[] = [];
    let send: (message: LiveMessage) => void = () => {};
    // Before the answer begins: a database that is away is still a plain 503.
    const early: LiveMessage[] = [];
    send = (message) => early.push(message);
    stops.push(await feeds.subscribe(membership.account, (message) => send(message)));
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
    const news = new ChangedLists((lists) => {
      if (!stream.isDrained) return false;
      write({ kind: 'changed', lists });
      return true;
    });
    const end = (): void => {
      write({ kind: 'signed-out' });
      stream.end();
    };
    stops.push(
      services.recordNews.subscribe(membership.accountId, (told) =>
        news.add(told === null ? null : readableLists(told, { rights, userId: session.userId })),
      ),
      () => news.close(),
      sessions.watchEnds((sessionId) => {
        if (sessionId === session.id) end();
      }),
      team.watchEnds((accountId, userId) => {
        if (accountId === membership.accountId && userId === session.userId) end();
      }),
    );
    const ping = setInterval(() => {
      if (performance.now() - spokeAtMs >= config.limits.livePingMs) write({ kind: 'ping', at: now().toISOString() });
    }, config.limits.livePingMs / 5);
    const recheck = setInterval(() => {
      routes.memberOf(request).then(
        ({ member }) => {
          rights = member.rights;
        },
        (error: unknown) => {
          // When the database is away the page keeps what it has.
          if (error instanceof PorticoError) end();
        },
      );
    }, liveRecheckMs);
    stops.push(() => {
      clearInterval(ping);
      clearInterval(recheck);
    });
    if (reply.raw.destroyed) for (const stop of stops) stop();
  }
  services.onRoutes(routes.declared);
}

function overviewOf(message: LiveMessage | null) {
  if (message?.kind !== 'overview') throw new Error('a feed began with something else than an overview');
  return message.overview;
}

function timeOf(field: string, text: string | null, fallback: Date): Date {
  if (text === null || text === '') return fallback;
  const time = new Date(text);
  const year = time.getUTCFullYear();
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(year) || year < 2000 || year > 2200) {
    throw new PorticoError(215, { field, reason: 'it is not a time such as 2026-01-31T00:00:00Z' });
  }
  return time;
}
