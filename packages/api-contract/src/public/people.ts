import { z } from 'zod';
import { repeatedId, time } from './common.ts';

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
