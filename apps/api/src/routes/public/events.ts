import {
  collections,
  type EventTarget,
  eventSourceCreate,
  eventSourceTypes,
  eventSourceUpdate,
  eventTarget,
  secretTargetFields,
} from '@portico/api-contract/public';
import {
  createEventDestination,
  createEventSource,
  createEventSubscription,
  deleteEventDestination,
  deleteEventSource,
  deleteEventSubscription,
  type EventDestinationRow,
  type EventSubscriptionRow,
  findEventDestination,
  findEventSubscription,
  knownEventDestinations,
  listEventDestinations,
  listEventSubscriptions,
  updateEventDestination,
  updateEventSubscription,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import { readBody } from '../../plugins/json-input.ts';
import { actorOf, type Call, changeWith, collectionRoutes, idOf } from './collection-routes.ts';
import { callerOf, notFound, resourcesFor, sendDone } from './conventions.ts';

type BySource = { Params: { id: string; type: string } };

/** `/event_destinations`, `/event_subscriptions` and their sources. */
export function eventRoutes(app: FastifyInstance, context: ApiContext): void {
  const { seals, config, database } = context;
  const targetOf = (row: EventDestinationRow) =>
    withoutSecrets(eventTarget.parse(JSON.parse(seals.open('event_destination', row.id, row.sealedTarget))));

  collectionRoutes(app, context, collections.eventDestinations, {
    audited: 'event_destination',
    shape: (resources, row: EventDestinationRow) => resources.eventDestination(row, targetOf(row)),
    list: ({ queries, caller }, page) => listEventDestinations(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findEventDestination(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, body) => {
      checkTarget(body.target);
      const id = newId('ed', at.getTime());
      const row = await createEventDestination(queries, caller.accountId, {
        id,
        format: body.format ?? 'json',
        sealedTarget: seals.seal('event_destination', id, JSON.stringify(body.target)),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        createdAt: at,
      });
      return { row };
    },
    update: ({ queries, caller }, id, { format, target, description, metadata }) => {
      if (target) checkTarget(target);
      return updateEventDestination(queries, caller.accountId, id, {
        format: format ?? undefined,
        sealedTarget: target ? seals.seal('event_destination', id, JSON.stringify(target)) : undefined,
        description: description ?? undefined,
        metadata: metadata ?? undefined,
      });
    },
    remove: ({ queries, caller }, id) => deleteEventDestination(queries, caller.accountId, id),
    faults: { referenced: () => new PorticoError(5112) },
  });

  collectionRoutes(app, context, collections.eventSubscriptions, {
    audited: 'event_subscription',
    shape: (resources, row: EventSubscriptionRow) => resources.eventSubscription(row),
    list: ({ queries, caller }, page) => listEventSubscriptions(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findEventSubscription(queries, caller.accountId, id),
    create: async (call, body) => ({
      row: await createEventSubscription(call.queries, call.caller.accountId, {
        id: newId('esb', call.at.getTime()),
        description: body.description ?? '',
        metadata: body.metadata ?? '',
        createdAt: call.at,
        types: typesOf(body.sources ?? []),
        destinationIds: await checkDestinations(call, body.destination_ids ?? []),
      }),
    }),
    update: async (call, id, body) =>
      updateEventSubscription(call.queries, call.caller.accountId, id, {
        description: body.description ?? undefined,
        metadata: body.metadata ?? undefined,
        types: body.sources ? typesOf(body.sources) : undefined,
        destinationIds: body.destination_ids ? await checkDestinations(call, body.destination_ids) : undefined,
      }),
    remove: ({ queries, caller }, id) => deleteEventSubscription(queries, caller.accountId, id),
  });

  const noun = collections.eventSubscriptions.noun;
  const path = '/event_subscriptions/:id/sources';
  const resourcesOf = (request: FastifyRequest) => resourcesFor(request, config.publicOrigin);
  const subscriptionOf = async (queries: Call['queries'], request: FastifyRequest, text: string) => {
    const id = idOf(text, noun);
    const row = await findEventSubscription(queries, callerOf(request).accountId, id);
    if (row === null) throw notFound(noun, id);
    return row;
  };
  /** A change of the sources is a change of their subscription. */
  const changeSources = (
    request: FastifyRequest,
    id: string,
    work: (call: Call, subscription: EventSubscriptionRow) => Promise<void>,
  ) =>
    changeWith(
      context,
      request,
      async (call) => {
        const before = await subscriptionOf(call.queries, request, id);
        await work(call, before);
        const after = await subscriptionOf(call.queries, request, id);
        const resources = resourcesOf(request);
        const change = {
          object: 'event_subscription',
          what: 'updated',
          objectId: before.id,
          before: resources.eventSubscription(before),
          after: resources.eventSubscription(after),
        } as const;
        await recordChange(call.queries, actorOf(request), change, call.at);
        return after;
      },
      { noun: 'event source' },
    );

  app.post<BySource>(path, async (request, reply) => {
    const { type } = readBody(request, eventSourceCreate);
    const { id } = await changeSources(request, request.params.id, async (call, subscription) => {
      await createEventSource(call.queries, call.caller.accountId, subscription.id, type);
    });
    return reply.code(200).send(resourcesOf(request).eventSource(id, type));
  });

  app.get<BySource>(path, async (request) => {
    const row = await subscriptionOf(database.queries, request, request.params.id);
    const resources = resourcesOf(request);
    return {
      sources: row.sources.map(({ type }) => resources.eventSource(row.id, type)),
      uri: resources.uri(`/event_subscriptions/${row.id}/sources`),
    };
  });

  app.get<BySource>(`${path}/:type`, async (request) => {
    const row = await subscriptionOf(database.queries, request, request.params.id);
    return resourcesOf(request).eventSource(row.id, ownType(row, request.params.type));
  });

  app.patch<BySource>(`${path}/:type`, async (request) => {
    readBody(request, eventSourceUpdate);
    const row = await subscriptionOf(database.queries, request, request.params.id);
    return resourcesOf(request).eventSource(row.id, ownType(row, request.params.type));
  });

  app.delete<BySource>(`${path}/:type`, async (request, reply) => {
    await changeSources(request, request.params.id, async (call, subscription) => {
      const type = ownType(subscription, request.params.type);
      await deleteEventSource(call.queries, call.caller.accountId, subscription.id, type);
    });
    return sendDone(request, reply);
  });
}

function ownType({ sources }: EventSubscriptionRow, text: string): string {
  if (!sources.some(({ type }) => type === text)) {
    throw notFound('event source', eventSourceTypes.includes(text) ? text : text.replace(/[^\w.-]/g, '?'));
  }
  return text;
}

function typesOf(sources: readonly { type: string }[]): string[] {
  return [...new Set(sources.map(({ type }) => type))];
}

async function checkDestinations({ queries, caller }: Call, wanted: readonly string[]): Promise<string[]> {
  const ids = [...new Set(wanted)];
  const known = await knownEventDestinations(queries, caller.accountId, ids);
  const missing = ids.find((id) => !known.includes(id));
  if (missing === undefined) return ids;
  throw new PorticoError(215, { field: 'destination_ids', reason: `there is no event destination ${missing}` });
}

function checkTarget(target: EventTarget): void {
  const kinds = Object.values(target).filter((part) => part !== null && part !== undefined);
  if (kinds.length !== 1)
    throw new PorticoError(215, { field: 'target', reason: 'exactly one kind of target is wanted' });
}

const shown = z.record(z.string(), z.json());

/** All kinds of target, those that are not used as null; a secret is "". */
function withoutSecrets(target: EventTarget): z.infer<typeof shown> {
  const text = JSON.stringify(target, (name, value: unknown) => {
    if (name === 'headers' && typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.keys(value).map((field) => [field, '']));
    }
    return secretTargetFields.has(name) && typeof value === 'string' ? '' : value;
  });
  const unused = Object.fromEntries(Object.keys(eventTarget.shape).map((name) => [name, null]));
  return { ...unused, ...shown.parse(JSON.parse(text)) };
}
