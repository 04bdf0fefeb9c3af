import type { Queries } from '../database.ts';
import type { CaptureMode, IpRestrictionType, IpRuleAction } from '../generated/client.ts';

/** What edges keep of an account beside its grants; `version` grows with each change of it. */
export interface AccountSettingsRow {
  readonly accountId: string;
  readonly version: number;
  readonly suspended: boolean;
  readonly plan: string;
  readonly ipPolicies: readonly {
    readonly id: string;
    readonly rules: readonly { readonly cidr: string; readonly action: IpRuleAction }[];
  }[];
  readonly capture: { readonly mode: CaptureMode; readonly bodyBytes: number } | null;
  readonly restrictions: readonly {
    readonly type: IpRestrictionType;
    readonly enforced: boolean;
    readonly policyIds: readonly string[];
  }[];
  readonly certificateAuthorities: readonly { readonly id: string; readonly caPem: string }[];
}

export interface AccountVersion {
  readonly accountId: string;
  readonly version: number;
}

/** Versions of those of these accounts that there are. */
export async function accountVersions(db: Queries, ids: readonly string[]): Promise<AccountVersion[]> {
  const rows = await db.account.findMany({
    where: { id: { in: [...ids] } },
    select: { id: true, version: true, settingsRevision: true },
  });
  return rows.map(({ id, version, settingsRevision }) => ({ accountId: id, version: version + settingsRevision }));
}

/** The settings of those of these accounts that there are. */
export async function accountSettings(db: Queries, ids: readonly string[]): Promise<AccountSettingsRow[]> {
  // The versions come first: what changes while the rest is read gets a higher one, and is fetched again.
  const rows = await db.account.findMany({
    where: { id: { in: [...ids] } },
    select: {
      id: true,
      version: true,
      settingsRevision: true,
      suspendedAt: true,
      plan: true,
      captureSetting: { select: { mode: true, bodyBytes: true } },
    },
  });
  const policies = await db.ipPolicy.findMany({
    where: { accountId: { in: [...ids] } },
    select: { id: true, accountId: true, rules: { select: { cidr: true, action: true }, orderBy: { id: 'asc' } } },
  });
  const restrictions = await db.ipRestriction.findMany({
    where: { accountId: { in: [...ids] } },
    select: { accountId: true, type: true, enforced: true, policies: { select: { policyId: true } } },
  });
  const authorities = await db.certificateAuthority.findMany({
    where: { accountId: { in: [...ids] } },
    select: { id: true, accountId: true, caPem: true },
  });
  return rows.map(({ id, version, settingsRevision, suspendedAt, plan, captureSetting }) => ({
    accountId: id,
    version: version + settingsRevision,
    suspended: suspendedAt !== null,
    plan,
    capture: captureSetting,
    ipPolicies: policies.filter(({ accountId }) => accountId === id),
    restrictions: restrictions
      .filter(({ accountId }) => accountId === id)
      .map(({ type, enforced, policies: of }) => ({
        type,
        enforced,
        policyIds: of.map(({ policyId }) => policyId),
      })),
    certificateAuthorities: authorities.filter(({ accountId }) => accountId === id),
  }));
}

export interface SealedSecret {
  readonly id: string;
  readonly vaultId: string;
  readonly vault: string;
  readonly name: string;
  readonly sealedValue: string;
}

/** Secrets of one account: those named, a vault by its name or its id. */
export async function sealedSecrets(
  db: Queries,
  accountId: string,
  wanted: readonly { readonly vault: string; readonly name: string }[],
): Promise<SealedSecret[]> {
  if (wanted.length === 0) return [];
  const rows = await db.vaultSecret.findMany({
    where: {
      accountId,
      OR: wanted.map(({ vault, name }) => ({ name, vault: { OR: [{ name: vault }, { id: vault }] } })),
    },
    select: { id: true, vaultId: true, name: true, sealedValue: true, vault: { select: { name: true } } },
  });
  return rows.map(({ vault, ...row }) => ({ ...row, vault: vault.name }));
}
