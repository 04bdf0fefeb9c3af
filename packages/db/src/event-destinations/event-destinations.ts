import type { Queries } from '../database.ts';
import type { EventDestination } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type EventDestinationRow = EventDestination;

export interface NewEventDestination {
  readonly id: string;
  readonly format: string;
  readonly sealedTarget: string;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface EventDestinationChanges {
  readonly description?: string;
  readonly metadata?: string;
  readonly format?: string;
  readonly sealedTarget?: string;
}

export function createEventDestination(
  db: Queries,
  accountId: string,
  fields: NewEventDestination,
): Promise<EventDestinationRow> {
  return db.eventDestination.create({ data: { ...fields, nextAttemptAt: fields.createdAt, accountId } });
}

export async function listEventDestinations(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<EventDestinationRow>> {
  const rows = await db.eventDestination.findMany({
    where: { accountId, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findEventDestination(db: Queries, accountId: string, id: string): Promise<EventDestinationRow | null> {
  return db.eventDestination.findFirst({ where: { id, accountId } });
}

export async function updateEventDestination(
  db: Queries,
  accountId: string,
  id: string,
  changes: EventDestinationChanges,
): Promise<EventDestinationRow | null> {
  const [row] = await db.eventDestination.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** False when it is not there. */
export async function deleteEventDestination(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.eventDestination.deleteMany({ where: { id, accountId } });
  return count === 1;
}

/** Which of these ids are destinations of the account. */
export async function knownEventDestinations(
  db: Queries,
  accountId: string,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await db.eventDestination.findMany({ where: { accountId, id: { in: [...ids] } }, select: { id: true } });
  return rows.map((row) => row.id);
}
