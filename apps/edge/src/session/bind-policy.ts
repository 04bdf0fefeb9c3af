import { PorticoError } from '@portico/errors';
import type { BindOptions, RawOptions, TunnelProto } from '@portico/protocol';
import { type ClassicOptions, type PolicyTarget, readBindOptions, translateOptions } from '@portico/traffic-policy';
import type { EndpointPolicy } from '../policy/endpoint-policy.ts';
import type { Policies } from '../policy/policies.ts';

/** What the options of a bind ask of the edge, as policy documents (design D8). */
export interface BindDocuments {
  /** Of the classic options; they run before what the document says. Null: none is on. */
  readonly classic: string | null;
  /** As the agent wrote it; '' for none. */
  readonly written: string;
}

/**
 * @param forwardsTo the upstream in the agent's words
 * @throws PorticoError 310 naming an option that cannot be read
 */
export function bindDocuments(
  proto: TunnelProto,
  raw: RawOptions,
  options: BindOptions,
  forwardsTo: string,
): BindDocuments {
  const read = readBindOptions(raw);
  if (read.kind === 'refused') throw new PorticoError(310, { option: read.reason });
  const asked = withOlderAuth(read.options, options.auth);
  const classic = translateOptions(options.hostHeaderRewrite ? withOwnHost(asked, forwardsTo) : asked, proto);
  return {
    classic: classic === null ? null : JSON.stringify(classic),
    written: options.trafficPolicy === '' ? olderPolicy(options.policy) : options.trafficPolicy,
  };
}

/** @throws PolicyRefused with the code of the first problem, PorticoError 310 for what this edge does not do */
export function bindPolicy(policies: Policies, documents: BindDocuments, target: PolicyTarget): EndpointPolicy | null {
  const { classic, written } = documents;
  const texts = [...(classic === null ? [] : [classic]), ...(written === '' ? [] : [written])];
  return policies.compileAll(texts, target);
}

/** `user:pass` of very old clients. */
function withOlderAuth(options: ClassicOptions, auth: string): ClassicOptions {
  if (auth === '' || options.basicAuth !== undefined) return options;
  const colon = auth.indexOf(':');
  if (colon === -1) throw new PorticoError(310, { option: 'Auth without a colon' });
  return { ...options, basicAuth: [{ username: auth.slice(0, colon), password: auth.slice(colon + 1) }] };
}

/** The upstream sees its own name as Host, unless the agent gives one of its choice. */
function withOwnHost(options: ClassicOptions, forwardsTo: string): ClassicOptions {
  if (options.requestHeaders?.add.some(([name]) => name.toLowerCase() === 'host') === true) return options;
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(forwardsTo) ? forwardsTo : `http://${forwardsTo}`);
  if (url === null || url.host === '' || !['http:', 'https:'].includes(url.protocol)) {
    throw new PorticoError(310, { option: 'HostHeaderRewrite for an upstream without a URL' });
  }
  return { ...options, hostHeader: url.host };
}

/** The deprecated policy is an object in the same form; null and empty ask for nothing. */
function olderPolicy(policy: unknown): string {
  if (policy === null || policy === undefined) return '';
  if (typeof policy === 'string') return policy;
  return Object.keys(policy).length === 0 ? '' : JSON.stringify(policy);
}
