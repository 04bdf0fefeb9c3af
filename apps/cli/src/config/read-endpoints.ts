import type { Node } from 'yaml';
import type { ClassicConfig, EndpointConfig, TlsEnd } from './agent-config.ts';
import type { FieldReader, YamlReader } from './yaml-reader.ts';

type Draft = { -readonly [K in keyof EndpointConfig]?: EndpointConfig[K] };
type ClassicDraft = { -readonly [K in keyof ClassicConfig]?: ClassicConfig[K] };
type TlsDraft = { -readonly [K in keyof TlsEnd]?: TlsEnd[K] };

/** The list `endpoints:` of version 3. */
export function readEndpoints(
  reader: YamlReader,
  node: Node | null,
  toPath: (file: string) => string,
): Map<string, EndpointConfig> {
  const found = new Map<string, EndpointConfig>();
  for (const item of reader.items(node, 'endpoints')) {
    const draft: Draft = {};
    const unsupported: string[] = [];
    reader.fields(item, 'an endpoint', {
      ...commonFields(reader, draft, toPath),
      name: (value, key) => put(draft, 'name', reader.text(value, key)),
      url: (value, key) => put(draft, 'url', reader.text(value, key)),
      upstream: (value) =>
        reader.fields(value, 'upstream', {
          url: (inner, key) => put(draft, 'upstream', reader.text(inner, key)),
          protocol: (inner, key) => put(draft, 'upstreamProtocol', reader.choice(inner, key, ['http1', 'http2'])),
          proxy_protocol: (inner, key) => put(draft, 'proxyProtocol', readProxyProtocol(reader, inner, key)),
        }),
      inspect: (value, key) => put(draft, 'inspect', reader.boolean(value, key)),
      agent_tls_termination: (value, what) => {
        const tls: TlsDraft = { at: 'agent' };
        reader.fields(value, what, {
          server_certificate: (inner, key) => put(tls, 'certificate', pemOrPath(reader.text(inner, key), toPath)),
          server_private_key: (inner, key) => put(tls, 'privateKey', pemOrPath(reader.text(inner, key), toPath)),
          mutual_tls_certificate_authorities: (inner, key) =>
            put(
              tls,
              'clientCas',
              reader.texts(inner, key).map((text) => pemOrPath(text, toPath) ?? ''),
            ),
        });
        draft.tls = tls;
      },
    });
    const { name, upstream } = draft;
    if (draft.tls !== undefined && !(draft.url ?? '').startsWith('tls://')) {
      reader.problem(item, 'agent_tls_termination is for tls:// endpoints.');
    }
    if (name === undefined || name === '') reader.problem(item, 'an endpoint needs a name.');
    else if (upstream === undefined) reader.problem(item, `endpoint "${name}" needs upstream.url.`);
    else if (found.has(name)) reader.problem(item, `endpoint "${name}" is there twice.`);
    else
      found.set(name, { ...draft, name, upstream, url: draft.url ?? '', proto: protoOf(draft.url ?? ''), unsupported });
  }
  return found;
}

/** The map `tunnels:` of version 2, still legal in version 3. */
export function readTunnels(
  reader: YamlReader,
  node: Node | null,
  toPath: (file: string) => string,
): Map<string, EndpointConfig> {
  const found = new Map<string, EndpointConfig>();
  reader.entries(node, 'tunnels', (name, item, key) => {
    const draft: Draft = {};
    const classic: ClassicDraft = {};
    const tls: TlsDraft = {};
    const unsupported: string[] = [];
    const address: { host?: string; scheme: 'http' | 'https'; both: boolean } = { scheme: 'https', both: false };
    const readHost: FieldReader = (value, field) => {
      const host = reader.text(value, field);
      if (host !== undefined) address.host = host;
    };
    const signIn = (provider: 'oauthProvider' | 'oidcUrl', naming: string): FieldReader => {
      return (value, what) =>
        reader.fields(value, what, {
          [naming]: (inner, field) => put(classic, provider, reader.text(inner, field)),
          allow_domains: (inner, field) => put(classic, 'allowDomains', reader.texts(inner, field)),
          allow_emails: (inner, field) => put(classic, 'allowEmails', reader.texts(inner, field)),
          scopes: (inner, field) => put(classic, 'scopes', reader.texts(inner, field)),
          client_id: (inner, field) => put(classic, 'clientId', reader.text(inner, field)),
          client_secret: (inner, field) => put(classic, 'clientSecret', reader.text(inner, field)),
        });
    };
    reader.fields(item, `tunnel "${name}"`, {
      ...commonFields(reader, draft, toPath),
      proto: (value, field) => put(draft, 'proto', reader.choice(value, field, ['http', 'tcp', 'tls'])),
      addr: (value, field) => put(draft, 'upstream', reader.text(value, field)),
      domain: readHost,
      hostname: readHost,
      subdomain: (value, field) => put(draft, 'subdomain', reader.text(value, field)),
      remote_addr: readHost,
      schemes: (value, field) => {
        const schemes = reader.items(value, field).map((each) => reader.choice(each, field, ['http', 'https']));
        address.both = schemes.includes('http') && schemes.includes('https');
        address.scheme = address.both ? 'https' : (schemes[0] ?? 'https');
      },
      bind_tls: (value, field) => {
        const choice = reader.choice(value, field, ['true', 'false', 'both']);
        address.both = choice === 'both';
        address.scheme = choice === 'false' ? 'http' : 'https';
      },
      proxy_proto: (value, field) => put(draft, 'proxyProtocol', readProxyProtocol(reader, value, field)),
      inspect: (value, field) => put(draft, 'inspect', reader.boolean(value, field)),
      policy: (value, field) => {
        if (reader.map(value, field) !== null) put(draft, 'trafficPolicy', JSON.stringify(reader.plain(value)));
      },
      host_header: (value, field) => put(classic, 'hostHeader', reader.text(value, field)),
      basic_auth: (value, field) => put(classic, 'basicAuth', reader.texts(value, field)),
      auth: (value, field) => put(classic, 'basicAuth', reader.texts(value, field)),
      compression: (value, field) => put(classic, 'compression', reader.boolean(value, field)),
      circuit_breaker: (value, field) => put(classic, 'circuitBreaker', reader.number(value, field)),
      ip_restriction: (value, what) =>
        reader.fields(value, what, {
          allow_cidrs: (inner, field) => put(classic, 'cidrAllow', reader.texts(inner, field)),
          deny_cidrs: (inner, field) => put(classic, 'cidrDeny', reader.texts(inner, field)),
        }),
      request_header: (value, what) =>
        reader.fields(value, what, {
          add: (inner, field) => put(classic, 'requestHeaderAdd', reader.texts(inner, field)),
          remove: (inner, field) => put(classic, 'requestHeaderRemove', reader.texts(inner, field)),
        }),
      response_header: (value, what) =>
        reader.fields(value, what, {
          add: (inner, field) => put(classic, 'responseHeaderAdd', reader.texts(inner, field)),
          remove: (inner, field) => put(classic, 'responseHeaderRemove', reader.texts(inner, field)),
        }),
      user_agent_filter: (value, what) =>
        reader.fields(value, what, {
          allow: (inner, field) => put(classic, 'userAgentAllow', reader.texts(inner, field)),
          deny: (inner, field) => put(classic, 'userAgentDeny', reader.texts(inner, field)),
        }),
      verify_webhook: (value, what) =>
        reader.fields(value, what, {
          provider: (inner, field) => put(classic, 'webhookProvider', reader.text(inner, field)),
          secret: (inner, field) => put(classic, 'webhookSecret', reader.text(inner, field)),
        }),
      oauth: signIn('oauthProvider', 'provider'),
      oidc: signIn('oidcUrl', 'issuer_url'),
      mutual_tls_cas: (value, field) => put(classic, 'mutualTlsCas', pemOrPath(reader.text(value, field), toPath)),
      crt: (value, field) => put(tls, 'certificate', pemOrPath(reader.text(value, field), toPath)),
      key: (value, field) => put(tls, 'privateKey', pemOrPath(reader.text(value, field), toPath)),
      terminate_at: (value, field) => put(tls, 'at', reader.choice(value, field, ['edge', 'agent', 'upstream'])),
      labels: (_value, field) => unsupported.push(field),
      websocket_tcp_converter: (value, field) => {
        if (reader.boolean(value, field) === true) unsupported.push(field);
      },
    });
    if (draft.proto === 'tls' && classic.mutualTlsCas !== undefined) {
      tls.clientCas = [classic.mutualTlsCas];
      delete classic.mutualTlsCas;
    }
    if (Object.keys(classic).length > 0) draft.classic = classic;
    if (Object.keys(tls).length > 0) draft.tls = tls;
    if (address.both) draft.bothSchemes = true;
    const { proto, upstream } = draft;
    if (proto === undefined) reader.problem(key, `tunnel "${name}" needs proto: http, tcp or tls.`);
    else if (upstream === undefined) reader.problem(key, `tunnel "${name}" needs addr.`);
    else if (address.host !== undefined && draft.subdomain !== undefined) {
      reader.problem(key, `tunnel "${name}" has a subdomain and a domain; give one.`);
    } else {
      const scheme = proto === 'http' ? address.scheme : proto;
      const url = address.host === undefined ? (scheme === 'http' ? 'http://' : '') : `${scheme}://${address.host}`;
      found.set(name, { ...draft, name, proto, upstream, url, unsupported });
    }
  });
  return found;
}

function commonFields(reader: YamlReader, draft: Draft, toPath: (file: string) => string): Record<string, FieldReader> {
  return {
    metadata: (value, key) => put(draft, 'metadata', reader.text(value, key)),
    description: (value, key) => put(draft, 'description', reader.text(value, key)),
    pooling_enabled: (value, key) => put(draft, 'poolingEnabled', reader.boolean(value, key)),
    bindings: (value, key) => {
      const bindings = reader
        .items(value, key)
        .map((each) => reader.choice(each, key, ['public', 'internal', 'kubernetes']));
      if (bindings.length > 1) reader.problem(value, `${key} is a list of one.`);
      put(
        draft,
        'bindings',
        bindings.filter((each) => each !== undefined),
      );
    },
    traffic_policy: (value, key) => {
      if (reader.map(value, key) !== null) put(draft, 'trafficPolicy', JSON.stringify(reader.plain(value)));
    },
    upstream_tls_verify: (value, key) => put(draft, 'upstreamTlsVerify', reader.boolean(value, key)),
    upstream_tls_verify_cas: (value, key) => put(draft, 'upstreamTlsCas', pemOrPath(reader.text(value, key), toPath)),
    traffic_policy_file: (value, key) => {
      const file = reader.text(value, key);
      if (file !== undefined) put(draft, 'trafficPolicyFile', toPath(file));
    },
  };
}

function put<T extends object, K extends keyof T>(draft: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) draft[key] = value;
}

/** A PEM text as it is, anything else as a path. */
function pemOrPath(text: string | undefined, toPath: (file: string) => string): string | undefined {
  return text === undefined || text.includes('-----BEGIN ') ? text : toPath(text);
}

function readProxyProtocol(reader: YamlReader, node: Node | null, key: string): 1 | 2 | undefined {
  const choice = reader.choice(node, key, ['1', '2']);
  return choice === undefined ? undefined : choice === '1' ? 1 : 2;
}

function protoOf(url: string): 'http' | 'tcp' | 'tls' {
  return url.startsWith('tcp://') ? 'tcp' : url.startsWith('tls://') ? 'tls' : 'http';
}
