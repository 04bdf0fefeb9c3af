import type { Queries } from '../database.ts';
import type { ServiceUser } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type ServiceUserRow = ServiceUser;

export function createServiceUser(
  db: Queries,
  accountId: string,
  fields: { readonly id: string; readonly name: string; readonly active: boolean; readonly createdAt: Date },
): Promise<ServiceUserRow> {
  return db.serviceUser.create({ data: { ...fields, accountId } });
}

export async function listServiceUsers(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<ServiceUserRow>> {
  const rows = await db.serviceUser.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findServiceUser(db: Queries, accountId: string, id: string): Promise<ServiceUserRow | null> {
  return db.serviceUser.findFirst({ where: { id, accountId } });
}

export async function updateServiceUser(
  db: Queries,
  accountId: string,
  id: string,
  changes: { readonly name?: string; readonly active?: boolean },
): Promise<ServiceUserRow | null> {
  const [row] = await db.serviceUser.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** Removes it and revokes its secrets. Null when it is not there, else the ids of the authtokens it had. */
export async function deleteServiceUser(
  db: Queries,
  accountId: string,
  id: string,
  at: Date,
): Promise<readonly string[] | null> {
  const { count } = await db.serviceUser.deleteMany({ where: { id, accountId } });
  if (count === 0) return null;
  const where = { accountId, ownerId: id, revokedAt: null };
  await db.apiKey.updateMany({ where, data: { revokedAt: at } });
  const revoked = await db.credential.updateManyAndReturn({
    where,
    data: { revokedAt: at, version: { increment: 1 } },
    select: { id: true },
  });
  return revoked.map((row) => row.id);
}

/** Authtokens of one owner; each grows in version, so that edges ask for its grant anew. */
export async function touchCredentialsOf(db: Queries, accountId: string, ownerId: string): Promise<readonly string[]> {
  const rows = await db.credential.updateManyAndReturn({
    where: { accountId, ownerId, revokedAt: null },
    data: { version: { increment: 1 } },
    select: { id: true },
  });
  return rows.map((row) => row.id);
}
