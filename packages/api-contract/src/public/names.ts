import { z } from 'zod';
import { common, description, metadata, ref, repeatedId, time, wantedId } from './common.ts';

/** Certificates that the server obtains for the domain. */
const managementPolicy = z.strictObject({
  authority: z.enum(['letsencrypt']).nullish(),
  private_key_type: z.enum(['ecdsa', 'rsa']).nullish(),
});

export const reservedDomainCreate = z.strictObject({
  domain: z.string().max(1024).nullish(),
  /** Older name of `domain`. */
  name: z.string().max(1024).nullish(),
  /** Accepted and without effect. */
  region: z.string().max(64).nullish(),
  certificate_id: wantedId.nullish(),
  certificate_management_policy: managementPolicy.nullish(),
  /** Traffic is not steered by region here: only none at all is accepted. */
  resolves_to: z.array(z.never()).nullish(),
  description,
  metadata,
});
export const reservedDomainUpdate = z.strictObject({
  ...repeatedId,
  certificate_id: wantedId.nullish(),
  certificate_management_policy: managementPolicy.nullish(),
  /** Traffic is not steered by region here: only none at all is accepted. */
  resolves_to: z.array(z.never()).nullish(),
  description,
  metadata,
});
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
  certificate_management_policy: z.object({ authority: z.string(), private_key_type: z.string() }).nullable(),
  certificate_management_status: z
    .object({
      renews_at: time.nullable(),
      /** The order that is under way, or waits to be tried again. */
      provisioning_job: z
        .object({
          error_code: z.string().nullable(),
          msg: z.string(),
          started_at: time,
          retries_at: time.nullable(),
        })
        .nullable(),
    })
    .nullable(),
  /** Of a name that is not under the base: what DNS says of it. Not of the original API. */
  dns_status: z
    .object({
      proven_at: time.nullable(),
      /** The name is given up a week after its proof has gone. */
      unproven_since: time.nullable(),
      checked_at: time.nullable(),
      /** One of the two proves the name: a CNAME to `cname_target`, or this text. */
      txt_name: z.string(),
      txt_value: z.string(),
      proof: z.enum(['cname', 'txt']).nullable(),
      /** Whether visitors of the name come here, as far as DNS tells. */
      routing: z.enum(['cname', 'address', 'elsewhere', 'none']).nullable(),
      /** Whether `_acme-challenge` leads to `acme_challenge_cname_target`. */
      acme: z.boolean(),
      aliases: z.array(z.string()),
      addresses: z.array(z.string()),
    })
    .nullable(),
});
export type ReservedDomainCreate = z.infer<typeof reservedDomainCreate>;
export type ReservedDomainUpdate = z.infer<typeof reservedDomainUpdate>;
export type ReservedDomainResource = z.infer<typeof reservedDomain>;

export const reservedAddrCreate = z.strictObject({
  description,
  metadata,
  /** Accepted and without effect. */
  region: z.string().max(64).nullish(),
});
export const reservedAddrUpdate = z.strictObject({ ...repeatedId, description, metadata });
/** A port for `tcp://` endpoints; `addr` is `host:port`. */
export const reservedAddr = z.object({ ...common, addr: z.string(), region: z.string() });
export type ReservedAddrResource = z.infer<typeof reservedAddr>;
