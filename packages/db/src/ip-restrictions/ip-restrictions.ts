import type { Queries } from '../database.ts';
import type { IpRestriction, IpRestrictionType, IpRuleAction } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type { IpRestrictionType };
export type IpRestrictionRow = IpRestriction & { readonly policies: readonly { readonly policyId: string }[] };

const withPolicies = { policies: { select: { policyId: true }, orderBy: { policyId: 'asc' } } } as const;

/** Throws a conflict (see `databaseFault`) when the account restricts this surface already. */
export function createIpRestriction(
  db: Queries,
  accountId: string,
  {
    policyIds,
    ...fields
  }: {
    readonly id: string;
    readonly type: IpRestrictionType;
    readonly enforced: boolean;
    readonly description: string;
    readonly metadata: string;
    readonly createdAt: Date;
    readonly policyIds: readonly string[];
  },
): Promise<IpRestrictionRow> {
  const policies = { create: policyIds.map((policyId) => ({ policyId })) };
  return db.ipRestriction.create({ data: { ...fields, accountId, policies }, include: withPolicies });
}

export async function listIpRestrictions(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<IpRestrictionRow>> {
  const where = { accountId, ...beforeCursor(page) };
  return asPage(await db.ipRestriction.findMany({ where, ...pageArguments(page), include: withPolicies }), page);
}

export function findIpRestriction(db: Queries, accountId: string, id: string): Promise<IpRestrictionRow | null> {
  return db.ipRestriction.findFirst({ where: { id, accountId }, include: withPolicies });
}

export async function updateIpRestriction(
  db: Queries,
  accountId: string,
  id: string,
  {
    policyIds,
    ...changes
  }: {
    readonly enforced?: boolean;
    readonly description?: string;
    readonly metadata?: string;
    readonly policyIds?: readonly string[];
  },
): Promise<IpRestrictionRow | null> {
  const { count } = await db.ipRestriction.updateMany({ where: { id, accountId }, data: { ...changes } });
  if (count === 0) return null;
  if (policyIds !== undefined) {
    await db.ipRestrictionPolicy.deleteMany({ where: { accountId, restrictionId: id } });
    const data = policyIds.map((policyId) => ({ accountId, restrictionId: id, policyId }));
    await db.ipRestrictionPolicy.createMany({ data });
  }
  return findIpRestriction(db, accountId, id);
}

export async function deleteIpRestriction(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.ipRestriction.deleteMany({ where: { id, accountId } });
  return count === 1;
}

export interface RestrictionRules {
  readonly enforced: boolean;
  readonly rules: readonly { readonly cidr: string; readonly action: IpRuleAction }[];
}

/** The rules of all policies that restrict one surface of the account; null when nothing does. */
export async function restrictionOf(
  db: Queries,
  accountId: string,
  type: IpRestrictionType,
): Promise<RestrictionRules | null> {
  const rows = await db.$queryRaw<{ enforced: boolean; cidr: string | null; action: IpRuleAction | null }[]>`
    SELECT r.enforced, p.cidr, p.action::text AS action FROM ip_restriction AS r
    LEFT JOIN ip_restriction_policy AS l ON l.account_id = r.account_id AND l.restriction_id = r.id
    LEFT JOIN ip_policy_rule AS p ON p.account_id = l.account_id AND p.policy_id = l.policy_id
    WHERE r.account_id = ${accountId} AND r.type = ${type}::ip_restriction_type`;
  const [first] = rows;
  if (first === undefined) return null;
  const rules = rows.flatMap(({ cidr, action }) => (cidr === null || action === null ? [] : [{ cidr, action }]));
  return { enforced: first.enforced, rules };
}
