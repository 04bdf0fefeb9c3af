import { z } from 'zod';
import { common, description, metadata, ref, repeatedId, time, wantedId } from './common.ts';

const text = z.string().max(2048);
const arn = z.string().regex(/^arn:[\w:/.*-]{1,1024}$/, 'not an ARN');
const awsAuth = z.strictObject({
  role: z.strictObject({ role_arn: arn }).nullish(),
  creds: z.strictObject({ aws_access_key_id: text, aws_secret_access_key: text.nullish() }).nullish(),
});
const httpsUrl = z.url({ protocol: /^https?$/ }).max(2048);

/** Exactly one of these. Secrets in it are kept sealed and shown as "". */
export const eventTarget = z.strictObject({
  firehose: z.strictObject({ auth: awsAuth, delivery_stream_arn: arn }).nullish(),
  kinesis: z.strictObject({ auth: awsAuth, stream_arn: arn }).nullish(),
  cloudwatch_logs: z.strictObject({ auth: awsAuth, log_group_arn: arn }).nullish(),
  datadog: z
    .strictObject({ api_key: text.nullish(), ddtags: text.nullish(), service: text.nullish(), ddsite: text.nullish() })
    .nullish(),
  azure_logs_ingestion: z
    .strictObject({
      tenant_id: text,
      client_id: text,
      client_secret: text,
      logs_ingestion_uri: httpsUrl,
      data_collection_rule_id: text,
      data_collection_stream_name: text,
    })
    .nullish(),
  webhook: z
    .strictObject({
      url: httpsUrl,
      headers: z.record(z.string().max(256), text).nullish(),
      signing_secret: text.nullish(),
    })
    .nullish(),
  s3: z
    .strictObject({
      endpoint: httpsUrl,
      bucket: z.string().max(255),
      region: z.string().max(64).nullish(),
      prefix: z.string().max(512).nullish(),
      access_key_id: text,
      secret_access_key: text,
    })
    .nullish(),
  file: z.strictObject({ path: text }).nullish(),
  otlp: z.strictObject({ url: httpsUrl, headers: z.record(z.string().max(256), text).nullish() }).nullish(),
  syslog: z.strictObject({ address: z.string().max(300), tls: z.boolean().nullish() }).nullish(),
});
export type EventTarget = z.infer<typeof eventTarget>;

/** Those of a target that nobody is shown again; values of `headers` are secret too. */
export const secretTargetFields: ReadonlySet<string> = new Set([
  'aws_secret_access_key',
  'api_key',
  'client_secret',
  'signing_secret',
  'secret_access_key',
]);

const format = z.enum(['json']);
export const eventDestinationCreate = z.strictObject({
  description,
  metadata,
  format: format.nullish(),
  target: eventTarget,
});
export const eventDestinationUpdate = z.strictObject({
  ...repeatedId,
  description,
  metadata,
  format: format.nullish(),
  target: eventTarget.nullish(),
});
export const eventDestination = z.object({
  ...common,
  format: z.string(),
  target: z.record(z.string(), z.json()),
  /** How sending goes. Not of the original API. */
  delivery_status: z.object({
    state: z.enum(['active', 'failing', 'paused']),
    delivered: z.number(),
    /** Refused by the receiver, too old, or too many. */
    given_up: z.number(),
    last_delivered_at: time.nullable(),
    last_error: z.string().nullable(),
    last_error_at: time.nullable(),
    /** While it fails: when it is tried again. */
    next_attempt_at: time.nullable(),
  }),
});
export type EventDestinationResource = z.infer<typeof eventDestination>;

/** The queue of one destination; of what was given up the newest 100. */
export const eventDeliveries = z.object({
  pending: z.int(),
  given_up: z.int(),
  given_up_events: z.array(
    z.object({
      event_id: z.string(),
      event_type: z.string(),
      event_timestamp: time,
      attempts: z.int(),
      error: z.string(),
      given_up_at: time,
    }),
  ),
  uri: z.string(),
});
export type EventDeliveriesResource = z.infer<typeof eventDeliveries>;

const audited = [
  'api_key',
  'tunnel_credential',
  'domain',
  'tcp_address',
  'tls_certificate',
  'certificate_authority',
  'endpoint',
  'ip_policy',
  'ip_policy_rule',
  'ip_restriction',
  'event_subscription',
  'event_destination',
  'vault',
  'secret',
  'service_user',
  'ssh_public_key',
  'personal_access_token',
  'application_user',
  'application_session',
  'login',
  'user',
  'membership',
  'invitation',
  'account',
  'capture',
  'plan',
] as const;
/** Kinds of things whose changes are events. */
export type AuditedObject = (typeof audited)[number];

/** What a subscription may ask for. */
export const eventSourceTypes: readonly string[] = [
  'http_request_complete.v0',
  'tcp_connection_closed.v0',
  'agent_session_start.v0',
  'agent_session_stop.v0',
  'agent_session_refused.v0',
  'login_failed.v0',
  'endpoint_start.v0',
  'endpoint_stop.v0',
  ...audited.flatMap((name) => ['created', 'updated', 'deleted'].map((what) => `${name}_${what}.v0`)),
];

const connectionFields = [
  'endpoint_id',
  'conn.client_ip',
  'conn.server_ip',
  'conn.server_name',
  'conn.server_port',
  'conn.start_ts',
];
const trafficFields = new Map<string, readonly string[]>([
  [
    'http_request_complete.v0',
    [
      ...connectionFields,
      'request_id',
      'duration_ms',
      'error_code',
      'end',
      'http.request.method',
      'http.request.url.scheme',
      'http.request.url.host',
      'http.request.url.path',
      'http.request.url.query',
      'http.request.url.raw',
      'http.request.headers',
      'http.request.user_agent',
      'http.request.body_length',
      'http.response.status_code',
      'http.response.headers',
      'http.response.body_length',
      'ja4_fingerprint',
      'tls.version',
      'tls.cipher_suite',
      'tls.client_cert.serial_number',
      'tls.client_cert.subject.cn',
      'basic_auth.decision',
      'basic_auth.username',
      'circuit_breaker.decision',
      'compression.algorithm',
      'ip_policy.decision',
      'oauth.decision',
      'oauth.user.id',
      'oauth.user.name',
      'webhook_verification.decision',
      'traffic_policy.logs',
    ],
  ],
  ['tcp_connection_closed.v0', [...connectionFields, 'conn.end_ts', 'conn.bytes_in', 'conn.bytes_out']],
]);

/**
 * What a source of traffic may choose, and filter by as `ev.conn.client_ip`: paths into the event's object. Empty for
 * other kinds of events.
 */
export function eventSourceFields(type: string): readonly string[] {
  return trafficFields.get(type) ?? [];
}

const sourceType = z.string().refine((type) => eventSourceTypes.includes(type), 'not a type of event');
/** Of traffic, only the events that the filter accepts are sent, and of them these fields; all without any. */
const choice = { filter: z.string().max(4_096).nullish(), fields: z.array(z.string().max(64)).max(64).nullish() };
export type EventChoice = { readonly [Name in keyof typeof choice]?: z.infer<(typeof choice)[Name]> };
const sources = z.array(z.strictObject({ type: sourceType, ...choice })).max(100);
const destinationIds = z.array(wantedId).max(10);
export const eventSubscriptionCreate = z.strictObject({
  description,
  metadata,
  sources: sources.nullish(),
  destination_ids: destinationIds.nullish(),
});
export const eventSubscriptionUpdate = z.strictObject({
  ...repeatedId,
  description,
  metadata,
  sources: sources.nullish(),
  destination_ids: destinationIds.nullish(),
});
export const eventSource = z.object({
  type: z.string(),
  filter: z.string(),
  fields: z.array(z.string()),
  uri: z.string(),
});
export const eventSubscription = z.object({
  ...common,
  sources: z.array(eventSource),
  destinations: z.array(ref),
});
export type EventSubscriptionResource = z.infer<typeof eventSubscription>;
export type EventSourceResource = z.infer<typeof eventSource>;

const repeatedSource = { ...repeatedId, subscription_id: z.string().nullish() };
export const eventSourceCreate = z.strictObject({ ...repeatedSource, type: sourceType, ...choice });
export const eventSourceUpdate = z.strictObject({ ...repeatedSource, type: z.string().nullish(), ...choice });
export const eventSourceList = z.object({ sources: z.array(eventSource), uri: z.string() });
