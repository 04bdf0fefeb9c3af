import type { Queries } from '../database.ts';
import type { Vault } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type VaultRow = Vault;

export interface NewVault {
  readonly id: string;
  readonly name: string;
  readonly createdBy: string;
  readonly lastUpdatedBy: string;
  readonly updatedAt: Date;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface VaultChanges {
  readonly description?: string;
  readonly metadata?: string;
  readonly name?: string;
  readonly lastUpdatedBy: string;
  readonly updatedAt: Date;
}

/** Throws a conflict (see `databaseFault`) when the account has a vault of this name. */
export function createVault(db: Queries, accountId: string, fields: NewVault): Promise<VaultRow> {
  return db.vault.create({ data: { ...fields, accountId } });
}

export async function listVaults(db: Queries, accountId: string, page: PageRequest): Promise<Page<VaultRow>> {
  const rows = await db.vault.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findVault(db: Queries, accountId: string, id: string): Promise<VaultRow | null> {
  return db.vault.findFirst({ where: { id, accountId } });
}

export async function updateVault(
  db: Queries,
  accountId: string,
  id: string,
  changes: VaultChanges,
): Promise<VaultRow | null> {
  const [row] = await db.vault.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** False when it is not there. */
export async function deleteVault(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.vault.deleteMany({ where: { id, accountId } });
  return count === 1;
}

export function findVaultByName(db: Queries, accountId: string, name: string): Promise<VaultRow | null> {
  return db.vault.findFirst({ where: { accountId, name } });
}
