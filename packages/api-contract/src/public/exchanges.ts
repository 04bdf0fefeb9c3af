import { z } from 'zod';
import { time } from './common.ts';

/** A field's name and value, in the order in which they travelled. */
const headers = z.array(z.tuple([z.string(), z.string()]));

export const exchangeContent = z.object({
  headers,
  trailers: headers,
  /** base64 of the beginning of the body, as it travelled. */
  body: z.string(),
  /** There was more than what was kept. */
  truncated: z.boolean(),
});

/** What one phase of a policy did; `url` is that of the endpoint whose policy it is. */
export const exchangePhase = z.object({
  url: z.string(),
  phase: z.string(),
  rules: z.array(
    z.object({
      name: z.string().nullable(),
      index: z.int(),
      verdict: z.enum(['fired', 'skipped', 'failed', 'not-reached']),
      /** Those that were asked: the first that is false, or fails, is the last. */
      expressions: z.array(
        z.object({ source: z.string(), value: z.boolean().nullable(), error: z.string().nullable() }),
      ),
      actions: z.array(
        z.object({
          type: z.string(),
          effect: z.string(),
          milliseconds: z.number(),
          /** The phase ended with it. */
          ended: z.boolean(),
        }),
      ),
    }),
  ),
  /** There was no room for all of it. */
  cut: z.boolean(),
});

/** One request of a visitor and its answer. Lists leave `request`, `response` and `policy` null. */
export const exchange = z.object({
  id: z.string(),
  uri: z.string(),
  created_at: time,
  endpoint_id: z.string(),
  url: z.string(),
  method: z.string(),
  host: z.string(),
  path: z.string(),
  /** Null: it got no answer. */
  status_code: z.int().nullable(),
  /** `ERR_NGROK_…`, when the server itself answered. */
  error_code: z.string().nullable(),
  /** `open`: it goes on; its figures are those of its beginning. */
  outcome: z.enum(['complete', 'cut', 'gone', 'upgraded', 'open']),
  client_ip: z.string(),
  http_version: z.string(),
  agent: z.string().nullable(),
  region: z.string(),
  /** In milliseconds; null where it did not get so far. */
  timing: z.object({
    policy_ms: z.number().nullable(),
    tunnel_ms: z.number().nullable(),
    wait_ms: z.number().nullable(),
    total_ms: z.number(),
  }),
  request_bytes: z.number(),
  response_bytes: z.number(),
  /** Of its WebSocket or its stream of events, as far as they were seen; 0 for all others. */
  message_count: z.int(),
  /** The exchange that it repeats, and who sent the repetition. */
  replay_of: z.string().nullable(),
  replayed_by: z.string().nullable(),
  policy: z
    .object({
      request: z.string().nullable(),
      response: z.string().nullable(),
      logs: z.array(z.json()),
      /** Rule by rule, in the order in which they ran. */
      phases: z.array(exchangePhase),
    })
    .nullable(),
  /** Null when only the line of the request was kept. Values of hidden headers are "". */
  request: exchangeContent.nullable(),
  response: exchangeContent.nullable(),
  /** Lower case: headers whose values are not shown. */
  hidden_headers: z.array(z.string()),
});
export type ExchangeResource = z.infer<typeof exchange>;

/** One message of a WebSocket, or one event of a stream of events. Numbers that are missing were not kept. */
export const exchangeMessageShape = z.object({
  number: z.int(),
  created_at: time,
  from: z.enum(['visitor', 'upstream']),
  kind: z.enum(['text', 'binary', 'close', 'ping', 'pong', 'event']),
  /** As it travelled. */
  bytes: z.number(),
  /** base64 of its beginning, without compression unless `compressed` says otherwise. */
  payload: z.string(),
  truncated: z.boolean(),
  compressed: z.boolean(),
});
export const exchangeMessages = z.object({
  uri: z.string(),
  /** Oldest first. */
  messages: z.array(exchangeMessageShape),
  /** All that passed, those that were not kept too. */
  message_count: z.int(),
  /** Null: these are the newest. */
  next_page_uri: z.string().nullable(),
});
export type ExchangeMessages = z.infer<typeof exchangeMessages>;

/** Exchanges that a filter of the inspector accepts, newest first, as far back as this request looked. */
export const exchangeSearch = z.object({
  uri: z.string(),
  exchanges: z.array(exchange),
  /** How many were looked at, and when the oldest of them came; null: none. */
  searched: z.int(),
  searched_to: time.nullable(),
  /** Null: all that is kept was searched. A page may be empty and have a next one. */
  next_page_uri: z.string().nullable(),
});
export type ExchangeSearch = z.infer<typeof exchangeSearch>;

/** What a repetition does differently; what is absent stays as it was. */
export const exchangeReplay = z.strictObject({
  method: z
    .string()
    .regex(/^[A-Za-z]{1,32}$/, 'a method has letters only')
    .nullish(),
  path: z
    .string()
    .max(8_192)
    .regex(/^\/[\x21-\x7e]*$/, 'a path begins with / and has no spaces')
    .nullish(),
  /** All of them, in place of those of the original; a hidden header with the value "" keeps its own. */
  headers: z
    .array(z.tuple([z.string().max(256), z.string().max(16_384)]))
    .max(200)
    .nullish(),
  /** base64 */
  body: z.base64().max(1_000_000).nullish(),
  /** The URL of another endpoint of the account. */
  url: z.string().max(1_024).nullish(),
});
export type ExchangeReplay = z.infer<typeof exchangeReplay>;
/** The id of the repetition: `GET /exchanges/{id}` shows it once it is recorded, within a second. */
export const exchangeReplayed = z.object({ id: z.string(), uri: z.string(), status_code: z.int().nullable() });

export const captureMode = z.enum(['off', 'metadata', 'full']);
/** What the account lets edges keep of its traffic. */
export const capture = z.object({
  uri: z.string(),
  /** `metadata`: the line of each request and its figures; `full`: headers and the beginning of bodies too. */
  mode: captureMode,
  body_bytes: z.int(),
  retention_hours: z.int(),
  size_limit_bytes: z.number(),
  hidden_headers: z.array(z.string()),
  /** What is kept now. */
  exchanges: z.number(),
  size_bytes: z.number(),
});
export type CaptureResource = z.infer<typeof capture>;
export const captureUpdate = z.strictObject({
  mode: captureMode.nullish(),
  body_bytes: z.int().min(0).max(65_536).nullish(),
  retention_hours: z.int().min(1).max(720).nullish(),
  size_limit_bytes: z.int().min(1_048_576).max(107_374_182_400).nullish(),
  hidden_headers: z
    .array(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, 'not the name of a header'))
    .max(50)
    .nullish(),
});
export type CaptureUpdate = z.infer<typeof captureUpdate>;
