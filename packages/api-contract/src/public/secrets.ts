import { z } from 'zod';
import { description, metadata, repeatedId, time } from './common.ts';

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
