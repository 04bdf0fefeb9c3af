import { z } from 'zod';
import { common, description, metadata, ref, repeatedId, time, wantedId } from './common.ts';

export const reservedDomainCreate = z.strictObject({
  domain: z.string().max(1024).nullish(),
  /** Older name of `domain`. */
  name: z.string().max(1024).nullish(),
  /** Accepted and without effect. */
  region: z.string().max(64).nullish(),
  certificate_id: wantedId.nullish(),
  certificate_management_policy: z.null().optional(),
  /** Traffic is not steered by region here: only none at all is accepted. */
  resolves_to: z.array(z.never()).nullish(),
  description,
  metadata,
});
export const reservedDomainUpdate = z.strictObject({
  ...repeatedId,
  certificate_id: wantedId.nullish(),
  certificate_management_policy: z.null().optional(),
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
  certificate_management_policy: z.null(),
  certificate_management_status: z.null(),
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
