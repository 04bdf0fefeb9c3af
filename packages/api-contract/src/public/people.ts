import { z } from 'zod';
import { bytesMax, common, description, metadata, ref, repeatedId, time } from './common.ts';

const name = z.string().min(1).max(255);
export const serviceUserCreate = z.strictObject({ name, active: z.boolean().nullish() });
export const serviceUserUpdate = z.strictObject({ ...repeatedId, name: name.nullish(), active: z.boolean().nullish() });
/** A machine that owns authtokens and API keys. While it is not active, none of them works. */
export const serviceUser = z.object({
  id: z.string(),
  uri: z.string(),
  created_at: time,
  name: z.string(),
  active: z.boolean(),
});
export type ServiceUserResource = z.infer<typeof serviceUser>;

export const personalAccessTokenCreate = z.strictObject({
  description,
  metadata,
  /** When it stops to work; null: when it is revoked. */
  expires_at: time.nullish(),
});
export const personalAccessTokenUpdate = z.strictObject({ ...repeatedId, description, metadata });
/** A person's own key for this API: it may what the person may. */
export const personalAccessToken = z.object({
  ...common,
  /** Only in the answer that creates it. */
  token: z.string().nullable(),
  owner_id: z.string(),
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  last_used_at: time.nullable(),
});
export type PersonalAccessTokenResource = z.infer<typeof personalAccessToken>;

const sshAcl = z.array(z.string().max(512)).max(100).nullish();
export const sshCredentialCreate = z.strictObject({
  description,
  metadata,
  acl: sshAcl,
  public_key: bytesMax(16_384),
  owner_id: z.string().max(64).nullish(),
});
export const sshCredentialUpdate = z.strictObject({ ...repeatedId, description, metadata, acl: sshAcl });
/** A public key that may open tunnels over SSH. */
export const sshCredential = z.object({
  ...common,
  public_key: z.string(),
  acl: z.array(z.string()),
  owner_id: z.string().nullable(),
});
export type SshCredentialResource = z.infer<typeof sshCredential>;

/** A visitor who signed in through the `oauth` or `openid-connect` action of a traffic policy. */
export const applicationUser = z.object({
  id: z.string(),
  uri: z.string(),
  identity_provider: z.object({ name: z.string(), url: z.string() }),
  provider_user_id: z.string(),
  username: z.string(),
  email: z.string(),
  name: z.string(),
  created_at: time,
  last_active: time,
  last_login: time,
});
export type ApplicationUserResource = z.infer<typeof applicationUser>;

const userAgent = z.object({
  raw: z.string(),
  browser_name: z.string(),
  browser_version: z.string(),
  device_type: z.string(),
  os_name: z.string(),
  os_version: z.string(),
});
const location = z.object({
  country_code: z.string().nullable(),
  latitude: z.number().nullable(),
  longitude: z.number().nullable(),
  lat_long_radius_km: z.number().nullable(),
});
/** One browser of such a visitor. */
export const applicationSession = z.object({
  id: z.string(),
  uri: z.string(),
  public_url: z.string(),
  browser_session: z.object({ user_agent: userAgent, ip_address: z.string(), location: location.nullable() }),
  application_user: ref,
  created_at: time,
  last_active: time,
  expires_at: time,
  endpoint: ref.nullable(),
  edge: ref.nullable(),
  route: ref.nullable(),
});
export type ApplicationSessionResource = z.infer<typeof applicationSession>;
