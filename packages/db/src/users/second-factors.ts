import type { Queries } from '../database.ts';
import type { Passkey } from '../generated/client.ts';

export type PasskeyRow = Passkey;

/** A secret that waits for its first code; what was set up before stays good until then only if `totpSince` is null. */
export async function setTotp(
  db: Queries,
  userId: string,
  state: { readonly sealedTotp: string | null; readonly totpSince: Date | null; readonly totpStep: bigint | null },
): Promise<void> {
  await db.user.update({ where: { id: userId }, data: { ...state } });
}

/** Marks the 30 seconds of a code as used. False when that code, or a later one, was used before. */
export async function useTotpStep(db: Queries, userId: string, step: bigint): Promise<boolean> {
  const { count } = await db.user.updateMany({
    where: { id: userId, sealedTotp: { not: null }, OR: [{ totpStep: null }, { totpStep: { lt: step } }] },
    data: { totpStep: step },
  });
  return count === 1;
}

/** Those there were before are gone. */
export async function replaceRecoveryCodes(
  db: Queries,
  userId: string,
  hashes: readonly Uint8Array<ArrayBuffer>[],
  createdAt: Date,
): Promise<void> {
  await db.recoveryCode.deleteMany({ where: { userId } });
  await db.recoveryCode.createMany({ data: hashes.map((hash) => ({ userId, hash, createdAt })) });
}

/** False when the user has no such code, or has used it. */
export async function useRecoveryCode(
  db: Queries,
  userId: string,
  hash: Uint8Array<ArrayBuffer>,
  at: Date,
): Promise<boolean> {
  const { count } = await db.recoveryCode.updateMany({ where: { userId, hash, usedAt: null }, data: { usedAt: at } });
  return count === 1;
}

export function countRecoveryCodes(db: Queries, userId: string): Promise<number> {
  return db.recoveryCode.count({ where: { userId, usedAt: null } });
}

export interface NewPasskey {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly counter: bigint;
  readonly transports: readonly string[];
  readonly isBackedUp: boolean;
  readonly createdAt: Date;
}

export function createPasskey(db: Queries, fields: NewPasskey): Promise<PasskeyRow> {
  return db.passkey.create({ data: { ...fields, transports: [...fields.transports] } });
}

export function listPasskeys(db: Queries, userId: string): Promise<PasskeyRow[]> {
  return db.passkey.findMany({ where: { userId }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
}

/** For who signs in by it: of whatever user. */
export function findPasskey(db: Queries, id: string): Promise<PasskeyRow | null> {
  return db.passkey.findUnique({ where: { id } });
}

export async function notePasskeyUse(db: Queries, id: string, use: { counter: bigint; at: Date }): Promise<void> {
  await db.passkey.updateMany({ where: { id }, data: { counter: use.counter, lastUsedAt: use.at } });
}

export async function renamePasskey(db: Queries, userId: string, id: string, name: string): Promise<boolean> {
  const { count } = await db.passkey.updateMany({ where: { id, userId }, data: { name } });
  return count === 1;
}

export async function deletePasskey(db: Queries, userId: string, id: string): Promise<boolean> {
  const { count } = await db.passkey.deleteMany({ where: { id, userId } });
  return count === 1;
}

/** Of these users: who has a confirmed one-time code or a passkey. */
export async function usersWithSecondFactor(db: Queries, userIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await db.user.findMany({
    where: { id: { in: [...userIds] }, OR: [{ totpSince: { not: null } }, { passkeys: { some: {} } }] },
    select: { id: true },
  });
  return new Set(rows.map((row) => row.id));
}
