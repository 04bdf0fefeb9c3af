import type { RawOptions, TunnelProto } from './bind.ts';
import { MessageError, MessageFields } from './message-fields.ts';

/** What an agent asks of an endpoint (protocol notes, section 9). Null, '' and false are off. */
export interface BindOptions {
  /** Asked-for names, in the order of choosing: url (may be a scheme alone), domain, hostname, subdomain. */
  readonly url: string;
  readonly domain: string;
  readonly hostname: string;
  readonly subdomain: string;
  /** tcp: `host:port`. */
  readonly addr: string;
  readonly proxyProtocol: 0 | 1 | 2;
  /** `user:pass` of very old clients. */
  readonly auth: string;
  readonly hostHeaderRewrite: boolean;
  /** Concerns the client alone. */
  readonly localUrlScheme: string;
  readonly compression: boolean;
  readonly circuitBreaker: { readonly errorThreshold: number } | null;
  readonly ipRestriction: { readonly allowCidrs: readonly string[]; readonly denyCidrs: readonly string[] } | null;
  readonly basicAuth: readonly BasicAuthCredential[];
  readonly oauth: OAuthOptions | null;
  readonly oidc: OidcOptions | null;
  readonly webhookVerification: WebhookOptions | null;
  /** PEM; `MutualTLSCA` of http(s), `MutualTLSAtEdge` of tls. */
  readonly mutualTlsCa: Buffer | null;
  readonly requestHeaders: HeaderOptions | null;
  readonly responseHeaders: HeaderOptions | null;
  readonly websocketTcpConverter: boolean;
  readonly userAgentFilter: { readonly allow: readonly string[]; readonly deny: readonly string[] } | null;
  /** A policy document, JSON or YAML. */
  readonly trafficPolicy: string;
  /** The deprecated policy, as it came. */
  readonly policy: unknown;
  readonly mutualTlsAtAgent: boolean;
  readonly tlsTermination: TlsTerminationOptions | null;
  /** Options that are on and that nobody here knows. */
  readonly unknown: readonly string[];
}

/** Secrets. Exactly one of the passwords is set. */
export interface BasicAuthCredential {
  readonly username: string;
  readonly cleartextPassword: string;
  readonly hashedPassword: Buffer | null;
}

export interface OAuthOptions {
  readonly provider: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly sealedClientSecret: string;
  readonly allowEmails: readonly string[];
  readonly allowDomains: readonly string[];
  readonly scopes: readonly string[];
}

export interface OidcOptions extends Omit<OAuthOptions, 'provider'> {
  readonly issuerUrl: string;
}

export interface WebhookOptions {
  readonly provider: string;
  readonly secret: string;
  readonly sealedSecret: Buffer | null;
}

export interface HeaderOptions {
  /** In order; names as sent. */
  readonly add: readonly { readonly name: string; readonly value: string }[];
  readonly remove: readonly string[];
}

/** Key material: memory only. All null: the server's own certificate. */
export interface TlsTerminationOptions {
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
  readonly sealedKey: Buffer | null;
}

/** @throws MessageError naming the option */
export function parseBindOptions(proto: TunnelProto, raw: RawOptions): BindOptions {
  const fields = new MessageFields(raw, 'Opts');
  return {
    url: fields.text('URL'),
    domain: fields.text('Domain'),
    hostname: fields.text('Hostname'),
    subdomain: fields.text('Subdomain'),
    addr: fields.text('Addr'),
    proxyProtocol: parseProxyProtocol(fields),
    auth: fields.text('Auth'),
    hostHeaderRewrite: fields.flag('HostHeaderRewrite'),
    localUrlScheme: fields.text('LocalURLScheme'),
    compression: fields.objectOrNull('Compression') !== null,
    circuitBreaker: parseCircuitBreaker(fields.objectOrNull('CircuitBreaker')),
    ipRestriction: parseIpRestriction(fields.objectOrNull('IPRestriction')),
    basicAuth: parseBasicAuth(fields.objectOrNull('BasicAuth')),
    oauth: parseOAuth(fields.objectOrNull('OAuth')),
    oidc: parseOidc(fields.objectOrNull('OIDC')),
    webhookVerification: parseWebhook(fields.objectOrNull('WebhookVerification')),
    mutualTlsCa: parseMutualTls(fields.objectOrNull(proto === 'tls' ? 'MutualTLSAtEdge' : 'MutualTLSCA')),
    requestHeaders: parseHeaders(fields.objectOrNull('RequestHeaders'), 'Opts.RequestHeaders'),
    responseHeaders: parseHeaders(fields.objectOrNull('ResponseHeaders'), 'Opts.ResponseHeaders'),
    websocketTcpConverter: fields.objectOrNull('WebsocketTCPConverter') !== null,
    userAgentFilter: parseUserAgentFilter(fields.objectOrNull('UserAgentFilter')),
    trafficPolicy: fields.text('TrafficPolicy'),
    policy: fields.raw('Policy') ?? null,
    mutualTlsAtAgent: fields.flag('MutualTLSAtAgent'),
    tlsTermination: parseTlsTermination(fields.objectOrNull('TLSTermination')),
    unknown: fields.names().filter((name) => !knownNames[proto].has(name.toLowerCase()) && isOn(fields.raw(name))),
  };
}

/** The options that change what an endpoint does, by the name in `Opts`. Names of addresses are not among them. */
export const optionNames = [
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
] as const;

export type OptionName = (typeof optionNames)[number];

/** The options that are on, in the order of their names. */
export function setOptions(proto: TunnelProto, options: BindOptions): OptionName[] {
  const on: { readonly [name in OptionName]: boolean } = {
    Auth: options.auth !== '',
    BasicAuth: options.basicAuth.length > 0,
    CircuitBreaker: options.circuitBreaker !== null,
    Compression: options.compression,
    HostHeaderRewrite: options.hostHeaderRewrite,
    IPRestriction: options.ipRestriction !== null,
    MutualTLSAtAgent: options.mutualTlsAtAgent,
    MutualTLSAtEdge: proto === 'tls' && options.mutualTlsCa !== null,
    MutualTLSCA: proto !== 'tls' && options.mutualTlsCa !== null,
    OAuth: options.oauth !== null,
    OIDC: options.oidc !== null,
    Policy: isOn(options.policy),
    ProxyProto: options.proxyProtocol !== 0,
    RequestHeaders: options.requestHeaders !== null,
    ResponseHeaders: options.responseHeaders !== null,
    TLSTermination: options.tlsTermination !== null,
    TrafficPolicy: options.trafficPolicy !== '',
    UserAgentFilter: options.userAgentFilter !== null,
    WebhookVerification: options.webhookVerification !== null,
    WebsocketTCPConverter: options.websocketTcpConverter,
  };
  return optionNames.filter((name) => on[name]);
}

/** The options that are on and that a server with `supported` cannot honour: it refuses the bind rather than drop one. */
export function unsupportedOptions(
  proto: TunnelProto,
  options: BindOptions,
  supported: ReadonlySet<OptionName>,
): string[] {
  return [...setOptions(proto, options).filter((name) => !supported.has(name)), ...options.unknown];
}

const names = {
  address: ['url', 'domain', 'hostname', 'subdomain'],
  every: ['proxyproto', 'iprestriction', 'policy', 'trafficpolicy'],
  http: [
    'auth',
    'hostheaderrewrite',
    'localurlscheme',
    'compression',
    'circuitbreaker',
    'basicauth',
    'oauth',
    'oidc',
    'webhookverification',
    'mutualtlsca',
    'requestheaders',
    'responseheaders',
    'websockettcpconverter',
    'useragentfilter',
  ],
  tls: ['mutualtlsatagent', 'mutualtlsatedge', 'tlstermination'],
} as const;

const httpNames = new Set<string>([...names.address, ...names.every, ...names.http, 'tlstermination']);

const knownNames: { readonly [proto in TunnelProto]: ReadonlySet<string> } = {
  http: httpNames,
  https: httpNames,
  tcp: new Set<string>(['url', 'addr', ...names.every]),
  tls: new Set<string>([...names.address, ...names.every, ...names.tls]),
};

function isOn(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === '') return false;
  return !(Array.isArray(value) && value.length === 0);
}

function parseProxyProtocol(fields: MessageFields): 0 | 1 | 2 {
  const version = fields.integerOrNull('ProxyProto') ?? 0;
  if (version === 0 || version === 1 || version === 2) return version;
  throw new MessageError('Opts.ProxyProto: 0, 1 or 2 is expected');
}

function parseCircuitBreaker(fields: MessageFields | null): BindOptions['circuitBreaker'] {
  if (fields === null) return null;
  const errorThreshold = fields.numberOrNull('error_threshold') ?? 0;
  if (!(errorThreshold >= 0 && errorThreshold <= 1)) {
    throw new MessageError('Opts.CircuitBreaker.error_threshold: 0 to 1 is expected');
  }
  return { errorThreshold };
}

function parseIpRestriction(fields: MessageFields | null): BindOptions['ipRestriction'] {
  return fields === null ? null : { allowCidrs: fields.texts('allow_cidrs'), denyCidrs: fields.texts('deny_cidrs') };
}

function parseBasicAuth(fields: MessageFields | null): BasicAuthCredential[] {
  if (fields === null) return [];
  const credentials = fields.objects('credentials');
  // An empty list asks for protection that lets nobody in, or is a mistake; it must not count as off.
  if (credentials.length === 0) throw new MessageError('Opts.BasicAuth.credentials: at least one is expected');
  return credentials.map((each) => ({
    username: each.text('username'),
    cleartextPassword: each.text('cleartext_password'),
    hashedPassword: each.bytesOrNull('hashed_password'),
  }));
}

function parseLogin(fields: MessageFields): Omit<OAuthOptions, 'provider'> {
  return {
    clientId: fields.text('client_id'),
    clientSecret: fields.text('client_secret'),
    sealedClientSecret: fields.text('sealed_client_secret'),
    allowEmails: fields.texts('allow_emails'),
    allowDomains: fields.texts('allow_domains'),
    scopes: fields.texts('scopes'),
  };
}

function parseOAuth(fields: MessageFields | null): OAuthOptions | null {
  return fields === null ? null : { provider: fields.text('provider'), ...parseLogin(fields) };
}

function parseOidc(fields: MessageFields | null): OidcOptions | null {
  return fields === null ? null : { issuerUrl: fields.text('issuer_url'), ...parseLogin(fields) };
}

function parseWebhook(fields: MessageFields | null): WebhookOptions | null {
  if (fields === null) return null;
  return {
    provider: fields.text('provider'),
    secret: fields.text('secret'),
    sealedSecret: fields.bytesOrNull('sealed_secret'),
  };
}

function parseMutualTls(fields: MessageFields | null): Buffer | null {
  if (fields === null) return null;
  // Present but empty must not count as off: the agent asked for client certificates.
  return fields.bytesOrNull('mutual_tls_ca') ?? Buffer.alloc(0);
}

function parseHeaders(fields: MessageFields | null, where: string): HeaderOptions | null {
  if (fields === null) return null;
  const add = fields.texts('add').map((line) => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new MessageError(`${where}.add: name:value is expected`);
    return { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
  });
  return { add, remove: fields.texts('remove') };
}

function parseUserAgentFilter(fields: MessageFields | null): BindOptions['userAgentFilter'] {
  return fields === null ? null : { allow: fields.texts('allow'), deny: fields.texts('deny') };
}

function parseTlsTermination(fields: MessageFields | null): TlsTerminationOptions | null {
  if (fields === null) return null;
  return {
    cert: fields.bytesOrNull('cert'),
    key: fields.bytesOrNull('key'),
    sealedKey: fields.bytesOrNull('sealed_key'),
  };
}
