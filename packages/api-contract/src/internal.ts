/**
 * The internal routes: what edges and the dashboard ask of the API, over JSON, on a listener of its own.
 * Each caller sends `authorization: Bearer <node credential>`. Unknown fields are ignored on both sides,
 * so that an edge and an API one minor version apart understand each other.
 *
 * While the database is away every route that needs it answers 503 with `retry-after` (at most 2 seconds).
 */
import { z } from 'zod';
import { captureRule } from './capture.ts';

const id = z.string().min(1).max(128);
const isoTime = z.iso.datetime();
const counter = z.int().nonnegative();

/** An error of the catalogue in `packages/errors`: the code and what fills its text. */
export const refusalError = z.object({
  code: z.int(),
  details: z.record(z.string(), z.union([z.string(), z.number()])),
});
export type RefusalError = z.infer<typeof refusalError>;

/** A key with which every edge signs and checks bind tokens. Newest first in a list; the first one signs. */
export const bindKey = z.object({ id, secret: z.base64(), createdAt: isoTime });
export type BindKey = z.infer<typeof bindKey>;

export const helloRequest = z.object({
  nodeId: id,
  epoch: id,
  kind: z.literal('edge'),
  version: z.string().max(64),
  /** `host:port` where agents dial in, as people should write it. */
  connectAddress: z.string().max(256).optional(),
});
export const helloResponse = z.object({
  serverTime: isoTime,
  bindKeys: z.array(bindKey),
  baseDomain: z.string(),
});
export type HelloRequest = z.infer<typeof helloRequest>;
export type HelloResponse = z.infer<typeof helloResponse>;

/** What an edge may let one authtoken do. Kept by the edge under `tokenHash`, good for 24 h while the API is away. */
export const grant = z.object({
  credentialId: id,
  /** SHA-256 of the authtoken, lower-case hex. */
  tokenHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Grows with every change of the credential or its account. */
  version: z.int(),
  account: z.object({ id, name: z.string(), plan: z.string() }),
  /** `bind:…` rules; empty means everything. The API checks them on each bind. */
  acl: z.array(z.string()),
  limits: z.object({
    sessions: z.int().positive(),
    endpointsPerSession: z.int().positive(),
    streamsPerSession: z.int().positive(),
  }),
});
export type Grant = z.infer<typeof grant>;

export const agentFacts = z.object({
  version: z.string().max(256),
  os: z.string().max(256),
  arch: z.string().max(256),
  clientType: z.string().max(256),
  userAgent: z.string().max(1024),
});
export type AgentFacts = z.infer<typeof agentFacts>;

export const authorizeSessionRequest = z.object({
  nodeId: id,
  /** As the agent sent it; whatever its form is. */
  token: z.string().max(4096),
  clientIp: z.string().max(64),
  agent: agentFacts,
});
export const authorizeSessionResponse = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('granted'), grant }),
  z.object({ kind: z.literal('refused'), error: refusalError }),
]);
export type AuthorizeSessionRequest = z.infer<typeof authorizeSessionRequest>;
export type AuthorizeSessionResponse = z.infer<typeof authorizeSessionResponse>;

export const bindProto = z.enum(['http', 'https', 'tls', 'tcp']);
export type BindProto = z.infer<typeof bindProto>;

export const wantedName = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('host'), host: z.string().max(1024) }),
  z.object({ kind: z.literal('random') }),
  z.object({ kind: z.literal('port'), port: z.number() }),
  z.object({ kind: z.literal('any-port') }),
  /** A name that only other endpoints of the account reach; 1 to 65535. */
  z.object({ kind: z.literal('internal'), host: z.string().max(1024), port: z.number() }),
]);
export type WantedName = z.infer<typeof wantedName>;

export const authorizeBindRequest = z.object({
  nodeId: id,
  accountId: id,
  credentialId: id,
  proto: bindProto,
  wanted: wantedName,
  /** It would share its URL with others of its account. */
  poolingEnabled: z.boolean().optional(),
  /** Of a labelled tunnel, whose internal name is made of them. */
  labels: z.record(z.string(), z.string()).optional(),
});
export const authorizeBindResponse = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('granted'),
    /** Lower case, without dot or port at the end; null for TCP. */
    host: z.string().nullable(),
    /** The port that was asked for; null when any will do. */
    port: z.int().nullable(),
    reservedDomainId: z.string().nullable(),
    /** For `any-port`: ports that rest for another account. */
    avoidPorts: z.array(z.int()).default([]),
  }),
  z.object({ kind: z.literal('refused'), error: refusalError }),
]);
export type AuthorizeBindRequest = z.infer<typeof authorizeBindRequest>;
export type AuthorizeBindResponse = z.infer<typeof authorizeBindResponse>;

/** Who owns a host by reservation: asked before a certificate is made for a host that is not live. */
export const lookupDomainRequest = z.object({ nodeId: id, host: z.string().max(1024) });
export const lookupDomainResponse = z.object({ reserved: z.boolean(), accountId: z.string().nullable() });
export type LookupDomainRequest = z.infer<typeof lookupDomainRequest>;
export type LookupDomainResponse = z.infer<typeof lookupDomainResponse>;

/** One line of `GET /internal/v1/changes?nodeId=&epoch=` (ndjson). A hint only: the truth is `grants/reconcile`. */
export const change = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('grant-revoked'), credentialId: id }),
  z.object({ kind: z.literal('grant-changed'), credentialId: id }),
  z.object({ kind: z.literal('domain-changed'), host: z.string(), accountId: z.string().nullable() }),
  /** To the edge that has the session; it answers on `commands/outcome`. */
  z.object({
    kind: z.literal('session-command'),
    commandId: id,
    sessionId: id,
    command: z.enum(['stop', 'restart', 'update']),
    /** For `update`; '' is the newest. */
    version: z.string(),
  }),
  /** To the edge that has it: stops serving it and tells its agent. */
  z.object({ kind: z.literal('stop-endpoint'), endpointId: id, message: z.string() }),
  /** A cloud endpoint was made, changed or removed: `endpoints/feed` tells. */
  z.object({ kind: z.literal('endpoint-changed'), endpointId: id }),
  /** What `accounts/settings` tells of this account is another now. */
  z.object({ kind: z.literal('account-changed'), accountId: id }),
  /** These visitors must sign in anew: `visitors` tells all of them. */
  z.object({ kind: z.literal('visitors-signed-out'), sessionIds: z.array(id) }),
  /** The certificate of a reserved domain, or of all names under it. */
  z.object({ kind: z.literal('certificate-changed'), host: z.string() }),
  z.object({ kind: z.literal('bind-keys'), keys: z.array(bindKey) }),
  z.object({ kind: z.literal('ping') }),
]);
export type Change = z.infer<typeof change>;
export type SessionCommand = Extract<Change, { kind: 'session-command' }>;

/** What came of a command: the agent carries it out, it will not and says why, or it said nothing in time. */
export const commandOutcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('accepted') }),
  z.object({ kind: z.literal('refused'), reason: z.string().max(1024) }),
  z.object({ kind: z.literal('silent') }),
]);
export const commandOutcomeRequest = z.object({ nodeId: id, commandId: id, outcome: commandOutcome });
export const commandOutcomeResponse = z.object({ accepted: z.literal(true) });
export type CommandOutcome = z.infer<typeof commandOutcome>;
export type CommandOutcomeRequest = z.infer<typeof commandOutcomeRequest>;
export type CommandOutcomeResponse = z.infer<typeof commandOutcomeResponse>;

export const reconcileRequest = z.object({
  nodeId: id,
  grants: z.array(z.object({ credentialId: id, version: z.int() })).max(10_000),
});
export const reconcileResponse = z.object({
  /** Credentials whose sessions must end. */
  gone: z.array(id),
  /** Grants that are newer than the one the edge named. */
  changed: z.array(grant),
});
export type ReconcileRequest = z.infer<typeof reconcileRequest>;
export type ReconcileResponse = z.infer<typeof reconcileResponse>;

/** A URL without an agent: what stands behind it is its traffic policy. */
export const cloudEndpoint = z.object({
  id,
  accountId: id,
  proto: bindProto,
  /** Lower case, may start with `*.`; '' for tcp. */
  host: z.string().max(1024),
  /** Of tcp and of internal endpoints; 0: the port of the public listener. */
  port: z.int(),
  internal: z.boolean(),
  poolingEnabled: z.boolean(),
  trafficPolicy: z.string(),
  /** Its domain is not its account's now: visitors are not led to it. */
  nameLost: z.boolean().optional(),
});
export type CloudEndpoint = z.infer<typeof cloudEndpoint>;

export const endpointFeedRequest = z.object({
  nodeId: id,
  /** The last change that the edge has; 0 for all that there are. */
  after: counter,
});
export const endpointFeedResponse = z.object({
  /** Made or changed after it, in the order of the changes. */
  endpoints: z.array(cloudEndpoint),
  gone: z.array(id),
  /** The last change that this answer covers: where the next question begins. */
  upTo: counter,
  hasMore: z.boolean(),
  /** The API does not know what was removed since `after`: ask from 0, and drop what does not come again. */
  mustRestart: z.boolean(),
  /** How many there are in all. */
  total: counter,
});
export type EndpointFeedRequest = z.infer<typeof endpointFeedRequest>;
export type EndpointFeedResponse = z.infer<typeof endpointFeedResponse>;

const cidrs = z.array(z.string().max(64));
/** A denied range refuses; else, once there is an allowed range, only those are let in. */
export const addressRules = z.object({ allow: cidrs, deny: cidrs });
export const restriction = addressRules.extend({
  /** False: who would be refused is only written into the log. */
  enforced: z.boolean(),
});
export type Restriction = z.infer<typeof restriction>;

const secretName = z.object({ vault: z.string().max(255), name: z.string().max(255) });
/** What edges keep of an account whose endpoints they serve. Holds secrets: never for a log. */
export const accountSettings = z.object({
  accountId: id,
  /** Grows with every change of what follows. */
  version: z.int(),
  suspended: z.boolean(),
  ipPolicies: z.array(addressRules.extend({ id })),
  restrictions: z.object({ agent: restriction.nullable(), endpoints: restriction.nullable() }),
  certificateAuthorities: z.array(z.object({ id, pem: z.string() })).default([]),
  /** Those of the named ones that there are. */
  secrets: z.array(secretName.extend({ value: z.string() })),
  /** Kinds of events about its traffic that somebody waits for. */
  events: z.array(z.enum(['http_request_complete.v0', 'tcp_connection_closed.v0'])).default([]),
  /** Null: without limit. */
  limits: z
    .object({
      requestsPerSecond: z.int().positive().nullable(),
      connectionsPerSecond: z.int().positive().nullable(),
      /** What is used up, with the code of its error; nothing is served until then. */
      exhausted: z.object({ code: z.int(), limit: z.number(), until: isoTime }).nullable(),
    })
    .default({ requestsPerSecond: null, connectionsPerSecond: null, exhausted: null }),
  /** What may be kept of single exchanges; null: nothing. */
  capture: captureRule.nullable(),
});
export type AccountSettings = z.infer<typeof accountSettings>;

export const accountSettingsRequest = z.object({
  nodeId: id,
  accounts: z
    .array(
      z.object({
        accountId: id,
        /** What the edge has; null: nothing, or not all of the secrets. */
        version: z.int().nullable(),
        /** Named by policies that are live on the edge; the vault by its name or its id. */
        secrets: z.array(secretName).max(1_000),
      }),
    )
    .max(200),
});
export const accountSettingsResponse = z.object({
  /** Of accounts with a newer version than the edge named. */
  changed: z.array(accountSettings),
  gone: z.array(id),
});
export type AccountSettingsRequest = z.infer<typeof accountSettingsRequest>;
export type AccountSettingsResponse = z.infer<typeof accountSettingsResponse>;

/** Traffic of one endpoint in one minute since the last report (not a running total). */
export const usageRow = z.object({
  accountId: id,
  endpointId: id,
  url: z.string().max(1024),
  /** Start of the minute. */
  minute: isoTime,
  requests: counter,
  connections: counter,
  /** From visitors to the upstream. */
  bytesIn: counter,
  /** From the upstream to visitors. */
  bytesOut: counter,
  /** Requests and connections that failed beyond the edge: refused, reset, timed out, malformed. */
  errors: counter,
  /** Catalogue code of the last of them. */
  lastErrorCode: z.int().nullish(),
});
export type UsageRow = z.infer<typeof usageRow>;

export const usageRequest = z.object({
  nodeId: id,
  epoch: id,
  /** Grows by one a report; a report with a seq that was counted before changes nothing. */
  seq: counter,
  rows: z.array(usageRow).max(2_000),
});
export type UsageRequest = z.infer<typeof usageRequest>;

export const batchResponse = z.object({ accepted: z.literal(true), duplicate: z.boolean() });
export type BatchResponse = z.infer<typeof batchResponse>;

export const eventType = z.enum([
  'http_request_complete.v0',
  'tcp_connection_closed.v0',
  'agent_session_start.v0',
  'agent_session_stop.v0',
  'agent_session_refused.v0',
  'endpoint_start.v0',
  'endpoint_stop.v0',
]);
export type EventType = z.infer<typeof eventType>;

export const lifecycleEvent = z.object({
  /** `ev_…`: an event that comes twice counts once. */
  id,
  type: eventType,
  at: isoTime,
  /** Null when a refused token belongs to no account. */
  accountId: id.nullable(),
  /** Flat facts for people: sessionId, endpointId, url, ip, agentVersion, reason, errorCode … Never a secret. */
  object: z.record(z.string(), z.json()),
});
export type LifecycleEvent = z.infer<typeof lifecycleEvent>;

export const eventsRequest = z.object({
  nodeId: id,
  epoch: id,
  /** Counted apart from the seq of usage reports. */
  seq: counter,
  events: z.array(lifecycleEvent).max(1_000),
});
export type EventsRequest = z.infer<typeof eventsRequest>;

/**
 * The certificate of a name that is not, or not only, this edge's to certify: one that its owner attached, one that
 * was obtained for the domain, or a leaf of the API's own for a domain that was proven.
 */
export const certificateRequest = z.object({
  nodeId: id,
  /** A host, or `*.` and the name above it. */
  name: z.string().max(256),
  /** X25519, SubjectPublicKeyInfo, base64: the key travels sealed to it (`createBoxKey` of `packages/pki`). */
  boxKey: z.base64().max(128),
});
export const certificateResponse = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('found'),
    /** Changes when another certificate is to be served. */
    version: z.string(),
    chainPem: z.string(),
    /** PKCS#8, PEM; sealed with `certificate` and the name as purpose. */
    sealedKey: z.base64(),
  }),
  /** Names under the base are the edge's own to certify then; others have none. */
  z.object({ kind: z.literal('none') }),
]);
export type CertificateRequest = z.infer<typeof certificateRequest>;
export type CertificateResponse = z.infer<typeof certificateResponse>;

/** Which certificates are to be fetched anew. A version of "" stands for none. */
export const certificateVersionsRequest = z.object({
  nodeId: id,
  names: z.array(z.object({ name: z.string().max(256), version: z.string().max(128) })).max(2_000),
});
export const certificateVersionsResponse = z.object({ changed: z.array(z.string()) });
export type CertificateVersionsRequest = z.infer<typeof certificateVersionsRequest>;
export type CertificateVersionsResponse = z.infer<typeof certificateVersionsResponse>;

/** What a certificate authority wants to see of a name while it checks it. Null: nothing is under way. */
export const challengeRequest = z.object({
  nodeId: id,
  kind: z.enum(['http-01', 'tls-alpn-01']),
  host: z.string().max(256),
  /** Of http-01. */
  token: z.string().max(256).optional(),
});
export const challengeResponse = z.object({ answer: z.string().nullable() });
export type ChallengeRequest = z.infer<typeof challengeRequest>;
export type ChallengeResponse = z.infer<typeof challengeResponse>;

export const issuingRequest = z.object({
  nodeId: id,
  publicKeyPem: z.string().max(4096),
  /** That the sender holds the private key: `provePossession` of `packages/pki`, with the node's id as context. */
  proof: z.base64().max(512),
});
export const issuingResponse = z.object({ chainPem: z.string(), rootPem: z.string(), notAfter: isoTime });
export type IssuingRequest = z.infer<typeof issuingRequest>;
export type IssuingResponse = z.infer<typeof issuingResponse>;

/** Values of the live keys in the registry (JSON text). Written by edges, read by the API for its lists. */
export const liveSession = z.object({
  sessionId: id,
  accountId: id,
  credentialId: id,
  /** What people know the agent by: its host name, if it told one. */
  agentName: z.string().optional(),
  agentVersion: z.string(),
  os: z.string(),
  arch: z.string(),
  clientType: z.string(),
  userAgent: z.string(),
  transport: z.string(),
  ip: z.string(),
  region: z.string(),
  startedAt: isoTime,
  metadata: z.string(),
  nodeId: id,
  clientId: z.string(),
});
export type LiveSession = z.infer<typeof liveSession>;

/** An edge, as far as others have to know it. */
export const liveNode = z.object({
  nodeId: id,
  /** Where its listeners for visitors can be reached by the API. */
  visitors: z.object({ host: z.string(), http: z.int(), https: z.int() }).optional(),
  /** Ports that stand in URLs of these schemes. */
  publicPorts: z.object({ http: z.int(), https: z.int() }).optional(),
  /** Differs from one start to the next. */
  epoch: z.string().optional(),
  version: z.string().optional(),
  /** Where agents dial in. */
  connectAddress: z.string().optional(),
  /** It takes nothing new and is about to stop. */
  draining: z.boolean().optional(),
  startedAt: isoTime.optional(),
  /** When the certificate ends with which it certifies names; null: it has none yet. */
  issuingNotAfter: isoTime.nullable().optional(),
});
export type LiveNode = z.infer<typeof liveNode>;

export const liveClaim = z.object({
  endpointId: id,
  accountId: id,
  sessionId: id,
  nodeId: id,
  url: z.string(),
  proto: bindProto,
  name: z.string(),
  metadata: z.string(),
  forwardsTo: z.string(),
  startedAt: isoTime,
  bindId: z.string(),
  /** Only other endpoints of the account reach it. */
  internal: z.boolean().optional(),
  /** Shares its URL with others of its account. */
  poolingEnabled: z.boolean().optional(),
  description: z.string().optional(),
  /** What the upstream speaks; HTTP/1.1 if nothing is said. */
  forwardsProto: z.literal('http2').optional(),
  /** Of a labelled tunnel. */
  labels: z.record(z.string(), z.string()).optional(),
});
export type LiveClaim = z.infer<typeof liveClaim>;

/** Decimal degrees and kilometres; null where the operator's data files do not say. */
export const visitorPlace = z.object({
  countryCode: z.string().max(8),
  latitude: z.number().min(-90).max(90).nullable(),
  longitude: z.number().min(-180).max(180).nullable(),
  radiusKm: z.number().nonnegative().nullable(),
});
export type VisitorPlace = z.infer<typeof visitorPlace>;

/** Visitors who signed in through a policy, or were active; told again what was told already does no harm. */
export const visitorSession = z.object({
  /** `appses_…`, made by the edge. */
  id: z.string().regex(/^appses_[0-9A-Za-z]{27}$/),
  accountId: id,
  endpointId: z.string().max(64).nullable(),
  publicUrl: z.string().max(2048),
  /** `google`, or the issuer. */
  provider: z.string().max(1024),
  subject: z.string().min(1).max(512),
  username: z.string().max(512),
  email: z.string().max(512),
  name: z.string().max(512),
  ip: z.string().max(64),
  userAgent: z.string().max(512),
  place: visitorPlace.nullable().optional(),
  startedAt: z.iso.datetime(),
  lastActiveAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});
export type VisitorSession = z.infer<typeof visitorSession>;
export const visitorsRequest = z.object({ nodeId: id, sessions: z.array(visitorSession).max(500) });
/** Sessions that were ended here and would still be good by their cookies. */
export const visitorsResponse = z.object({ ended: z.array(z.string()) });
export type VisitorsRequest = z.infer<typeof visitorsRequest>;
export type VisitorsResponse = z.infer<typeof visitorsResponse>;

export const internalPaths = {
  hello: '/internal/v1/nodes/hello',
  authorizeSession: '/internal/v1/sessions/authorize',
  authorizeBind: '/internal/v1/binds/authorize',
  lookupDomain: '/internal/v1/domains/lookup',
  changes: '/internal/v1/changes',
  reconcile: '/internal/v1/grants/reconcile',
  endpointFeed: '/internal/v1/endpoints/feed',
  accountSettings: '/internal/v1/accounts/settings',
  usage: '/internal/v1/usage',
  events: '/internal/v1/events',
  exchanges: '/internal/v1/exchanges',
  commandOutcome: '/internal/v1/commands/outcome',
  issuing: '/internal/v1/pki/issuing',
  visitors: '/internal/v1/visitors',
  certificate: '/internal/v1/certificates/get',
  certificateVersions: '/internal/v1/certificates/versions',
  challenge: '/internal/v1/acme/challenge',
  registry: '/internal/v1/registry',
} as const;

export * from './capture.ts';
export { InternalApiError, InternalClient, type InternalClientOptions } from './internal-client.ts';
