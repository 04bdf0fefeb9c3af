import { z } from 'zod';
import { time } from './common.ts';

/** Who changed what. `before` and `after` are the object as this API shows it; secrets are left out. */
export const auditEvent = z.object({
  id: z.string(),
  uri: z.string(),
  created_at: time,
  /** `ip_policy_created.v0` */
  type: z.string(),
  actor: z.object({ id: z.string().nullable(), credential_id: z.string(), address: z.string() }),
  request_id: z.string(),
  object_id: z.string(),
  before: z.record(z.string(), z.json()).nullable(),
  after: z.record(z.string(), z.json()).nullable(),
});
export type AuditEventResource = z.infer<typeof auditEvent>;

export const usageSpan = z.enum(['minute', 'hour', 'day']);
export const usageBucket = z.object({
  start: time,
  span: usageSpan,
  /** Null: all endpoints together. */
  endpoint_id: z.string().nullable(),
  url: z.string().nullable(),
  requests: z.number(),
  connections: z.number(),
  /** From visitors to the upstream. */
  bytes_in: z.number(),
  bytes_out: z.number(),
  errors: z.number(),
});
export const usage = z.object({ usage: z.array(usageBucket), from: time, to: time, uri: z.string() });
export type UsageBucketResource = z.infer<typeof usageBucket>;

/** `limit` is null where the plan has none. */
const measured = z.object({ used: z.number(), limit: z.number().nullable() });
const ceiling = z.object({ limit: z.number().nullable() });
/** What the account's plan allows, and how much of it is used. Months are of UTC. */
export const usageLimits = z.object({
  plan: z.string(),
  month_start: time,
  month_end: time,
  requests_per_month: measured,
  connections_per_month: measured,
  /** In both directions. */
  bytes_per_month: measured,
  /** Online now, of the account; of all agents together. */
  endpoints: measured,
  sessions: measured,
  reserved_domains: measured,
  endpoints_per_session: ceiling,
  requests_per_second: ceiling,
  connections_per_second: ceiling,
  uri: z.string(),
});
export type UsageLimitsResource = z.infer<typeof usageLimits>;
