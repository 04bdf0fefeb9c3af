import type {
  AccountSettings,
  AccountSettingsRequest,
  AccountSettingsResponse,
  Restriction,
} from '@portico/api-contract/internal';
import {
  type AccountSettingsRow,
  accountSettings,
  accountVersions,
  type Database,
  monthOf,
  monthTotals,
  sealedSecrets,
  wantedEventTypes,
} from '@portico/db';
import { SealError } from '@portico/pki';
import type { Logger } from '@portico/service';
import { exhaustedBy, hasMonth, type Plans } from '../plans/plans.ts';
import type { Seals } from '../secrets/seals.ts';

/**
 * What edges keep of the accounts they serve, where it is newer than theirs: IP policies, restrictions, and the
 * secrets that policies on that edge name. Secrets leave their seal only here, for the answer.
 */
export async function readAccountSettings(
  { database, seals, plans, now, log }: { database: Database; seals: Seals; plans: Plans; now(): Date; log: Logger },
  { accounts }: AccountSettingsRequest,
): Promise<AccountSettingsResponse> {
  const { queries } = database;
  const versions = new Map(
    (
      await accountVersions(
        queries,
        accounts.map(({ accountId }) => accountId),
      )
    ).map(({ accountId, version }) => [accountId, version]),
  );
  const gone = accounts.flatMap(({ accountId }) => (versions.has(accountId) ? [] : [accountId]));
  const stale = accounts.filter(({ accountId, version }) => {
    const current = versions.get(accountId);
    return current !== undefined && (version === null || version < current);
  });
  if (stale.length === 0) return { changed: [], gone };
  const rows = await accountSettings(
    queries,
    stale.map(({ accountId }) => accountId),
  );
  const ids = rows.map(({ accountId }) => accountId);
  const wantedEvents = await wantedEventTypes(queries, ids, trafficEvents);
  const month = monthOf(now());
  const counted = rows.filter(({ plan }) => hasMonth(plans.of(plan))).map(({ accountId }) => accountId);
  const totals = counted.length === 0 ? [] : await monthTotals(queries, month, counted);
  const changed: AccountSettings[] = [];
  for (const row of rows) {
    const wanted = stale.find(({ accountId }) => accountId === row.accountId)?.secrets ?? [];
    const sealed = await sealedSecrets(queries, row.accountId, wanted);
    const secrets = wanted.flatMap(({ vault, name }) => {
      const found = sealed.find((secret) => secret.name === name && [secret.vault, secret.vaultId].includes(vault));
      if (found === undefined) return [];
      try {
        return [{ vault, name, value: seals.open('vault_secret', found.id, found.sealedValue) }];
      } catch (error) {
        if (!(error instanceof SealError)) throw error;
        // One that cannot be opened is as good as none; it must not keep an edge from all the others.
        log.error({ err: error, secretId: found.id }, 'a secret cannot be opened');
        return [];
      }
    });
    const plan = plans.of(row.plan);
    const used = totals.find(({ accountId }) => accountId === row.accountId);
    const exhausted = used === undefined ? null : exhaustedBy(plan, used, month);
    changed.push({
      ...settingsOf(row),
      secrets,
      events: trafficEvents.filter((type) =>
        wantedEvents.some((wantedEvent) => wantedEvent.accountId === row.accountId && wantedEvent.type === type),
      ),
      limits: {
        requestsPerSecond: plan.requestsPerSecond,
        connectionsPerSecond: plan.connectionsPerSecond,
        exhausted: exhausted === null ? null : { ...exhausted, until: exhausted.until.toISOString() },
      },
    });
  }
  return { changed, gone };
}

const trafficEvents = ['http_request_complete.v0', 'tcp_connection_closed.v0'] as const;

function settingsOf(row: AccountSettingsRow): Omit<AccountSettings, 'secrets' | 'events' | 'limits'> {
  const policies = row.ipPolicies.map(({ id, rules }) => ({
    id,
    allow: rules.filter(({ action }) => action === 'allow').map(({ cidr }) => cidr),
    deny: rules.filter(({ action }) => action === 'deny').map(({ cidr }) => cidr),
  }));
  const restrictionOf = (type: 'agent' | 'endpoints'): Restriction | null => {
    const found = row.restrictions.find((restriction) => restriction.type === type);
    if (found === undefined) return null;
    const of = policies.filter(({ id }) => found.policyIds.includes(id));
    return {
      enforced: found.enforced,
      allow: of.flatMap(({ allow }) => allow),
      deny: of.flatMap(({ deny }) => deny),
    };
  };
  return {
    accountId: row.accountId,
    version: row.version,
    suspended: row.suspended,
    capture: row.capture,
    ipPolicies: policies,
    restrictions: { agent: restrictionOf('agent'), endpoints: restrictionOf('endpoints') },
    certificateAuthorities: row.certificateAuthorities.map(({ id, caPem }) => ({ id, pem: caPem })),
  };
}
