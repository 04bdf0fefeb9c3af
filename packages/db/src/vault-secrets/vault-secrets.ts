import type { Queries } from '../database.ts';
import type { VaultSecret } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type VaultSecretRow = VaultSecret & { readonly vault: { readonly name: string } };

const withVault = { vault: { select: { name: true } } } as const;

export interface NewVaultSecret {
  readonly id: string;
  readonly vaultId: string;
  readonly name: string;
  readonly sealedValue: string;
  readonly createdBy: string;
  readonly lastUpdatedBy: string;
  readonly updatedAt: Date;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface VaultSecretChanges {
  readonly description?: string;
  readonly metadata?: string;
  readonly name?: string;
  readonly sealedValue?: string;
  readonly lastUpdatedBy: string;
  readonly updatedAt: Date;
}

/** Throws a conflict (see `databaseFault`) when the vault has a secret of this name. */
export function createVaultSecret(db: Queries, accountId: string, fields: NewVaultSecret): Promise<VaultSecretRow> {
  return db.vaultSecret.create({ data: { ...fields, accountId }, include: withVault });
}

export async function listVaultSecrets(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<VaultSecretRow>> {
  const rows = await db.vaultSecret.findMany({
    where: { accountId, ...beforeCursor(page) },
    ...pageArguments(page),
    include: withVault,
  });
  return asPage(rows, page);
}

export function findVaultSecret(db: Queries, accountId: string, id: string): Promise<VaultSecretRow | null> {
  return db.vaultSecret.findFirst({ where: { id, accountId }, include: withVault });
}

export async function updateVaultSecret(
  db: Queries,
  accountId: string,
  id: string,
  changes: VaultSecretChanges,
): Promise<VaultSecretRow | null> {
  const { count } = await db.vaultSecret.updateMany({ where: { id, accountId }, data: { ...changes } });
  return count === 0 ? null : findVaultSecret(db, accountId, id);
}

/** False when it is not there. */
export async function deleteVaultSecret(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.vaultSecret.deleteMany({ where: { id, accountId } });
  return count === 1;
}

export async function listSecretsOfVault(
  db: Queries,
  accountId: string,
  vaultId: string,
  page: PageRequest,
): Promise<Page<VaultSecretRow>> {
  const where = { accountId, vaultId, ...beforeCursor(page) };
  return asPage(await db.vaultSecret.findMany({ where, ...pageArguments(page), include: withVault }), page);
}
