import type { Queries } from '../database.ts';
import { type AuditEvent, Prisma } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type AuditEventRow = AuditEvent;

export interface NewAuditEvent {
  readonly id: string;
  readonly at: Date;
  readonly type: string;
  readonly actorId: string | null;
  readonly credentialId: string;
  readonly address: string;
  readonly requestId: string;
  readonly objectId: string;
  /** Without secrets; null before it was made and after it was removed. */
  readonly before: Prisma.InputJsonObject | null;
  readonly after: Prisma.InputJsonObject | null;
}

/** Writes one line of the log: call it in the transaction that makes the change. */
export async function addAuditEvent(db: Queries, accountId: string, event: NewAuditEvent): Promise<void> {
  const before = event.before ?? Prisma.DbNull;
  const after = event.after ?? Prisma.DbNull;
  await db.auditEvent.create({ data: { ...event, before, after, accountId } });
}

export async function listAuditEvents(
  db: Queries,
  accountId: string,
  page: PageRequest,
  only: { readonly type?: string; readonly objectId?: string } = {},
): Promise<Page<AuditEventRow>> {
  const where = { accountId, ...only, ...beforeCursor(page) };
  const rows = await db.auditEvent.findMany({ where, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findAuditEvent(db: Queries, accountId: string, id: string): Promise<AuditEventRow | null> {
  return db.auditEvent.findFirst({ where: { id, accountId } });
}

/** For an export: events of a span of time, oldest first, after the one with this id. */
export function auditEventsAfter(
  db: Queries,
  accountId: string,
  { from, to, afterId, limit }: { from: Date; to: Date; afterId: string | null; limit: number },
): Promise<AuditEventRow[]> {
  return db.auditEvent.findMany({
    where: { accountId, at: { gte: from, lte: to }, ...(afterId === null ? {} : { id: { gt: afterId } }) },
    orderBy: { id: 'asc' },
    take: limit,
  });
}

/** The database refuses it for events of the last year. */
export async function deleteAuditEventsBefore(db: Queries, before: Date): Promise<number> {
  const { count } = await db.auditEvent.deleteMany({ where: { at: { lt: before } } });
  return count;
}
