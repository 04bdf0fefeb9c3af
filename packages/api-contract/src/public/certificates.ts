import { z } from 'zod';
import { bytesMax, common, description, metadata, repeatedId, time } from './common.ts';

const pem = bytesMax(64 * 1024);

export const tlsCertificateCreate = z.strictObject({
  description,
  metadata,
  /** The certificate, then those that lead from it to a root. */
  certificate_pem: pem,
  /** Not encrypted; kept sealed, and never shown again. */
  private_key_pem: pem,
});
export const tlsCertificateUpdate = z.strictObject({ ...repeatedId, description, metadata });
export const tlsCertificate = z.object({
  ...common,
  certificate_pem: z.string(),
  subject_common_name: z.string(),
  subject_alternative_names: z.object({ dns_names: z.array(z.string()), ips: z.array(z.string()) }),
  /** Only of certificates that this server obtained. */
  issued_at: time.nullable(),
  not_before: time,
  not_after: time,
  key_usages: z.array(z.string()),
  extended_key_usages: z.array(z.string()),
  private_key_type: z.string(),
  issuer_common_name: z.string(),
  serial_number: z.string(),
  subject_organization: z.string(),
  subject_organizational_unit: z.string(),
  subject_locality: z.string(),
  subject_province: z.string(),
  subject_country: z.string(),
});
export type TlsCertificateResource = z.infer<typeof tlsCertificate>;

export const certificateAuthorityCreate = z.strictObject({ description, metadata, ca_pem: pem });
export const certificateAuthorityUpdate = z.strictObject({ ...repeatedId, description, metadata });
export const certificateAuthority = z.object({
  ...common,
  ca_pem: z.string(),
  subject_common_name: z.string(),
  not_before: time,
  not_after: time,
  key_usages: z.array(z.string()),
  extended_key_usages: z.array(z.string()),
});
export type CertificateAuthorityResource = z.infer<typeof certificateAuthority>;
