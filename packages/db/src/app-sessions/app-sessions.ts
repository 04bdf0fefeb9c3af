import type { Queries } from '../database.ts';
import { type AppSession, type AppUser, Prisma } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type AppUserRow = AppUser;
export type AppSessionRow = AppSession;

export interface SeenVisitor {
  readonly provider: string;
  readonly subject: string;
  readonly username: string;
  readonly email: string;
  readonly name: string;
}

export interface SeenSession {
  readonly id: string;
  readonly endpointId: string | null;
  readonly publicUrl: string;
  readonly ip: string;
  readonly userAgent: string;
  /** Where the address is; null when nobody knows. */
  readonly place: Prisma.InputJsonObject | null;
  readonly startedAt: Date;
  readonly lastActiveAt: Date;
  readonly expiresAt: Date;
}

/**
 * Notes that a visitor signed in or was active. Told twice, it stays one; an ended session stays ended.
 * @param newUserId taken if this visitor was not known.
 */
export async function noteAppSession(
  db: Queries,
  accountId: string,
  { visitor, session, newUserId }: { visitor: SeenVisitor; session: SeenSession; newUserId: string },
): Promise<void> {
  const { provider, subject, ...facts } = visitor;
  const user = await db.appUser.upsert({
    where: { accountId_provider_subject: { accountId, provider, subject } },
    create: {
      ...visitor,
      id: newUserId,
      accountId,
      createdAt: session.startedAt,
      lastLoginAt: session.startedAt,
      lastActiveAt: session.lastActiveAt,
    },
    update: { ...facts, lastActiveAt: session.lastActiveAt },
  });
  if (user.lastLoginAt < session.startedAt) {
    await db.appUser.update({ where: { id: user.id }, data: { lastLoginAt: session.startedAt } });
  }
  const { id, startedAt, ...rest } = session;
  const { count } = await db.appSession.updateMany({
    where: { id, accountId, appUserId: user.id },
    data: { lastActiveAt: rest.lastActiveAt, expiresAt: rest.expiresAt },
  });
  if (count === 0) {
    await db.appSession.createMany({
      data: [{ ...rest, place: rest.place ?? Prisma.DbNull, id, accountId, appUserId: user.id, createdAt: startedAt }],
      skipDuplicates: true,
    });
  }
}

export async function listAppUsers(db: Queries, accountId: string, page: PageRequest): Promise<Page<AppUserRow>> {
  const rows = await db.appUser.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findAppUser(db: Queries, accountId: string, id: string): Promise<AppUserRow | null> {
  return db.appUser.findFirst({ where: { id, accountId } });
}

/** Forgets the visitor and ends their sessions; null when there is none, else the ids of those sessions. */
export async function deleteAppUser(
  db: Queries,
  accountId: string,
  id: string,
  at: Date,
): Promise<readonly string[] | null> {
  const user = await findAppUser(db, accountId, id);
  if (user === null) return null;
  const sessions = await db.appSession.updateManyAndReturn({
    where: { accountId, appUserId: id, endedAt: null },
    data: { endedAt: at },
    select: { id: true },
  });
  await db.appUser.deleteMany({ where: { id, accountId } });
  return sessions.map((session) => session.id);
}

/** Those that are going on. */
export async function listAppSessions(
  db: Queries,
  accountId: string,
  page: PageRequest,
  at: Date,
): Promise<Page<AppSessionRow>> {
  const rows = await db.appSession.findMany({
    where: { accountId, endedAt: null, expiresAt: { gt: at }, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findAppSession(db: Queries, accountId: string, id: string, at: Date): Promise<AppSessionRow | null> {
  return db.appSession.findFirst({ where: { id, accountId, endedAt: null, expiresAt: { gt: at } } });
}

/** False when there is none that goes on. */
export async function endAppSession(db: Queries, accountId: string, id: string, at: Date): Promise<boolean> {
  const { count } = await db.appSession.updateMany({ where: { id, accountId, endedAt: null }, data: { endedAt: at } });
  return count === 1;
}

/** What edges must not let in any more, of whatever accounts; at most 10,000, those that would live longest first. */
export async function endedAppSessions(db: Queries, at: Date): Promise<readonly string[]> {
  const rows = await db.appSession.findMany({
    where: { endedAt: { not: null }, expiresAt: { gt: at } },
    select: { id: true },
    orderBy: { expiresAt: 'desc' },
    take: 10_000,
  });
  return rows.map((row) => row.id);
}

export async function deleteExpiredAppSessions(db: Queries, at: Date): Promise<number> {
  const { count } = await db.appSession.deleteMany({ where: { expiresAt: { lte: at } } });
  return count;
}
