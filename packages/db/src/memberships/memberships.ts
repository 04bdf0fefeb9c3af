import type { Queries } from '../database.ts';
import type { Membership, Role, User } from '../generated/client.ts';

export type MembershipRow = Membership;
export type MemberRow = Membership & { readonly user: User };

/** Nobody else changes who belongs to the account until the transaction ends. */
export async function lockMembers(db: Queries, accountId: string): Promise<void> {
  await db.$queryRaw`SELECT id FROM account WHERE id = ${accountId} FOR UPDATE`;
}

/** The people of an account, at most 1,000, in the order in which they came. */
export function listMembers(db: Queries, accountId: string): Promise<MemberRow[]> {
  return db.membership.findMany({
    where: { accountId },
    include: { user: true },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    take: 1_000,
  });
}

export function findMember(db: Queries, accountId: string, userId: string): Promise<MemberRow | null> {
  return db.membership.findUnique({
    where: { userId_accountId: { userId, accountId } },
    include: { user: true },
  });
}

export function createMembership(
  db: Queries,
  accountId: string,
  fields: {
    readonly id: string;
    readonly userId: string;
    readonly role: Role;
    readonly mayInvite: boolean;
    readonly createdAt: Date;
  },
): Promise<MembershipRow> {
  return db.membership.create({ data: { ...fields, accountId } });
}

export function updateMember(
  db: Queries,
  accountId: string,
  userId: string,
  changes: { readonly role?: Role; readonly mayInvite?: boolean; readonly disabledAt?: Date | null },
): Promise<MemberRow> {
  return db.membership.update({
    where: { userId_accountId: { userId, accountId } },
    data: { ...changes },
    include: { user: true },
  });
}

/** Administrators who can come in. */
export function countAdministrators(db: Queries, accountId: string): Promise<number> {
  return db.membership.count({
    where: { accountId, role: 'administrator', disabledAt: null, user: { disabledAt: null } },
  });
}

/** What a person owns in an account, still good: it dies with the membership. */
export async function ownedSecrets(
  db: Queries,
  accountId: string,
  userId: string,
): Promise<{ readonly credentials: number; readonly apiKeys: number; readonly personalAccessTokens: number }> {
  const owned = { accountId, ownerId: userId, revokedAt: null };
  return {
    credentials: await db.credential.count({ where: owned }),
    apiKeys: await db.apiKey.count({ where: owned }),
    personalAccessTokens: await db.personalAccessToken.count({ where: { accountId, userId, revokedAt: null } }),
  };
}

/** Takes a person out of an account and revokes what they own there. The ids of their authtokens. */
export async function deleteMember(
  db: Queries,
  accountId: string,
  userId: string,
  at: Date,
): Promise<readonly string[] | null> {
  const { count } = await db.membership.deleteMany({ where: { accountId, userId } });
  if (count === 0) return null;
  const owned = { accountId, ownerId: userId, revokedAt: null };
  await db.apiKey.updateMany({ where: owned, data: { revokedAt: at } });
  await db.personalAccessToken.updateMany({ where: { accountId, userId, revokedAt: null }, data: { revokedAt: at } });
  await db.sshCredential.deleteMany({ where: { accountId, ownerId: userId } });
  const revoked = await db.credential.updateManyAndReturn({
    where: owned,
    data: { revokedAt: at, version: { increment: 1 } },
    select: { id: true },
  });
  return revoked.map((row) => row.id);
}

export async function updateAccount(
  db: Queries,
  id: string,
  changes: { readonly name?: string; readonly requireSecondFactor?: boolean },
): Promise<void> {
  await db.account.update({ where: { id }, data: { ...changes, version: { increment: 1 } } });
}

export interface Owner {
  readonly accountId: string;
  readonly ownerId: string | null;
}

/**
 * Of these owners those whose secrets do not work now, as `account/owner`: service users that are not active, and
 * people who are disabled or are not in that account.
 */
export async function inactiveOwners(db: Queries, owners: readonly Owner[]): Promise<ReadonlySet<string>> {
  const ids = [...new Set(owners.flatMap(({ ownerId }) => (ownerId === null ? [] : [ownerId])))];
  const people = ids.filter((id) => id.startsWith('usr_'));
  const machines = ids.filter((id) => !id.startsWith('usr_'));
  const inactive = new Set<string>();
  const sleeping = new Set<string>();
  if (machines.length > 0) {
    const where = { id: { in: machines }, active: false };
    for (const { id } of await db.serviceUser.findMany({ where, select: { id: true } })) sleeping.add(id);
  }
  const members = new Set<string>();
  if (people.length > 0) {
    const rows = await db.membership.findMany({
      where: { userId: { in: people }, disabledAt: null, user: { disabledAt: null } },
      select: { accountId: true, userId: true },
    });
    for (const row of rows) members.add(ownerKey({ accountId: row.accountId, ownerId: row.userId }));
  }
  for (const owner of owners) {
    const { ownerId } = owner;
    if (ownerId === null) continue;
    const isActive = ownerId.startsWith('usr_') ? members.has(ownerKey(owner)) : !sleeping.has(ownerId);
    if (!isActive) inactive.add(ownerKey(owner));
  }
  return inactive;
}

export function ownerKey({ accountId, ownerId }: Owner): string {
  return `${accountId}/${ownerId ?? ''}`;
}
