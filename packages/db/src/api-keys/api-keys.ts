import type { Queries } from '../database.ts';
import type { Account, ApiKey } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type ApiKeyRow = ApiKey;
export type ApiKeyWithAccount = ApiKey & { readonly account: Account };

export interface NewApiKey {
  readonly id: string;
  readonly ownerId: string | null;
  readonly description: string;
  readonly metadata: string;
  readonly keyHash: Uint8Array<ArrayBuffer>;
  readonly keyPrefix: string;
  readonly createdAt: Date;
}

export function createApiKey(db: Queries, accountId: string, fields: NewApiKey): Promise<ApiKeyRow> {
  return db.apiKey.create({ data: { ...fields, accountId } });
}

/** Revoked ones are not listed. */
export async function listApiKeys(db: Queries, accountId: string, page: PageRequest): Promise<Page<ApiKeyRow>> {
  const rows = await db.apiKey.findMany({
    where: { accountId, revokedAt: null, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findApiKey(db: Queries, accountId: string, id: string): Promise<ApiKeyRow | null> {
  return db.apiKey.findFirst({ where: { id, accountId, revokedAt: null } });
}

export async function updateApiKey(
  db: Queries,
  accountId: string,
  id: string,
  changes: { readonly description?: string; readonly metadata?: string },
): Promise<ApiKeyRow | null> {
  const rows = await db.apiKey.updateManyAndReturn({
    where: { id, accountId, revokedAt: null },
    data: { description: changes.description, metadata: changes.metadata },
  });
  return rows[0] ?? null;
}

export async function revokeApiKey(db: Queries, accountId: string, id: string, at: Date): Promise<boolean> {
  const { count } = await db.apiKey.updateMany({ where: { id, accountId, revokedAt: null }, data: { revokedAt: at } });
  return count === 1;
}

/** For a caller of the API: by the id that stands in the key. The caller checks the hash and `revokedAt`. */
export function findApiKeyOfToken(db: Queries, id: string): Promise<ApiKeyWithAccount | null> {
  return db.apiKey.findUnique({ where: { id }, include: { account: true } });
}
