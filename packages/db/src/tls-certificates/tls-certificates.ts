import type { Queries } from '../database.ts';
import type { TlsCertificate } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type TlsCertificateRow = TlsCertificate;

export interface NewTlsCertificate {
  readonly id: string;
  readonly certificatePem: string;
  readonly sealedKey: string;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface TlsCertificateChanges {
  readonly description?: string;
  readonly metadata?: string;
}

export function createTlsCertificate(
  db: Queries,
  accountId: string,
  fields: NewTlsCertificate,
): Promise<TlsCertificateRow> {
  return db.tlsCertificate.create({ data: { ...fields, accountId } });
}

export async function listTlsCertificates(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<TlsCertificateRow>> {
  const rows = await db.tlsCertificate.findMany({
    where: { accountId, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findTlsCertificate(db: Queries, accountId: string, id: string): Promise<TlsCertificateRow | null> {
  return db.tlsCertificate.findFirst({ where: { id, accountId } });
}

export async function updateTlsCertificate(
  db: Queries,
  accountId: string,
  id: string,
  changes: TlsCertificateChanges,
): Promise<TlsCertificateRow | null> {
  const [row] = await db.tlsCertificate.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** False when it is not there. */
export async function deleteTlsCertificate(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.tlsCertificate.deleteMany({ where: { id, accountId } });
  return count === 1;
}

/** Those of these ids that there are, of whatever account. */
export async function findTlsCertificates(db: Queries, ids: readonly string[]): Promise<TlsCertificateRow[]> {
  if (ids.length === 0) return [];
  return db.tlsCertificate.findMany({ where: { id: { in: [...ids] } } });
}
