import type { AuditedObject, Collection } from '@portico/api-contract/public';
import { databaseFault, type Page, type PageRequest, type Queries } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type Actor, recordChange } from '../../audit/audit-log.ts';
import type { ApiContext } from '../../context.ts';
import { type Equality, parseFilter } from '../../filters/filter.ts';
import type { ApiCaller } from '../../plugins/api-caller.ts';
import { operationId } from '../../plugins/failure.ts';
import { readBody } from '../../plugins/json-input.ts';
import { callerOf, listBody, notFound, readPage, resourcesFor, sendDone } from './conventions.ts';
import type { Resources } from './resources.ts';

/** One request: whose it is, and the database as it may use it: inside a transaction where something changes. */
export interface Call {
  readonly caller: ApiCaller;
  readonly queries: Queries;
  readonly at: Date;
}

export interface CollectionHandlers<Row extends { readonly id: string }, R, C, U> {
  /** Under which name changes get into the log. */
  readonly audited: AuditedObject | null;
  shape(resources: Resources, row: Row): R;
  list(call: Call, page: PageRequest): Promise<Page<Row>>;
  find(call: Call, id: string): Promise<Row | null>;
  /** Fields by which the database finds the items of a filter: what has this very value. */
  readonly listBy?: Readonly<Record<string, (call: Call, value: string, page: PageRequest) => Promise<Page<Row>>>>;
  /** `once` is shown in this answer only: a new secret. */
  create?(call: Call, body: C): Promise<{ readonly row: Row; readonly once?: Partial<R> }>;
  /** Null when it is not there. */
  update?(call: Call, id: string, body: U): Promise<Row | null>;
  /** `before` is the row that `find` gave, and what `changed` gets. False when it is not there. */
  remove?(call: Call, id: string, before: Row): Promise<boolean>;
  /** After the change is committed: tells those who have to know. */
  changed?(what: 'created' | 'updated' | 'deleted', row: Row): void;
  /** What is said when there is one already, and when others still point to it. */
  readonly faults?: { readonly conflict?: () => PorticoError; readonly referenced?: () => PorticoError };
}

type ById = { Params: { id: string } };

/** The routes of one collection, as the contract has them. Each change stands in the log or did not happen. */
export function collectionRoutes<
  Row extends { readonly id: string },
  R extends z.ZodType<{ id: string }>,
  C extends z.ZodType,
  U extends z.ZodType,
>(
  app: FastifyInstance,
  context: ApiContext,
  collection: Collection<R, C, U>,
  handlers: CollectionHandlers<Row, z.infer<R>, z.infer<C>, z.infer<U>>,
): void {
  const { database, config, now } = context;
  const { path, key, noun } = collection;
  const resourcesOf = (request: FastifyRequest): Resources => resourcesFor(request, config.publicOrigin);
  const reading = (request: FastifyRequest): Call => ({
    caller: callerOf(request),
    queries: database.queries,
    at: now(),
  });
  const changing = <T>(request: FastifyRequest, work: (call: Call) => Promise<T>): Promise<T> =>
    changeWith(context, request, work, { noun, ...handlers.faults });
  const record = (
    call: Call,
    request: FastifyRequest,
    what: 'created' | 'updated' | 'deleted',
    states: States<Row>,
  ) => {
    const { audited } = handlers;
    const row = states.after ?? states.before;
    if (audited === null || row === null) return Promise.resolve();
    const resources = resourcesOf(request);
    const shown = (state: Row | null) => (state === null ? null : handlers.shape(resources, state));
    const change = {
      object: audited,
      what,
      objectId: row.id,
      before: shown(states.before),
      after: shown(states.after),
    };
    return recordChange(call.queries, actorOf(request), change, call.at);
  };

  app.get(path, async (request) => {
    const page = readPage(request);
    const resources = resourcesOf(request);
    const call = reading(request);
    const shape = (row: Row) => handlers.shape(resources, row);
    const filter = page.filter === null ? null : parseFilter(page.filter, collection.filterFields, call.at);
    const list = listFor(handlers, call, filter?.equals ?? []);
    const { items, hasMore } = await filteredPage(list, page, () => (row) => filter?.(shape(row)) === true);
    return listBody({ resources, key, path, page }, { items: items.map(shape), hasMore });
  });

  app.get<ById>(`${path}/:id`, async (request) => {
    const id = idOf(request.params.id, noun);
    const row = await handlers.find(reading(request), id);
    if (row === null) throw notFound(noun, id);
    return handlers.shape(resourcesOf(request), row);
  });

  const { create: createSchema, update: updateSchema, removable } = collection;
  const { create, update, remove } = handlers;
  if (createSchema !== null && create !== undefined) {
    app.post(path, async (request, reply) => {
      const body = readBody(request, createSchema);
      const { row, once } = await changing(request, async (call) => {
        const made = await create(call, body);
        await record(call, request, 'created', { before: null, after: made.row });
        return made;
      });
      handlers.changed?.('created', row);
      return reply.code(201).send({ ...handlers.shape(resourcesOf(request), row), ...once });
    });
  }

  if (updateSchema !== null && update !== undefined) {
    app.patch<ById>(`${path}/:id`, async (request) => {
      const id = idOf(request.params.id, noun);
      const body = readBody(request, updateSchema);
      const row = await changing(request, async (call) => {
        const before = await handlers.find(call, id);
        const after = before === null ? null : await update(call, id, body);
        if (after === null) throw notFound(noun, id);
        await record(call, request, 'updated', { before, after });
        return after;
      });
      handlers.changed?.('updated', row);
      return handlers.shape(resourcesOf(request), row);
    });
  }

  if (removable && remove !== undefined) {
    app.delete<ById>(`${path}/:id`, async (request, reply) => {
      const id = idOf(request.params.id, noun);
      const row = await changing(request, async (call) => {
        const before = await handlers.find(call, id);
        if (before === null || !(await remove(call, id, before))) throw notFound(noun, id);
        await record(call, request, 'deleted', { before, after: null });
        return before;
      });
      // Only after it is committed: who asks now must hear the same.
      handlers.changed?.('deleted', row);
      return sendDone(request, reply);
    });
  }
}

interface States<Row> {
  readonly before: Row | null;
  readonly after: Row | null;
}

/** One change in one transaction; what the database refuses is said in the API's words. */
export async function changeWith<T>(
  { database, now }: Pick<ApiContext, 'database' | 'now'>,
  request: FastifyRequest,
  work: (call: Call) => Promise<T>,
  told: { noun: string; conflict?: () => PorticoError; referenced?: () => PorticoError },
): Promise<T> {
  try {
    return await database.transaction((queries) => work({ caller: callerOf(request), queries, at: now() }));
  } catch (error) {
    const fault = databaseFault(error);
    if (fault === 'conflict') {
      throw told.conflict?.() ?? new PorticoError(409, { reason: `There is such a ${told.noun} already` });
    }
    if (fault === 'referenced') {
      throw told.referenced?.() ?? new PorticoError(409, { reason: `The ${told.noun} is still in use` });
    }
    throw error;
  }
}

export function actorOf(request: FastifyRequest): Actor {
  const { accountId, keyId, ownerId, address } = callerOf(request);
  return {
    accountId,
    actorId: ownerId,
    credentialId: keyId,
    address,
    requestId: operationId(request),
  };
}

/** What could not be an id is the id of nothing. */
export function idOf(text: string, noun: string): string {
  if (!/^[\w.-]{1,128}$/.test(text)) throw notFound(noun, text.replace(/[^\w.-]/g, '?'));
  return text;
}

/** The narrowest list that has everything which a filter with these equalities can accept. */
function listFor<Row extends { readonly id: string }>(
  handlers: Pick<CollectionHandlers<Row, unknown, unknown, unknown>, 'list' | 'listBy' | 'find'>,
  call: Call,
  equals: readonly Equality[],
): (page: PageRequest) => Promise<Page<Row>> {
  for (const { field, value } of equals) {
    const listBy = handlers.listBy?.[field];
    if (listBy !== undefined) return (page) => listBy(call, value, page);
    if (field === 'id') {
      return async ({ beforeId }) => {
        const row = /^[\w.-]{1,128}$/.test(value) ? await handlers.find(call, value) : null;
        const isThere = row !== null && (beforeId === null || row.id < beforeId);
        return { items: isThere ? [row] : [], hasMore: false };
      };
    }
  }
  return (page) => handlers.list(call, page);
}

const filterBatch = 500;
const filterItemsMax = 20_000;

/** The page itself, or the newest items that a filter accepts, found within a bounded number of rows. */
export async function filteredPage<Row extends { readonly id: string }>(
  list: (page: PageRequest) => Promise<Page<Row>>,
  page: PageRequest & { readonly filter: string | null },
  compile: (filter: string) => (row: Row) => boolean,
): Promise<Page<Row>> {
  if (page.filter === null) return list(page);
  const accepts = compile(page.filter);
  const found: Row[] = [];
  let beforeId = page.beforeId;
  for (let seen = 0; seen < filterItemsMax; seen += filterBatch) {
    const { items, hasMore } = await list({ limit: filterBatch, beforeId });
    found.push(...items.filter(accepts));
    if (found.length > page.limit) return { items: found.slice(0, page.limit), hasMore: true };
    const last = items.at(-1);
    if (!hasMore || last === undefined) return { items: found, hasMore: false };
    beforeId = last.id;
  }
  if (found.length > 0) return { items: found, hasMore: true };
  throw new PorticoError(250, { reason: `none of the newest ${filterItemsMax} items fits; go on with before_id` });
}
