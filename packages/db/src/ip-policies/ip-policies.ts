import type { Queries } from '../database.ts';
import type { IpPolicy } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type IpPolicyRow = IpPolicy;

export interface NewIpPolicy {
  readonly id: string;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface IpPolicyChanges {
  readonly description?: string;
  readonly metadata?: string;
}

export function createIpPolicy(db: Queries, accountId: string, fields: NewIpPolicy): Promise<IpPolicyRow> {
  return db.ipPolicy.create({ data: { ...fields, accountId } });
}

export async function listIpPolicies(db: Queries, accountId: string, page: PageRequest): Promise<Page<IpPolicyRow>> {
  const rows = await db.ipPolicy.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findIpPolicy(db: Queries, accountId: string, id: string): Promise<IpPolicyRow | null> {
  return db.ipPolicy.findFirst({ where: { id, accountId } });
}

export async function updateIpPolicy(
  db: Queries,
  accountId: string,
  id: string,
  changes: IpPolicyChanges,
): Promise<IpPolicyRow | null> {
  const [row] = await db.ipPolicy.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** False when it is not there. */
export async function deleteIpPolicy(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.ipPolicy.deleteMany({ where: { id, accountId } });
  return count === 1;
}

/** Which of these ids are policies of the account. */
export async function knownIpPolicies(db: Queries, accountId: string, ids: readonly string[]): Promise<string[]> {
  const rows = await db.ipPolicy.findMany({ where: { accountId, id: { in: [...ids] } }, select: { id: true } });
  return rows.map((row) => row.id);
}
