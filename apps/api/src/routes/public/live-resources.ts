import type { LiveClaim, LiveSession } from '@portico/api-contract/internal';
import { findReservations, type ReservedDomainRow } from '@portico/db';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import type { LiveState } from '../../live/live-state.ts';
import { callerOf, listBody, notFound, pageOf, readPage, resourcesFor, sendDone } from './conventions.ts';
import { tunnelId } from './resources.ts';

type ById = { Params: { id: string } };

/** `/endpoints`, `/tunnels`, `/tunnel_sessions`: what is online now, out of the registry. */
export function liveRoutes(app: FastifyInstance, context: ApiContext, live: LiveState): void {
  const { config, changes, database } = context;

  const sessionOf = (claim: LiveClaim): LiveSession | null =>
    live.sessionsOf(claim.accountId).find((session) => session.sessionId === claim.sessionId) ?? null;

  /** The reservations of these endpoints' hosts; another account's never are. */
  const domainsOf = async (claims: readonly LiveClaim[]): Promise<(claim: LiveClaim) => ReservedDomainRow | null> => {
    const hosts = claims.map((claim) => new URL(claim.url).hostname);
    const rows = hosts.length === 0 ? [] : await findReservations(database.queries, hosts);
    return (claim) => {
      const { hostname } = new URL(claim.url);
      return rows.find((row) => row.domain === hostname && row.accountId === claim.accountId) ?? null;
    };
  };

  app.get('/endpoints', async (request) => {
    const page = readPage(request);
    const resources = resourcesFor(request, config.publicOrigin);
    const { items, hasMore } = pageOf(live.claimsOf(callerOf(request).accountId), (claim) => claim.endpointId, page);
    const domainOf = await domainsOf(items);
    return listBody(
      { resources, key: 'endpoints', path: '/endpoints', page },
      { items: items.map((claim) => resources.endpoint(claim, sessionOf(claim), domainOf(claim))), hasMore },
    );
  });

  app.get<ById>('/endpoints/:id', async (request) => {
    const { id } = request.params;
    const claim = live.claimsOf(callerOf(request).accountId).find((found) => found.endpointId === id);
    if (claim === undefined) throw notFound('endpoint', id);
    const domainOf = await domainsOf([claim]);
    return resourcesFor(request, config.publicOrigin).endpoint(claim, sessionOf(claim), domainOf(claim));
  });

  app.get('/tunnels', async (request) => {
    const page = readPage(request);
    const resources = resourcesFor(request, config.publicOrigin);
    const { items, hasMore } = pageOf(live.claimsOf(callerOf(request).accountId), tunnelId, page);
    return listBody(
      { resources, key: 'tunnels', path: '/tunnels', page },
      { items: items.map((claim) => resources.tunnel(claim, sessionOf(claim))), hasMore },
    );
  });

  app.get<ById>('/tunnels/:id', async (request) => {
    const { id } = request.params;
    const claim = live.claimsOf(callerOf(request).accountId).find((found) => tunnelId(found) === id);
    if (claim === undefined) throw notFound('tunnel', id);
    return resourcesFor(request, config.publicOrigin).tunnel(claim, sessionOf(claim));
  });

  app.get('/tunnel_sessions', async (request) => {
    const page = readPage(request);
    const resources = resourcesFor(request, config.publicOrigin);
    const sessions = live.sessionsOf(callerOf(request).accountId);
    const { items, hasMore } = pageOf(sessions, (session) => session.sessionId, page);
    return listBody(
      { resources, key: 'tunnel_sessions', path: '/tunnel_sessions', page },
      { items: items.map((session) => resources.tunnelSession(session)), hasMore },
    );
  });

  app.get<ById>('/tunnel_sessions/:id', async (request) => {
    const session = ownSession(callerOf(request).accountId, request.params.id);
    return resourcesFor(request, config.publicOrigin).tunnelSession(session);
  });

  // The body is not read: one client sends the bare id there and calls it JSON.
  app.post<ById>('/tunnel_sessions/:id/stop', async (request, reply) => {
    const { sessionId } = ownSession(callerOf(request).accountId, request.params.id);
    changes.publish({ kind: 'stop-session', sessionId, message: 'Stopped through the API.' });
    return sendDone(request, reply);
  });

  function ownSession(accountId: string, id: string): LiveSession {
    const session = live.sessionsOf(accountId).find((found) => found.sessionId === id);
    if (session === undefined) throw notFound('tunnel session', id);
    return session;
  }
}
