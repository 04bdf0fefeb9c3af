import { z } from 'zod';

/** A request that is only thought of. */
const madeUpRequest = z.strictObject({
  /** `https://shop.example.com/cart?id=7` */
  url: z.url({ protocol: /^https?$/ }).max(8_192),
  method: z
    .string()
    .regex(/^[A-Za-z]{1,32}$/, 'a method has letters only')
    .nullish(),
  headers: z
    .array(z.tuple([z.string().max(256), z.string().max(16_384)]))
    .max(200)
    .nullish(),
  client_ip: z.union([z.ipv4(), z.ipv6()]).nullish(),
  /** What the app would answer, for the rules that look at it. */
  status_code: z.int().min(100).max(599).nullish(),
});

export const policyTrialCreate = z.strictObject({
  traffic_policy: z.string().max(262_144),
  /** A recorded exchange, or … */
  exchange_id: z.string().max(64).nullish(),
  /** … a request that is made up. */
  request: madeUpRequest.nullish(),
});

const problem = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
  line: z.int(),
  column: z.int(),
});

/** What a policy would do. Nothing is sent, counted or changed. */
export const policyTrial = z.object({
  problems: z.array(problem),
  conclusion: z.string().nullable(),
  phases: z.array(
    z.object({
      phase: z.string(),
      end: z.string(),
      rules: z.array(
        z.object({
          index: z.int(),
          name: z.string().nullable(),
          verdict: z.enum(['fires', 'skipped', 'unknown', 'failed', 'not-reached']),
          expressions: z.array(z.object({ source: z.string(), value: z.json(), error: z.string().nullable() })),
          actions: z.array(z.object({ type: z.string(), effect: z.string() })),
        }),
      ),
    }),
  ),
});
export type PolicyTrialResource = z.infer<typeof policyTrial>;

export const policySurveyCreate = z.strictObject({
  traffic_policy: z.string().max(262_144),
  /** How many of the newest recorded exchanges; 1,000 when it is left out. */
  limit: z.int().min(1).max(1_000).nullish(),
  /** Those of one endpoint. */
  endpoint_id: z.string().max(64).nullish(),
});

/** What a policy would have done to recorded exchanges. */
export const policySurvey = z.object({
  problems: z.array(problem),
  exchanges: z.int(),
  /** How many would end how: `forwarded`, `answered`, `closed`, `failed`, `forwarded-internally`. */
  ends: z.record(z.string(), z.int()),
  /** The newest of those that would not simply be forwarded, at most 50. */
  stopped: z.array(z.object({ id: z.string(), method: z.string(), path: z.string(), conclusion: z.string() })),
});
export type PolicySurveyResource = z.infer<typeof policySurvey>;
