import { errorName, visitorText } from '@portico/errors';
import type { EndpointProtocol } from './document/phase.ts';
import type { PlainValue } from './document/source-node.ts';

/**
 * The options that endpoints had before there were policies, from SDK binds and CLI flags alike. All of them become
 * rules; none is implemented twice.
 */
export interface ClassicOptions {
  readonly compression?: boolean;
  /** Share of failures above which the circuit opens, 0 to 1. */
  readonly circuitBreaker?: number;
  readonly ipRestriction?: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly basicAuth?: readonly { readonly username: string; readonly password: string }[];
  readonly oauth?: ClassicSignIn & { readonly provider: string };
  readonly oidc?: ClassicSignIn & { readonly issuerUrl: string };
  readonly webhookVerification?: { readonly provider: string; readonly secret: string };
  /** PEM texts of the authorities whose clients are let in. */
  readonly mutualTlsAuthorities?: readonly string[];
  /** Terminate TLS at the edge, with this certificate or the edge's own. */
  readonly tlsTermination?: { readonly certificatePem: string | null; readonly privateKeyPem: string | null };
  readonly requestHeaders?: ClassicHeaders;
  readonly responseHeaders?: ClassicHeaders;
  /** RE2 patterns. */
  readonly userAgentFilter?: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  /** What the upstream sees as Host. */
  readonly hostHeader?: string;
}

export interface ClassicSignIn {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly allowEmails: readonly string[];
  readonly allowDomains: readonly string[];
}

export interface ClassicHeaders {
  /** Name and value. */
  readonly add: readonly (readonly [string, string])[];
  readonly remove: readonly string[];
}

/** A policy document as JSON. */
export type PolicyDocument = { readonly [phase: string]: readonly PlainValue[] };

/**
 * The policy document that does what the options ask for, in the order of the service they come from: TLS, addresses,
 * circuit, user agent, authentication, webhook, headers, compression. It goes through `loadPolicy` like any other, so
 * bad values are found there. Null when nothing is asked for: such an endpoint has no policy.
 */
export function translateOptions(options: ClassicOptions, protocol: EndpointProtocol): PolicyDocument | null {
  const isHttp = protocol === 'http' || protocol === 'https';
  const connect: PlainValue[] = [];
  const request: PlainValue[] = [];
  const response: PlainValue[] = [];
  const terminateTls = tlsConfig(options);
  if (terminateTls !== null) connect.push(rule('TLS', action('terminate-tls', terminateTls)));
  if (options.ipRestriction !== undefined) {
    const { allow, deny } = options.ipRestriction;
    const config = { allow: allow.length === 0 ? EVERYWHERE : [...allow], deny: [...deny], enforce: true };
    (isHttp ? request : connect).push(rule('IP restriction', action('restrict-ips', config)));
  }
  if (isHttp) {
    request.push(...requestRules(options));
    response.push(...headerRules('Response headers', options.responseHeaders));
    if (options.compression === true) {
      response.push(rule('Compression', action('compress-response', { algorithms: ['gzip'] })));
    }
  }
  const document = {
    ...(connect.length > 0 ? { on_tcp_connect: connect } : {}),
    ...(request.length > 0 ? { on_http_request: request } : {}),
    ...(response.length > 0 ? { on_http_response: response } : {}),
  };
  return Object.keys(document).length === 0 ? null : document;
}

/** With deny rules only, everybody else is let in: a policy on its own would let in nobody. */
const EVERYWHERE: readonly string[] = ['0.0.0.0/0', '::/0'];

function requestRules(options: ClassicOptions): PlainValue[] {
  const rules: PlainValue[] = [];
  const { circuitBreaker, userAgentFilter, basicAuth, oauth, oidc, webhookVerification, hostHeader } = options;
  if (circuitBreaker !== undefined) {
    rules.push(rule('Circuit breaker', action('circuit-breaker', { error_threshold: circuitBreaker })));
  }
  if (userAgentFilter !== undefined) rules.push(...userAgentRules(userAgentFilter));
  if (basicAuth !== undefined) {
    const credentials = basicAuth.map(({ username, password }) => literal(`${username}:${password}`));
    rules.push(rule('Basic authentication', action('basic-auth', { credentials, enforce: true })));
  }
  if (oauth !== undefined) {
    rules.push(rule('OAuth', action('oauth', { provider: oauth.provider, ...signInConfig(oauth) })));
    rules.push(...identityRules('oauth', oauth));
  }
  if (oidc !== undefined) {
    const config = { issuer_url: literal(oidc.issuerUrl), ...signInConfig(oidc) };
    rules.push(rule('OpenID Connect', action('openid-connect', config)), ...identityRules('oidc', oidc));
  }
  if (webhookVerification !== undefined) {
    const { provider, secret } = webhookVerification;
    rules.push(
      rule('Webhook', action('verify-webhook', { provider: provider.toLowerCase(), secret: literal(secret) })),
    );
  }
  rules.push(...headerRules('Request headers', options.requestHeaders));
  if (hostHeader !== undefined) {
    rules.push(rule('Host header', action('add-headers', { headers: { host: literal(hostHeader) } })));
  }
  return rules;
}

function tlsConfig(options: ClassicOptions): { readonly [field: string]: PlainValue } | null {
  const { mutualTlsAuthorities, tlsTermination } = options;
  if (mutualTlsAuthorities === undefined && tlsTermination === undefined) return null;
  const { certificatePem = null, privateKeyPem = null } = tlsTermination ?? {};
  return {
    ...(certificatePem === null ? {} : { server_certificate: certificatePem }),
    ...(privateKeyPem === null ? {} : { server_private_key: privateKeyPem }),
    ...(mutualTlsAuthorities === undefined
      ? {}
      : {
          mutual_tls_certificate_authorities: [...mutualTlsAuthorities],
          mutual_tls_verification_strategy: 'require-and-verify',
        }),
  };
}

function signInConfig(signIn: ClassicSignIn): { readonly [field: string]: PlainValue } {
  return {
    ...(signIn.clientId === '' ? {} : { client_id: literal(signIn.clientId) }),
    ...(signIn.clientSecret === '' ? {} : { client_secret: literal(signIn.clientSecret) }),
    ...(signIn.scopes.length === 0 ? {} : { scopes: [...signIn.scopes] }),
  };
}

/** Whoever signed in has to be on the list, if there is one. */
function identityRules(name: 'oauth' | 'oidc', signIn: ClassicSignIn): PlainValue[] {
  const { allowEmails, allowDomains } = signIn;
  if (allowEmails.length + allowDomains.length === 0) return [];
  const email = `actions.ngrok.${name}.identity.email.lower()`;
  const tests = [
    ...allowEmails.map((one) => `${email} == ${celText(one.toLowerCase())}`),
    ...allowDomains.map((domain) => `${email}.endsWith(${celText(`@${domain.toLowerCase().replace(/^@/, '')}`)})`),
  ];
  const expressions = anyOf(tests).map((any) => `!(${any})`);
  return [rule('Identity', action('deny', { status_code: 403 }), expressions)];
}

/** An allow match lets in; else a deny match refuses, and so does an allow list without deny list. */
function userAgentRules({
  allow,
  deny,
}: {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}): PlainValue[] {
  if (allow.length + deny.length === 0) return [];
  const match = (pattern: string): string => `req.user_agent.matches(${celText(pattern)})`;
  const notAllowed = anyOf(allow.map(match)).map((any) => `!(${any})`);
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'ngrok-error-code': errorName(3211) };
  const body = `${visitorText(3211)}\n\n${errorName(3211)}\n`;
  const refuse = action('custom-response', { status_code: 403, headers, body });
  const denied = anyOf(deny.map(match));
  const refusals = denied.length === 0 ? [notAllowed] : denied.map((any) => [...notAllowed, any]);
  return refusals.map((expressions) => rule('User agent', refuse, expressions));
}

/** Tests joined by `||`, in as many expressions as their length asks for. */
function anyOf(tests: readonly string[]): string[] {
  const expressions: string[] = [];
  for (const test of tests) {
    const last = expressions.at(-1);
    const joined = last === undefined ? test : `${last} || ${test}`;
    if (last === undefined || joined.length > ANY_CHARACTERS_MAX) expressions.push(test);
    else expressions[expressions.length - 1] = joined;
  }
  return expressions;
}

/** Expressions end at 2,000 characters and 500 nodes; a test here has about 50 characters and 8 nodes. */
const ANY_CHARACTERS_MAX = 1_500;

const HEADERS_PER_ACTION = 10;

/** An action holds ten headers and each name once; more become more actions. Removing comes first, as it did. */
function headerRules(name: string, headers: ClassicHeaders | undefined): PlainValue[] {
  if (headers === undefined) return [];
  const actions: PlainValue[] = [];
  for (let index = 0; index < headers.remove.length; index += HEADERS_PER_ACTION) {
    actions.push(action('remove-headers', { headers: headers.remove.slice(index, index + HEADERS_PER_ACTION) }));
  }
  let batch = new Map<string, string>();
  const flush = (): void => {
    if (batch.size > 0) actions.push(action('add-headers', { headers: Object.fromEntries(batch) }));
    batch = new Map();
  };
  for (const [header, value] of headers.add) {
    const lower = header.toLowerCase();
    if (batch.size >= HEADERS_PER_ACTION || batch.has(lower)) flush();
    batch.set(lower, literal(value));
  }
  flush();
  return actions.length === 0 ? [] : [{ name, actions }];
}

function rule(name: string, only: PlainValue, expressions: readonly string[] = []): PlainValue {
  return { name, ...(expressions.length === 0 ? {} : { expressions }), actions: [only] };
}

function action(type: string, config: { readonly [field: string]: PlainValue }): PlainValue {
  return { type, config };
}

/** A text of a classic option holds no expressions, whatever it looks like. */
function literal(text: string): string {
  return text.replaceAll('${', () => '$${');
}

/** A text as an expression writes it. */
function celText(text: string): string {
  const escaped = text.replace(/[\\'\n\r\t]/g, (character) => {
    const letter = { '\n': 'n', '\r': 'r', '\t': 't' }[character];
    return `\\${letter ?? character}`;
  });
  return `'${escaped}'`;
}
