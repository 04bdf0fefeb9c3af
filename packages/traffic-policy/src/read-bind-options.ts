import type { ClassicHeaders, ClassicOptions, ClassicSignIn } from './translate-options.ts';

export type ReadOptions =
  | { readonly kind: 'read'; readonly options: ClassicOptions }
  /** `reason` names the option and what is wrong with it. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * The classic middleware among the `Opts` of a bind message (ngrok agent protocol): JSON as it came, names of the top
 * level in any case. Null and absent mean off. What is not middleware is left alone.
 */
export function readBindOptions(opts: unknown): ReadOptions {
  try {
    return { kind: 'read', options: read(lowerCaseKeys(opts)) };
  } catch (error) {
    if (error instanceof BadOption) return { kind: 'refused', reason: error.message };
    throw error;
  }
}

class BadOption extends Error {}

type Fields = { readonly [name: string]: unknown };

function read(opts: Fields): ClassicOptions {
  const circuitBreaker = group(opts, 'circuitbreaker');
  const ip = group(opts, 'iprestriction');
  const basic = group(opts, 'basicauth');
  const oauth = group(opts, 'oauth');
  const oidc = group(opts, 'oidc');
  const webhook = group(opts, 'webhookverification');
  const mutual = group(opts, 'mutualtlsca') ?? group(opts, 'mutualtlsatedge');
  const tls = group(opts, 'tlstermination');
  const requestHeaders = group(opts, 'requestheaders');
  const responseHeaders = group(opts, 'responseheaders');
  const agents = group(opts, 'useragentfilter');
  const authorities = mutual === null ? '' : pem(mutual, 'mutual_tls_ca');
  return {
    ...(group(opts, 'compression') === null ? {} : { compression: true }),
    ...(circuitBreaker === null ? {} : { circuitBreaker: share(circuitBreaker.error_threshold) }),
    ...(ip === null ? {} : { ipRestriction: { allow: texts(ip, 'allow_cidrs'), deny: texts(ip, 'deny_cidrs') } }),
    ...(basic === null ? {} : { basicAuth: credentials(basic) }),
    ...(oauth === null
      ? {}
      : { oauth: { provider: text(oauth, 'provider').toLowerCase(), ...signIn(oauth, 'OAuth') } }),
    ...(oidc === null ? {} : { oidc: { issuerUrl: text(oidc, 'issuer_url'), ...signIn(oidc, 'OIDC') } }),
    ...(webhook === null ? {} : { webhookVerification: webhookOptions(webhook) }),
    ...(authorities === '' ? {} : { mutualTlsAuthorities: splitPem(authorities) }),
    ...(tls === null ? {} : { tlsTermination: tlsOptions(tls) }),
    ...(requestHeaders === null ? {} : { requestHeaders: headers(requestHeaders, 'RequestHeaders') }),
    ...(responseHeaders === null ? {} : { responseHeaders: headers(responseHeaders, 'ResponseHeaders') }),
    ...(agents === null ? {} : { userAgentFilter: { allow: texts(agents, 'allow'), deny: texts(agents, 'deny') } }),
  };
}

function lowerCaseKeys(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, content]) => [name.toLowerCase(), content]));
}

function group(opts: Fields, name: string): Fields | null {
  const value = opts[name];
  if (value === undefined || value === null || value === false) return null;
  if (typeof value === 'object' && !Array.isArray(value)) return { ...value };
  throw new BadOption(`${name} is not an object`);
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new BadOption(`${name} is not a text`);
}

function texts(fields: Fields, name: string): string[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new BadOption(`${name} is not a list`);
  return value.map((item: unknown) => {
    if (typeof item !== 'string') throw new BadOption(`${name} holds something that is not a text`);
    return item;
  });
}

function share(value: unknown): number {
  if (value === undefined || value === null) return 0.5;
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new BadOption('error_threshold is not a number from 0 to 1');
}

/** The wire holds bytes as base64. Go marshals an absent value as an empty one. */
function pem(fields: Fields, name: string): string {
  const encoded = text(fields, name);
  if (encoded.includes('-----BEGIN')) return encoded;
  if (!/^[A-Za-z0-9+/=\s]*$/.test(encoded)) throw new BadOption(`${name} is not base64`);
  return Buffer.from(encoded, 'base64').toString('utf8');
}

function splitPem(bundle: string): string[] {
  const certificates = bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw new BadOption('mutual_tls_ca holds no certificate');
  return certificates;
}

function credentials(basic: Fields): { username: string; password: string }[] {
  const list = basic.credentials;
  if (!Array.isArray(list)) throw new BadOption('credentials is not a list');
  return list.map((item: unknown) => {
    const fields = lowerCaseKeys(item);
    const password = text(fields, 'cleartext_password');
    if (password === '') throw new BadOption('credentials hold no cleartext_password');
    return { username: text(fields, 'username'), password };
  });
}

/** Secrets that another service sealed for itself cannot be opened here. */
function refuseSealed(fields: Fields, name: string, option: string): void {
  const value = fields[name];
  const isEmpty = value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
  if (!isEmpty) throw new BadOption(`${option} brings a sealed secret, which only the service that sealed it can open`);
}

function signIn(fields: Fields, option: string): ClassicSignIn {
  refuseSealed(fields, 'sealed_client_secret', option);
  return {
    clientId: text(fields, 'client_id'),
    clientSecret: text(fields, 'client_secret'),
    scopes: texts(fields, 'scopes'),
    allowEmails: texts(fields, 'allow_emails'),
    allowDomains: texts(fields, 'allow_domains'),
  };
}

function webhookOptions(fields: Fields): { provider: string; secret: string } {
  refuseSealed(fields, 'sealed_secret', 'WebhookVerification');
  return { provider: text(fields, 'provider'), secret: text(fields, 'secret') };
}

function tlsOptions(fields: Fields): { certificatePem: string | null; privateKeyPem: string | null } {
  refuseSealed(fields, 'sealed_key', 'TLSTermination');
  const certificate = pem(fields, 'cert');
  const key = pem(fields, 'key');
  return { certificatePem: certificate === '' ? null : certificate, privateKeyPem: key === '' ? null : key };
}

function headers(fields: Fields, option: string): ClassicHeaders {
  const add = texts(fields, 'add').map((line): [string, string] => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new BadOption(`${option} holds ${line.slice(0, 64)}, which is not name:value`);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
  return { add, remove: texts(fields, 'remove') };
}
