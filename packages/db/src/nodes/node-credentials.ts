import type { Queries } from '../database.ts';
import type { NodeCredential } from '../generated/client.ts';

export type NodeCredentialRow = NodeCredential;
export type NodeKind = NodeCredential['kind'];

export function createNodeCredential(
  db: Queries,
  fields: { id: string; kind: NodeKind; hash: Uint8Array<ArrayBuffer>; createdAt: Date },
): Promise<NodeCredentialRow> {
  return db.nodeCredential.create({ data: fields });
}

/** Revoked ones too: the caller looks at `revokedAt`. */
export function findNodeCredential(db: Queries, id: string): Promise<NodeCredentialRow | null> {
  return db.nodeCredential.findUnique({ where: { id } });
}

export async function revokeNodeCredential(db: Queries, id: string, at: Date): Promise<boolean> {
  const { count } = await db.nodeCredential.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: at } });
  return count === 1;
}
