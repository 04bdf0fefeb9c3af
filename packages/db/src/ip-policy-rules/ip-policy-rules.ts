import type { Queries } from '../database.ts';
import type { IpPolicyRule, IpRuleAction } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type IpPolicyRuleRow = IpPolicyRule;

export interface NewIpPolicyRule {
  readonly id: string;
  readonly policyId: string;
  readonly cidr: string;
  readonly action: IpRuleAction;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface IpPolicyRuleChanges {
  readonly description?: string;
  readonly metadata?: string;
  readonly cidr?: string;
}

export function createIpPolicyRule(db: Queries, accountId: string, fields: NewIpPolicyRule): Promise<IpPolicyRuleRow> {
  return db.ipPolicyRule.create({ data: { ...fields, accountId } });
}

export async function listIpPolicyRules(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<IpPolicyRuleRow>> {
  const rows = await db.ipPolicyRule.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findIpPolicyRule(db: Queries, accountId: string, id: string): Promise<IpPolicyRuleRow | null> {
  return db.ipPolicyRule.findFirst({ where: { id, accountId } });
}

export async function updateIpPolicyRule(
  db: Queries,
  accountId: string,
  id: string,
  changes: IpPolicyRuleChanges,
): Promise<IpPolicyRuleRow | null> {
  const [row] = await db.ipPolicyRule.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** False when it is not there. */
export async function deleteIpPolicyRule(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.ipPolicyRule.deleteMany({ where: { id, accountId } });
  return count === 1;
}

export type { IpRuleAction };
