import type { LiveClaim, LiveSession } from '@portico/api-contract/internal';
import { collections } from '@portico/api-contract/public';
import {
  findReservations,
  findReservedAddrs,
  type Page,
  type Queries,
  type ReservedAddrRow,
  type ReservedDomainRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import type { LiveState } from '../../live/live-state.ts';
import { collectionRoutes, idOf } from './collection-routes.ts';
import { callerOf, notFound, pageOf, sendDone } from './conventions.ts';
import { tunnelId } from './resources.ts';

type ById = { Params: { id: string } };

interface OnlineSession {
  readonly id: string;
  readonly session: LiveSession;
}

interface OnlineTunnel {
  readonly id: string;
  readonly claim: LiveClaim;
  readonly session: LiveSession | null;
}

interface OnlineEndpoint extends OnlineTunnel {
  readonly domain: ReservedDomainRow | null;
  readonly addr: ReservedAddrRow | null;
}

/** `/endpoints`, `/tunnels`, `/tunnel_sessions`: what is online now, out of the registry. */
export function liveRoutes(app: FastifyInstance, context: ApiContext, live: LiveState): void {
  const { changes } = context;

  collectionRoutes(app, context, collections.endpoints, {
    audited: null,
    shape: (resources, { claim, session, ...name }: OnlineEndpoint) => resources.endpoint(claim, session, name),
    list: async ({ queries, caller }, page) => {
      const found = pageOf(live.claimsOf(caller.accountId), (claim) => claim.endpointId, page);
      return { items: await withNames(queries, caller.accountId, found.items), hasMore: found.hasMore };
    },
    find: async ({ queries, caller }, id) => {
      const claims = live.claimsOf(caller.accountId).filter((claim) => claim.endpointId === id);
      return (await withNames(queries, caller.accountId, claims))[0] ?? null;
    },
  });

  // Of agents, endpoints are only read; those of the cloud need the policy engine.
  app.post('/endpoints', async () => {
    throw new PorticoError(18001);
  });
  for (const method of ['PATCH', 'DELETE'] as const) {
    app.route<ById>({
      method,
      url: '/endpoints/:id',
      handler: async (request) => {
        const id = idOf(request.params.id, collections.endpoints.noun);
        const isOwn = live.claimsOf(callerOf(request).accountId).some((claim) => claim.endpointId === id);
        if (!isOwn) throw notFound(collections.endpoints.noun, id);
        throw new PorticoError(18003, { id });
      },
    });
  }

  collectionRoutes(app, context, collections.tunnels, {
    audited: null,
    shape: (resources, { claim, session }: OnlineTunnel) => resources.tunnel(claim, session),
    list: async ({ caller }, page) => tunnelsOf(caller.accountId, (claims) => pageOf(claims, tunnelId, page)),
    find: async ({ caller }, id) => {
      const claim = live.claimsOf(caller.accountId).find((found) => tunnelId(found) === id);
      return claim === undefined ? null : { id, claim, session: sessionOf(claim) };
    },
  });

  collectionRoutes(app, context, collections.tunnelSessions, {
    audited: null,
    shape: (resources, { session }: OnlineSession) => resources.tunnelSession(session),
    list: async ({ caller }, page) => {
      const { items, hasMore } = pageOf(live.sessionsOf(caller.accountId), (session) => session.sessionId, page);
      return { items: items.map((session) => ({ id: session.sessionId, session })), hasMore };
    },
    find: async ({ caller }, id) => {
      const session = live.sessionsOf(caller.accountId).find((found) => found.sessionId === id);
      return session === undefined ? null : { id, session };
    },
  });

  // The body is not read: one client sends the bare id there and calls it JSON.
  app.post<ById>('/tunnel_sessions/:id/stop', async (request, reply) => {
    const { sessionId } = ownSession(callerOf(request).accountId, request.params.id);
    changes.publish({ kind: 'stop-session', sessionId, message: 'Stopped through the API.' });
    return sendDone(request, reply);
  });

  for (const what of ['restart', 'update'] as const) {
    app.post<ById>(`/tunnel_sessions/:id/${what}`, async (request) => {
      const { sessionId } = ownSession(callerOf(request).accountId, request.params.id);
      throw new PorticoError(what === 'restart' ? 806 : 808, { id: sessionId });
    });
  }

  function ownSession(accountId: string, text: string): LiveSession {
    const id = idOf(text, collections.tunnelSessions.noun);
    const session = live.sessionsOf(accountId).find((found) => found.sessionId === id);
    if (session === undefined) throw notFound(collections.tunnelSessions.noun, id);
    return session;
  }

  function sessionOf(claim: LiveClaim): LiveSession | null {
    return live.sessionsOf(claim.accountId).find((session) => session.sessionId === claim.sessionId) ?? null;
  }

  function tunnelsOf(accountId: string, choose: (claims: LiveClaim[]) => Page<LiveClaim>) {
    const { items, hasMore } = choose(live.claimsOf(accountId));
    return { items: items.map((claim) => ({ id: tunnelId(claim), claim, session: sessionOf(claim) })), hasMore };
  }

  /** With the reservations of their hosts and ports; another account's never are. */
  async function withNames(
    queries: Queries,
    accountId: string,
    claims: readonly LiveClaim[],
  ): Promise<OnlineEndpoint[]> {
    const urls = claims.map((claim) => new URL(claim.url));
    const hosts = urls.filter((url) => url.protocol !== 'tcp:').map((url) => url.hostname);
    const ports = urls.filter((url) => url.protocol === 'tcp:').map((url) => Number(url.port));
    const domains = hosts.length === 0 ? [] : await findReservations(queries, hosts);
    const addrs = ports.length === 0 ? [] : await findReservedAddrs(queries, accountId, ports);
    return claims.map((claim) => {
      const { hostname, port } = new URL(claim.url);
      return {
        id: claim.endpointId,
        claim,
        session: sessionOf(claim),
        domain: domains.find((row) => row.domain === hostname && row.accountId === accountId) ?? null,
        addr: claim.proto === 'tcp' ? (addrs.find((row) => row.port === Number(port)) ?? null) : null,
      };
    });
  }
}
