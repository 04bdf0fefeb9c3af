import { collections } from '@portico/api-contract/public';
import {
  createIpPolicy,
  createIpPolicyRule,
  createIpRestriction,
  deleteIpPolicy,
  deleteIpPolicyRule,
  deleteIpRestriction,
  findIpPolicy,
  findIpPolicyRule,
  findIpRestriction,
  type IpPolicyRow,
  type IpPolicyRuleRow,
  type IpRestrictionRow,
  knownIpPolicies,
  listIpPolicies,
  listIpPolicyRules,
  listIpRestrictions,
  updateIpPolicy,
  updateIpPolicyRule,
  updateIpRestriction,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { FastifyInstance } from 'fastify';
import type { ApiContext } from '../../context.ts';
import { parseRange } from '../../restrictions/address-range.ts';
import { type Call, collectionRoutes } from './collection-routes.ts';

/** `/ip_policies`, `/ip_policy_rules` and `/ip_restrictions`. */
export function ipPolicyRoutes(app: FastifyInstance, context: ApiContext): void {
  const tell = ({ accountId }: { readonly accountId: string }): void =>
    context.changes.publish({ kind: 'account-changed', accountId });
  collectionRoutes(app, context, collections.ipPolicies, {
    audited: 'ip_policy',
    shape: (resources, row: IpPolicyRow) => resources.ipPolicy(row),
    list: ({ queries, caller }, page) => listIpPolicies(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findIpPolicy(queries, caller.accountId, id),
    create: async ({ queries, caller, at }, { description, metadata }) => ({
      row: await createIpPolicy(queries, caller.accountId, {
        id: newId('ipp', at.getTime()),
        description: description ?? '',
        metadata: metadata ?? '',
        createdAt: at,
      }),
    }),
    update: ({ queries, caller }, id, { description, metadata }) =>
      updateIpPolicy(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
      }),
    remove: ({ queries, caller }, id) => deleteIpPolicy(queries, caller.accountId, id),
    changed: (_what, row: IpPolicyRow) => tell(row),
    faults: { referenced: () => new PorticoError(1407) },
  });

  collectionRoutes(app, context, collections.ipPolicyRules, {
    audited: 'ip_policy_rule',
    shape: (resources, row: IpPolicyRuleRow) => resources.ipPolicyRule(row),
    list: ({ queries, caller }, page) => listIpPolicyRules(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findIpPolicyRule(queries, caller.accountId, id),
    create: async (call, { description, metadata, cidr, ip_policy_id: policyId, action }) => {
      await checkPolicies(call, 'ip_policy_id', [policyId]);
      const row = await createIpPolicyRule(call.queries, call.caller.accountId, {
        id: newId('ipr', call.at.getTime()),
        policyId,
        cidr: checkedRange(cidr),
        action: action ?? 'allow',
        description: description ?? '',
        metadata: metadata ?? '',
        createdAt: call.at,
      });
      return { row };
    },
    update: ({ queries, caller }, id, { description, metadata, cidr }) =>
      updateIpPolicyRule(queries, caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
        cidr: cidr === null || cidr === undefined ? undefined : checkedRange(cidr),
      }),
    remove: ({ queries, caller }, id) => deleteIpPolicyRule(queries, caller.accountId, id),
    changed: (_what, row: IpPolicyRuleRow) => tell(row),
  });

  collectionRoutes(app, context, collections.ipRestrictions, {
    audited: 'ip_restriction',
    shape: (resources, row: IpRestrictionRow) => resources.ipRestriction(row),
    list: ({ queries, caller }, page) => listIpRestrictions(queries, caller.accountId, page),
    find: ({ queries, caller }, id) => findIpRestriction(queries, caller.accountId, id),
    create: async (call, { type, description, metadata, enforced, ip_policy_ids: policyIds }) => ({
      row: await createIpRestriction(call.queries, call.caller.accountId, {
        id: newId('ipx', call.at.getTime()),
        type,
        enforced: enforced ?? false,
        description: description ?? '',
        metadata: metadata ?? '',
        createdAt: call.at,
        policyIds: await checkPolicies(call, 'ip_policy_ids', policyIds ?? []),
      }),
    }),
    update: async (call, id, { description, metadata, enforced, ip_policy_ids: policyIds }) =>
      updateIpRestriction(call.queries, call.caller.accountId, id, {
        description: description ?? undefined,
        metadata: metadata ?? undefined,
        enforced: enforced ?? undefined,
        policyIds: policyIds ? await checkPolicies(call, 'ip_policy_ids', policyIds) : undefined,
      }),
    remove: ({ queries, caller }, id) => deleteIpRestriction(queries, caller.accountId, id),
    changed: (_what, row: IpRestrictionRow) => tell(row),
    faults: { conflict: () => new PorticoError(1802) },
  });
}

function checkedRange(text: string): string {
  const range = parseRange(text);
  if (range.kind === 'invalid') throw new PorticoError(1409, { reason: range.reason });
  return text.toLowerCase();
}

async function checkPolicies(call: Call, field: string, wanted: readonly string[]): Promise<string[]> {
  const ids = [...new Set(wanted)];
  const known = await knownIpPolicies(call.queries, call.caller.accountId, ids);
  const missing = ids.find((id) => !known.includes(id));
  if (missing !== undefined) throw new PorticoError(215, { field, reason: `there is no IP policy ${missing}` });
  return ids;
}
