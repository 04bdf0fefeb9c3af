import type { Queries } from '../database.ts';
import type { EventSource, EventSubscription } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type EventSourceRow = EventSource;
export type EventSubscriptionRow = EventSubscription & {
  readonly sources: readonly { readonly type: string }[];
  readonly destinations: readonly { readonly destinationId: string }[];
};

const whole = {
  sources: { select: { type: true }, orderBy: { type: 'asc' } },
  destinations: { select: { destinationId: true }, orderBy: { destinationId: 'asc' } },
} as const;

export function createEventSubscription(
  db: Queries,
  accountId: string,
  {
    types,
    destinationIds,
    ...fields
  }: {
    readonly id: string;
    readonly description: string;
    readonly metadata: string;
    readonly createdAt: Date;
    readonly types: readonly string[];
    readonly destinationIds: readonly string[];
  },
): Promise<EventSubscriptionRow> {
  const sources = { create: types.map((type) => ({ type })) };
  const destinations = { create: destinationIds.map((destinationId) => ({ destinationId })) };
  return db.eventSubscription.create({ data: { ...fields, accountId, sources, destinations }, include: whole });
}

export async function listEventSubscriptions(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<EventSubscriptionRow>> {
  const where = { accountId, ...beforeCursor(page) };
  return asPage(await db.eventSubscription.findMany({ where, ...pageArguments(page), include: whole }), page);
}

export function findEventSubscription(
  db: Queries,
  accountId: string,
  id: string,
): Promise<EventSubscriptionRow | null> {
  return db.eventSubscription.findFirst({ where: { id, accountId }, include: whole });
}

export async function updateEventSubscription(
  db: Queries,
  accountId: string,
  id: string,
  {
    types,
    destinationIds,
    ...changes
  }: {
    readonly description?: string;
    readonly metadata?: string;
    readonly types?: readonly string[];
    readonly destinationIds?: readonly string[];
  },
): Promise<EventSubscriptionRow | null> {
  const { count } = await db.eventSubscription.updateMany({ where: { id, accountId }, data: { ...changes } });
  if (count === 0) return null;
  const key = { accountId, subscriptionId: id };
  if (types !== undefined) {
    await db.eventSource.deleteMany({ where: key });
    await db.eventSource.createMany({ data: types.map((type) => ({ ...key, type })) });
  }
  if (destinationIds !== undefined) {
    await db.eventSubscriptionDestination.deleteMany({ where: key });
    const data = destinationIds.map((destinationId) => ({ ...key, destinationId }));
    await db.eventSubscriptionDestination.createMany({ data });
  }
  return findEventSubscription(db, accountId, id);
}

export async function deleteEventSubscription(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.eventSubscription.deleteMany({ where: { id, accountId } });
  return count === 1;
}

/** Throws a conflict (see `databaseFault`) when the subscription has this source already. */
export function createEventSource(
  db: Queries,
  accountId: string,
  subscriptionId: string,
  type: string,
): Promise<EventSourceRow> {
  return db.eventSource.create({ data: { accountId, subscriptionId, type } });
}

export async function deleteEventSource(
  db: Queries,
  accountId: string,
  subscriptionId: string,
  type: string,
): Promise<boolean> {
  const { count } = await db.eventSource.deleteMany({ where: { accountId, subscriptionId, type } });
  return count === 1;
}
