import type { Queries } from '../database.ts';

/** True once for each (node, epoch, kind, seq): call it in the transaction that counts the batch. */
export async function receiveBatch(
  db: Queries,
  batch: { nodeId: string; epoch: string; kind: 'usage' | 'events' | 'exchanges'; seq: number },
): Promise<boolean> {
  const inserted = await db.$executeRaw`
    INSERT INTO batch_receipt (node_id, epoch, kind, seq)
    VALUES (${batch.nodeId}, ${batch.epoch}, ${batch.kind}, ${BigInt(batch.seq)})
    ON CONFLICT DO NOTHING`;
  return inserted === 1;
}

/** An edge keeps a batch for far less than this. */
export async function deleteReceiptsBefore(db: Queries, before: Date): Promise<number> {
  const { count } = await db.batchReceipt.deleteMany({ where: { receivedAt: { lt: before } } });
  return count;
}
