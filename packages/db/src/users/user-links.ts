import type { Queries } from '../database.ts';
import type { UserLink } from '../generated/client.ts';

export type UserLinkRow = UserLink;

export interface NewUserLink {
  readonly id: string;
  readonly kind: string;
  readonly userId: string | null;
  readonly invitationId: string | null;
  readonly email: string;
  readonly sealedData: string | null;
  readonly isMailed: boolean;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export async function createUserLink(db: Queries, fields: NewUserLink): Promise<void> {
  await db.userLink.create({ data: { ...fields } });
}

/** Expired ones too: the caller compares the times. */
export function findUserLink(db: Queries, id: string): Promise<UserLinkRow | null> {
  return db.userLink.findUnique({ where: { id } });
}

/** Null when it is not there, is of another kind, has expired, or somebody was faster: it works once. */
export async function takeUserLink(db: Queries, id: string, kind: string, at: Date): Promise<UserLinkRow | null> {
  const link = await db.userLink.findUnique({ where: { id } });
  if (link === null || link.kind !== kind) return null;
  const { count } = await db.userLink.deleteMany({ where: { id, expiresAt: { gt: at } } });
  return count === 1 ? link : null;
}

/** After one of them was used, the others of its kind are worth nothing. */
export async function deleteUserLinks(db: Queries, userId: string, kind: string): Promise<void> {
  await db.userLink.deleteMany({ where: { userId, kind } });
}

export async function deleteInvitationLinks(db: Queries, invitationId: string): Promise<void> {
  await db.userLink.deleteMany({ where: { invitationId } });
}

/** Those of invitations stay as long as an invitation may: who holds one may ask for another. */
export async function deleteExpiredLinks(
  db: Queries,
  { now, invitationsBefore }: { now: Date; invitationsBefore: Date },
): Promise<number> {
  const { count } = await db.userLink.deleteMany({
    where: {
      OR: [{ expiresAt: { lte: now }, kind: { not: 'invitation' } }, { expiresAt: { lte: invitationsBefore } }],
    },
  });
  return count;
}
