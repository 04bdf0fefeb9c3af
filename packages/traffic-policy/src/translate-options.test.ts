import { describe, expect, it } from 'vitest';
import type { EndpointProtocol } from './document/phase.ts';
import { explain } from './explain.ts';
import { loadPolicy } from './load-policy.ts';
import type { CompiledPolicy } from './policy.ts';
import { readBindOptions } from './read-bind-options.ts';
import { connection, endpoint, request } from './testing/contexts.ts';
import { type ClassicOptions, translateOptions } from './translate-options.ts';

function policyOf(options: ClassicOptions, protocol: EndpointProtocol = 'https'): CompiledPolicy {
  const document = translateOptions(options, protocol);
  const loaded = loadPolicy(JSON.stringify(document), { protocol, kind: 'agent', internal: false });
  if (loaded.kind === 'loaded') return loaded.policy;
  throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
}

function outcome(
  options: ClassicOptions,
  changes: Parameters<typeof request>[0] = {},
  clientIp = '203.0.113.7',
): string {
  return explain(policyOf(options), {
    connection: connection({ clientIp }),
    endpoint: endpoint(),
    request: request(changes),
    response: null,
  }).conclusion;
}

const UPSTREAM = 'The traffic goes to the upstream.';
const agent = (text: string): Parameters<typeof request>[0] => ({ fields: ['User-Agent', text] });

describe('classic options', () => {
  it('that ask for nothing make no policy', () => {
    expect(translateOptions({}, 'https')).toBeNull();
    expect(
      translateOptions({ compression: true, basicAuth: [{ username: 'a', password: '12345678' }] }, 'tcp'),
    ).toBeNull();
  });

  it('become rules in the order of the service they come from', () => {
    const policy = policyOf({
      compression: true,
      circuitBreaker: 0.3,
      hostHeader: 'inner',
      ipRestriction: { allow: ['0.0.0.0/0'], deny: ['10.0.0.0/8'] },
      basicAuth: [{ username: 'ada', password: 'love:lace' }],
      webhookVerification: { provider: 'SLACK', secret: 'x' },
      requestHeaders: { add: [['a', 'b']], remove: ['c'] },
      responseHeaders: { add: [], remove: ['server'] },
      userAgentFilter: { allow: [], deny: ['curl'] },
      mutualTlsAuthorities: ['-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----'],
    });
    const types = (phase: 'on_tcp_connect' | 'on_http_request' | 'on_http_response'): unknown =>
      policy.phases[phase].flatMap((rule) => rule.actions.map(({ type }) => type));
    expect(types('on_tcp_connect')).toEqual(['terminate-tls']);
    expect(types('on_http_request')).toEqual([
      'restrict-ips',
      'circuit-breaker',
      'custom-response',
      'basic-auth',
      'verify-webhook',
      'remove-headers',
      'add-headers',
      'add-headers',
    ]);
    expect(types('on_http_response')).toEqual(['remove-headers', 'compress-response']);
  });

  it('restrict addresses: with deny rules only, everybody else passes', () => {
    const denyOnly = { ipRestriction: { allow: [], deny: ['10.0.0.0/8'] } };
    expect(outcome(denyOnly)).toBe(UPSTREAM);
    expect(outcome(denyOnly, {}, '2001:db8::1')).toBe(UPSTREAM);
    expect(outcome(denyOnly, {}, '10.1.2.3')).toBe('restrict-ips answers with 403.');
    expect(outcome({ ipRestriction: { allow: ['10.0.0.0/8'], deny: [] } })).toBe('restrict-ips answers with 403.');
    const tcp = policyOf({ ipRestriction: { allow: [], deny: ['10.0.0.0/8'] } }, 'tcp');
    expect(tcp.phases.on_tcp_connect).toHaveLength(1);
  });

  it('filter user agents: allow wins, then deny, and an allow list alone refuses the rest', () => {
    const refused = 'custom-response answers with 403.';
    expect(outcome({ userAgentFilter: { allow: [], deny: ['(?i)bot'] } }, agent('GoodBot'))).toBe(refused);
    expect(outcome({ userAgentFilter: { allow: [], deny: ['(?i)bot'] } }, agent('curl'))).toBe(UPSTREAM);
    expect(outcome({ userAgentFilter: { allow: ['^Good'], deny: ['Bot'] } }, agent('GoodBot'))).toBe(UPSTREAM);
    expect(outcome({ userAgentFilter: { allow: ['^Good'], deny: ['Bot'] } }, agent('other'))).toBe(UPSTREAM);
    expect(outcome({ userAgentFilter: { allow: ['^Good'], deny: [] } }, agent('other'))).toBe(refused);
    const many = Array.from({ length: 100 }, (_, index) => `agent-number-${index}$`);
    expect(outcome({ userAgentFilter: { allow: [], deny: many } }, agent('agent-number-99'))).toBe(refused);
    expect(outcome({ userAgentFilter: { allow: many, deny: [] } }, agent('agent-number-50'))).toBe(UPSTREAM);
    expect(outcome({ userAgentFilter: { allow: [], deny: ["it's \\d+\\\\"] } }, agent("it's 5\\"))).toBe(refused);
  });

  it('hold no expressions, whatever they look like', () => {
    const header = ['x', `\${req.host} costs $\${1}`] as const;
    const policy = policyOf({ requestHeaders: { add: [header], remove: [] } });
    const [action] = policy.phases.on_http_request[0]?.actions ?? [];
    expect(action?.type === 'add-headers' && action.config.headers[0]?.value.constant).toBe(header[1]);
  });

  it('may add many headers, and one name twice', () => {
    const add = [
      ...Array.from({ length: 25 }, (_, index): [string, string] => [`h${index}`, 'x']),
      ['h24', 'y'] as const,
    ];
    const policy = policyOf({
      responseHeaders: { add, remove: Array.from({ length: 12 }, (_, index) => `r${index}`) },
    });
    const sizes = policy.phases.on_http_response[0]?.actions.map((action) =>
      action.type === 'add-headers' || action.type === 'remove-headers' ? action.config.headers.length : 0,
    );
    expect(sizes).toEqual([10, 2, 10, 10, 5, 1]);
  });

  it('let in only who is on the list after signing in', () => {
    const policy = policyOf({
      oauth: {
        provider: 'google',
        clientId: '',
        clientSecret: '',
        scopes: [],
        allowEmails: ['Ada@Acme.example', "o'hara@x.example"],
        allowDomains: ['corp.example'],
      },
    });
    expect(policy.phases.on_http_request.map((rule) => rule.expressions.map(({ source }) => source))).toEqual([
      [],
      [
        "!(actions.ngrok.oauth.identity.email.lower() == 'ada@acme.example' || actions.ngrok.oauth.identity.email.lower() == 'o\\'hara@x.example' || actions.ngrok.oauth.identity.email.lower().endsWith('@corp.example'))",
      ],
    ]);
  });

  it('with a fault are refused like any policy', () => {
    expect(() => policyOf({ basicAuth: [{ username: 'a', password: 'short' }] })).toThrow(/5 characters/);
    expect(() => policyOf({ ipRestriction: { allow: ['x'], deny: [] } })).toThrow(/not an address/);
    expect(() => policyOf({ userAgentFilter: { allow: ['(?=a)'], deny: [] } })).toThrow(/look-around/);
    expect(() => policyOf({ requestHeaders: { add: [['user-agent', 'x']], remove: [] } })).toThrow(/user-agent/);
  });
});

describe('the options of a bind', () => {
  it('are read as SDKs send them', () => {
    const pem = Buffer.from('-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n').toString('base64');
    const read = readBindOptions({
      Domain: 'x',
      Compression: {},
      CircuitBreaker: { error_threshold: 0.25 },
      OAuth: null,
      IPRestriction: { allow_cidrs: ['10.0.0.0/8'] },
      BasicAuth: { credentials: [{ username: 'u', cleartext_password: 'p:q-longer' }] },
      OIDC: {
        issuer_url: 'https://a.example',
        client_id: 'a',
        client_secret: 'b',
        sealed_client_secret: '',
        allow_domains: ['x.example'],
      },
      WebhookVerification: { provider: 'github', secret: 's' },
      MutualTLSCA: {
        mutual_tls_ca: Buffer.from(`${Buffer.from(pem, 'base64')}${Buffer.from(pem, 'base64')}`).toString('base64'),
      },
      RequestHeaders: { add: ['host: inner.example', 'a:b:c'], remove: ['x'], addParsed: {} },
      UserAgentFilter: { allow: ['x'], deny: [] },
      tlstermination: {},
    });
    expect(read).toMatchObject({
      kind: 'read',
      options: {
        compression: true,
        circuitBreaker: 0.25,
        ipRestriction: { allow: ['10.0.0.0/8'], deny: [] },
        basicAuth: [{ username: 'u', password: 'p:q-longer' }],
        oidc: { issuerUrl: 'https://a.example', allowDomains: ['x.example'] },
        webhookVerification: { provider: 'github', secret: 's' },
        requestHeaders: {
          add: [
            ['host', 'inner.example'],
            ['a', 'b:c'],
          ],
          remove: ['x'],
        },
        tlsTermination: { certificatePem: null, privateKeyPem: null },
      },
    });
    expect(read.kind === 'read' && read.options.mutualTlsAuthorities).toHaveLength(2);
    expect(read.kind === 'read' && 'oauth' in read.options).toBe(false);
  });

  it.each<[unknown, RegExp]>([
    [{ CircuitBreaker: { error_threshold: 3 } }, /error_threshold/],
    [{ BasicAuth: { credentials: [{ username: 'u', hashed_password: 'eA==' }] } }, /cleartext_password/],
    [{ OAuth: { provider: 'google', sealed_client_secret: 'eA==' } }, /OAuth brings a sealed secret/],
    [{ RequestHeaders: { add: ['nocolon'] } }, /nocolon/],
    [{ MutualTLSCA: { mutual_tls_ca: 'eA==' } }, /no certificate/],
    [{ IPRestriction: [] }, /iprestriction is not an object/],
    [{ UserAgentFilter: { allow: 'x' } }, /allow is not a list/],
  ])('%j are refused', (opts, reason) => {
    expect(readBindOptions(opts)).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) });
  });

  it.each([null, undefined, 'x', [], 5])('%s hold nothing', (opts) => {
    expect(readBindOptions(opts)).toEqual({ kind: 'read', options: {} });
  });
});
