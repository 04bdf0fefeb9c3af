import type { Queries } from '../database.ts';
import type { Account, Prisma } from '../generated/client.ts';
import type { MonthTotals } from '../plans/plans.ts';

/** An account as the one who runs the installation sees it, with its traffic of one month. */
export interface AccountOverviewRow {
  readonly account: Account;
  readonly people: number;
  readonly month: MonthTotals;
}

export interface AccountSearch {
  /** Part of a name, of an id, or of the address of somebody in it; '' for all. */
  readonly text: string;
  readonly isSuspended: boolean | null;
  /** The last one of the page before. */
  readonly after: { readonly createdAt: Date; readonly id: string } | null;
  readonly limit: number;
}

/** Newest first; one more than `limit` tells that there are more. */
export async function searchAccounts(
  db: Queries,
  { text, isSuspended, after, limit }: AccountSearch,
  month: Date,
): Promise<AccountOverviewRow[]> {
  const wanted: Prisma.AccountWhereInput[] = [];
  if (text !== '') {
    const contains = { contains: text, mode: 'insensitive' } as const;
    wanted.push({ OR: [{ name: contains }, { id: text }, { memberships: { some: { user: { email: contains } } } }] });
  }
  if (isSuspended !== null) wanted.push({ suspendedAt: isSuspended ? { not: null } : null });
  if (after !== null) {
    const { createdAt, id } = after;
    wanted.push({ OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] });
  }
  const rows = await db.account.findMany({
    where: { AND: wanted },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: limit + 1,
    include: { _count: { select: { memberships: true } } },
  });
  const ids = rows.map(({ id }) => id);
  const totals = new Map(
    (await db.usageMonth.findMany({ where: { month, accountId: { in: ids } } })).map((row) => [row.accountId, row]),
  );
  return rows.map(({ _count, ...account }) => {
    const total = totals.get(account.id);
    return {
      account,
      people: _count.memberships,
      month: {
        accountId: account.id,
        requests: Number(total?.requests ?? 0n),
        connections: Number(total?.connections ?? 0n),
        bytes: Number(total?.bytes ?? 0n),
      },
    };
  });
}

/** The people of one account, administrators first; at most `limit`. */
export async function peopleOfAccount(
  db: Queries,
  accountId: string,
  limit: number,
): Promise<{ id: string; email: string; name: string; role: string }[]> {
  const rows = await db.membership.findMany({
    where: { accountId },
    select: { role: true, user: { select: { id: true, email: true, name: true } } },
    orderBy: [{ role: 'asc' }, { createdAt: 'asc' }],
    take: limit,
  });
  return rows.map(({ role, user }) => ({ ...user, role }));
}

/** How much of what this account keeps. */
export async function countsOfAccount(
  db: Queries,
  accountId: string,
): Promise<{ authtokens: number; apiKeys: number; domains: number; addresses: number; cloudEndpoints: number }> {
  const where = { accountId };
  return {
    authtokens: await db.credential.count({ where: { ...where, revokedAt: null } }),
    apiKeys: await db.apiKey.count({ where: { ...where, revokedAt: null } }),
    domains: await db.reservedDomain.count({ where }),
    addresses: await db.reservedAddr.count({ where }),
    cloudEndpoints: await db.cloudEndpoint.count({ where }),
  };
}

/** How many accounts each plan has, plans that nobody wrote down included. */
export async function accountsByPlan(db: Queries): Promise<Map<string, number>> {
  const groups = await db.account.groupBy({ by: ['plan'], _count: { _all: true } });
  return new Map(groups.map(({ plan, _count }) => [plan, _count._all]));
}

/** How many there are of what an installation is made of. */
export async function installationCounts(
  db: Queries,
): Promise<{ accounts: number; suspended: number; people: number; operators: number }> {
  return {
    accounts: await db.account.count(),
    suspended: await db.account.count({ where: { suspendedAt: { not: null } } }),
    people: await db.user.count(),
    operators: await db.user.count({ where: { isOperator: true } }),
  };
}

export interface DatabaseSize {
  /** `17.2` */
  readonly version: string;
  readonly bytes: number;
  readonly connections: number;
  readonly connectionsMax: number;
  /** Rows are an estimate of the database's own. The biggest first. */
  readonly tables: readonly { readonly name: string; readonly bytes: number; readonly rows: number }[];
}

export async function databaseSize(db: Queries): Promise<DatabaseSize> {
  const [whole] = await db.$queryRaw<{ version: string; bytes: bigint; connections: number; most: string }[]>`
    SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes,
      (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()) AS connections,
      current_setting('max_connections') AS most`;
  const tables = await db.$queryRaw<{ name: string; bytes: bigint; rows: number }[]>`
    SELECT relname AS name, pg_total_relation_size(relid) AS bytes, n_live_tup::float8 AS rows
    FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY 2 DESC, 1 LIMIT 100`;
  return {
    version: whole?.version ?? '',
    bytes: Number(whole?.bytes ?? 0n),
    connections: whole?.connections ?? 0,
    connectionsMax: Number(whole?.most ?? 0),
    tables: tables.map(({ name, bytes, rows }) => ({ name, bytes: Number(bytes), rows: Math.round(rows) })),
  };
}

export interface ManagedDomainRow {
  readonly id: string;
  readonly domain: string;
  readonly accountId: string;
  readonly accountName: string;
  readonly certificatePem: string | null;
  readonly renewsAt: Date | null;
  readonly jobErrorCode: string | null;
  readonly jobMessage: string | null;
  readonly jobRetriesAt: Date | null;
}

/** Domains whose certificates the server obtains, those in trouble first, then those that are renewed next. */
export async function managedDomains(db: Queries, limit: number): Promise<ManagedDomainRow[]> {
  const rows = await db.reservedDomain.findMany({
    where: { managementAuthority: { not: null } },
    orderBy: [{ jobErrorCode: { sort: 'asc', nulls: 'last' } }, { renewsAt: 'asc' }, { domain: 'asc' }],
    take: limit,
    include: { account: { select: { name: true } }, certificate: { select: { certificatePem: true } } },
  });
  return rows.map((row) => ({
    id: row.id,
    domain: row.domain,
    accountId: row.accountId,
    accountName: row.account.name,
    certificatePem: row.certificate?.certificatePem ?? null,
    renewsAt: row.renewsAt,
    jobErrorCode: row.jobErrorCode,
    jobMessage: row.jobMessage,
    jobRetriesAt: row.jobRetriesAt,
  }));
}
