import { bindProto, type EndpointFeedResponse } from '@portico/api-contract/internal';
import { type CloudEndpointRow, findReservations, type Queries, readFeed } from '@portico/db';
import type { ApiContext } from '../context.ts';
import { isUnder, namesAbove } from '../names/host-name.ts';

/** As much as an edge reads at once. */
const rowsMax = 500;
const charactersMax = 2_000_000;

/** What edges are told of cloud endpoints after a change; those whose name is not their account's now are marked. */
export async function readEndpointFeed(
  { database, config }: Pick<ApiContext, 'database' | 'config'>,
  after: number,
): Promise<EndpointFeedResponse> {
  const { rows, gone, ...page } = await readFeed(database.queries, { after, rowsMax, charactersMax });
  const lost = await withoutName(database.queries, rows, config.baseDomain);
  const endpoints = rows.map((row) => ({
    id: row.id,
    accountId: row.accountId,
    proto: bindProto.parse(row.proto),
    host: row.host,
    port: row.port,
    internal: row.internal,
    poolingEnabled: row.poolingEnabled,
    trafficPolicy: row.trafficPolicy,
    ...(lost.has(row.id) ? { nameLost: true } : {}),
  }));
  return { endpoints, gone: [...gone], ...page };
}

/** Names of one's own are had by reservation and proof alone, both of which may go while the endpoint stays. */
async function withoutName(
  queries: Queries,
  rows: readonly CloudEndpointRow[],
  baseDomain: string,
): Promise<Set<string>> {
  const own = rows.filter(({ host, internal }) => host !== '' && !internal && !isUnder(host, baseDomain));
  if (own.length === 0) return new Set();
  const above = new Map(own.map((row) => [row.id, namesAbove(row.host, '')]));
  const reservations = await findReservations(queries, [...new Set([...above.values()].flat())]);
  const has = ({ id, accountId }: CloudEndpointRow): boolean => {
    const names = above.get(id) ?? [];
    const found = reservations.filter(({ domain }) => names.includes(domain));
    return found.length > 0 && found.every((reservation) => reservation.accountId === accountId);
  };
  return new Set(own.filter((row) => !has(row)).map(({ id }) => id));
}
