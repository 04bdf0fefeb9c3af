import { z } from 'zod';
import { exchange } from './public/exchanges.ts';

/**
 * What the dashboard asks of the API, on the internal listener only (node credential as Bearer, the browser's session
 * cookie beside it).
 *
 * | route | request | answer |
 * |---|---|---|
 * | `POST /dashboard/v1/session` | `SignInRequest` | 200 `SessionAnswer` + `Set-Cookie`; 202 when a code is wanted (`identity.ts`); 401 wrong pair; 429 + `Retry-After` (seconds) |
 * | `GET /dashboard/v1/session` | cookie | 200 `SessionAnswer`; 401 |
 * | `DELETE /dashboard/v1/session` | cookie, `portico-csrf` | 204 + `Set-Cookie` that clears it; 401 |
 * | `GET /dashboard/v1/overview` | cookie, `portico-account` | 200 `Overview`; 401; 404 for an account that is not the user's |
 * | `GET /dashboard/v1/live` | cookie, `portico-account` (or `?account=`, since EventSource sends no fields) | `text/event-stream` of `LiveMessage` |
 * | `GET /dashboard/v1/exchanges/live?search=` | cookie, `portico-account` | `text/event-stream` of `ExchangeMessage` |
 * | `… /dashboard/v1/api/<path of the REST API>` | cookie, `portico-account`, and `portico-csrf` with every change | as the REST API answers; 403 (4006) for what the role does not allow |
 *
 * The dashboard forwards the browser's `Origin`, `Sec-Fetch-Site`, `User-Agent`, `Host` as `x-forwarded-host`, the scheme as
 * `x-forwarded-proto` and its address as `x-forwarded-for`; they are believed because of the node credential.
 * Every refusal has the body `DashboardRefusal`.
 */
export const accountHeader = 'portico-account';
export const csrfHeader = 'portico-csrf';

export const signInRequest = z.object({ email: z.string().max(320), password: z.string().max(1024) });
export type SignInRequest = z.infer<typeof signInRequest>;

export const dashboardRefusal = z.object({
  error_code: z.string().nullable(),
  status_code: z.number().int(),
  msg: z.string(),
});
export type DashboardRefusal = z.infer<typeof dashboardRefusal>;

export const sessionAnswer = z.object({
  user: z.object({ id: z.string(), email: z.string(), name: z.string(), isOperator: z.boolean() }),
  /** The accounts of this user, in a fixed order; the first one is where `/` leads. */
  accounts: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      role: z.string(),
      permissions: z.array(z.string()),
      /** Since when, and why; nothing of it works meanwhile, and its people look at it but change nothing. */
      suspended: z.object({ since: z.iso.datetime(), reason: z.string() }).nullable(),
      /** It asks for a second factor, and this session was opened without one: nothing of it is shown (4012). */
      wantsSecondFactor: z.boolean(),
    }),
  ),
  /** Sent back as `portico-csrf` with every change. */
  csrfToken: z.string(),
  expiresAt: z.iso.datetime(),
});
export type SessionAnswer = z.infer<typeof sessionAnswer>;

/** What is known of the upstream from traffic that went to it; there is no probe yet. `code` is an error of the catalogue. */
export const upstreamState = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('unknown') }),
  z.object({ kind: z.literal('answers'), at: z.iso.datetime() }),
  z.object({ kind: z.literal('fails'), since: z.iso.datetime(), code: z.number().int().nullable() }),
]);
export type UpstreamState = z.infer<typeof upstreamState>;

/** Counters are totals since `startedAt`; bytes in are those from visitors, bytes out those to visitors. */
export const liveEndpoint = z.object({
  id: z.string(),
  url: z.string(),
  proto: z.enum(['http', 'https', 'tls', 'tcp']),
  kind: z.enum(['agent', 'cloud', 'internal']),
  name: z.string(),
  metadata: z.string(),
  forwardsTo: z.string(),
  /** '' for cloud endpoints, which no agent carries. */
  sessionId: z.string(),
  startedAt: z.iso.datetime(),
  requests: z.number(),
  connections: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  errors: z.number(),
  upstream: upstreamState,
});
export type LiveEndpoint = z.infer<typeof liveEndpoint>;

export const liveSession = z.object({
  id: z.string(),
  /** Host name, or what the agent called itself; never empty. */
  agentName: z.string(),
  agentVersion: z.string(),
  os: z.string(),
  arch: z.string(),
  clientType: z.string(),
  ip: z.string(),
  region: z.string(),
  metadata: z.string(),
  startedAt: z.iso.datetime(),
});
export type LiveSession = z.infer<typeof liveSession>;

/** `subject` is a URL for endpoints and an agent's name for sessions; `detail` is the reason or the address, as text. */
export const recentEvent = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  type: z.enum(['endpoint.online', 'endpoint.offline', 'session.started', 'session.ended', 'session.refused']),
  subject: z.string(),
  detail: z.string().nullable(),
});
export type RecentEvent = z.infer<typeof recentEvent>;

export const overview = z.object({
  /** The API's clock when this was read. */
  at: z.iso.datetime(),
  account: z.object({ id: z.string(), name: z.string(), plan: z.string() }),
  /** Online now, of agents and of the cloud, at most 1,000 each; the counts are of all. */
  endpoints: z.array(liveEndpoint),
  endpointCount: z.number(),
  sessions: z.array(liveSession),
  sessionCount: z.number(),
  /** An agent of this account has had an endpoint online, now or before; the built-in welcome page is not meant. */
  hadTunnel: z.boolean(),
  /** Newest first, at most 50. */
  recent: z.array(recentEvent),
  /** The account's traffic since 00:00 UTC of this day, endpoints that are gone included. */
  today: z.object({
    requests: z.number(),
    connections: z.number(),
    bytesIn: z.number(),
    bytesOut: z.number(),
    errors: z.number(),
  }),
  edges: z.array(z.object({ nodeId: z.string(), online: z.boolean() })),
  /** Where agents dial in, and the root certificate with its SHA-256 (hex); for what people copy. */
  connect: z
    .object({ address: z.string(), caSha256: z.string(), caPem: z.string(), baseDomain: z.string() })
    .nullable(),
});
export type Overview = z.infer<typeof overview>;

/**
 * The `data` of one server-sent event. The first one is an `overview`, and so is each later change, at most one every
 * 250 ms; `changed` names lists of the REST API (by the first part of their path, and `team`) that are to be read again,
 * only those that this person may read, null for all of them; a `ping` comes when 5 s passed with nothing to say; `signed-out` is the last one before the API ends the stream.
 */
export const liveMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('overview'), overview }),
  z.object({ kind: z.literal('ping'), at: z.iso.datetime() }),
  z.object({ kind: z.literal('changed'), lists: z.array(z.string()).max(100).nullable() }),
  z.object({ kind: z.literal('signed-out') }),
]);
export type LiveMessage = z.infer<typeof liveMessage>;

/**
 * The `data` of one event of the exchanges' stream, at most one every 250 ms. `missed` were recorded and are not in it,
 * `dropped` were never recorded, since an edge had no room. Begins with a `ping`.
 */
export const exchangeMessage = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('exchanges'),
    exchanges: z.array(exchange.omit({ uri: true })),
    /** Of these, by id, those that the search of this stream finds and a line alone does not tell of. */
    found: z.array(z.string()),
    /** Exchanges with new messages, and how many they have by now. */
    messages: z.array(z.object({ id: z.string(), count: z.int() })),
    missed: z.number(),
    dropped: z.number(),
  }),
  z.object({ kind: z.literal('ping'), at: z.iso.datetime() }),
]);
export type ExchangeMessage = z.infer<typeof exchangeMessage>;
