import { createHash } from 'node:crypto';
import { PorticoError } from '@portico/errors';
import {
  type BindOptions,
  MessageError,
  type OptionName,
  parseBindOptions,
  type RawOptions,
  type TunnelProto,
  unsupportedOptions,
} from '@portico/protocol';

/**
 * What this edge does for an endpoint beyond carrying bytes; the agent alone sees to `MutualTLSAtAgent`. All but
 * `ProxyProto` and `WebsocketTCPConverter` become rules of a policy (`bind-policy.ts`).
 */
const HONOURED: ReadonlySet<OptionName> = new Set<OptionName>([
  'Auth',
  'BasicAuth',
  'CircuitBreaker',
  'Compression',
  'HostHeaderRewrite',
  'IPRestriction',
  'MutualTLSAtAgent',
  'MutualTLSAtEdge',
  'MutualTLSCA',
  'OAuth',
  'OIDC',
  'Policy',
  'ProxyProto',
  'RequestHeaders',
  'ResponseHeaders',
  'TLSTermination',
  'TrafficPolicy',
  'UserAgentFilter',
  'WebhookVerification',
  'WebsocketTCPConverter',
]);

/**
 * Reads the options of a bind and refuses by name each one that this edge would otherwise drop: a user who asked for
 * basic auth must never get an open endpoint.
 * @throws PorticoError 310 naming the options, or what cannot be read of them.
 */
export function honouredOptions(proto: TunnelProto, raw: RawOptions): BindOptions {
  let options: BindOptions;
  try {
    options = parseBindOptions(proto, raw);
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    throw new PorticoError(310, { option: error.message });
  }
  const refused = unsupportedOptions(proto, options, HONOURED);
  if (refused.length > 0) throw new PorticoError(310, { option: refused.slice(0, 10).join(', ').slice(0, 200) });
  return options;
}

/** They name the endpoint; the resolved one comes back in an echo. */
const NAME_OPTIONS = new Set(['url', 'domain', 'hostname', 'subdomain', 'addr']);

/**
 * A hash of what the options ask for, whatever the spelling, order or absent fields with which a client echoes them;
 * the URL is left out.
 */
export function hashOptions(options: RawOptions): string {
  const entries = Object.entries(options)
    .map(([name, value]): [string, unknown] => [name.toLowerCase(), value])
    .filter(([name, value]) => !NAME_OPTIONS.has(name) && !isOff(value));
  return createHash('sha256')
    .update(canonical(Object.fromEntries(entries)))
    .digest('base64url')
    .slice(0, 22);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, field]) => !isOff(field))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.join(',')}}`;
}

/** A value that says "not asked for". `{}` asks for something: `Compression: {}` is on. */
function isOff(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === '') return true;
  return Array.isArray(value) && value.length === 0;
}
