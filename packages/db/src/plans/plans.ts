import type { Queries } from '../database.ts';
import { type Plan, Prisma } from '../generated/client.ts';

export type PlanRow = Plan;

/** On this channel the database tells the id of an account that was changed, suspended or removed. */
export const ACCOUNTS_CHANNEL = 'portico_accounts';

export function listPlans(db: Queries): Promise<PlanRow[]> {
  return db.plan.findMany({ orderBy: { id: 'asc' } });
}

/** Makes or changes one; what is left out stays, or is without limit. */
export async function savePlan(db: Queries, id: string, limits: Partial<Omit<PlanRow, 'id'>>): Promise<PlanRow> {
  return db.plan.upsert({ where: { id }, create: { id, ...limits }, update: { ...limits } });
}

/** False when there is no such account. Edges fetch its grants and its settings anew, since both carry limits. */
export async function setPlan(db: Queries, accountId: string, plan: string): Promise<boolean> {
  const data = { plan, version: { increment: 1 }, settingsRevision: { increment: 1 } };
  const { count } = await db.account.updateMany({ where: { id: accountId }, data });
  return count === 1;
}

/** The limits of this plan are others now: edges fetch anew what its accounts may. How many accounts have it. */
export async function touchPlan(db: Queries, plan: string): Promise<number> {
  return db.$executeRaw`
    UPDATE account SET version = version + 1, settings_revision = settings_revision + 1 WHERE plan = ${plan}`;
}

export async function planOf(db: Queries, accountId: string): Promise<string | null> {
  const row = await db.account.findUnique({ where: { id: accountId }, select: { plan: true } });
  return row?.plan ?? null;
}

/** Which plan each of these accounts has. */
export async function plansOfAccounts(db: Queries, accountIds: readonly string[]): Promise<Map<string, string>> {
  const where = { id: { in: [...accountIds] } };
  const rows = await db.account.findMany({ where, select: { id: true, plan: true } });
  return new Map(rows.map(({ id, plan }) => [id, plan]));
}

export interface MonthTotals {
  readonly accountId: string;
  readonly requests: number;
  readonly connections: number;
  readonly bytes: number;
}

/** First moment of the month (UTC). */
export function monthOf(at: Date): Date {
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1));
}

/**
 * Adds to the accounts' totals of this month; the totals as they are then. Call it in the transaction that counts the
 * report, so that each counts once.
 */
export async function addToMonth(db: Queries, month: Date, added: readonly MonthTotals[]): Promise<MonthTotals[]> {
  if (added.length === 0) return [];
  const day = month.toISOString().slice(0, 10);
  const rows = await db.$queryRaw<{ accountId: string; requests: bigint; connections: bigint; bytes: bigint }[]>`
    INSERT INTO usage_month (account_id, month, requests, connections, bytes)
    SELECT "accountId", ${day}::date, sum(requests), sum(connections), sum(bytes)
    FROM jsonb_to_recordset(${JSON.stringify(added)}::jsonb)
      AS r("accountId" text, requests bigint, connections bigint, bytes bigint)
    GROUP BY 1 ORDER BY 1
    ON CONFLICT (account_id, month) DO UPDATE SET
      requests = usage_month.requests + EXCLUDED.requests,
      connections = usage_month.connections + EXCLUDED.connections,
      bytes = usage_month.bytes + EXCLUDED.bytes
    RETURNING account_id AS "accountId", requests, connections, bytes`;
  return rows.map(totalsOf);
}

export async function monthTotals(db: Queries, month: Date, accountIds: readonly string[]): Promise<MonthTotals[]> {
  const rows = await db.usageMonth.findMany({ where: { month, accountId: { in: [...accountIds] } } });
  return rows.map(totalsOf);
}

/** Their settings are others now: edges fetch them anew. */
export async function touchAccounts(db: Queries, accountIds: readonly string[]): Promise<void> {
  if (accountIds.length === 0) return;
  await db.$executeRaw`
    UPDATE account SET settings_revision = settings_revision + 1
    WHERE id IN (${Prisma.join([...accountIds].sort())})`;
}

/** Which kinds of events of traffic each of these accounts sends somewhere. */
export async function wantedEventTypes(
  db: Queries,
  accountIds: readonly string[],
  types: readonly string[],
): Promise<{ accountId: string; type: string }[]> {
  return db.$queryRaw<{ accountId: string; type: string }[]>`
    SELECT DISTINCT s.account_id AS "accountId", s.type FROM event_source AS s
    JOIN event_subscription_destination AS d ON d.account_id = s.account_id AND d.subscription_id = s.subscription_id
    WHERE s.account_id = ANY(${[...accountIds]}) AND s.type = ANY(${[...types]})`;
}

function totalsOf(row: { accountId: string; requests: bigint; connections: bigint; bytes: bigint }): MonthTotals {
  const { accountId, requests, connections, bytes } = row;
  return { accountId, requests: Number(requests), connections: Number(connections), bytes: Number(bytes) };
}
