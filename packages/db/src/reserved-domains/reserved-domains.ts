import type { Queries } from '../database.ts';
import type { Prisma, ReservedDomain } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type ReservedDomainRow = ReservedDomain;

export interface NewReservedDomain {
  readonly id: string;
  readonly domain: string;
  readonly description: string;
  readonly metadata: string;
  readonly certificateId?: string | null;
  /** Of names of one's own: at once. */
  readonly nextCheckAt?: Date | null;
  readonly managementAuthority?: string | null;
  readonly managementKeyType?: string | null;
  readonly createdAt: Date;
}

export interface ReservedDomainChanges {
  readonly description?: string;
  readonly metadata?: string;
  readonly certificateId?: string | null;
  readonly managementAuthority?: string | null;
  readonly managementKeyType?: string | null;
  readonly renewsAt?: Date | null;
  readonly jobStartedAt?: Date | null;
  readonly jobRetriesAt?: Date | null;
  readonly jobFailures?: number;
  readonly jobErrorCode?: string | null;
  readonly jobMessage?: string | null;
}

/** Throws a conflict (see `databaseFault`) when any account has the domain. */
export function createReservedDomain(
  db: Queries,
  accountId: string,
  fields: NewReservedDomain,
): Promise<ReservedDomainRow> {
  return db.reservedDomain.create({ data: { ...fields, accountId } });
}

export async function listReservedDomains(
  db: Queries,
  accountId: string,
  page: PageRequest,
  only: { readonly domain?: string } = {},
): Promise<Page<ReservedDomainRow>> {
  const rows = await db.reservedDomain.findMany({
    where: { accountId, ...only, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findReservedDomain(db: Queries, accountId: string, id: string): Promise<ReservedDomainRow | null> {
  return db.reservedDomain.findFirst({ where: { id, accountId } });
}

export async function updateReservedDomain(
  db: Queries,
  accountId: string,
  id: string,
  changes: ReservedDomainChanges,
): Promise<ReservedDomainRow | null> {
  const rows = await db.reservedDomain.updateManyAndReturn({
    where: { id, accountId },
    data: { ...changes },
  });
  return rows[0] ?? null;
}

/** The removed row; null when it is not there. */
export async function deleteReservedDomain(
  db: Queries,
  accountId: string,
  id: string,
): Promise<ReservedDomainRow | null> {
  const row = await findReservedDomain(db, accountId, id);
  if (row === null) return null;
  const { count } = await db.reservedDomain.deleteMany({ where: { id, accountId } });
  return count === 1 ? row : null;
}

/**
 * Whoever keeps one of these names, of whatever account: for deciding about a name that several may want. A name of
 * one's own counts once it is proven.
 */
export function findReservations(db: Queries, domains: readonly string[]): Promise<ReservedDomainRow[]> {
  return db.reservedDomain.findMany({
    where: { domain: { in: [...domains] }, OR: [{ nextCheckAt: null }, { provenAt: { not: null } }] },
  });
}

/** Names that are due to be looked up; nobody else gets them before `takenUntil`. */
export async function domainsToCheck(
  db: Queries,
  due: { now: Date; takenUntil: Date; limit: number },
): Promise<ReservedDomainRow[]> {
  const taken = await db.$queryRaw<{ id: string }[]>`
    UPDATE reserved_domain SET next_check_at = ${due.takenUntil} WHERE id IN (
      SELECT id FROM reserved_domain WHERE next_check_at <= ${due.now}
      ORDER BY next_check_at LIMIT ${due.limit} FOR UPDATE SKIP LOCKED)
    RETURNING id`;
  return db.reservedDomain.findMany({ where: { id: { in: taken.map(({ id }) => id) } } });
}

/** Null when the name was given up meanwhile. */
export async function recordDomainCheck(
  db: Queries,
  id: string,
  found: {
    readonly provenAt: Date | null;
    readonly unprovenSince: Date | null;
    readonly nextCheckAt: Date;
    readonly checkedAt: Date;
    readonly checkResult: Prisma.InputJsonObject;
  },
): Promise<ReservedDomainRow | null> {
  const rows = await db.reservedDomain.updateManyAndReturn({ where: { id }, data: { ...found } });
  return rows[0] ?? null;
}

/** Removes a name that another account wrote down and never proved. Its owner; null when there is none such. */
export async function removeUnproven(db: Queries, domain: string, notOf: string): Promise<ReservedDomainRow | null> {
  const row = await db.reservedDomain.findFirst({ where: { domain, provenAt: null, accountId: { not: notOf } } });
  if (row === null) return null;
  const { count } = await db.reservedDomain.deleteMany({ where: { id: row.id, provenAt: null } });
  return count === 1 ? row : null;
}

/** A name of one's own among these that the account has written down and not proven. */
export function findUnproven(
  db: Queries,
  accountId: string,
  domains: readonly string[],
): Promise<ReservedDomainRow | null> {
  const where = { accountId, domain: { in: [...domains] }, provenAt: null, nextCheckAt: { not: null } };
  return db.reservedDomain.findFirst({ where });
}

export async function isClaimedByOther(db: Queries, domain: string, accountId: string): Promise<boolean> {
  return (await db.reservedDomain.findFirst({ where: { domain, accountId: { not: accountId } } })) !== null;
}

export function countReservedDomains(db: Queries, accountId: string): Promise<number> {
  return db.reservedDomain.count({ where: { accountId } });
}
