import type { Queries } from '../database.ts';
import type { CertificateAuthority } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type CertificateAuthorityRow = CertificateAuthority;

export interface NewCertificateAuthority {
  readonly id: string;
  readonly caPem: string;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface CertificateAuthorityChanges {
  readonly description?: string;
  readonly metadata?: string;
}

export function createCertificateAuthority(
  db: Queries,
  accountId: string,
  fields: NewCertificateAuthority,
): Promise<CertificateAuthorityRow> {
  return db.certificateAuthority.create({ data: { ...fields, accountId } });
}

export async function listCertificateAuthorities(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<CertificateAuthorityRow>> {
  const rows = await db.certificateAuthority.findMany({
    where: { accountId, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findCertificateAuthority(
  db: Queries,
  accountId: string,
  id: string,
): Promise<CertificateAuthorityRow | null> {
  return db.certificateAuthority.findFirst({ where: { id, accountId } });
}

export async function updateCertificateAuthority(
  db: Queries,
  accountId: string,
  id: string,
  changes: CertificateAuthorityChanges,
): Promise<CertificateAuthorityRow | null> {
  const [row] = await db.certificateAuthority.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** False when it is not there. */
export async function deleteCertificateAuthority(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.certificateAuthority.deleteMany({ where: { id, accountId } });
  return count === 1;
}
