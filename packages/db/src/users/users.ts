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

export interface NewUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly passwordHash: string | null;
  readonly passwordChangedAt: Date | null;
  readonly emailVerifiedAt: Date | null;
  readonly createdAt: Date;
}

/** A conflict when somebody has the address already. */
export function createUser(db: Queries, fields: NewUser): Promise<UserRow> {
  return db.user.create({ data: { ...fields } });
}

export interface UserChanges {
  readonly name?: string;
  readonly email?: string;
  readonly emailVerifiedAt?: Date;
}

export function updateUser(db: Queries, id: string, changes: UserChanges): Promise<UserRow> {
  return db.user.update({ where: { id }, data: { ...changes } });
}

/** The address counts as the person's own from now on, if it did not before. */
export async function setEmailVerified(db: Queries, id: string, at: Date): Promise<void> {
  await db.user.updateMany({ where: { id, emailVerifiedAt: null }, data: { emailVerifiedAt: at } });
}

/** The accounts of a user, oldest membership first; those that keep them out for now are left out. */
export function listMemberships(db: Queries, userId: string): Promise<MembershipWithAccount[]> {
  return db.membership.findMany({
    where: { userId, disabledAt: null },
    include: { account: true },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  });
}

/** Disabled ones too: the caller looks at `disabledAt`, the person's as well. */
export function findMembership(
  db: Queries,
  accountId: string,
  userId: string,
): Promise<(MembershipWithAccount & { readonly user: UserRow }) | null> {
  return db.membership.findUnique({
    where: { userId_accountId: { userId, accountId } },
    include: { account: true, user: true },
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
