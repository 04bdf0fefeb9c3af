import { PorticoError } from '@portico/errors';
import type { EndpointProto } from '../endpoint/endpoint.ts';

/** What a bind asks for, before anybody said yes to it. */
export type Wanted =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'random' }
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'any-port' }
  /** Only other endpoints of the account reach it. */
  | { readonly kind: 'internal'; readonly host: string; readonly port: number };

/** The options of a bind that name its URL; '' where absent. */
export interface NameOptions {
  readonly url: string;
  readonly domain: string;
  readonly hostname: string;
  readonly subdomain: string;
  readonly addr: string;
  /** `public`, `internal`; empty: what the URL says. */
  readonly bindings?: readonly string[];
}

/** How this server's public URLs look. */
export interface PublicNames {
  readonly baseDomain: string;
  /** The ports that stand in URLs of these schemes. */
  readonly ports: { readonly http: number; readonly https: number; readonly tls: number };
  /** For the message of 329. */
  readonly tcpRange: string;
}

/**
 * The name or port that a bind wants: `URL`, then `Domain`, `Hostname`, `Subdomain` + base domain, else random
 * (ngrok-protocol §8).
 * @throws PorticoError 310 bad binding, 326 bad host name, 328 bad subdomain, 329 bad port, 330 wrong scheme, 9037 bad
 *   URL.
 */
export function wantedName(proto: EndpointProto, options: NameOptions, names: PublicNames): Wanted {
  const internal = wantedInternal(proto, options);
  if (internal !== null) return internal;
  if (proto === 'tcp') return wantedPort(options, names);
  if (options.url !== '') {
    const { host, port } = splitUrl(options.url, proto);
    if (port !== null && port !== names.ports[proto] && port !== DEFAULT_PORTS[proto]) {
      throw new PorticoError(329, { port, range: String(names.ports[proto]) });
    }
    return host === '' ? { kind: 'random' } : { kind: 'host', host: checkedHost(host) };
  }
  const host = options.domain || options.hostname;
  if (host !== '') return { kind: 'host', host: checkedHost(host) };
  if (options.subdomain !== '') {
    return { kind: 'host', host: `${checkedSubdomain(options.subdomain)}.${names.baseDomain}` };
  }
  return { kind: 'random' };
}

/** A host that ends in `.internal` is internal, and no other may be. */
function wantedInternal(proto: EndpointProto, options: NameOptions): Wanted | null {
  const { url, domain, hostname, bindings = [] } = options;
  const unknown = bindings.find((binding) => binding !== 'public' && binding !== 'internal');
  if (unknown !== undefined) throw new PorticoError(310, { option: `Bindings ${unknown.slice(0, 32)}` });
  const text = url !== '' ? url : domain || hostname;
  const { host, port } = text === '' ? { host: '', port: null } : splitUrl(text, proto);
  const isInternal = host.toLowerCase().replace(/\.$/, '').endsWith('.internal');
  if (bindings.includes(isInternal ? 'public' : 'internal')) {
    const reason = isInternal ? 'with the binding public it may not end in .internal' : 'it does not end in .internal';
    throw new PorticoError(9037, { url: shown(text), reason });
  }
  if (!isInternal) return null;
  const wanted = port ?? (proto === 'tcp' ? null : DEFAULT_PORTS[proto]);
  if (wanted === null) throw new PorticoError(9037, { url: shown(text), reason: 'it needs a port' });
  if (wanted < 1 || wanted > 65_535) throw new PorticoError(329, { port: wanted, range: '1-65535' });
  return { kind: 'internal', host: checkedHost(host), port: wanted };
}

const DEFAULT_PORTS = { http: 80, https: 443, tls: 443 } as const;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** A host name as we keep it: lower case, no trailing dot; `*` only as the whole first label. */
export function checkedHost(text: string): string {
  const host = text.toLowerCase().replace(/\.$/, '');
  const reason = hostFault(host);
  if (reason !== null) throw new PorticoError(326, { host: shown(text), reason });
  return host;
}

function hostFault(host: string): string | null {
  if (host === '') return 'it is empty';
  if (host.length > 253) return 'it is longer than 253 characters';
  const labels = host.split('.');
  if (labels.length < 2) return 'it has no dot';
  if (/^\d+$/.test(labels[labels.length - 1] ?? '')) return 'it is an address, not a name';
  for (const [index, label] of labels.entries()) {
    if (index === 0 && label === '*') continue;
    if (label === '') return 'a label is empty';
    if (label.length > 63) return 'a label is longer than 63 characters';
    if (label.startsWith('-') || label.endsWith('-')) return 'a label begins or ends with a hyphen';
    if (!LABEL.test(label)) return 'it contains a character that is not accepted';
  }
  return null;
}

/** One label, or several for a nested name. */
function checkedSubdomain(text: string): string {
  const subdomain = text.toLowerCase();
  const reason = hostFault(`${subdomain}.x`);
  if (reason !== null) throw new PorticoError(328, { subdomain: shown(text), reason });
  return subdomain;
}

function wantedPort(options: NameOptions, names: PublicNames): Wanted {
  // A tcp URL names a host too; it is ours to choose, so only its port counts.
  const text = options.url !== '' ? options.url : options.addr !== '' ? `tcp://${options.addr}` : '';
  if (text === '') return { kind: 'any-port' };
  const { port } = splitUrl(text, 'tcp');
  if (port === null || port === 0) return { kind: 'any-port' };
  if (port > 65_535) throw new PorticoError(329, { port, range: names.tcpRange });
  return { kind: 'port', port };
}

/** `https://`, `https://host`, `https://host:port`, with or without a closing slash; host '' and port null if absent. */
function splitUrl(url: string, proto: EndpointProto): { host: string; port: number | null } {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url);
  if (scheme === null) {
    if (/[/?#@\s]/.test(url)) throw new PorticoError(9037, { url: shown(url), reason: 'it has no scheme' });
  } else if (scheme[1]?.toLowerCase() !== proto) {
    throw new PorticoError(330, { url: shown(url), proto, accepted: `${proto}://` });
  }
  const rest = url.slice(scheme?.[0].length ?? 0).replace(/\/$/, '');
  if (/[/?#]/.test(rest)) {
    throw new PorticoError(9037, { url: shown(url), reason: 'only scheme, host and port may stand in it' });
  }
  const authority = /^([^:@\s]*)(?::(\d{1,6}))?$/.exec(rest);
  if (authority === null) throw new PorticoError(9037, { url: shown(url), reason: 'host and port cannot be read' });
  return { host: authority[1] ?? '', port: authority[2] === undefined ? null : Number(authority[2]) };
}

/** What came from outside, short enough for a message. */
function shown(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
