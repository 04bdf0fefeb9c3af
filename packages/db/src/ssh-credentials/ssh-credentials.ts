import type { Queries } from '../database.ts';
import type { SshCredential } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type SshCredentialRow = SshCredential;

export function createSshCredential(
  db: Queries,
  accountId: string,
  fields: {
    readonly id: string;
    readonly ownerId: string | null;
    readonly description: string;
    readonly metadata: string;
    readonly publicKey: string;
    readonly acl: readonly string[];
    readonly createdAt: Date;
  },
): Promise<SshCredentialRow> {
  return db.sshCredential.create({ data: { ...fields, acl: [...fields.acl], accountId } });
}

export async function listSshCredentials(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<SshCredentialRow>> {
  const rows = await db.sshCredential.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findSshCredential(db: Queries, accountId: string, id: string): Promise<SshCredentialRow | null> {
  return db.sshCredential.findFirst({ where: { id, accountId } });
}

export async function updateSshCredential(
  db: Queries,
  accountId: string,
  id: string,
  changes: { readonly description?: string; readonly metadata?: string; readonly acl?: readonly string[] },
): Promise<SshCredentialRow | null> {
  const [row] = await db.sshCredential.updateManyAndReturn({
    where: { id, accountId },
    data: { ...changes, acl: changes.acl === undefined ? undefined : [...changes.acl] },
  });
  return row ?? null;
}

export async function deleteSshCredential(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.sshCredential.deleteMany({ where: { id, accountId } });
  return count === 1;
}
