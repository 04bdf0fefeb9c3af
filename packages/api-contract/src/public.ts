/**
 * The public REST API: shapes of its resources as scripts and client libraries know them. Times are RFC 3339 in UTC,
 * a reference is `{id, uri}`, `description` holds at most 255 bytes and `metadata` 4,096.
 *
 * In what callers send, a field that is absent or null is left as it is; "" clears it. Unknown fields are refused.
 */
import { z } from 'zod';

const bytesMax = (bytes: number) =>
  z.string().refine((text) => new TextEncoder().encode(text).length <= bytes, `longer than ${bytes} bytes`);
const description = bytesMax(255).nullish();
const metadata = bytesMax(4096).nullish();
const time = z.iso.datetime();

export const ref = z.object({ id: z.string(), uri: z.string() });
export type Ref = z.infer<typeof ref>;

/** One client library repeats the id of the path in the body of an update. */
const repeatedId = { id: z.string().nullish() };

export const credentialCreate = z.strictObject({
  description,
  metadata,
  acl: z.array(z.string().max(512)).max(100).nullish(),
  owner_id: z.string().max(64).nullish(),
});
export const credentialUpdate = z.strictObject({
  ...repeatedId,
  description,
  metadata,
  acl: z.array(z.string().max(512)).max(100).nullish(),
});
export const credential = z.object({
  id: z.string(),
  uri: z.string(),
  created_at: time,
  description: z.string(),
  metadata: z.string(),
  /** Only in the answer that creates it. */
  token: z.string().nullable(),
  acl: z.array(z.string()),
  owner_id: z.string().nullable(),
});
export type CredentialCreate = z.infer<typeof credentialCreate>;
export type CredentialUpdate = z.infer<typeof credentialUpdate>;
export type CredentialResource = z.infer<typeof credential>;

export const apiKeyCreate = z.strictObject({ description, metadata, owner_id: z.string().max(64).nullish() });
export const apiKeyUpdate = z.strictObject({ ...repeatedId, description, metadata });
export const apiKey = z.object({
  id: z.string(),
  uri: z.string(),
  created_at: time,
  description: z.string(),
  metadata: z.string(),
  /** Only in the answer that creates it. */
  token: z.string().nullable(),
  owner_id: z.string().nullable(),
});
export type ApiKeyCreate = z.infer<typeof apiKeyCreate>;
export type ApiKeyUpdate = z.infer<typeof apiKeyUpdate>;
export type ApiKeyResource = z.infer<typeof apiKey>;

export const reservedDomainCreate = z.strictObject({
  domain: z.string().max(1024).nullish(),
  /** Older name of `domain`. */
  name: z.string().max(1024).nullish(),
  /** Accepted and without effect. */
  region: z.string().max(64).nullish(),
  description,
  metadata,
});
export const reservedDomainUpdate = z.strictObject({ ...repeatedId, description, metadata });
export const reservedDomain = z.object({
  id: z.string(),
  uri: z.string(),
  created_at: time,
  description: z.string(),
  metadata: z.string(),
  domain: z.string(),
  region: z.string(),
  cname_target: z.string().nullable(),
  acme_challenge_cname_target: z.string().nullable(),
  certificate: ref.nullable(),
  certificate_management_policy: z.null(),
  certificate_management_status: z.null(),
});
export type ReservedDomainCreate = z.infer<typeof reservedDomainCreate>;
export type ReservedDomainUpdate = z.infer<typeof reservedDomainUpdate>;
export type ReservedDomainResource = z.infer<typeof reservedDomain>;

/** Agent endpoints are read-only here: they live as long as their agent keeps them. */
export const endpoint = z.object({
  id: z.string(),
  uri: z.string(),
  created_at: time,
  updated_at: time,
  name: z.string(),
  description: z.string(),
  metadata: z.string(),
  type: z.enum(['ephemeral', 'cloud']),
  public_url: z.string(),
  url: z.string(),
  proto: z.string(),
  scheme: z.string(),
  host: z.string(),
  port: z.number(),
  hostport: z.string(),
  region: z.string(),
  bindings: z.array(z.string()),
  pooling_enabled: z.boolean(),
  traffic_policy: z.string(),
  upstream_url: z.string(),
  upstream_protocol: z.string(),
  domain: ref.nullable(),
  tcp_addr: ref.nullable(),
  tunnel: ref.nullable(),
  tunnel_session: ref.nullable(),
  edge: ref.nullable(),
  principal: ref.nullable(),
});
export type EndpointResource = z.infer<typeof endpoint>;

export const tunnel = z.object({
  id: z.string(),
  uri: z.string(),
  public_url: z.string(),
  proto: z.string(),
  started_at: time,
  metadata: z.string(),
  region: z.string(),
  forwards_to: z.string(),
  tunnel_session: ref,
  endpoint: ref.nullable(),
  labels: z.record(z.string(), z.string()),
  backends: z.array(ref),
});
export type TunnelResource = z.infer<typeof tunnel>;

export const tunnelSession = z.object({
  id: z.string(),
  uri: z.string(),
  agent_version: z.string(),
  credential: ref,
  ip: z.string(),
  metadata: z.string(),
  os: z.string(),
  region: z.string(),
  started_at: time,
  transport: z.string(),
});
export type TunnelSessionResource = z.infer<typeof tunnelSession>;

/** `details.operation_id` finds the request in the server's log. */
export const apiError = z.object({
  /** `ERR_NGROK_…` */
  error_code: z.string(),
  status_code: z.int(),
  msg: z.string(),
  details: z.record(z.string(), z.string()),
});
export type ApiError = z.infer<typeof apiError>;
