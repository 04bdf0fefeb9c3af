import { errorName, PorticoError } from '@portico/errors';
import { AgentError } from './agent-error.ts';

/** Protocols that the server knows; an http endpoint is `https` unless its URL says otherwise. */
export type EndpointProto = 'http' | 'https' | 'tcp' | 'tls';

/** What an endpoint is asked to be. Everything but `proto` may be left out: then the server chooses. */
export interface EndpointOptions {
  /** `http` is the family: the URL's scheme decides, https without one. */
  readonly proto: 'http' | 'tcp' | 'tls';
  /** `https://host`, `http://host`, a bare host, `tcp://host:port`, `tls://host`, or a scheme alone for a random name. */
  readonly url?: string;
  /** One or more labels under the server's base domain; instead of `url`. */
  readonly subdomain?: string;
  readonly name?: string;
  readonly description?: string;
  readonly metadata?: string;
  /** Shown to the owner as where traffic goes. */
  readonly forwardsTo?: string;
  readonly forwardsProto?: 'http1' | 'http2';
  readonly proxyProtocol?: 0 | 1 | 2;
  /** Policy document, JSON or YAML text. */
  readonly trafficPolicy?: string;
  readonly poolingEnabled?: boolean;
  readonly bindings?: readonly string[];
  /** `tls`: this agent ends TLS and asks clients for certificates. */
  readonly mutualTlsAtAgent?: boolean;
}

/** The parts of a Bind message that follow from the options (`ngrok-protocol.md` sections 8 and 9). */
export interface WantedBind {
  readonly proto: EndpointProto;
  readonly opts: Readonly<Record<string, unknown>>;
}

const schemesOf: Record<EndpointOptions['proto'], readonly EndpointProto[]> = {
  http: ['https', 'http'],
  tcp: ['tcp'],
  tls: ['tls'],
};

/** Throws an AgentError of kind `usage` with code 330 or 9037; names are for the server to judge, which knows its base. */
export function wantedBind(options: EndpointOptions): WantedBind {
  const proto = protoOf(options);
  const url = options.url ?? '';
  const common = {
    URL: url,
    ProxyProto: options.proxyProtocol ?? 0,
    TrafficPolicy: options.trafficPolicy ?? null,
  };
  if (proto === 'tcp') return { proto, opts: { Addr: '', ...common } };
  const named = { Domain: '', Hostname: '', Subdomain: options.subdomain ?? '', ...common };
  if (proto === 'tls') return { proto, opts: { ...named, MutualTLSAtAgent: options.mutualTlsAtAgent ?? false } };
  return { proto, opts: { ...named, Auth: '', HostHeaderRewrite: false, LocalURLScheme: null } };
}

function protoOf(options: EndpointOptions): EndpointProto {
  const { proto, url = '', subdomain = '' } = options;
  if (url !== '' && subdomain !== '') {
    throw new AgentError('usage', 'An endpoint has a URL or a subdomain, not both.');
  }
  if (proto === 'tcp' && subdomain !== '') {
    throw new AgentError('usage', 'A tcp endpoint has a port and no subdomain.');
  }
  const accepted = schemesOf[proto];
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    if (/[\s/?#@]/.test(url)) throw usage(new PorticoError(9037, { url, reason: 'it is not a host or a URL' }));
    return accepted[0] ?? 'https';
  }
  const found = accepted.find((each) => each === scheme);
  if (found === undefined) {
    throw usage(new PorticoError(330, { url, proto, accepted: accepted.map((each) => `${each}://`).join(' or ') }));
  }
  return found;
}

function usage(error: PorticoError): AgentError {
  return new AgentError('usage', error.message, { code: errorName(error.code), cause: error });
}
