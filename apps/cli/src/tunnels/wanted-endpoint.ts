import { readFile } from 'node:fs/promises';
import {
  AgentError,
  type ForwardedOptions,
  parseUpstreamAddress,
  type TlsKeyPair,
  type UpstreamAddress,
  wantedBind,
} from '@portico/agent';
import type { ClassicOptions } from '@portico/traffic-policy';
import type { ClassicConfig, EndpointConfig, TlsEnd } from '../config/agent-config.ts';
import { errnoOf } from '../config/load-config.ts';
import { CliError } from '../output/cli-error.ts';
import { checkPolicy } from './check-policy.ts';

/** One endpoint to open, checked as far as that goes without a server. */
export interface WantedEndpoint extends ForwardedOptions {
  readonly name: string;
  readonly upstream: UpstreamAddress;
  readonly inspect: boolean;
}

/**
 * What a description from flags, file or API asks for: one endpoint, or two when it wants both schemes. Reads the
 * files that it names. Throws a CliError.
 */
export async function wantedEndpoints(config: EndpointConfig): Promise<WantedEndpoint[]> {
  if (config.unsupported.length > 0) {
    throw new CliError(`Endpoint "${config.name}" uses ${config.unsupported.join(', ')}, which is not supported.`);
  }
  const { name, proto, subdomain, metadata, description, poolingEnabled, bindings } = config;
  const upstream = parsed(() => parseUpstreamAddress(config.upstream, proto));
  const trafficPolicy = await policyOf(config, upstream);
  const upstreamTls = await upstreamTlsOf(config);
  const terminateTls = await keyPairOf(config.tls);
  const make = (endpointName: string, url: string): WantedEndpoint => {
    const options = {
      name: endpointName,
      proto,
      url,
      forwardsTo: upstream.text,
      ...(subdomain === undefined ? {} : { subdomain }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(description === undefined ? {} : { description }),
      ...(poolingEnabled === undefined ? {} : { poolingEnabled }),
      ...(bindings === undefined ? (isInternal(url) ? { bindings: ['internal'] } : {}) : { bindings }),
      ...(trafficPolicy === null ? {} : { trafficPolicy }),
      ...(config.proxyProtocol === undefined ? {} : { proxyProtocol: config.proxyProtocol }),
      ...(config.upstreamProtocol === undefined ? {} : { forwardsProto: config.upstreamProtocol }),
    };
    // Throws for what no server would accept, before anything is dialled.
    parsed(() => wantedBind(options));
    return {
      ...options,
      upstream,
      inspect: config.inspect ?? true,
      ...(upstreamTls === null ? {} : { upstreamTls }),
      ...(terminateTls === null ? {} : { terminateTls }),
    };
  };
  if (subdomain === '') {
    throw new CliError('--subdomain needs a name, as in --subdomain demo.', { code: 'ERR_NGROK_328' });
  }
  if (config.bothSchemes !== true) return [make(name, config.url)];
  if (subdomain !== undefined) {
    throw new CliError(`Endpoint "${name}" wants both schemes: give its whole host instead of a subdomain.`);
  }
  const host = config.url.replace(/^https?:\/\//, '');
  return [make(name, `https://${host}`), make(`${name} (http)`, `http://${host}`)];
}

/** Names below `.internal` are reachable from inside only, said or not. */
function isInternal(url: string): boolean {
  return /\.internal(:\d+)?\/?$/i.test(url);
}

/** Runs what throws an AgentError for bad input, and throws a CliError instead. */
export function parsed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof AgentError ? new CliError(error.message, { code: error.code, cause: error }) : error;
  }
}

// Policies

/** The policy as JSON or YAML text: what the options in older words ask for, then what the document says. */
async function policyOf(config: EndpointConfig, upstream: UpstreamAddress): Promise<string | null> {
  const own = await ownPolicy(config);
  if (own !== null) await checkPolicy(own, config);
  const classic = await classicOptions(config, upstream);
  if (classic === null) return own;
  const { translateOptions } = await import('@portico/traffic-policy');
  const protocol = config.proto === 'http' ? 'https' : config.proto;
  const translated = translateOptions(classic, protocol);
  if (translated === null) return own;
  if (own === null) return JSON.stringify(translated);
  const { parse } = await import('yaml');
  const document: unknown = parse(own);
  if (typeof document !== 'object' || document === null) return own;
  const merged: Record<string, unknown> = { ...document };
  for (const [phase, rules] of Object.entries(translated)) {
    const more = merged[phase];
    merged[phase] = [...rules, ...(Array.isArray(more) ? more : [])];
  }
  return JSON.stringify(merged);
}

async function ownPolicy(config: EndpointConfig): Promise<string | null> {
  const { trafficPolicy, trafficPolicyFile, trafficPolicyUrl } = config;
  const given = [trafficPolicy, trafficPolicyFile, trafficPolicyUrl].filter((each) => each !== undefined);
  if (given.length > 1) throw new CliError(`Endpoint "${config.name}" has more than one traffic policy; give one.`);
  if (trafficPolicyFile !== undefined) return readText(trafficPolicyFile, 'policy file');
  if (trafficPolicyUrl !== undefined) return fetchPolicy(trafficPolicyUrl);
  return trafficPolicy ?? null;
}

const policyBytesMax = 1_000_000;

async function fetchPolicy(url: string): Promise<string> {
  const refuse = (reason: string): CliError => new CliError(`The policy at ${url} cannot be read: ${reason}.`);
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw refuse(cause instanceof Error ? cause.message : String(cause));
  }
  if (!response.ok) throw refuse(`the answer is ${response.status}`);
  const text = await response.text();
  if (text.length > policyBytesMax) throw refuse('it is larger than 1 MB');
  return text;
}

async function classicOptions(config: EndpointConfig, upstream: UpstreamAddress): Promise<ClassicOptions | null> {
  const { classic = {}, tls, proto } = config;
  const options: { -readonly [K in keyof ClassicOptions]: ClassicOptions[K] } = {};
  const hostHeader = hostHeaderOf(classic.hostHeader, upstream);
  if (hostHeader !== null) options.hostHeader = hostHeader;
  if (classic.basicAuth !== undefined) options.basicAuth = classic.basicAuth.map(readLogin);
  if (classic.cidrAllow !== undefined || classic.cidrDeny !== undefined) {
    options.ipRestriction = { allow: classic.cidrAllow ?? [], deny: classic.cidrDeny ?? [] };
  }
  if (classic.compression !== undefined) options.compression = classic.compression;
  if (classic.circuitBreaker !== undefined) options.circuitBreaker = classic.circuitBreaker;
  const request = headersOf(classic.requestHeaderAdd, classic.requestHeaderRemove);
  if (request !== null) options.requestHeaders = request;
  const response = headersOf(classic.responseHeaderAdd, classic.responseHeaderRemove);
  if (response !== null) options.responseHeaders = response;
  if (classic.userAgentAllow !== undefined || classic.userAgentDeny !== undefined) {
    options.userAgentFilter = { allow: classic.userAgentAllow ?? [], deny: classic.userAgentDeny ?? [] };
  }
  if (classic.webhookProvider !== undefined) {
    options.webhookVerification = { provider: classic.webhookProvider, secret: classic.webhookSecret ?? '' };
  }
  const signIn = signInOf(classic);
  if (classic.oauthProvider !== undefined) options.oauth = { ...signIn, provider: classic.oauthProvider };
  if (classic.oidcUrl !== undefined) options.oidc = { ...signIn, issuerUrl: classic.oidcUrl };
  if (classic.mutualTlsCas !== undefined) options.mutualTlsAuthorities = [await pemOf(classic.mutualTlsCas, 'CA file')];
  if (proto === 'tls' && tls?.at === 'edge') {
    options.tlsTermination = {
      certificatePem: tls.certificate === undefined ? null : await pemOf(tls.certificate, 'certificate'),
      privateKeyPem: tls.privateKey === undefined ? null : await pemOf(tls.privateKey, 'private key'),
    };
    const authorities = await Promise.all((tls.clientCas ?? []).map((each) => pemOf(each, 'CA file')));
    if (authorities.length > 0) options.mutualTlsAuthorities = authorities;
  }
  return Object.keys(options).length === 0 ? null : options;
}

function hostHeaderOf(hostHeader: string | undefined, upstream: UpstreamAddress): string | null {
  if (hostHeader === undefined || hostHeader === '' || hostHeader === 'preserve') return null;
  if (hostHeader !== 'rewrite') return hostHeader;
  if (upstream.kind === 'unix' || upstream.kind === 'files') return 'localhost';
  const { host, port, kind } = upstream;
  const isDefault = port === (kind === 'tls' ? 443 : 80);
  const shown = host.includes(':') ? `[${host}]` : host;
  return isDefault ? shown : `${shown}:${port}`;
}

function readLogin(text: string): { username: string; password: string } {
  const colon = text.indexOf(':');
  if (colon < 1) throw new CliError('A basic-auth login is user:password.', { code: 'ERR_NGROK_359' });
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function headersOf(
  add: readonly string[] | undefined,
  remove: readonly string[] | undefined,
): { add: (readonly [string, string])[]; remove: readonly string[] } | null {
  if (add === undefined && remove === undefined) return null;
  return { add: (add ?? []).map(readHeader), remove: remove ?? [] };
}

function readHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon < 1) throw new CliError(`A header to add is name:value, not "${text}".`);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}

function signInOf(classic: ClassicConfig): NonNullable<ClassicOptions['oauth']> {
  const { clientId = '', clientSecret = '', scopes = [], allowEmails = [], allowDomains = [] } = classic;
  return { provider: '', clientId, clientSecret, scopes, allowEmails, allowDomains };
}

// TLS

async function upstreamTlsOf(config: EndpointConfig): Promise<ForwardedOptions['upstreamTls'] | null> {
  const { upstreamTlsVerify, upstreamTlsCas } = config;
  if (upstreamTlsCas !== undefined) return { verify: true, ca: [await pemOf(upstreamTlsCas, 'CA file')] };
  return upstreamTlsVerify === true ? { verify: true, ca: null } : null;
}

/** With a key pair and no other word TLS ends in this process: the key does not leave the machine. */
async function keyPairOf(tls: TlsEnd | undefined): Promise<TlsKeyPair | null> {
  if (tls === undefined || tls.at === 'edge' || tls.at === 'upstream') return null;
  const { certificate, privateKey, clientCas = [] } = tls;
  if (certificate === undefined || privateKey === undefined) {
    throw new CliError('Ending TLS in the agent needs a certificate and its key: give both.');
  }
  const cas = await Promise.all(clientCas.map((each) => pemOf(each, 'CA file')));
  return {
    certificate: await pemOf(certificate, 'certificate'),
    privateKey: await pemOf(privateKey, 'private key'),
    ...(cas.length === 0 ? {} : { clientCas: cas }),
  };
}

async function pemOf(textOrPath: string, what: string): Promise<string> {
  const text = textOrPath.includes('-----BEGIN ') ? textOrPath : await readText(textOrPath, what);
  if (!text.includes('-----BEGIN ')) throw new CliError(`The ${what} ${textOrPath} is no PEM file.`);
  return text;
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CliError(`The ${what} ${path} cannot be read (${errnoOf(error) ?? String(error)}).`);
  }
}
