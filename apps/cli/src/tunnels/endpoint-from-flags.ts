import { resolve } from 'node:path';
import type { TunnelFlags, TunnelProto } from '../commands/tunnel-flags.ts';
import type { ClassicConfig, EndpointConfig, TlsEnd } from '../config/agent-config.ts';
import { CliError } from '../output/cli-error.ts';

/** What the flags of `http`, `tcp` and `tls` describe, in the form of a configuration file. Throws a CliError. */
export function endpointFromFlags(proto: TunnelProto, address: string, flags: TunnelFlags): EndpointConfig {
  const { url, subdomain, hostname, domain, remoteAddr } = flags;
  const names = Object.entries({ url, subdomain, hostname, domain, remoteAddr }).filter(
    ([, text]) => text !== undefined,
  );
  if (names.length > 1) {
    const [first, second] = names.map(([name]) => (name === 'remoteAddr' ? '--remote-addr' : `--${name}`));
    throw new CliError(`Give one of ${first} and ${second}: an endpoint has one name.`);
  }
  const scheme = schemeOf(flags);
  const named = url ?? hostname ?? domain ?? tcpUrl(remoteAddr) ?? '';
  const classic = classicOf(proto, flags);
  const tls = proto === 'tls' ? tlsOf(flags) : undefined;
  const set = <K extends keyof EndpointConfig>(
    key: K,
    value: EndpointConfig[K] | undefined,
  ): Partial<EndpointConfig> => (value === undefined ? {} : { [key]: value });
  return {
    name: flags.name ?? 'command_line',
    proto,
    upstream: address,
    unsupported: [],
    url: scheme === 'http' && !named.includes('://') ? `http://${named}` : named,
    ...set('bothSchemes', scheme === 'both' ? true : undefined),
    ...set('subdomain', subdomain),
    ...set('description', flags.description),
    ...set('metadata', flags.metadata),
    ...set('trafficPolicyFile', pathOf(flags.trafficPolicyFile ?? flags.policyFile)),
    ...set('trafficPolicyUrl', flags.trafficPolicyUrl),
    ...set('poolingEnabled', flags.poolingEnabled),
    ...set('bindings', flags.binding),
    ...set('inspect', flags.inspect),
    ...set('upstreamProtocol', http2Of(flags.upstreamProtocol ?? flags.appProtocol)),
    ...set('proxyProtocol', proxyProtocolOf(flags.upstreamProxyProtocol ?? flags.proxyProto)),
    ...set('upstreamTlsVerify', flags.upstreamTlsVerify),
    ...set('upstreamTlsCas', pathOf(flags.upstreamTlsVerifyCas)),
    ...set('tls', tls),
    ...set('classic', classic),
  };
}

function schemeOf({ scheme, schemes, bindTls }: TunnelFlags): 'http' | 'https' | 'both' | null {
  const given = [...(scheme ?? []), ...(schemes ?? [])];
  const wrong = given.find((each) => each !== 'http' && each !== 'https');
  if (wrong !== undefined) throw new CliError(`A scheme is http or https, not "${wrong}".`);
  if (bindTls === 'both' || (given.includes('http') && given.includes('https'))) return 'both';
  if (bindTls === 'false' || given.includes('http')) return 'http';
  return bindTls === 'true' || given.includes('https') ? 'https' : null;
}

function tcpUrl(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.includes('://') ? address : `tcp://${address}`;
}

function classicOf(proto: TunnelProto, flags: TunnelFlags): ClassicConfig | undefined {
  const { oauth, oidc, circuitBreaker } = flags;
  if (oauth !== undefined && oidc !== undefined) throw new CliError('Give either --oauth or --oidc.');
  const share = circuitBreaker === undefined ? undefined : Number(circuitBreaker);
  if (share !== undefined && !(share > 0 && share <= 1)) {
    throw new CliError(`--circuit-breaker is a share from 0 to 1, as in 0.5, not "${circuitBreaker}".`);
  }
  const logins = [...(flags.basicAuth ?? []), ...(flags.auth ?? [])];
  const classic: { [K in keyof ClassicConfig]: ClassicConfig[K] | undefined } = {
    hostHeader: flags.hostHeader,
    basicAuth: logins.length === 0 ? undefined : logins,
    cidrAllow: flags.cidrAllow,
    cidrDeny: flags.cidrDeny,
    compression: flags.compression,
    circuitBreaker: share,
    requestHeaderAdd: flags.requestHeaderAdd,
    requestHeaderRemove: flags.requestHeaderRemove,
    responseHeaderAdd: flags.responseHeaderAdd,
    responseHeaderRemove: flags.responseHeaderRemove,
    userAgentAllow: flags.uaFilterAllow,
    userAgentDeny: flags.uaFilterDeny,
    webhookProvider: flags.verifyWebhook,
    webhookSecret: flags.verifyWebhookSecret,
    oauthProvider: oauth,
    oidcUrl: oidc,
    clientId: flags.oauthClientId ?? flags.oidcClientId,
    clientSecret: flags.oauthClientSecret ?? flags.oidcClientSecret,
    scopes: flags.oauthScope ?? flags.oidcScope,
    allowEmails: flags.oauthAllowEmail,
    allowDomains: flags.oauthAllowDomain,
    mutualTlsCas: proto === 'http' ? pathOf(flags.mutualTlsCas) : undefined,
  };
  const given: ClassicConfig = Object.fromEntries(Object.entries(classic).filter(([, value]) => value !== undefined));
  return Object.keys(given).length === 0 ? undefined : given;
}

function tlsOf({ crt, key, mutualTlsCas, terminateAt }: TunnelFlags): TlsEnd | undefined {
  const at = terminateAt === 'edge' || terminateAt === 'agent' || terminateAt === 'upstream' ? terminateAt : undefined;
  if (crt === undefined && key === undefined && mutualTlsCas === undefined && at === undefined) return undefined;
  const certificate = pathOf(crt);
  const privateKey = pathOf(key);
  const cas = pathOf(mutualTlsCas);
  return {
    ...(at === undefined ? {} : { at }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(cas === undefined ? {} : { clientCas: [cas] }),
  };
}

function http2Of(protocol: string | undefined): 'http1' | 'http2' | undefined {
  return protocol === 'http1' || protocol === 'http2' ? protocol : undefined;
}

function proxyProtocolOf(version: string | undefined): 1 | 2 | undefined {
  return version === '1' ? 1 : version === '2' ? 2 : undefined;
}

function pathOf(file: string | undefined): string | undefined {
  return file === undefined ? undefined : resolve(file);
}
