import type { ConfigReader } from '../document/config-reader.ts';
import type { Template } from '../expressions/template.ts';
import { parseCidr } from '../ip-address.ts';
import { defineAction, never } from './action-definition.ts';

export interface RestrictIpsConfig {
  readonly enforce: boolean;
  readonly allow: readonly Template[];
  readonly deny: readonly Template[];
  /** Ids `ipp_…`, resolved by whoever runs the policy. */
  readonly ipPolicies: readonly string[];
}

export const restrictIps = defineAction({
  type: 'restrict-ips',
  phases: ['on_tcp_connect', 'on_http_request', 'on_http_response'],
  ends: never,
  read: (config): RestrictIpsConfig => {
    const allow = readCidrs('allow', config);
    const deny = readCidrs('deny', config);
    const ipPolicies = config.textList('ip_policies', { max: 100 });
    for (const reference of ipPolicies) {
      if (!/^ipp_[0-9A-Za-z]{1,64}$/.test(reference)) config.problem(2216, 'ip_policies', { reference });
    }
    if (allow.length + deny.length + ipPolicies.length === 0) {
      config.problem(2234, 'allow', {}, 'Give at least one of allow, deny and ip_policies.');
    }
    return { enforce: config.boolean('enforce', true), allow, deny, ipPolicies };
  },
});

function readCidrs(field: string, config: ConfigReader): readonly Template[] {
  const templates = config.templateList(field, { max: 1_000 });
  for (const { constant } of templates) {
    if (constant !== null && parseCidr(constant) === null) {
      config.problem(2217, field, { cidr: constant.slice(0, 64) }, 'Write it like 203.0.113.0/24 or 2001:db8::/32.');
    }
  }
  return templates;
}
