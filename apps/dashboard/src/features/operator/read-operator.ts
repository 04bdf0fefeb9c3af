import type {
  AccountLine,
  AccountList,
  AccountOverview,
  Installation,
  InstallationCertificates,
  Plan,
  PlanList,
  Storage,
} from '@portico/api-contract/operator';
import { flag, list, nullable, number, object, type Reader, text } from '../../lib/shape.ts';

/** Readers of what the API answers to operators; the types hold them to the contract. */
export const readInstallation: Reader<Installation> = object({
  at: text,
  version: text,
  startedAt: text,
  baseDomain: text,
  counts: object({
    accounts: number,
    suspended: number,
    people: number,
    operators: number,
    sessions: number,
    endpoints: number,
  }),
  edges: list(
    object({
      nodeId: text,
      online: flag,
      draining: flag,
      version: nullable(text),
      connectAddress: nullable(text),
      startedAt: nullable(text),
      issuingNotAfter: nullable(text),
      sessions: number,
      endpoints: number,
      requests: number,
      bytes: number,
      errors: number,
    }),
  ),
});

export const readCertificates: Reader<InstallationCertificates> = object({
  at: text,
  root: nullable(object({ subject: text, sha256: text, notBefore: text, notAfter: text, pem: text })),
  acme: nullable(object({ directory: text, challenges: list(text), email: nullable(text) })),
  domains: list(
    object({
      id: text,
      domain: text,
      account: object({ id: text, name: text }),
      notAfter: nullable(text),
      renewsAt: nullable(text),
      problem: nullable(object({ code: text, message: text, retriesAt: nullable(text) })),
    }),
  ),
});

export const readStorage: Reader<Storage> = object({
  at: text,
  version: text,
  bytes: number,
  connections: number,
  connectionsMax: number,
  tables: list(object({ name: text, bytes: number, rows: number })),
  retention: list(object({ what: text, days: number })),
});

const line = {
  id: text,
  name: text,
  plan: text,
  createdAt: text,
  people: number,
  sessions: number,
  endpoints: number,
  month: object({ requests: number, connections: number, bytes: number }),
  suspension: nullable(object({ since: text, by: nullable(text), reason: text })),
};
const readLine: Reader<AccountLine> = object(line);
export const readAccounts: Reader<AccountList> = object({ accounts: list(readLine), next: nullable(text) });
export const readAccount: Reader<AccountOverview> = object({
  ...line,
  isFirst: flag,
  members: list(object({ id: text, email: text, name: text, role: text })),
  keeps: object({ authtokens: number, apiKeys: number, domains: number, addresses: number, cloudEndpoints: number }),
});

const limits = {
  sessions: nullable(number),
  endpoints: nullable(number),
  endpointsPerSession: nullable(number),
  requestsPerMonth: nullable(number),
  bytesPerMonth: nullable(number),
  connectionsPerMonth: nullable(number),
  requestsPerSecond: nullable(number),
  connectionsPerSecond: nullable(number),
  reservedDomains: nullable(number),
};
export const readPlan: Reader<Plan> = object({ ...limits, id: text, accounts: number });
export const readPlans: Reader<PlanList> = object({ plans: list(readPlan) });
