import type { Queries } from '../database.ts';
import type { EventSource, EventSubscription } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type EventSourceRow = EventSource;
/** A kind of event, and of traffic which events and what of them; empty for all. */
export type EventSourceChoice = Pick<EventSource, 'type' | 'filter' | 'fields'>;
export type EventSubscriptionRow = EventSubscription & {
  readonly sources: readonly EventSourceChoice[];
  readonly destinations: readonly { readonly destinationId: string }[];
};

const whole = {
  sources: { select: { type: true, filter: true, fields: true }, orderBy: { type: 'asc' } },
  destinations: { select: { destinationId: true }, orderBy: { destinationId: 'asc' } },
} as const;

export function createEventSubscription(
  db: Queries,
  accountId: string,
  {
    sources,
    destinationIds,
    ...fields
  }: {
    readonly id: string;
    readonly description: string;
    readonly metadata: string;
    readonly createdAt: Date;
    readonly sources: readonly EventSourceChoice[];
    readonly destinationIds: readonly string[];
  },
): Promise<EventSubscriptionRow> {
  const destinations = { create: destinationIds.map((destinationId) => ({ destinationId })) };
  return db.eventSubscription.create({
    data: { ...fields, accountId, sources: { create: [...sources] }, destinations },
    include: whole,
  });
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
    sources,
    destinationIds,
    ...changes
  }: {
    readonly description?: string;
    readonly metadata?: string;
    readonly sources?: readonly EventSourceChoice[];
    readonly destinationIds?: readonly string[];
  },
): Promise<EventSubscriptionRow | null> {
  const { count } = await db.eventSubscription.updateMany({ where: { id, accountId }, data: { ...changes } });
  if (count === 0) return null;
  const key = { accountId, subscriptionId: id };
  if (sources !== undefined) {
    await db.eventSource.deleteMany({ where: key });
    await db.eventSource.createMany({ data: sources.map((source) => ({ ...key, ...source })) });
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
  source: EventSourceChoice,
): Promise<EventSourceRow> {
  return db.eventSource.create({ data: { accountId, subscriptionId, ...source } });
}

export async function updateEventSource(
  db: Queries,
  accountId: string,
  subscriptionId: string,
  { type, ...changes }: EventSourceChoice,
): Promise<void> {
  await db.eventSource.updateMany({ where: { accountId, subscriptionId, type }, data: changes });
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
