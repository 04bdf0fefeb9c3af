import type { Queries } from '../database.ts';
import type { Account } from '../generated/client.ts';

export type AccountRow = Account;

export function findAccount(db: Queries, id: string): Promise<AccountRow | null> {
  return db.account.findUnique({ where: { id } });
}

export function createAccount(db: Queries, fields: { id: string; name: string; createdAt: Date }): Promise<AccountRow> {
  return db.account.create({ data: fields });
}

/** Suspends or brings back; edges fetch the account's grants anew because the version grows. */
export async function setSuspended(
  db: Queries,
  id: string,
  suspendedAt: Date | null,
  by: { readonly operatorId: string; readonly reason: string } | null = null,
): Promise<boolean> {
  const { count } = await db.account.updateMany({
    where: { id },
    data: {
      suspendedAt,
      suspendedBy: by?.operatorId ?? null,
      suspensionReason: by?.reason ?? null,
      version: { increment: 1 },
    },
  });
  return count === 1;
}
