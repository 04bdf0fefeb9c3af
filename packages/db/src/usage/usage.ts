import type { Queries } from '../database.ts';
import { Prisma } from '../generated/client.ts';

export interface UsageReportRow {
  readonly accountId: string;
  readonly endpointId: string;
  readonly url: string;
  readonly minute: string;
  readonly requests: number;
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly errors: number;
}

export interface TrafficTotals {
  readonly requests: number;
  readonly connections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly errors: number;
}

/** Adds a report's rows to the totals of their minutes. Rows of one endpoint and minute may come several times. */
export async function addUsage(db: Queries, rows: readonly UsageReportRow[]): Promise<void> {
  if (rows.length === 0) return;
  // Sorted by key: two reports at once lock their rows in one order.
  await db.$executeRaw`
    INSERT INTO usage (account_id, endpoint_id, minute, url, requests, connections, bytes_in, bytes_out, errors)
    SELECT "accountId", "endpointId", date_trunc('minute', minute), max(url),
           sum(requests), sum(connections), sum("bytesIn"), sum("bytesOut"), sum(errors)
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS r("accountId" text, "endpointId" text, url text,
      minute timestamptz, requests bigint, connections bigint, "bytesIn" bigint, "bytesOut" bigint, errors bigint)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (account_id, endpoint_id, minute, span_seconds) DO UPDATE SET
      requests = usage.requests + EXCLUDED.requests,
      connections = usage.connections + EXCLUDED.connections,
      bytes_in = usage.bytes_in + EXCLUDED.bytes_in,
      bytes_out = usage.bytes_out + EXCLUDED.bytes_out,
      errors = usage.errors + EXCLUDED.errors`;
}

/** An account's traffic from `from` on, endpoints that are gone included. */
export async function totalUsage(db: Queries, accountId: string, from: Date): Promise<TrafficTotals> {
  const { _sum } = await db.usage.aggregate({
    where: { accountId, minute: { gte: from } },
    _sum: { requests: true, connections: true, bytesIn: true, bytesOut: true, errors: true },
  });
  return {
    requests: Number(_sum.requests ?? 0n),
    connections: Number(_sum.connections ?? 0n),
    bytesIn: Number(_sum.bytesIn ?? 0n),
    bytesOut: Number(_sum.bytesOut ?? 0n),
    errors: Number(_sum.errors ?? 0n),
  };
}

/** Totals of each of these endpoints of one account, for those that have any. */
export async function usageOfEndpoints(
  db: Queries,
  accountId: string,
  endpointIds: readonly string[],
): Promise<Map<string, TrafficTotals>> {
  const groups = await db.usage.groupBy({
    by: ['endpointId'],
    where: { accountId, endpointId: { in: [...endpointIds] } },
    _sum: { requests: true, connections: true, bytesIn: true, bytesOut: true, errors: true },
  });
  return new Map(
    groups.map(({ endpointId, _sum }) => [
      endpointId,
      {
        requests: Number(_sum.requests ?? 0n),
        connections: Number(_sum.connections ?? 0n),
        bytesIn: Number(_sum.bytesIn ?? 0n),
        bytesOut: Number(_sum.bytesOut ?? 0n),
        errors: Number(_sum.errors ?? 0n),
      },
    ]),
  );
}

/** What a row may stand for. Rows move up this ladder as they age. */
export type UsageSpan = 'minute' | 'hour' | 'day';
const spanSeconds = { minute: 60, hour: 3_600, day: 86_400 } as const satisfies Record<UsageSpan, number>;

/**
 * Moves rows of one span that began before `before` into rows of the next: at most `limit` of them, in one statement,
 * so that every byte always stands in exactly one row. How many were moved; fewer than `limit` means all.
 */
export async function rollUpUsage(
  db: Queries,
  { from, before, limit }: { from: 'minute' | 'hour'; before: Date; limit: number },
): Promise<number> {
  const to = from === 'minute' ? 'hour' : 'day';
  const rows = await db.$queryRaw<{ moved: number }[]>`
    WITH picked AS (
      SELECT account_id, endpoint_id, minute FROM usage
      WHERE span_seconds = ${spanSeconds[from]} AND minute < date_trunc(${to}, ${before}::timestamptz)
      ORDER BY minute LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), moved AS (
      DELETE FROM usage AS u USING picked AS p
      WHERE u.account_id = p.account_id AND u.endpoint_id = p.endpoint_id AND u.minute = p.minute
        AND u.span_seconds = ${spanSeconds[from]}
      RETURNING u.*
    ), added AS (
      INSERT INTO usage (account_id, endpoint_id, minute, span_seconds, url,
        requests, connections, bytes_in, bytes_out, errors)
      SELECT account_id, endpoint_id, date_trunc(${to}, minute), ${spanSeconds[to]}, max(url),
        sum(requests), sum(connections), sum(bytes_in), sum(bytes_out), sum(errors)
      FROM moved GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      ON CONFLICT (account_id, endpoint_id, minute, span_seconds) DO UPDATE SET
        requests = usage.requests + EXCLUDED.requests,
        connections = usage.connections + EXCLUDED.connections,
        bytes_in = usage.bytes_in + EXCLUDED.bytes_in,
        bytes_out = usage.bytes_out + EXCLUDED.bytes_out,
        errors = usage.errors + EXCLUDED.errors
      RETURNING 1
    )
    SELECT count(*)::int AS moved FROM moved`;
  return rows[0]?.moved ?? 0;
}

/** Removes rows of days before `before`, at most `limit`. */
export async function deleteUsageDaysBefore(db: Queries, before: Date, limit: number): Promise<number> {
  return db.$executeRaw`
    DELETE FROM usage WHERE (account_id, endpoint_id, minute, span_seconds) IN (
      SELECT account_id, endpoint_id, minute, span_seconds FROM usage
      WHERE span_seconds = ${spanSeconds.day} AND minute < ${before} ORDER BY minute LIMIT ${limit})`;
}

type StoredBucket = Omit<UsageBucket, keyof TrafficTotals> & Record<keyof TrafficTotals, bigint>;

export interface UsageBucket extends TrafficTotals {
  readonly start: Date;
  /** Null: all endpoints together. */
  readonly endpointId: string | null;
  readonly url: string | null;
}

/**
 * An account's traffic in [from, to), by span and, if wanted, by endpoint; newest first. Rows older than two days
 * are known by the hour only, older than 60 days by the day. At most `limit` buckets.
 */
export async function usageBuckets(
  db: Queries,
  accountId: string,
  query: { from: Date; to: Date; span: UsageSpan; byEndpoint: boolean; limit: number },
): Promise<UsageBucket[]> {
  const { from, to, span, byEndpoint, limit } = query;
  const who = byEndpoint
    ? Prisma.sql`endpoint_id AS "endpointId", max(url) AS url`
    : Prisma.sql`NULL::text AS "endpointId", NULL::text AS url`;
  const rows = await db.$queryRaw<StoredBucket[]>`
    SELECT date_trunc(${span}, minute) AS start, ${who},
      sum(requests)::bigint AS requests, sum(connections)::bigint AS connections, sum(bytes_in)::bigint AS "bytesIn",
      sum(bytes_out)::bigint AS "bytesOut", sum(errors)::bigint AS errors
    FROM usage WHERE account_id = ${accountId} AND minute >= ${from} AND minute < ${to}
    GROUP BY ${byEndpoint ? Prisma.sql`1, endpoint_id` : Prisma.sql`1`}
    ORDER BY 1 DESC, 2 DESC NULLS LAST LIMIT ${limit}`;
  return rows.map((row) => ({
    start: row.start,
    endpointId: row.endpointId,
    url: row.url,
    requests: Number(row.requests),
    connections: Number(row.connections),
    bytesIn: Number(row.bytesIn),
    bytesOut: Number(row.bytesOut),
    errors: Number(row.errors),
  }));
}
