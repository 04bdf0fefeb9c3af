import { z } from 'zod';
import { bytesMax, description, metadata, ref, repeatedId, time } from './common.ts';

/** YAML or JSON. */
const trafficPolicy = bytesMax(256 * 1024);
const bindings = z.array(z.enum(['public', 'internal'])).max(1);
const url = z.string().max(1_024);
/** Some clients send what they never set: empty texts. */
const unset = z.literal('').nullish();

/** A cloud endpoint: always on, without an agent; its traffic policy answers, or forwards to internal endpoints. */
export const endpointCreate = z.strictObject({
  description,
  metadata,
  /** `https://host`, `http://host`, `tls://host` or `tcp://host:port`; a host that ends in .internal is internal. */
  url,
  type: z.literal('cloud').or(unset),
  traffic_policy: trafficPolicy,
  bindings: bindings.nullish(),
  pooling_enabled: z.boolean().nullish(),
});
export const endpointUpdate = z.strictObject({
  ...repeatedId,
  description,
  metadata,
  url: url.nullish(),
  traffic_policy: trafficPolicy.nullish(),
  bindings: bindings.nullish(),
  pooling_enabled: z.boolean().nullish(),
});

/** Those of agents are read-only here: they live as long as their agent keeps them. */
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
