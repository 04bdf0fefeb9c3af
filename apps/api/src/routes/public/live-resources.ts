import type { LiveClaim, LiveSession } from '@portico/api-contract/internal';
import { collections } from '@portico/api-contract/public';
import {
  type CloudEndpointRow,
  findCloudEndpoint,
  findReservations,
  findReservedAddrs,
  listCloudEndpoints,
  type Page,
  type Queries,
  type ReservedAddrRow,
  type ReservedDomainRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ApiContext } from '../../context.ts';
import { CloudEndpoints } from '../../endpoints/cloud-endpoints.ts';
import type { LiveState } from '../../live/live-state.ts';
import { readBody } from '../../plugins/json-input.ts';
import { type Call, collectionRoutes, idOf } from './collection-routes.ts';
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

interface Named {
  readonly id: string;
  readonly domain: ReservedDomainRow | null;
  readonly addr: ReservedAddrRow | null;
}

/** Of an agent, out of the registry, or of the cloud, out of the database. */
type OnlineEndpoint =
  | (Named & { readonly kind: 'agent'; readonly claim: LiveClaim })
  | (Named & { readonly kind: 'cloud'; readonly row: CloudEndpointRow });

/** Longer than an edge waits for an agent's answer. */
const COMMAND_MS = 8_000;
const COMMAND_REFUSED = { stop: 804, restart: 806, update: 808 } as const;

/** `/endpoints`, `/tunnels`, `/tunnel_sessions`: what is online now, and cloud endpoints with all verbs. */
export function liveRoutes(app: FastifyInstance, context: ApiContext, live: LiveState): void {
  const { changes } = context;

  const cloud = new CloudEndpoints(context, live);

  collectionRoutes(app, context, collections.endpoints, {
    audited: 'endpoint',
    shape: (resources, found: OnlineEndpoint) =>
      found.kind === 'cloud'
        ? resources.cloudEndpoint(found.row, cloud.urlOf(found.row), found)
        : resources.endpoint(found.claim, sessionOf(found.claim), found),
    list: async ({ queries, caller }, page) => {
      const { accountId } = caller;
      const ofAgents = pageOf(live.claimsOf(accountId), (claim) => claim.endpointId, page);
      const ofCloud = await listCloudEndpoints(queries, accountId, page);
      const all = [
        ...ofAgents.items.map((claim) => ({ kind: 'agent' as const, id: claim.endpointId, claim })),
        ...ofCloud.items.map((row) => ({ kind: 'cloud' as const, id: row.id, row })),
      ].sort((a, b) => (a.id < b.id ? 1 : -1));
      const items = await withNames(queries, accountId, all.slice(0, page.limit));
      return { items, hasMore: all.length > page.limit || ofAgents.hasMore || ofCloud.hasMore };
    },
    find: findEndpoint,
    create: async (call, body) => {
      const row = await cloud.create(cloudCall(call), {
        url: body.url,
        trafficPolicy: body.traffic_policy,
        bindings: body.bindings ?? null,
        poolingEnabled: body.pooling_enabled ?? false,
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        createdBy: call.caller.ownerId ?? call.caller.keyId,
      });
      return { row: await named(call, row) };
    },
    update: async (call, id, body) => {
      if (isOfAgent(call, id)) throw new PorticoError(18003, { id });
      const row = await cloud.update(cloudCall(call), id, {
        url: body.url ?? undefined,
        trafficPolicy: body.traffic_policy ?? undefined,
        bindings: body.bindings ?? undefined,
        poolingEnabled: body.pooling_enabled ?? undefined,
        description: body.description ?? undefined,
        metadata: body.metadata ?? undefined,
      });
      return row === null ? null : named(call, row);
    },
    remove: async (call, id) => isOfAgent(call, id) || cloud.remove(cloudCall(call), id),
    changed: (_what, { kind, id }) => {
      if (kind === 'cloud') changes.publish({ kind: 'endpoint-changed', endpointId: id });
      else changes.publish({ kind: 'stop-endpoint', endpointId: id, message: 'Stopped through the API.' });
    },
  });

  function cloudCall({ queries, caller, at }: Call) {
    return { queries, accountId: caller.accountId, at };
  }

  function isOfAgent({ caller }: Call, id: string): boolean {
    return live.claimsOf(caller.accountId).some((claim) => claim.endpointId === id);
  }

  async function findEndpoint({ queries, caller }: Call, id: string): Promise<OnlineEndpoint | null> {
    const { accountId } = caller;
    const claim = live.claimsOf(accountId).find((found) => found.endpointId === id);
    if (claim !== undefined) {
      return (await withNames(queries, accountId, [{ kind: 'agent', id, claim }]))[0] ?? null;
    }
    const row = await findCloudEndpoint(queries, accountId, id);
    return row === null ? null : ((await withNames(queries, accountId, [{ kind: 'cloud', id, row }]))[0] ?? null);
  }

  async function named({ queries, caller }: Call, row: CloudEndpointRow): Promise<OnlineEndpoint> {
    const [found] = await withNames(queries, caller.accountId, [{ kind: 'cloud', id: row.id, row }]);
    return found ?? { kind: 'cloud', id: row.id, row, domain: null, addr: null };
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

  for (const command of ['stop', 'restart', 'update'] as const) {
    app.post<ById>(`/tunnel_sessions/:id/${command}`, async (request, reply) => {
      const { sessionId } = ownSession(callerOf(request).accountId, request.params.id);
      const version = command === 'update' ? versionOf(request) : '';
      const outcome = await changes.command({ sessionId, command, version }, { withinMs: COMMAND_MS });
      if (outcome?.kind === 'accepted') return sendDone(request, reply);
      if (outcome?.kind === 'refused') {
        throw new PorticoError(COMMAND_REFUSED[command], { id: sessionId, reason: outcome.reason });
      }
      throw new PorticoError(810, { id: sessionId, command });
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
  async function withNames(queries: Queries, accountId: string, found: readonly Unnamed[]): Promise<OnlineEndpoint[]> {
    const places = found.map(placeOf);
    const hosts = places.flatMap(({ host }) => (host === '' ? [] : [host]));
    const ports = places.flatMap(({ host, port }) => (host === '' ? [port] : []));
    const domains = hosts.length === 0 ? [] : await findReservations(queries, hosts);
    const addrs = ports.length === 0 ? [] : await findReservedAddrs(queries, accountId, ports);
    return found.map((each, index): OnlineEndpoint => {
      const { host, port } = places[index] ?? { host: '', port: 0 };
      return {
        ...each,
        domain: domains.find((row) => row.domain === host && row.accountId === accountId) ?? null,
        addr: host === '' ? (addrs.find((row) => row.port === port) ?? null) : null,
      };
    });
  }
}

/** One client sends the bare id as the body and calls it JSON. */
function versionOf(request: FastifyRequest): string {
  try {
    return readBody(request, z.looseObject({ version: z.string().max(64).optional() })).version ?? '';
  } catch (error) {
    if (error instanceof PorticoError) return '';
    throw error;
  }
}

type Unnamed =
  | { readonly kind: 'agent'; readonly id: string; readonly claim: LiveClaim }
  | { readonly kind: 'cloud'; readonly id: string; readonly row: CloudEndpointRow };

/** Host '' for what is known by its port. */
function placeOf(found: Unnamed): { readonly host: string; readonly port: number } {
  if (found.kind === 'cloud') return { host: found.row.host, port: found.row.port };
  const { hostname, port } = new URL(found.claim.url);
  const isPort = found.claim.proto === 'tcp' && found.claim.internal !== true;
  return { host: isPort ? '' : hostname, port: Number(port) };
}
