import type { Queries } from '../database.ts';
import { type Exchange, type ExchangeMessages, Prisma } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type ExchangeRow = Exchange;
/** A row of a list: without its contents. */
export type ExchangeLine = Omit<Exchange, 'sealedContent' | 'sealedFields' | 'sizeBytes' | 'messageBytes' | 'openOn'>;
export type ExchangeMessagesRow = ExchangeMessages;

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
  messages: true,
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

/**
 * What was told while it was open takes its last form; one that was removed meanwhile stays away. Its messages, and who
 * repeated it, are known already.
 */
export async function closeExchanges(db: Queries, rows: readonly ExchangeRow[]): Promise<void> {
  for (const { id, accountId, messages: _, messageBytes: __, replayedBy: ___, ...row } of rows) {
    await db.exchange.updateMany({ where: { id, accountId, openOn: { not: null } }, data: row });
  }
}

/** An edge began anew: what was open on it before broke off. */
export async function cutOpenExchanges(db: Queries, nodeId: string, epoch: string): Promise<void> {
  await db.$executeRaw`
    UPDATE exchange SET outcome = 'cut', open_on = NULL
    WHERE open_on LIKE ${`${nodeId.replaceAll(/[\\%_]/g, '\\$&')}/%`} AND open_on <> ${`${nodeId}/${epoch}`}`;
}

/** Kept of the messages of one exchange; the oldest leave first. */
export interface MessageLimits {
  readonly chunks: number;
  readonly bytes: number;
}

/** Adds to exchanges of these accounts that are there, and lets go of what is beyond the limits. */
export async function addExchangeMessages(
  db: Queries,
  chunks: readonly (ExchangeMessagesRow & { readonly accountId: string })[],
  limits: MessageLimits,
): Promise<void> {
  if (chunks.length === 0) return;
  const ids = [...new Set(chunks.map(({ exchangeId }) => exchangeId))];
  const known = await db.exchange.findMany({ where: { id: { in: ids } }, select: { id: true, accountId: true } });
  const accountOf = new Map(known.map(({ id, accountId }) => [id, accountId]));
  const data = chunks.flatMap(({ accountId, ...row }) => (accountOf.get(row.exchangeId) === accountId ? [row] : []));
  if (data.length === 0) return;
  await db.exchangeMessages.createMany({ data, skipDuplicates: true });
  const touched = Prisma.join([...new Set(data.map(({ exchangeId }) => exchangeId))]);
  await db.$executeRaw`
    DELETE FROM exchange_messages WHERE (exchange_id, first) IN (
      SELECT exchange_id, first FROM (
        SELECT exchange_id, first, row_number() OVER newer AS place, sum(size_bytes) OVER newer AS bytes
        FROM exchange_messages WHERE exchange_id IN (${touched})
        WINDOW newer AS (PARTITION BY exchange_id ORDER BY first DESC)
      ) AS kept WHERE place > ${limits.chunks} OR bytes > ${limits.bytes})`;
  await db.$executeRaw`
    UPDATE exchange SET messages = kept.last, message_bytes = kept.bytes
    FROM (SELECT exchange_id, max(last) AS last, sum(size_bytes) AS bytes FROM exchange_messages
          WHERE exchange_id IN (${touched}) GROUP BY exchange_id) AS kept
    WHERE exchange.id = kept.exchange_id`;
}

/** Messages of an exchange from the one after this on, oldest first. */
export function messagesAfter(
  db: Queries,
  exchangeId: string,
  after: number,
  limit: number,
): Promise<ExchangeMessagesRow[]> {
  return db.exchangeMessages.findMany({
    where: { exchangeId, last: { gt: after } },
    orderBy: { first: 'asc' },
    take: limit,
  });
}

export async function listExchanges(db: Queries, accountId: string, page: PageRequest): Promise<Page<ExchangeLine>> {
  const rows = await db.exchange.findMany({
    where: { accountId, ...beforeCursor(page) },
    select: line,
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

/** What is searched of these, sealed; of those that were kept by earlier versions, all of their contents. */
export async function sealedFieldsOf(
  db: Queries,
  ids: readonly string[],
): Promise<{ id: string; sealedFields: string | null; sealedContent: string | null }[]> {
  const rows = await db.exchange.findMany({
    where: { id: { in: [...ids] }, sealedFields: { not: null } },
    select: { id: true, sealedFields: true },
  });
  const had = new Set(rows.map(({ id }) => id));
  const others = ids.filter((id) => !had.has(id));
  const older =
    others.length === 0
      ? []
      : await db.exchange.findMany({
          where: { id: { in: others }, sealedContent: { not: null } },
          select: { id: true, sealedContent: true },
        });
  return [
    ...rows.map((row) => ({ ...row, sealedContent: null })),
    ...older.map((row) => ({ ...row, sealedFields: null })),
  ];
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
               sum(e.size_bytes + e.message_bytes) OVER (PARTITION BY e.account_id ORDER BY e.id DESC) AS newer
        FROM exchange e JOIN capture_setting s ON s.account_id = e.account_id
        WHERE e.account_id IN (
          SELECT account_id FROM exchange JOIN capture_setting USING (account_id)
          GROUP BY account_id, size_limit_bytes HAVING sum(size_bytes + message_bytes) > size_limit_bytes)
      ) AS kept WHERE newer > most ORDER BY id LIMIT ${rowsMax})`;
  return expired + excess;
}

/** How much an account keeps. */
export async function exchangeTotals(db: Queries, accountId: string): Promise<{ count: number; bytes: number }> {
  const { _count, _sum } = await db.exchange.aggregate({
    where: { accountId },
    _count: true,
    _sum: { sizeBytes: true, messageBytes: true },
  });
  return { count: _count, bytes: (_sum.sizeBytes ?? 0) + (_sum.messageBytes ?? 0) };
}
