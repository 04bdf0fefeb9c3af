import type { Queries } from '../database.ts';
import type { User, UserIdentity } from '../generated/client.ts';

export type UserIdentityRow = UserIdentity;

/** Whom an identity provider's subject is here. */
export function findUserIdentity(
  db: Queries,
  issuer: string,
  subject: string,
): Promise<(UserIdentityRow & { readonly user: User }) | null> {
  return db.userIdentity.findUnique({ where: { issuer_subject: { issuer, subject } }, include: { user: true } });
}

export async function linkUserIdentity(
  db: Queries,
  fields: { issuer: string; subject: string; userId: string; email: string; createdAt: Date },
): Promise<void> {
  await db.userIdentity.create({ data: { ...fields, lastUsedAt: fields.createdAt } });
}

export async function noteIdentityUse(db: Queries, issuer: string, subject: string, at: Date): Promise<void> {
  await db.userIdentity.updateMany({ where: { issuer, subject }, data: { lastUsedAt: at } });
}

export function listUserIdentities(db: Queries, userId: string): Promise<UserIdentityRow[]> {
  return db.userIdentity.findMany({ where: { userId }, orderBy: { createdAt: 'asc' } });
}

export async function unlinkUserIdentity(
  db: Queries,
  userId: string,
  issuer: string,
  subject: string,
): Promise<boolean> {
  const { count } = await db.userIdentity.deleteMany({ where: { userId, issuer, subject } });
  return count === 1;
}
