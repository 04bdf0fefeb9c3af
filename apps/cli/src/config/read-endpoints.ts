import type { Node } from 'yaml';
import type { EndpointConfig } from './agent-config.ts';
import type { FieldReader, YamlReader } from './yaml-reader.ts';

type Draft = { -readonly [K in keyof EndpointConfig]?: EndpointConfig[K] };

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
      agent_tls_termination: (_value, key) => unsupported.push(key),
    });
    const { name, upstream } = draft;
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
    const unsupported: string[] = [];
    const later: FieldReader = (_value, field) => unsupported.push(field);
    const address: { host?: string; scheme: 'http' | 'https' } = { scheme: 'https' };
    const readHost: FieldReader = (value, field) => {
      const host = reader.text(value, field);
      if (host !== undefined) address.host = host;
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
        if (schemes.length > 1) unsupported.push('schemes with two values');
        address.scheme = schemes[0] ?? 'https';
      },
      proxy_proto: (value, field) => put(draft, 'proxyProtocol', readProxyProtocol(reader, value, field)),
      inspect: (value, field) => reader.boolean(value, field),
      ...Object.fromEntries(laterKeys.map((field) => [field, later])),
    });
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

// Policies in older words; they come with the policy engine.
const laterKeys = [
  'labels',
  'ip_restriction',
  'policy',
  'host_header',
  'basic_auth',
  'compression',
  'circuit_breaker',
  'mutual_tls_cas',
  'oauth',
  'request_header',
  'response_header',
  'user_agent_filter',
  'verify_webhook',
  'websocket_tcp_converter',
  'crt',
  'key',
  'terminate_at',
] as const;

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
    traffic_policy_file: (value, key) => {
      const file = reader.text(value, key);
      if (file !== undefined) put(draft, 'trafficPolicyFile', toPath(file));
    },
  };
}

function put<K extends keyof Draft>(draft: Draft, key: K, value: Draft[K] | undefined): void {
  if (value !== undefined) draft[key] = value;
}

function readProxyProtocol(reader: YamlReader, node: Node | null, key: string): 1 | 2 | undefined {
  const choice = reader.choice(node, key, ['1', '2']);
  return choice === undefined ? undefined : choice === '1' ? 1 : 2;
}

function protoOf(url: string): 'http' | 'tcp' | 'tls' {
  return url.startsWith('tcp://') ? 'tcp' : url.startsWith('tls://') ? 'tls' : 'http';
}
