import type { Queries } from '../database.ts';
import type { Account, PersonalAccessToken } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type PersonalAccessTokenRow = PersonalAccessToken;
export type PersonalAccessTokenWithAccount = PersonalAccessToken & { readonly account: Account };

/** Whose tokens: a person's own, in one account. */
export interface TokenOwner {
  readonly accountId: string;
  readonly userId: string;
}

export function createPersonalAccessToken(
  db: Queries,
  owner: TokenOwner,
  fields: {
    readonly id: string;
    readonly description: string;
    readonly metadata: string;
    readonly tokenHash: Uint8Array<ArrayBuffer>;
    readonly tokenPrefix: string;
    readonly expiresAt: Date | null;
    readonly createdAt: Date;
  },
): Promise<PersonalAccessTokenRow> {
  return db.personalAccessToken.create({ data: { ...fields, ...owner } });
}

/** Revoked ones too: they are shown as such until they are deleted. */
export async function listPersonalAccessTokens(
  db: Queries,
  owner: TokenOwner,
  page: PageRequest,
): Promise<Page<PersonalAccessTokenRow>> {
  const { accountId, userId } = owner;
  const rows = await db.personalAccessToken.findMany({
    where: { accountId, userId, ...beforeCursor(page) },
    ...pageArguments(page),
  });
  return asPage(rows, page);
}

export function findPersonalAccessToken(
  db: Queries,
  { accountId, userId }: TokenOwner,
  id: string,
): Promise<PersonalAccessTokenRow | null> {
  return db.personalAccessToken.findFirst({ where: { id, accountId, userId } });
}

export async function updatePersonalAccessToken(
  db: Queries,
  { accountId, userId }: TokenOwner,
  id: string,
  changes: { readonly description?: string; readonly metadata?: string },
): Promise<PersonalAccessTokenRow | null> {
  const [row] = await db.personalAccessToken.updateManyAndReturn({
    where: { id, accountId, userId },
    data: { ...changes },
  });
  return row ?? null;
}

/** Null when it is not there; one that was revoked before keeps its time. */
export async function revokePersonalAccessToken(
  db: Queries,
  owner: TokenOwner,
  id: string,
  at: Date,
): Promise<PersonalAccessTokenRow | null> {
  const { accountId, userId } = owner;
  await db.personalAccessToken.updateMany({
    where: { id, accountId, userId, revokedAt: null },
    data: { revokedAt: at },
  });
  return findPersonalAccessToken(db, owner, id);
}

export async function deletePersonalAccessToken(
  db: Queries,
  { accountId, userId }: TokenOwner,
  id: string,
): Promise<boolean> {
  const { count } = await db.personalAccessToken.deleteMany({ where: { id, accountId, userId } });
  return count === 1;
}

/** For a caller of the API: by the id that stands in the token. The caller checks hash, expiry and `revokedAt`. */
export function findPersonalAccessTokenOf(db: Queries, id: string): Promise<PersonalAccessTokenWithAccount | null> {
  return db.personalAccessToken.findUnique({ where: { id }, include: { account: true } });
}

export async function notePersonalAccessTokenUse(
  db: Queries,
  id: string,
  use: { readonly at: Date; readonly from: string },
): Promise<void> {
  await db.personalAccessToken.updateMany({ where: { id }, data: { lastUsedAt: use.at, lastUsedFrom: use.from } });
}
