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
