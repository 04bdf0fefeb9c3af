import type { Queries } from '../database.ts';
import type { ReservedDomain } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type ReservedDomainRow = ReservedDomain;

export interface NewReservedDomain {
  readonly id: string;
  readonly domain: string;
  readonly description: string;
  readonly metadata: string;
  readonly certificateId?: string | null;
  readonly createdAt: Date;
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
): Promise<Page<ReservedDomainRow>> {
  const rows = await db.reservedDomain.findMany({
    where: { accountId, ...beforeCursor(page) },
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
  changes: { readonly description?: string; readonly metadata?: string; readonly certificateId?: string | null },
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

/** Whoever keeps one of these names, of whatever account: for deciding about a name that several may want. */
export function findReservations(db: Queries, domains: readonly string[]): Promise<ReservedDomainRow[]> {
  return db.reservedDomain.findMany({ where: { domain: { in: [...domains] } } });
}
