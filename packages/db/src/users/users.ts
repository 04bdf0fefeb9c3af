import type { Queries } from '../database.ts';
import type { Account, Membership, Role, User } from '../generated/client.ts';

export type UserRow = User;
export type { Role };
export type MembershipWithAccount = Membership & { readonly account: Account };

/** @param email lower case. */
export function findUserByEmail(db: Queries, email: string): Promise<UserRow | null> {
  return db.user.findUnique({ where: { email } });
}

export function findUser(db: Queries, id: string): Promise<UserRow | null> {
  return db.user.findUnique({ where: { id } });
}

/** The accounts of a user, oldest membership first. */
export function listMemberships(db: Queries, userId: string): Promise<MembershipWithAccount[]> {
  return db.membership.findMany({
    where: { userId },
    include: { account: true },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  });
}

export function findMembership(db: Queries, accountId: string, userId: string): Promise<MembershipWithAccount | null> {
  return db.membership.findUnique({
    where: { userId_accountId: { userId, accountId } },
    include: { account: true },
  });
}

/** `changedAt` null marks a password that the system made. */
export async function setPassword(
  db: Queries,
  userId: string,
  passwordHash: string,
  changedAt: Date | null,
): Promise<void> {
  await db.user.update({ where: { id: userId }, data: { passwordHash, passwordChangedAt: changedAt } });
}
