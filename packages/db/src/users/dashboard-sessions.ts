import type { Queries } from '../database.ts';
import type { DashboardSession, User } from '../generated/client.ts';

export type DashboardSessionRow = DashboardSession & { readonly user: User };

export async function createDashboardSession(
  db: Queries,
  fields: {
    id: string;
    userId: string;
    ip: string;
    userAgent: string;
    method: string;
    isStrong: boolean;
    createdAt: Date;
    expiresAt: Date;
  },
): Promise<void> {
  const { createdAt } = fields;
  await db.dashboardSession.create({ data: { ...fields, lastSeenAt: createdAt, confirmedAt: createdAt } });
  await db.user.updateMany({ where: { id: fields.userId }, data: { lastSeenAt: createdAt } });
}

/** A person's browsers, the one used last first. */
export function listDashboardSessions(db: Queries, userId: string): Promise<DashboardSession[]> {
  return db.dashboardSession.findMany({ where: { userId }, orderBy: { lastSeenAt: 'desc' }, take: 200 });
}

/** The person of this session has proved anew who they are. */
export async function confirmDashboardSession(
  db: Queries,
  id: string,
  { at, isStrong }: { at: Date; isStrong: boolean },
): Promise<void> {
  await db.dashboardSession.updateMany({
    where: { id },
    data: { confirmedAt: at, ...(isStrong ? { isStrong: true } : {}) },
  });
}

/** Expired ones too: the caller compares the times. */
export function findDashboardSession(db: Queries, id: string): Promise<DashboardSessionRow | null> {
  return db.dashboardSession.findUnique({ where: { id }, include: { user: true } });
}

export async function touchDashboardSession(
  db: Queries,
  { id, userId }: { readonly id: string; readonly userId: string },
  at: Date,
): Promise<void> {
  await db.dashboardSession.updateMany({ where: { id }, data: { lastSeenAt: at } });
  await db.user.updateMany({ where: { id: userId }, data: { lastSeenAt: at } });
}

export async function deleteDashboardSession(db: Queries, id: string): Promise<boolean> {
  const { count } = await db.dashboardSession.deleteMany({ where: { id } });
  return count === 1;
}

/** Ends a user's sessions but for `exceptId`; their ids. */
export async function deleteOtherSessions(db: Queries, userId: string, exceptId: string | null): Promise<string[]> {
  const where = { userId, ...(exceptId === null ? {} : { id: { not: exceptId } }) };
  const rows = await db.dashboardSession.findMany({ where, select: { id: true } });
  await db.dashboardSession.deleteMany({ where });
  return rows.map((row) => row.id);
}

export async function deleteExpiredSessions(db: Queries, now: Date, idleBefore: Date): Promise<number> {
  const { count } = await db.dashboardSession.deleteMany({
    where: { OR: [{ expiresAt: { lte: now } }, { lastSeenAt: { lte: idleBefore } }] },
  });
  return count;
}
