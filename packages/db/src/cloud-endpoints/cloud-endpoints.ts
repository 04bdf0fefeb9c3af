import type { Queries } from '../database.ts';
import type { CloudEndpoint } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type CloudEndpointRow = CloudEndpoint;

/** What makes a URL: two endpoints with the same three are at the same address. */
export interface CloudAddress {
  readonly proto: string;
  /** '' for tcp. */
  readonly host: string;
  /** 0: the port of the public listener. */
  readonly port: number;
}

export interface NewCloudEndpoint extends CloudAddress {
  readonly id: string;
  readonly internal: boolean;
  readonly poolingEnabled: boolean;
  readonly trafficPolicy: string;
  readonly description: string;
  readonly metadata: string;
  readonly createdBy: string | null;
  readonly createdAt: Date;
}

export interface CloudEndpointChanges extends Partial<CloudAddress> {
  readonly poolingEnabled?: boolean;
  readonly trafficPolicy?: string;
  readonly description?: string;
  readonly metadata?: string;
  readonly updatedAt: Date;
}

/**
 * The number of the next change. Locks the count until the transaction ends, so that changes commit in the order of
 * their numbers and nobody else changes a cloud endpoint meanwhile. Take it after the locks of names, and as late as may
 * be: all others wait.
 */
export async function nextFeedRevision(tx: Queries): Promise<number> {
  const { revision } = await tx.edgeFeed.update({ where: { id: 1 }, data: { revision: { increment: 1 } } });
  return revision;
}

export function createCloudEndpoint(
  tx: Queries,
  accountId: string,
  revision: number,
  fields: NewCloudEndpoint,
): Promise<CloudEndpointRow> {
  return tx.cloudEndpoint.create({ data: { ...fields, accountId, revision, updatedAt: fields.createdAt } });
}

export async function listCloudEndpoints(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<CloudEndpointRow>> {
  const rows = await db.cloudEndpoint.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findCloudEndpoint(db: Queries, accountId: string, id: string): Promise<CloudEndpointRow | null> {
  return db.cloudEndpoint.findFirst({ where: { id, accountId } });
}

export async function updateCloudEndpoint(
  tx: Queries,
  accountId: string,
  { id, revision }: { readonly id: string; readonly revision: number },
  changes: CloudEndpointChanges,
): Promise<CloudEndpointRow | null> {
  const rows = await tx.cloudEndpoint.updateManyAndReturn({
    where: { id, accountId },
    data: { ...changes, revision },
  });
  return rows[0] ?? null;
}

/** False when it is not there. */
export async function deleteCloudEndpoint(
  tx: Queries,
  accountId: string,
  { id, revision, at }: { readonly id: string; readonly revision: number; readonly at: Date },
): Promise<boolean> {
  const { count } = await tx.cloudEndpoint.deleteMany({ where: { id, accountId } });
  if (count === 1) await tx.cloudEndpointGone.create({ data: { id, revision, at } });
  return count === 1;
}

/** Those at one public address, of whatever account, or at one internal address of this account. */
export function cloudEndpointsAt(
  db: Queries,
  { proto, host, port }: CloudAddress,
  internalOf: string | null,
): Promise<CloudEndpointRow[]> {
  const whose = internalOf === null ? { internal: false } : { internal: true, accountId: internalOf };
  return db.cloudEndpoint.findMany({ where: { proto, host, port, ...whose } });
}

/** How many public ones the account still has under this name, whatever the scheme. */
export function countCloudEndpointsNamed(
  db: Queries,
  accountId: string,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  return db.cloudEndpoint.count({ where: { accountId, host, port, internal: false } });
}

/** Counts the public ones at this name and under it as changed. Their ids. */
export async function touchCloudEndpoints(tx: Queries, domain: string, revision: number): Promise<string[]> {
  const rows = await tx.cloudEndpoint.updateManyAndReturn({
    where: { internal: false, OR: [{ host: domain }, { host: { endsWith: `.${domain}` } }] },
    data: { revision },
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}

export interface FeedPage {
  readonly rows: readonly CloudEndpointRow[];
  readonly gone: readonly string[];
  /** All changes up to this one are in this page and those before it. */
  readonly upTo: number;
  readonly hasMore: boolean;
  /** What was removed after `after` is not known any more: begin again from 0. */
  readonly mustRestart: boolean;
  /** Of all that there are. */
  readonly total: number;
}

/** What changed after a number, oldest first: at most `rowsMax` rows and about `charactersMax` of policies. */
export async function readFeed(
  db: Queries,
  { after, rowsMax, charactersMax }: { after: number; rowsMax: number; charactersMax: number },
): Promise<FeedPage> {
  // Read first: whatever commits from here on has a higher number and comes with the next page.
  const [state] = await db.$queryRaw<{ revision: number; forgotten: number; total: number }[]>`
    SELECT revision, forgotten_up_to AS forgotten, (SELECT count(*)::int FROM cloud_endpoint) AS total
    FROM edge_feed WHERE id = 1`;
  if (state === undefined) throw new Error('the table edge_feed has lost its row');
  const { revision, total } = state;
  if (after > revision || (after > 0 && after < state.forgotten)) {
    return { rows: [], gone: [], upTo: 0, hasMore: true, mustRestart: true, total };
  }
  const sizes = await db.$queryRaw<{ id: string; revision: number; size: number }[]>`
    SELECT id, revision, length(traffic_policy) AS size FROM cloud_endpoint
    WHERE revision > ${after} AND revision <= ${revision} ORDER BY revision LIMIT ${rowsMax + 1}`;
  let characters = 0;
  const fitting = sizes.filter(({ size }, index) => {
    characters += size;
    return index === 0 || (index < rowsMax && characters <= charactersMax);
  });
  const hasMore = fitting.length < sizes.length;
  const rows = await db.cloudEndpoint.findMany({
    where: { id: { in: fitting.map(({ id }) => id) } },
    orderBy: { revision: 'asc' },
  });
  const upTo = hasMore ? (fitting.at(-1)?.revision ?? after) : revision;
  const gone = await db.cloudEndpointGone.findMany({
    where: { revision: { gt: after, lte: upTo } },
    select: { id: true },
  });
  return { rows, gone: gone.map(({ id }) => id), upTo, hasMore, mustRestart: false, total };
}

/** Forgets what was removed before this moment; edges that were away for longer begin again. */
export async function forgetGoneBefore(tx: Queries, before: Date): Promise<number> {
  const { _max } = await tx.cloudEndpointGone.aggregate({ where: { at: { lt: before } }, _max: { revision: true } });
  const upTo = _max.revision;
  if (upTo === null) return 0;
  await tx.edgeFeed.updateMany({ where: { id: 1, forgottenUpTo: { lt: upTo } }, data: { forgottenUpTo: upTo } });
  const { count } = await tx.cloudEndpointGone.deleteMany({ where: { revision: { lte: upTo } } });
  return count;
}
