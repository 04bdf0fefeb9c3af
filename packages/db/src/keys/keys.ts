import type { Queries } from '../database.ts';
import type { BindKey, CaKey } from '../generated/client.ts';

export type CaKeyRow = CaKey;
export type BindKeyRow = BindKey;
export type CaKind = 'root' | 'own-domains';

export function findCaKey(db: Queries, kind: CaKind): Promise<CaKeyRow | null> {
  return db.caKey.findUnique({ where: { kind } });
}

export function createCaKey(
  db: Queries,
  fields: { id: string; kind: CaKind; certificatePem: string; sealedKey: string; createdAt: Date },
): Promise<CaKeyRow> {
  return db.caKey.create({ data: fields });
}

/** In the place of the one of this kind. */
export async function replaceCaKey(
  db: Queries,
  fields: { id: string; kind: CaKind; certificatePem: string; sealedKey: string; createdAt: Date },
): Promise<CaKeyRow> {
  await db.caKey.deleteMany({ where: { kind: fields.kind } });
  return createCaKey(db, fields);
}

/** Newest first. */
export function listBindKeys(db: Queries): Promise<BindKeyRow[]> {
  return db.bindKey.findMany({ orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] });
}

export function createBindKey(
  db: Queries,
  fields: { id: string; sealedSecret: string; createdAt: Date },
): Promise<BindKeyRow> {
  return db.bindKey.create({ data: fields });
}

export async function deleteBindKeysBefore(db: Queries, createdBefore: Date): Promise<number> {
  const { count } = await db.bindKey.deleteMany({ where: { createdAt: { lt: createdBefore } } });
  return count;
}
