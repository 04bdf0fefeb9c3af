import {
  type AccountSettingsResponse,
  type AuthorizeBindResponse,
  type AuthorizeSessionResponse,
  accountSettingsRequest,
  authorizeBindRequest,
  authorizeSessionRequest,
  type BatchResponse,
  type CommandOutcomeResponse,
  commandOutcomeRequest,
  type EndpointFeedResponse,
  endpointFeedRequest,
  eventsRequest,
  exchangesRequest,
  type HelloResponse,
  helloRequest,
  type IssuingResponse,
  internalPaths,
  issuingRequest,
  type LookupDomainResponse,
  lookupDomainRequest,
  type ReconcileResponse,
  reconcileRequest,
  usageRequest,
} from '@portico/api-contract/internal';
import { addEvents, findReservations, type LifecycleEventRow, queueEvents, receiveBatch } from '@portico/db';
import { type EmbeddedRegistry, handleRegistryRequest, writeRegistryWatch } from '@portico/registry';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { authorizeBind } from '../../binds/authorize-bind.ts';
import type { ApiContext } from '../../context.ts';
import { refusedByFilters } from '../../deliveries/event-choice.ts';
import { lifecycleObject } from '../../deliveries/lifecycle-object.ts';
import { readEndpointFeed } from '../../endpoints/endpoint-feed.ts';
import { authorizeSession } from '../../grants/authorize-session.ts';
import { reconcileGrants } from '../../grants/reconcile-grants.ts';
import { RefusalNotes } from '../../grants/refusal-notes.ts';
import { signIssuingCa } from '../../keys/sign-issuing-ca.ts';
import type { LiveState } from '../../live/live-state.ts';
import type { Traffic } from '../../live/traffic.ts';
import { namesAbove, parseHostName } from '../../names/host-name.ts';
import { NotReadyError } from '../../plugins/failure.ts';
import { readBody } from '../../plugins/json-input.ts';
import type { OpenStreams } from '../../plugins/open-stream.ts';
import { leaveGate } from '../../plugins/request-gate.ts';
import { readAccountSettings } from '../../settings/account-settings.ts';

export interface EdgeServices {
  readonly live: LiveState;
  readonly traffic: Traffic;
  readonly registry: EmbeddedRegistry;
  readonly streams: OpenStreams;
  onEvents(events: readonly LifecycleEventRow[]): void;
  onConnectAddress(address: string): void;
}

/** What edges ask, and the registry that they share. The credential has been checked. */
export function edgeRoutes(app: FastifyInstance, context: ApiContext, services: EdgeServices): void {
  const { config, database, keys, changes, now, seals, plans } = context;
  const { live, traffic, registry, streams } = services;
  const refusals = new RefusalNotes(context, (event) => services.onEvents([event]));

  app.post(internalPaths.hello, async (request): Promise<HelloResponse> => {
    const { connectAddress } = readBody(request, helloRequest);
    if (connectAddress !== undefined) services.onConnectAddress(connectAddress);
    // An edge without keys could not check the bind tokens of agents that come back.
    if (keys.bindKeys.length === 0) throw new NotReadyError('the keys are not loaded yet');
    return { serverTime: now().toISOString(), bindKeys: [...keys.bindKeys], baseDomain: config.baseDomain };
  });

  app.post(internalPaths.authorizeSession, (request): Promise<AuthorizeSessionResponse> => {
    const body = readBody(request, authorizeSessionRequest);
    return authorizeSession(context, body, {
      sessionsOnline: (accountId) => live.sessionCount(accountId),
      onRefused: (credential, error) => refusals.note(credential, error, { nodeId: body.nodeId, ip: body.clientIp }),
    });
  });

  app.post(internalPaths.authorizeBind, (request): Promise<AuthorizeBindResponse> => {
    const body = readBody(request, authorizeBindRequest);
    const onlineAt = (host: string): string | null => live.onlineAt(host);
    return authorizeBind({ config, queries: database.queries, now, plans, live, onlineAt }, body);
  });

  app.post(internalPaths.lookupDomain, async (request): Promise<LookupDomainResponse> => {
    const parsed = parseHostName(readBody(request, lookupDomainRequest).host);
    if (parsed.kind === 'invalid') return { reserved: false, accountId: null };
    const names = namesAbove(parsed.host, config.baseDomain);
    const rows = await findReservations(database.queries, names);
    const owner = names.flatMap((name) => rows.find((row) => row.domain === name) ?? [])[0];
    return { reserved: owner !== undefined, accountId: owner?.accountId ?? null };
  });

  app.post(
    internalPaths.reconcile,
    (request): Promise<ReconcileResponse> => reconcileGrants({ database, plans }, readBody(request, reconcileRequest)),
  );

  app.post(internalPaths.endpointFeed, async (request): Promise<EndpointFeedResponse> => {
    const { after } = readBody(request, endpointFeedRequest);
    return readEndpointFeed(context, after);
  });

  app.post(
    internalPaths.accountSettings,
    (request): Promise<AccountSettingsResponse> =>
      readAccountSettings({ database, seals, plans, now, log: context.log }, readBody(request, accountSettingsRequest)),
  );

  app.post(
    internalPaths.usage,
    async (request): Promise<BatchResponse> => ({
      accepted: true,
      duplicate: await traffic.report(readBody(request, usageRequest)),
    }),
  );

  app.post(internalPaths.events, async (request): Promise<BatchResponse> => {
    const batch = readBody(request, eventsRequest);
    const events = batch.events.map((event) => ({
      ...event,
      at: new Date(event.at),
      nodeId: batch.nodeId,
      object: Object.fromEntries(Object.entries(event.object)),
    }));
    // Traffic is only passed on.
    const lifecycle = events.filter(({ type }) => !trafficTypes.has(type));
    const isNew = await database.transaction(async (tx) => {
      if (!(await receiveBatch(tx, { ...batch, kind: 'events' }))) return false;
      await addEvents(tx, lifecycle);
      const sent = deliverable(events);
      await queueEvents(tx, sent, now(), await refusedByFilters(tx, sent, now()));
      return true;
    });
    if (isNew) services.onEvents(lifecycle);
    return { accepted: true, duplicate: !isNew };
  });

  app.post(internalPaths.exchanges, async (request): Promise<BatchResponse> => {
    const isNew = await context.exchanges.receive(readBody(request, exchangesRequest));
    return { accepted: true, duplicate: !isNew };
  });

  app.post(internalPaths.commandOutcome, async (request): Promise<CommandOutcomeResponse> => {
    const { commandId, outcome } = readBody(request, commandOutcomeRequest);
    changes.settle(commandId, outcome);
    return { accepted: true };
  });

  app.post(
    internalPaths.issuing,
    (request): Promise<IssuingResponse> => signIssuingCa({ config, keys, now }, readBody(request, issuingRequest)),
  );

  app.get(internalPaths.changes, (request, reply) => {
    let unsubscribe = (): void => {};
    let timer: NodeJS.Timeout | null = null;
    const stream = streams.begin(request, reply, {
      headers: { 'content-type': 'application/x-ndjson' },
      onEnd: () => {
        unsubscribe();
        if (timer !== null) clearInterval(timer);
      },
    });
    const send = (change: object): void => stream.write(`${JSON.stringify(change)}\n`);
    unsubscribe = changes.subscribe(send);
    timer = setInterval(() => send({ kind: 'ping' }), config.limits.pingMs);
    // Something at once: the edge knows then that it misses nothing any more.
    send({ kind: 'ping' });
  });

  app.post<{ Params: { operation: string } }>(`${internalPaths.registry}/:operation`, async (request, reply) => {
    const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
    let body: unknown = null;
    try {
      body = JSON.parse(text);
    } catch {
      // The registry refuses what is no object, in its own words.
    }
    const answer = await handleRegistryRequest(registry, request.params.operation, body);
    return reply.code(answer.status).send(answer.body);
  });

  app.get(`${internalPaths.registry}/watch`, (request, reply) => {
    reply.hijack();
    leaveGate(request.raw);
    const start = request.url.indexOf('?');
    const query = new URLSearchParams(start < 0 ? '' : request.url.slice(start + 1));
    writeRegistryWatch(registry, query, reply.raw).catch((error: unknown) => {
      context.log.error({ err: error }, 'a watch of the registry failed');
      reply.raw.destroy();
    });
  });
}

/** What happened to somebody, as receivers of events get it. */
function deliverable(events: readonly (Omit<LifecycleEventRow, 'object'> & { object: Record<string, unknown> })[]) {
  return events.flatMap(({ accountId, object, ...event }) =>
    accountId === null ? [] : [{ ...event, accountId, object: objectOf(event.type, object), principal: null }],
  );
}

const trafficTypes: ReadonlySet<string> = new Set(['http_request_complete.v0', 'tcp_connection_closed.v0']);
const json = z.record(z.string(), z.json());

function objectOf(type: string, object: Record<string, unknown>): z.infer<typeof json> {
  return trafficTypes.has(type) ? json.parse(object) : lifecycleObject(object);
}
