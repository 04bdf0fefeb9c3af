import type { Queries } from '../database.ts';
import type { Exchange, Prisma } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type ExchangeRow = Exchange;
/** A row of a list: without its contents. */
export type ExchangeLine = Omit<Exchange, 'sealedContent' | 'sizeBytes'>;

const line = {
  id: true,
  accountId: true,
  endpointId: true,
  url: true,
  at: true,
  method: true,
  host: true,
  target: true,
  status: true,
  errorCode: true,
  outcome: true,
  clientIp: true,
  httpVersion: true,
  agent: true,
  region: true,
  policyMs: true,
  tunnelMs: true,
  waitMs: true,
  totalMs: true,
  requestBytes: true,
  responseBytes: true,
  replayOf: true,
  replayedBy: true,
} as const satisfies Prisma.ExchangeSelect;

/** Accounts that are gone meanwhile are left out; an id that is there already stays as it is. */
export async function addExchanges(db: Queries, rows: readonly ExchangeRow[]): Promise<void> {
  if (rows.length === 0) return;
  const ids = [...new Set(rows.map(({ accountId }) => accountId))];
  const known = await db.account.findMany({ where: { id: { in: ids } }, select: { id: true } });
  const accounts = new Set(known.map(({ id }) => id));
  const data = rows.filter(({ accountId }) => accounts.has(accountId));
  await db.exchange.createMany({ data, skipDuplicates: true });
}

export async function listExchanges(db: Queries, accountId: string, page: PageRequest): Promise<Page<ExchangeLine>> {
  const rows = await db.exchange.findMany({
    where: { accountId, ...beforeCursor(page) },
    select: line,
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

/** Those that came after this one, oldest first. */
export function exchangesAfter(
  db: Queries,
  accountId: string,
  afterId: string,
  limit: number,
): Promise<ExchangeLine[]> {
  return db.exchange.findMany({
    where: { accountId, id: { gt: afterId } },
    select: line,
    orderBy: { id: 'asc' },
    take: limit,
  });
}

export function findExchange(db: Queries, accountId: string, id: string): Promise<ExchangeRow | null> {
  return db.exchange.findFirst({ where: { id, accountId } });
}

/** The newest, with their contents; those of one endpoint when it is given. */
export function recentExchanges(
  db: Queries,
  accountId: string,
  { endpointId, limit }: { endpointId: string | null; limit: number },
): Promise<ExchangeRow[]> {
  return db.exchange.findMany({
    where: { accountId, ...(endpointId === null ? {} : { endpointId }) },
    orderBy: { id: 'desc' },
    take: limit,
  });
}

/** An exchange's repetitions, oldest first. */
export function replaysOf(db: Queries, accountId: string, id: string): Promise<ExchangeLine[]> {
  return db.exchange.findMany({
    where: { accountId, replayOf: id },
    select: line,
    orderBy: { id: 'asc' },
    take: 100,
  });
}

export async function nameReplayer(db: Queries, accountId: string, id: string, replayedBy: string): Promise<void> {
  await db.exchange.updateMany({ where: { id, accountId }, data: { replayedBy } });
}

export async function deleteExchange(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.exchange.deleteMany({ where: { id, accountId } });
  return count === 1;
}

export async function deleteAllExchanges(db: Queries, accountId: string): Promise<void> {
  await db.exchange.deleteMany({ where: { accountId } });
}

/**
 * Removes what is older than its account keeps it, or beyond what the account may keep, oldest first; of accounts that
 * keep nothing any more, all.
 */
export async function deleteOldExchanges(db: Queries, now: Date, rowsMax: number): Promise<number> {
  const expired = await db.$executeRaw`
    DELETE FROM exchange WHERE id IN (
      SELECT e.id FROM exchange e LEFT JOIN capture_setting s ON s.account_id = e.account_id
      WHERE e.at < ${now}::timestamptz - make_interval(hours => coalesce(s.retention_hours, 0))
      ORDER BY e.at LIMIT ${rowsMax})`;
  const excess = await db.$executeRaw`
    DELETE FROM exchange WHERE id IN (
      SELECT id FROM (
        SELECT e.id, s.size_limit_bytes AS most,
               sum(e.size_bytes) OVER (PARTITION BY e.account_id ORDER BY e.id DESC) AS newer
        FROM exchange e JOIN capture_setting s ON s.account_id = e.account_id
        WHERE e.account_id IN (
          SELECT account_id FROM exchange JOIN capture_setting USING (account_id)
          GROUP BY account_id, size_limit_bytes HAVING sum(size_bytes) > size_limit_bytes)
      ) AS kept WHERE newer > most ORDER BY id LIMIT ${rowsMax})`;
  return expired + excess;
}

/** How much an account keeps. */
export async function exchangeTotals(db: Queries, accountId: string): Promise<{ count: number; bytes: number }> {
  const { _count, _sum } = await db.exchange.aggregate({
    where: { accountId },
    _count: true,
    _sum: { sizeBytes: true },
  });
  return { count: _count, bytes: _sum.sizeBytes ?? 0 };
}
