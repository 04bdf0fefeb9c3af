import { X509Certificate } from 'node:crypto';
import {
  accountOverviewChange,
  type Installation,
  type InstallationCertificates,
  type Plan,
  type PlanList,
  planChange,
  planId,
  type Storage,
} from '@portico/api-contract/operator';
import {
  accountsByPlan,
  databaseSize,
  findInstallation,
  installationCounts,
  listPlans,
  managedDomains,
  type PlanRow,
  savePlan,
  touchPlan,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { fingerprintSha256 } from '@portico/pki';
import type { FastifyRequest } from 'fastify';
import { recordChange } from '../audit/audit-log.ts';
import { sessionName } from '../audit/person-events.ts';
import type { ApiContext } from '../context.ts';
import type { LiveState } from '../live/live-state.ts';
import type { Traffic } from '../live/traffic.ts';
import { unlimited } from '../plans/plans.ts';
import { readBody } from '../plugins/json-input.ts';
import type { BrowserRoutes, SignedInPerson } from '../routes/dashboard/browser-routes.ts';
import { retention } from '../sweeper.ts';
import { OperatorAccounts, type OperatorActor, unlimitedPlan } from './operator-accounts.ts';

const domainsMax = 500;

/** What those who run the installation see of it and change; `@portico/api-contract/operator` holds the shapes. */
export function operatorRoutes(
  routes: BrowserRoutes,
  context: ApiContext,
  { live, traffic }: { readonly live: LiveState; readonly traffic: Traffic },
): void {
  const { config, database, keys, now, plans } = context;
  const accounts = new OperatorAccounts(context, live);
  const startedAt = now().toISOString();

  routes.operator('GET', '/dashboard/v1/operator/installation', async (): Promise<Installation> => {
    const counts = await installationCounts(database.queries);
    const nodes = live.nodes();
    const edges = nodes.map(({ nodeId, online, facts, sessions, endpoints }) => {
      const { requests, bytesIn, bytesOut, errors } = traffic.ofNode(nodeId);
      return {
        nodeId,
        online,
        draining: online && facts?.draining === true,
        version: facts?.version ?? null,
        connectAddress: facts?.connectAddress ?? null,
        startedAt: facts?.startedAt ?? null,
        issuingNotAfter: facts?.issuingNotAfter ?? null,
        sessions,
        endpoints,
        requests,
        bytes: bytesIn + bytesOut,
        errors,
      };
    });
    const sum = (of: 'sessions' | 'endpoints') => nodes.reduce((total, node) => total + node[of], 0);
    return {
      at: now().toISOString(),
      version: config.version,
      startedAt,
      baseDomain: config.baseDomain,
      counts: { ...counts, sessions: sum('sessions'), endpoints: sum('endpoints') },
      edges,
    };
  });

  routes.operator('GET', '/dashboard/v1/operator/certificates', async (): Promise<InstallationCertificates> => {
    const pem = keys.root?.certificatePem ?? null;
    const domains = await managedDomains(database.queries, domainsMax);
    const { acme } = config;
    return {
      at: now().toISOString(),
      root: pem === null ? null : { ...authorityOf(pem), pem },
      acme: acme && { directory: acme.directoryUrl, challenges: [...acme.challenges], email: acme.email },
      domains: domains.map((row) => ({
        id: row.id,
        domain: row.domain,
        account: { id: row.accountId, name: row.accountName },
        notAfter: row.certificatePem === null ? null : authorityOf(row.certificatePem).notAfter,
        renewsAt: row.renewsAt?.toISOString() ?? null,
        problem:
          row.jobErrorCode === null
            ? null
            : {
                code: row.jobErrorCode,
                message: row.jobMessage ?? '',
                retriesAt: row.jobRetriesAt?.toISOString() ?? null,
              },
      })),
    };
  });

  routes.operator('GET', '/dashboard/v1/operator/storage', async (): Promise<Storage> => {
    const { version, bytes, connections, connectionsMax, tables } = await databaseSize(database.queries);
    return {
      at: now().toISOString(),
      version,
      bytes,
      connections,
      connectionsMax,
      tables: [...tables],
      retention: [...retention],
    };
  });

  routes.operator('GET', '/dashboard/v1/operator/accounts', async (request) => {
    const query = new URLSearchParams(request.url.split('?')[1] ?? '');
    const suspended = query.get('suspended');
    const isSuspended = suspended === 'true' ? true : suspended === 'false' ? false : null;
    return accounts.list(query.get('search') ?? '', isSuspended, query.get('after'));
  });

  routes.operator('GET', '/dashboard/v1/operator/accounts/:id', async (request) => accounts.look(idOf(request)));

  routes.operator('PATCH', '/dashboard/v1/operator/accounts/:id', async (request, _reply, who) => {
    const { plan, suspended } = readBody(request, accountOverviewChange);
    return accounts.change(idOf(request), { plan, suspended }, actorOf(who));
  });

  routes.operator('GET', '/dashboard/v1/operator/plans', async (): Promise<PlanList> => {
    const used = await accountsByPlan(database.queries);
    const stored = await listPlans(database.queries);
    // A plan that accounts have and nobody wrote down has no limits.
    const names = new Set([...stored.map(({ id }) => id), ...used.keys(), unlimitedPlan]);
    const rows = [...names].sort().map((id) => stored.find((row) => row.id === id) ?? { id, ...unlimited });
    return { plans: rows.map((row) => planOf(row, used.get(row.id) ?? 0)) };
  });

  routes.operator('PATCH', '/dashboard/v1/operator/plans/:id', async (request, _reply, who): Promise<Plan> => {
    const id = planId.safeParse(idOf(request));
    if (!id.success) {
      throw new PorticoError(215, { field: 'id', reason: 'a plan is called by small letters, digits and hyphens' });
    }
    const { requestsPerMonth, bytesPerMonth, connectionsPerMonth, ...others } = readBody(request, planChange);
    const limits = {
      ...defined(others),
      ...defined({
        requestsPerMonth: bigOf(requestsPerMonth),
        bytesPerMonth: bigOf(bytesPerMonth),
        connectionsPerMonth: bigOf(connectionsPerMonth),
      }),
    };
    const plan = await database.transaction(async (tx) => {
      const before = (await listPlans(tx)).find((row) => row.id === id.data);
      const after = await savePlan(tx, id.data, limits);
      const touched = await touchPlan(tx, id.data);
      // Plans belong to no account: the log of the installation's own account tells of them.
      const first = await findInstallation(tx);
      if (first !== null) {
        const states = { before: before ? planOf(before, touched) : null, after: planOf(after, touched) };
        const change = { object: 'plan', what: before ? 'updated' : 'created', objectId: id.data, ...states } as const;
        await recordChange(tx, { ...actorOf(who), accountId: first.account.id }, change, now());
      }
      return planOf(after, touched);
    });
    await plans.load();
    return plan;
  });
}

function actorOf({ session, client }: SignedInPerson): OperatorActor {
  const { ip: address, requestId } = client;
  return { actorId: session.userId, credentialId: sessionName(session.id), address, requestId };
}

function planOf(row: PlanRow, accounts: number): Plan {
  const plain = (limit: bigint | null): number | null => (limit === null ? null : Number(limit));
  return {
    ...row,
    requestsPerMonth: plain(row.requestsPerMonth),
    bytesPerMonth: plain(row.bytesPerMonth),
    connectionsPerMonth: plain(row.connectionsPerMonth),
    accounts,
  };
}

function bigOf(limit: number | null | undefined): bigint | null | undefined {
  return typeof limit === 'number' ? BigInt(limit) : limit;
}

/** Without the fields that were left out. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const name in fields) {
    const value = fields[name];
    if (isDefined(value)) kept[name] = value;
  }
  return kept;
}

function isDefined<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined;
}

function authorityOf(pem: string): { subject: string; sha256: string; notBefore: string; notAfter: string } {
  const { subject, validFromDate, validToDate } = new X509Certificate(pem);
  return {
    subject: /^CN=(.*)$/m.exec(subject)?.[1] ?? subject,
    sha256: fingerprintSha256(pem),
    notBefore: validFromDate.toISOString(),
    notAfter: validToDate.toISOString(),
  };
}

function idOf(request: FastifyRequest): string {
  const { params } = request;
  const id = typeof params === 'object' && params !== null && 'id' in params ? params.id : '';
  return typeof id === 'string' ? id : '';
}
