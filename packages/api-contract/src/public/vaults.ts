import { z } from 'zod';
import { bytesMax, common, description, metadata, ref, repeatedId, time, wantedId } from './common.ts';

const name = z.string().regex(/^[a-zA-Z0-9_/.-]{1,255}$/, 'letters, digits and _ / . - only, 1 to 255 of them');
const value = bytesMax(64 * 1024);

export const vaultCreate = z.strictObject({ description, metadata, name });
export const vaultUpdate = z.strictObject({ ...repeatedId, description, metadata, name: name.nullish() });
export const vault = z.object({
  ...common,
  name: z.string(),
  updated_at: time,
  created_by: z.string(),
  last_updated_by: z.string(),
});
export type VaultResource = z.infer<typeof vault>;

export const vaultSecretCreate = z.strictObject({
  description,
  metadata,
  name,
  value,
  /** Either this or `vault_name`. */
  vault_id: wantedId.nullish(),
  vault_name: z.string().max(255).nullish(),
});
export const vaultSecretUpdate = z.strictObject({
  ...repeatedId,
  description,
  metadata,
  name: name.nullish(),
  value: value.nullish(),
});
/** The value is never shown again. */
export const vaultSecret = z.object({
  ...common,
  name: z.string(),
  updated_at: time,
  vault: ref,
  vault_name: z.string(),
  created_by: ref,
  last_updated_by: ref,
});
export type VaultSecretResource = z.infer<typeof vaultSecret>;
