import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portOf } from '@portico/agent/testing';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addEndpointFlags,
  olderFlagNotices,
  spellOutBooleans,
  type TunnelFlags,
  type TunnelProto,
} from '../commands/tunnel-flags.ts';
import { readConfig } from '../config/read-config.ts';
import { endpointFromFlags } from './endpoint-from-flags.ts';
import { type WantedEndpoint, wantedEndpoints } from './wanted-endpoint.ts';

const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portico-described-'));
  await writeFile(join(folder, 'policy.yml'), 'on_http_request:\n  - actions: [{type: deny}]\n');
  await writeFile(join(folder, 'ca.pem'), pem);
});
afterAll(() => rm(folder, { recursive: true }));

function flagsOf(proto: TunnelProto, line: readonly string[]): TunnelFlags {
  const command = new Command(proto)
    .argument('<address>')
    .option('--url <url>')
    .option('--subdomain <name>')
    .exitOverride();
  addEndpointFlags(command, proto).parse(spellOutBooleans(line), { from: 'user' });
  return command.opts();
}

type Policy = Readonly<
  Record<string, readonly { readonly actions: readonly { readonly type: string; readonly config?: unknown }[] }[]>
>;

async function fromFlags(
  proto: TunnelProto,
  ...line: string[]
): Promise<{ wanted: WantedEndpoint; policy: Policy | null; all: WantedEndpoint[] }> {
  const all = await wantedEndpoints(endpointFromFlags(proto, '3000', flagsOf(proto, [...line, '3000'])));
  const [wanted] = all;
  if (wanted === undefined) throw new Error('nothing is described');
  const { trafficPolicy } = wanted;
  return { wanted, all, policy: trafficPolicy === undefined ? null : JSON.parse(trafficPolicy) };
}

const actions = (policy: Policy | null, phase = 'on_http_request'): [string, unknown][] =>
  policy?.[phase]?.flatMap((rule) => rule.actions.map((each): [string, unknown] => [each.type, each.config])) ?? [];

describe('flags of today', () => {
  it('say what the endpoint is', async () => {
    const { wanted } = await fromFlags(
      'http',
      '--url',
      'https://a.example.dev',
      '--name',
      'n',
      '--description',
      'd',
      '--metadata',
      'm',
      '--pooling-enabled',
      '--binding',
      'internal',
      '--inspect=false',
      '--upstream-protocol',
      'http2',
      '--upstream-proxy-protocol',
      '2',
      '--upstream-tls-verify-cas',
      join(folder, 'ca.pem'),
    );
    expect(wanted).toMatchObject({
      url: 'https://a.example.dev',
      name: 'n',
      description: 'd',
      metadata: 'm',
      poolingEnabled: true,
      bindings: ['internal'],
      inspect: false,
      forwardsProto: 'http2',
      proxyProtocol: 2,
      upstreamTls: { verify: true, ca: [pem] },
    });
    expect((await fromFlags('http', '--upstream-tls-verify')).wanted.upstreamTls).toEqual({ verify: true, ca: null });
    expect((await fromFlags('http')).wanted).toMatchObject({ inspect: true, name: 'command_line' });
    expect((await fromFlags('http', '--url', 'https://db.internal')).wanted.bindings).toEqual(['internal']);
  });

  it('never take the word behind a switch for its value', async () => {
    expect((await fromFlags('http', '--pooling-enabled')).wanted).toMatchObject({
      poolingEnabled: true,
      upstream: { port: 3000 },
    });
  });

  it('take a policy from a file or an address', async () => {
    const server = createServer((request, response) =>
      response.writeHead(request.url === '/p' ? 200 : 404).end('on_http_request: []'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${portOf(server.address())}`;
    const fetched = await wantedEndpoints(
      endpointFromFlags('http', '80', flagsOf('http', ['80', '--traffic-policy-url', `${url}/p`])),
    );
    expect(fetched[0]?.trafficPolicy).toBe('on_http_request: []');
    await expect(fromFlags('http', '--traffic-policy-url', `${url}/none`)).rejects.toThrow('the answer is 404');
    server.close();
    const read = await wantedEndpoints(
      endpointFromFlags('http', '80', flagsOf('http', ['80', '--traffic-policy-file', join(folder, 'policy.yml')])),
    );
    expect(read[0]?.trafficPolicy).toContain('type: deny');
  });

  it('become rules: Host, logins, addresses, before those of the policy file', async () => {
    expect(actions((await fromFlags('http', '--host-header', 'rewrite')).policy)).toEqual([
      ['add-headers', { headers: { host: 'localhost:3000' } }],
    ]);
    expect((await fromFlags('http', '--host-header', 'preserve')).policy).toBeNull();
    expect(actions((await fromFlags('http', '--host-header', 'box')).policy)).toEqual([
      ['add-headers', { headers: { host: 'box' } }],
    ]);
    const { policy } = await fromFlags(
      'http',
      '--basic-auth',
      'me:secret,word',
      '--basic-auth',
      'you:longenough',
      '--traffic-policy-file',
      join(folder, 'policy.yml'),
    );
    expect(actions(policy)).toEqual([
      ['basic-auth', { credentials: ['me:secret,word', 'you:longenough'], enforce: true }],
      ['deny', undefined],
    ]);
    const restricted = await fromFlags('tcp', '--cidr-allow', '10.0.0.0/8,fd00::/8', '--cidr-deny', '10.1.0.0/16');
    expect(actions(restricted.policy, 'on_tcp_connect')).toEqual([
      ['restrict-ips', { allow: ['10.0.0.0/8', 'fd00::/8'], deny: ['10.1.0.0/16'], enforce: true }],
    ]);
  });

  it('end TLS where they say', async () => {
    const files = ['--crt', join(folder, 'ca.pem'), '--key', join(folder, 'ca.pem')];
    expect((await fromFlags('tls', ...files)).wanted.terminateTls).toEqual({ certificate: pem, privateKey: pem });
    const mutual = await fromFlags('tls', ...files, '--mutual-tls-cas', join(folder, 'ca.pem'));
    expect(mutual.wanted.terminateTls?.clientCas).toEqual([pem]);
    const atEdge = await fromFlags('tls', ...files, '--terminate-at', 'edge');
    expect(atEdge.wanted.terminateTls).toBeUndefined();
    expect(actions(atEdge.policy, 'on_tcp_connect')[0]?.[0]).toBe('terminate-tls');
    expect((await fromFlags('tls', '--terminate-at', 'upstream')).policy).toBeNull();
  });
});

describe('flags of earlier versions', () => {
  it.each<[string[], string, object | undefined]>([
    [['--auth', 'u:longenough'], 'basic-auth', { credentials: ['u:longenough'], enforce: true }],
    [['--circuit-breaker', '0.5'], 'circuit-breaker', { error_threshold: 0.5 }],
    [['--oauth', 'google', '--oauth-allow-domain', 'example.dev'], 'oauth', { provider: 'google' }],
    [
      ['--oidc', 'https://id.example.dev', '--oidc-client-id', 'i', '--oidc-client-secret', 's'],
      'openid-connect',
      { issuer_url: 'https://id.example.dev', client_id: 'i', client_secret: 's' },
    ],
    [
      ['--verify-webhook', 'github', '--verify-webhook-secret', 's'],
      'verify-webhook',
      { provider: 'github', secret: 's' },
    ],
    [['--request-header-add', 'x-a: b, c', '--request-header-remove', 'x-d'], 'remove-headers', { headers: ['x-d'] }],
    [['--ua-filter-deny', '.*bot.*'], 'custom-response', undefined],
  ])('%j become %s', async (line, type, config) => {
    const { policy } = await fromFlags('http', ...line);
    const found = actions(policy).find(([each]) => each === type);
    expect(found?.[0]).toBe(type);
    if (config !== undefined) expect(found?.[1]).toMatchObject(config);
    expect(olderFlagNotices(line).length).toBeGreaterThan(0);
  });

  it('of answers become rules of the answer', async () => {
    const { policy } = await fromFlags(
      'http',
      '--compression',
      '--response-header-add',
      'x-a:b',
      '--response-header-remove',
      'server',
    );
    expect(
      actions(policy, 'on_http_response')
        .map(([type]) => type)
        .sort(),
    ).toEqual(['add-headers', 'compress-response', 'remove-headers']);
  });

  it('name the endpoint as --url does', async () => {
    expect((await fromFlags('http', '--hostname', 'a.example.dev')).wanted.url).toBe('a.example.dev');
    expect((await fromFlags('http', '--domain', 'a.example.dev', '--scheme', 'http')).wanted.url).toBe(
      'http://a.example.dev',
    );
    expect((await fromFlags('tcp', '--remote-addr', 'tcp.example.dev:20001')).wanted.url).toBe(
      'tcp://tcp.example.dev:20001',
    );
    const both = await fromFlags('http', '--domain', 'a.example.dev', '--bind-tls', 'both');
    expect(both.all.map(({ name, url }) => [name, url])).toEqual([
      ['command_line', 'https://a.example.dev'],
      ['command_line (http)', 'http://a.example.dev'],
    ]);
    expect((await fromFlags('http', '--bind-tls', 'false')).wanted.url).toBe('http://');
    expect((await fromFlags('http', '--proxy-proto', '1', '--app-protocol', 'http2')).wanted).toMatchObject({
      proxyProtocol: 1,
      forwardsProto: 'http2',
    });
    expect(olderFlagNotices(['--region=eu', '--proxy-proto', '1'])).toEqual([
      '--proxy-proto still works; today it is --upstream-proxy-protocol.',
      '--region has no effect: your server is where you run it.',
    ]);
  });
});

describe('configuration files', () => {
  async function all(text: string) {
    const read = readConfig(join(folder, 'ngrok.yml'), text);
    if (read.kind === 'bad')
      throw new Error(read.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'));
    const wanted = await Promise.all([...read.config.endpoints.values()].map(wantedEndpoints));
    return { config: read.config, wanted: wanted.flat() };
  }

  it('of version 3: the example of the reference', async () => {
    const { config, wanted } = await all(`
version: 3
agent: {authtoken: TOKEN, connect_url: "connect.example.dev:443", connect_cas: host}
endpoints:
  - name: web
    url: https://shop.example.dev
    upstream: {url: 3000}
    traffic_policy:
      on_http_request: [{actions: [{type: basic-auth, config: {credentials: ["dev:longenough1"]}}]}]
  - {name: db, url: "tcp://db.internal:5432", upstream: {url: 5432}}
`);
    expect(config).toMatchObject({ authtoken: 'TOKEN', connectUrl: 'connect.example.dev:443' });
    expect(wanted).toMatchObject([
      {
        name: 'web',
        proto: 'http',
        url: 'https://shop.example.dev',
        upstream: { text: 'http://localhost:3000' },
        trafficPolicy: expect.stringContaining('dev:longenough1'),
      },
      {
        name: 'db',
        proto: 'tcp',
        url: 'tcp://db.internal:5432',
        upstream: { text: 'localhost:5432' },
        bindings: ['internal'],
      },
    ]);
  });

  it('of version 2: the example of the reference', async () => {
    const { wanted } = await all(`
version: 2
authtoken: TOKEN
tunnels:
  web: {proto: http, addr: 3000, domain: shop.example.dev, host_header: rewrite}
  ssh: {proto: tcp, addr: 22}
`);
    expect(wanted).toMatchObject([
      { name: 'web', url: 'https://shop.example.dev', trafficPolicy: expect.stringContaining('localhost:3000') },
      { name: 'ssh', proto: 'tcp', url: '', upstream: { text: 'localhost:22' } },
    ]);
  });

  it('of version 3 know every key of the agent and of an endpoint', async () => {
    const { config, wanted } = await all(`
version: 3
agent:
  authtoken: TOKEN
  api_key: KEY
  connect_url: connect.example.dev:443
  connect_cas: trusted
  console_ui: iftty
  console_ui_color: transparent
  log: stdout
  log_level: debug
  log_format: json
  metadata: m
  web_addr: 0.0.0.0:4040
  web_allow_hosts: [10.0.0.0/8, .corp.example]
  inspect_db_size: 1000000
  heartbeat_interval: 5s
  heartbeat_tolerance: 1m
  connect_timeout: 10s
  proxy_url: socks5://localhost:1080
  remote_management: false
  update_check: false
  update_channel: stable
  crl_noverify: true
endpoints:
  - name: all
    url: https://*.example.dev
    upstream: {url: "https://localhost:8443", protocol: http2, proxy_protocol: 1}
    bindings: [public]
    description: d
    metadata: m
    pooling_enabled: true
    inspect: false
    traffic_policy_file: policy.yml
  - name: tls
    url: tls://tls.example.dev
    upstream: {url: 443}
    agent_tls_termination: {server_certificate: ca.pem, server_private_key: ca.pem, mutual_tls_certificate_authorities: [ca.pem]}
`);
    expect(config).toMatchObject({
      apiKey: 'KEY',
      webAddr: '0.0.0.0:4040',
      webAllowHosts: ['10.0.0.0/8', '.corp.example'],
      inspectDbSize: 1_000_000,
      heartbeatToleranceMs: 60_000,
      proxyUrl: 'socks5://localhost:1080',
      remoteManagement: false,
    });
    expect(wanted).toMatchObject([
      {
        name: 'all',
        forwardsProto: 'http2',
        proxyProtocol: 1,
        poolingEnabled: true,
        inspect: false,
        trafficPolicy: expect.stringContaining('deny'),
      },
      { name: 'tls', proto: 'tls', terminateTls: { certificate: pem, privateKey: pem, clientCas: [pem] } },
    ]);
  });

  it('of version 2 know every key of a tunnel', async () => {
    const { wanted } = await all(`
version: 2
web_addr: false
inspect_db_size: -1
tunnels:
  everything:
    proto: http
    addr: https://localhost:8443
    hostname: a.example.dev
    schemes: [http, https]
    host_header: rewrite
    basic_auth: ["u:longenough"]
    inspect: false
    compression: true
    circuit_breaker: 0.5
    metadata: m
    proxy_proto: 2
    mutual_tls_cas: ca.pem
    ip_restriction: {allow_cidrs: [10.0.0.0/8], deny_cidrs: [10.1.0.0/16]}
    oauth: {provider: google, allow_domains: [example.dev], allow_emails: [a@example.dev], scopes: [email]}
    request_header: {add: ["x-a: b"], remove: [x-c]}
    response_header: {add: ["x-d: e"], remove: [x-f]}
    user_agent_filter: {allow: ["^curl"], deny: [bot]}
    verify_webhook: {provider: github, secret: s}
    websocket_tcp_converter: false
  old: {proto: http, addr: 80, policy: {inbound: [], outbound: []}}
  pass: {proto: tls, addr: 443, domain: tls.example.dev, terminate_at: upstream}
  port: {proto: tcp, addr: 22, remote_addr: "tcp.example.dev:20001", ip_restriction: {deny_cidrs: [10.1.0.0/16]}}
`);
    expect(wanted.map(({ name, url }) => [name, url])).toEqual([
      ['everything', 'https://a.example.dev'],
      ['everything (http)', 'http://a.example.dev'],
      ['old', ''],
      ['pass', 'tls://tls.example.dev'],
      ['port', 'tcp://tcp.example.dev:20001'],
    ]);
    const policy = JSON.parse(wanted[0]?.trafficPolicy ?? '{}');
    const types = new Set(
      [...actions(policy, 'on_tcp_connect'), ...actions(policy), ...actions(policy, 'on_http_response')].map(
        ([type]) => type,
      ),
    );
    expect([...types].sort()).toEqual([
      'add-headers',
      'basic-auth',
      'circuit-breaker',
      'compress-response',
      'custom-response',
      'deny',
      'oauth',
      'remove-headers',
      'restrict-ips',
      'terminate-tls',
      'verify-webhook',
    ]);
  });
});
