import { createHash } from 'node:crypto';
import { PorticoError } from '@portico/errors';

/** What this edge does for an endpoint beyond carrying bytes. */
export interface HonouredOptions {
  readonly proxyProtocol: 0 | 1 | 2;
}

/** They name the endpoint or are display only; `wantedName` reads them. */
const NAME_OPTIONS = new Set(['url', 'domain', 'hostname', 'subdomain', 'addr']);

/**
 * Says which options are asked for and refuses by name each one that this edge would otherwise drop: a user who
 * asked for basic auth must never get an open endpoint.
 * @param options as received, names in any case. Null, false, 0, '' and empty lists mean "off".
 * @throws PorticoError 310 naming the option.
 */
export function honouredOptions(options: Readonly<Record<string, unknown>>): HonouredOptions {
  let proxyProtocol: 0 | 1 | 2 = 0;
  for (const [name, value] of Object.entries(options)) {
    const key = name.toLowerCase();
    if (isOff(value) || NAME_OPTIONS.has(key)) continue;
    if (key === 'proxyproto' && (value === 1 || value === 2)) proxyProtocol = value;
    // The scheme of the upstream matters to the agent, which dials it.
    else if (key === 'localurlscheme') continue;
    // The agent ends the TLS: nothing for the edge to do.
    else if (key === 'mutualtlsatagent') continue;
    else throw new PorticoError(310, { option: name });
  }
  return { proxyProtocol };
}

/** A value that says "not asked for". `{}` asks for something: `Compression: {}` is on. */
function isOff(value: unknown): boolean {
  return value === null || value === undefined || value === false || value === 0 || value === '' || isEmptyList(value);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/**
 * A hash of what the options ask for, whatever the spelling, order or absent fields with which a client echoes
 * them; the URL is left out, since the resolved one comes back.
 */
export function hashOptions(options: Readonly<Record<string, unknown>>): string {
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
