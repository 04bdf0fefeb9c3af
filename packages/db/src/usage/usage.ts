import type { Queries } from '../database.ts';

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
    ON CONFLICT (account_id, endpoint_id, minute) DO UPDATE SET
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
