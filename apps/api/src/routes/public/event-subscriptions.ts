import {
  collections,
  type EventChoice,
  eventSourceCreate,
  eventSourceTypes,
  eventSourceUpdate,
} from '@portico/api-contract/public';
import {
  createEventSource,
  createEventSubscription,
  deleteEventSource,
  deleteEventSubscription,
  type EventSourceChoice,
  type EventSubscriptionRow,
  findEventSubscription,
  knownEventDestinations,
  listEventSubscriptions,
  updateEventSource,
  updateEventSubscription,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import { checkEventChoice } from '../../deliveries/event-choice.ts';
import { readBody } from '../../plugins/json-input.ts';
import { actorOf, type Call, changeWith, collectionRoutes, idOf } from './collection-routes.ts';
import { callerOf, notFound, resourcesFor, sendDone } from './conventions.ts';

type BySource = { Params: { id: string; type: string } };

/** `/event_subscriptions` and their sources. */
export function eventSubscriptionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { config, database } = context;
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
        sources: sourcesOf(body.sources ?? [], call.at),
        destinationIds: await checkDestinations(call, body.destination_ids ?? []),
      }),
    }),
    update: async (call, id, body) =>
      updateEventSubscription(call.queries, call.caller.accountId, id, {
        description: body.description ?? undefined,
        metadata: body.metadata ?? undefined,
        sources: body.sources ? sourcesOf(body.sources, call.at) : undefined,
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
    const body = readBody(request, eventSourceCreate);
    const source = sourceOf(body, context.now());
    const { id } = await changeSources(request, request.params.id, async (call, subscription) => {
      await createEventSource(call.queries, call.caller.accountId, subscription.id, source);
    });
    return reply.code(200).send(resourcesOf(request).eventSource(id, source));
  });

  app.get<BySource>(path, async (request) => {
    const row = await subscriptionOf(database.queries, request, request.params.id);
    const resources = resourcesOf(request);
    return {
      sources: row.sources.map((source) => resources.eventSource(row.id, source)),
      uri: resources.uri(`/event_subscriptions/${row.id}/sources`),
    };
  });

  app.get<BySource>(`${path}/:type`, async (request) => {
    const row = await subscriptionOf(database.queries, request, request.params.id);
    return resourcesOf(request).eventSource(row.id, ownSource(row, request.params.type));
  });

  app.patch<BySource>(`${path}/:type`, async (request) => {
    const body = readBody(request, eventSourceUpdate);
    const after = await changeSources(request, request.params.id, async (call, subscription) => {
      const before = ownSource(subscription, request.params.type);
      const source = sourceOf(
        { type: before.type, filter: body.filter ?? before.filter, fields: body.fields ?? before.fields },
        call.at,
      );
      await updateEventSource(call.queries, call.caller.accountId, subscription.id, source);
    });
    return resourcesOf(request).eventSource(after.id, ownSource(after, request.params.type));
  });

  app.delete<BySource>(`${path}/:type`, async (request, reply) => {
    await changeSources(request, request.params.id, async (call, subscription) => {
      const { type } = ownSource(subscription, request.params.type);
      await deleteEventSource(call.queries, call.caller.accountId, subscription.id, type);
    });
    return sendDone(request, reply);
  });
}

function ownSource({ sources }: EventSubscriptionRow, text: string): EventSourceChoice {
  const source = sources.find(({ type }) => type === text);
  if (source !== undefined) return source;
  throw notFound('event source', eventSourceTypes.includes(text) ? text : text.replace(/[^\w.-]/g, '?'));
}

interface GivenSource extends EventChoice {
  readonly type: string;
}

function sourceOf({ type, filter, fields }: GivenSource, now: Date): EventSourceChoice {
  const source = { type, filter: filter ?? '', fields: [...new Set(fields ?? [])] };
  checkEventChoice(source, now);
  return source;
}

/** Of a kind that is given twice, the last one counts. */
function sourcesOf(given: readonly GivenSource[], now: Date): EventSourceChoice[] {
  return [...new Map(given.map((each) => [each.type, sourceOf(each, now)])).values()];
}

async function checkDestinations({ queries, caller }: Call, wanted: readonly string[]): Promise<string[]> {
  const ids = [...new Set(wanted)];
  const known = await knownEventDestinations(queries, caller.accountId, ids);
  const missing = ids.find((id) => !known.includes(id));
  if (missing === undefined) return ids;
  throw new PorticoError(215, { field: 'destination_ids', reason: `there is no event destination ${missing}` });
}
