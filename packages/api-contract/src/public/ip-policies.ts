import { z } from 'zod';
import { common, description, metadata, ref, repeatedId, wantedId } from './common.ts';

export const ipPolicyCreate = z.strictObject({ description, metadata });
export const ipPolicyUpdate = z.strictObject({ ...repeatedId, description, metadata });
export const ipPolicy = z.object(common);
export type IpPolicyResource = z.infer<typeof ipPolicy>;

export const ipPolicyRuleCreate = z.strictObject({
  description,
  metadata,
  /** With the lowest address of its range: 10.0.0.0/8, 2001:db8::/32. */
  cidr: z.string().max(64),
  ip_policy_id: wantedId,
  /** `allow` when it is left out. */
  action: z.enum(['allow', 'deny']).nullish(),
});
export const ipPolicyRuleUpdate = z.strictObject({
  ...repeatedId,
  description,
  metadata,
  cidr: z.string().max(64).nullish(),
});
export const ipPolicyRule = z.object({
  ...common,
  cidr: z.string(),
  ip_policy: ref,
  action: z.enum(['allow', 'deny']),
});
export type IpPolicyRuleResource = z.infer<typeof ipPolicyRule>;

const policyIds = z.array(wantedId).max(100);
export const ipRestrictionType = z.enum(['dashboard', 'api', 'agent', 'endpoints']);
export const ipRestrictionCreate = z.strictObject({
  description,
  metadata,
  type: ipRestrictionType,
  /** False: who would be refused is only written into the log. */
  enforced: z.boolean().nullish(),
  ip_policy_ids: policyIds.nullish(),
});
export const ipRestrictionUpdate = z.strictObject({
  ...repeatedId,
  description,
  metadata,
  enforced: z.boolean().nullish(),
  ip_policy_ids: policyIds.nullish(),
});
/** A denied range refuses; else, once there is an allowed range, only those are let in. */
export const ipRestriction = z.object({
  ...common,
  type: ipRestrictionType,
  enforced: z.boolean(),
  ip_policies: z.array(ref),
});
export type IpRestrictionResource = z.infer<typeof ipRestriction>;
