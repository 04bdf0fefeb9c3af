import type { Queries } from '../database.ts';
import type { Account, User } from '../generated/client.ts';

export interface InstallationRow {
  readonly account: Account;
  readonly user: User;
}

const BOOTSTRAP_LOCK = 72_707_370;

/** Waits until no other process prepares this installation; free again when the transaction ends. */
export async function lockInstallation(db: Queries): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(${BOOTSTRAP_LOCK})`;
}

/** What the first start made; null before it. */
export function findInstallation(db: Queries): Promise<InstallationRow | null> {
  return db.installation.findUnique({ where: { id: 1 }, include: { account: true, user: true } });
}

/** The first account with its administrator. */
export async function createInstallation(
  db: Queries,
  fields: {
    account: { id: string; name: string };
    user: { id: string; email: string; name: string; passwordHash: string };
    membershipId: string;
    now: Date;
  },
): Promise<InstallationRow> {
  const { now } = fields;
  const account = await db.account.create({ data: { ...fields.account, createdAt: now } });
  const user = await db.user.create({ data: { ...fields.user, isOperator: true, createdAt: now } });
  await db.membership.create({
    data: { id: fields.membershipId, accountId: account.id, userId: user.id, role: 'administrator', createdAt: now },
  });
  await db.installation.create({ data: { id: 1, accountId: account.id, userId: user.id, createdAt: now } });
  return { account, user };
}
