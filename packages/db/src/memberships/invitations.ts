import type { Queries } from '../database.ts';
import type { Account, Invitation, Role } from '../generated/client.ts';

export type InvitationRow = Invitation;
export type InvitationWithAccount = Invitation & { readonly account: Account };

export interface NewInvitation {
  readonly id: string;
  readonly email: string;
  readonly role: Role;
  readonly mayInvite: boolean;
  readonly invitedBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export function createInvitation(db: Queries, accountId: string, fields: NewInvitation): Promise<InvitationRow> {
  return db.invitation.create({ data: { ...fields, accountId, sentAt: fields.createdAt } });
}

const open = { acceptedAt: null, revokedAt: null } as const;

/** Those that were neither accepted nor revoked, newest first; expired ones too, at most 1,000. */
export function listInvitations(db: Queries, accountId: string): Promise<InvitationRow[]> {
  return db.invitation.findMany({ where: { accountId, ...open }, orderBy: { id: 'desc' }, take: 1_000 });
}

export function findInvitation(db: Queries, accountId: string, id: string): Promise<InvitationRow | null> {
  return db.invitation.findFirst({ where: { id, accountId, ...open } });
}

export function findInvitationFor(db: Queries, accountId: string, email: string): Promise<InvitationRow | null> {
  return db.invitation.findFirst({ where: { accountId, email, ...open } });
}

/** For who holds a link to it: of whatever account. */
export function findInvitationOfLink(db: Queries, id: string): Promise<InvitationWithAccount | null> {
  return db.invitation.findFirst({ where: { id, ...open }, include: { account: true } });
}

/** Good ones for an address, of whatever accounts. */
export function findInvitationsOfAddress(db: Queries, email: string, at: Date): Promise<InvitationRow[]> {
  return db.invitation.findMany({ where: { email, ...open, expiresAt: { gt: at } }, take: 100 });
}

export function renewInvitation(
  db: Queries,
  accountId: string,
  id: string,
  times: { readonly sentAt: Date; readonly expiresAt: Date },
): Promise<InvitationRow> {
  return db.invitation.update({ where: { id, accountId }, data: { ...times } });
}

/** False when somebody accepted or revoked it meanwhile. */
export async function acceptInvitation(db: Queries, id: string, userId: string, at: Date): Promise<boolean> {
  const { count } = await db.invitation.updateMany({
    where: { id, ...open, expiresAt: { gt: at } },
    data: { acceptedAt: at, acceptedBy: userId },
  });
  return count === 1;
}

export async function revokeInvitation(db: Queries, accountId: string, id: string, at: Date): Promise<boolean> {
  const { count } = await db.invitation.updateMany({ where: { id, accountId, ...open }, data: { revokedAt: at } });
  return count === 1;
}
