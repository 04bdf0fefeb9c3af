import { z } from 'zod';

/**
 * What those who run the installation ask of the API, besides `dashboard.ts` and `identity.ts`. All routes are under
 * `/dashboard/v1/operator`; each wants a session of an operator (else 403 ERR_NGROK_4019), and changes `portico-csrf`
 * and a person who proved a moment ago who they are (else 403 ERR_NGROK_4008).
 *
 * | route | request | answer |
 * |---|---|---|
 * | `GET /installation` | | `Installation` |
 * | `GET /certificates` | | `InstallationCertificates` |
 * | `GET /storage` | | `Storage` |
 * | `GET /accounts?search=&suspended=&after=` | | `AccountList`, newest first |
 * | `GET /accounts/:id` | | `AccountOverview`; 404 |
 * | `PATCH /accounts/:id` | `AccountOverviewChange` | `AccountOverview`; 404; 400 for a plan that is not there |
 * | `GET /plans` | | `PlanList` |
 * | `PATCH /plans/:id` | `PlanChange` | `Plan`: made if it is not there yet |
 */

const time = z.iso.datetime();
const count = z.number();

export const installation = z.object({
  at: time,
  version: z.string(),
  startedAt: time,
  baseDomain: z.string(),
  counts: z.object({
    accounts: count,
    suspended: count,
    people: count,
    operators: count,
    sessions: count,
    endpoints: count,
  }),
  /** Those that were seen since the API started. */
  edges: z.array(
    z.object({
      nodeId: z.string(),
      online: z.boolean(),
      draining: z.boolean(),
      version: z.string().nullable(),
      connectAddress: z.string().nullable(),
      startedAt: time.nullable(),
      /** When its issuing certificate ends; null: it has none, or does not say. */
      issuingNotAfter: time.nullable(),
      sessions: count,
      endpoints: count,
      /** Totals that it has reported since the API started. */
      requests: count,
      bytes: count,
      errors: count,
    }),
  ),
});
export type Installation = z.infer<typeof installation>;

const authority = z.object({ subject: z.string(), sha256: z.string(), notBefore: time, notAfter: time });
export const installationCertificates = z.object({
  at: time,
  /** What agents and browsers trust. */
  root: authority.extend({ pem: z.string() }).nullable(),
  /** Where certificates of customers' domains come from; null: from this installation's own root. */
  acme: z.object({ directory: z.string(), challenges: z.array(z.string()), email: z.string().nullable() }).nullable(),
  domains: z.array(
    z.object({
      id: z.string(),
      domain: z.string(),
      account: z.object({ id: z.string(), name: z.string() }),
      notAfter: time.nullable(),
      renewsAt: time.nullable(),
      problem: z.object({ code: z.string(), message: z.string(), retriesAt: time.nullable() }).nullable(),
    }),
  ),
});
export type InstallationCertificates = z.infer<typeof installationCertificates>;

export const storage = z.object({
  at: time,
  version: z.string(),
  bytes: count,
  connections: count,
  connectionsMax: count,
  /** The biggest first; `rows` is the database's own estimate. */
  tables: z.array(z.object({ name: z.string(), bytes: count, rows: count })),
  /** How long is kept what is kept for a time only. */
  retention: z.array(z.object({ what: z.string(), days: count })),
});
export type Storage = z.infer<typeof storage>;

const month = z.object({ requests: count, connections: count, bytes: count });
const accountLine = z.object({
  id: z.string(),
  name: z.string(),
  plan: z.string(),
  createdAt: time,
  people: count,
  sessions: count,
  endpoints: count,
  month,
  suspension: z.object({ since: time, by: z.string().nullable(), reason: z.string() }).nullable(),
});
export type AccountLine = z.infer<typeof accountLine>;

export const accountList = z.object({
  accounts: z.array(accountLine),
  /** For `after`; null: that was all. */
  next: z.string().nullable(),
});
export type AccountList = z.infer<typeof accountList>;

export const accountOverview = accountLine.extend({
  /** The one that the first start made: it is not suspended, the platform's own agent and its operators live in it. */
  isFirst: z.boolean(),
  /** At most 100. */
  members: z.array(z.object({ id: z.string(), email: z.string(), name: z.string(), role: z.string() })),
  keeps: z.object({
    authtokens: count,
    apiKeys: count,
    domains: count,
    addresses: count,
    cloudEndpoints: count,
  }),
});
export type AccountOverview = z.infer<typeof accountOverview>;

/** Either may be left out. `suspended`: why; null brings the account back. */
export const accountOverviewChange = z.strictObject({
  plan: z.string().min(1).max(64).optional(),
  suspended: z
    .strictObject({ reason: z.string().trim().min(1).max(500) })
    .nullable()
    .optional(),
});

/** Null: no limit. */
const limit = z.int().min(0).max(2_000_000_000).nullable();
const bigLimit = z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullable();
const limits = z.object({
  sessions: limit,
  endpoints: limit,
  endpointsPerSession: limit,
  requestsPerMonth: bigLimit,
  bytesPerMonth: bigLimit,
  connectionsPerMonth: bigLimit,
  requestsPerSecond: limit,
  connectionsPerSecond: limit,
  reservedDomains: limit,
});
export type PlanLimits = z.infer<typeof limits>;
export const plan = limits.extend({ id: z.string(), accounts: count });
export type Plan = z.infer<typeof plan>;
export const planList = z.object({ plans: z.array(plan) });
export type PlanList = z.infer<typeof planList>;
export const planChange = z.strictObject(limits.partial().shape);
/** What a plan may be called. */
export const planId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
