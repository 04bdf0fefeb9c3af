import type { Queries } from '../database.ts';
import type { Account, Credential } from '../generated/client.ts';
import { inactiveOwners, ownerKey } from '../memberships/memberships.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type CredentialRow = Credential;
export type CredentialWithAccount = Credential & { readonly account: Account };

export interface NewCredential {
  readonly id: string;
  readonly ownerId: string | null;
  readonly description: string;
  readonly metadata: string;
  readonly acl: readonly string[];
  readonly tokenHash: Uint8Array<ArrayBuffer>;
  readonly tokenDigest: Uint8Array<ArrayBuffer>;
  readonly tokenPrefix: string;
  readonly createdAt: Date;
}

export interface CredentialChanges {
  readonly description?: string;
  readonly metadata?: string;
  readonly acl?: readonly string[];
}

export function createCredential(db: Queries, accountId: string, fields: NewCredential): Promise<CredentialRow> {
  return db.credential.create({ data: { ...fields, acl: [...fields.acl], accountId } });
}

/** Revoked ones are not listed. */
export async function listCredentials(db: Queries, accountId: string, page: PageRequest): Promise<Page<CredentialRow>> {
  const rows = await db.credential.findMany({
    where: { accountId, revokedAt: null, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findCredential(db: Queries, accountId: string, id: string): Promise<CredentialRow | null> {
  return db.credential.findFirst({ where: { id, accountId, revokedAt: null } });
}

/** Null when it is not there. Any change makes the version grow. */
export async function updateCredential(
  db: Queries,
  accountId: string,
  id: string,
  changes: CredentialChanges,
): Promise<CredentialRow | null> {
  const rows = await db.credential.updateManyAndReturn({
    where: { id, accountId, revokedAt: null },
    data: {
      description: changes.description,
      metadata: changes.metadata,
      acl: changes.acl === undefined ? undefined : [...changes.acl],
      version: { increment: 1 },
    },
  });
  return rows[0] ?? null;
}

/** False when it is not there or was revoked before. */
export async function revokeCredential(db: Queries, accountId: string, id: string, at: Date): Promise<boolean> {
  const { count } = await db.credential.updateMany({
    where: { id, accountId, revokedAt: null },
    data: { revokedAt: at, version: { increment: 1 } },
  });
  return count === 1;
}

/** For an agent that shows a token: by the id that stands in it. Revoked ones too; the caller checks the hash. */
export function findCredentialOfToken(db: Queries, id: string): Promise<CredentialWithAccount | null> {
  return db.credential.findUnique({ where: { id }, include: { account: true } });
}

/** For reconciliation with an edge: of whatever accounts; revoked ones and those of inactive owners are left out. */
export async function findLiveCredentials(db: Queries, ids: readonly string[]): Promise<CredentialWithAccount[]> {
  const rows = await db.credential.findMany({
    where: { id: { in: [...ids] }, revokedAt: null },
    include: { account: true },
  });
  const inactive = await inactiveOwners(db, rows);
  return rows.filter((row) => !inactive.has(ownerKey(row)));
}
