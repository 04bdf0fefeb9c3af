// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts
import { describe, expect, it } from 'vitest';
import { loadPolicy } from './load-policy.ts';
import { ANY_TARGET, type CompiledPolicy, combinePolicies, EMPTY_POLICY } from './policy.ts';

function load(text: string, target = ANY_TARGET): CompiledPolicy {
  const loaded = loadPolicy(text, target);
  if (loaded.kind === 'loaded') return loaded.policy;
  throw new Error(loaded.problems.map(({ line, column, message }) => `${line}:${column} ${message}`).join('\n'));
}

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';

/** One valid configuration for each action, as its users write it. */
const VALID: Readonly<Record<string, readonly [string, unknown]>> = {
  'add-headers': ['on_http_request', { headers: { 'X-Ip': '${conn.client_ip}', host: 'a.example', n: 1 } }],
  'remove-headers': ['on_http_response', { headers: ['Server'] }],
  'basic-auth': [
    'on_http_request',
    { credentials: ['ada:lovelace1', "${secrets.get('v', 's')}"], realm: 'x', enforce: false },
  ],
  'custom-response': [
    'on_http_response',
    { status_code: 503, body: '${req.host} sleeps', headers: { 'retry-after': '60' } },
  ],
  deny: ['on_tcp_connect', { status_code: 404 }],
  'close-connection': ['on_tcp_connect', null],
  redirect: ['on_http_request', { from: '^http://(.*)', to: 'https://$1', status_code: 301, headers: { a: 'b' } }],
  'url-rewrite': ['on_http_request', { from: '/api/(v\\d)', to: '/$1' }],
  'forward-internal': ['on_http_request', { url: "https://${req.host.split('.')[0]}.internal", on_error: 'continue' }],
  'restrict-ips': [
    'on_tcp_connect',
    { allow: ['10.0.0.0/8', '::/0', '203.0.113.7'], deny: ['${vars.x}'], ip_policies: ['ipp_2abc'] },
  ],
  'rate-limit': [
    'on_http_request',
    {
      name: 'a',
      algorithm: 'sliding_window',
      capacity: 10,
      rate: '1m30s',
      bucket_key: ['conn.client_ip', "getReqHeader('x')"],
    },
  ],
  oauth: [
    'on_http_request',
    {
      provider: 'google',
      client_id: 'a',
      client_secret: 'b',
      scopes: ['email'],
      idle_session_timeout: '1h',
      authz_url_params: { prompt: 'login' },
      auth_cookie_domain: 'a.example',
    },
  ],
  'openid-connect': [
    'on_http_request',
    { issuer_url: 'https://accounts.example', client_id: 'a', client_secret: 'b', idle_session_duration: '1h' },
  ],
  'jwt-validation': [
    'on_http_request',
    {
      issuer: { allow_list: [{ value: 'https://a.example/' }] },
      audience: { allow_list: [{ value: 'me' }] },
      http: { tokens: [{ type: 'jwt', method: 'header', name: 'Authorization', prefix: 'Bearer ' }] },
      jws: { allowed_algorithms: ['RS256'], keys: { sources: { additional_jkus: ['https://a.example/jwks'] } } },
    },
  ],
  'verify-webhook': ['on_http_request', { provider: 'GitHub', secret: "${secrets.get('v', 's')}" }],
  'set-vars': ['on_http_request', { vars: [{ a: '${req.host}' }, { b: { c: [1, true, null, 'x ${vars.a}'] } }] }],
  log: ['on_http_response', { metadata: { status: '${res.status_code}', nested: { a: [1] } } }],
  'compress-response': ['on_http_response', { algorithms: ['gzip', 'br', 'zstd'] }],
  'terminate-tls': [
    'on_tcp_connect',
    {
      min_version: '1.3',
      mutual_tls_certificate_authorities: [PEM, 'ca_2abc'],
      mutual_tls_verification_strategy: 'request',
    },
  ],
  'circuit-breaker': [
    'on_http_request',
    { error_threshold: 0.1, volume_threshold: 5, window_duration: '1m', tripped_duration: '10s' },
  ],
  'http-request': [
    'on_http_request',
    {
      url: 'https://auth.internal/check',
      method: 'POST',
      query_params: [{ key: 'a', value: '${req.host}' }],
      timeout: '5s',
      retry_condition: 'attempts < 3 && last_attempt.res.status_code == 503',
      max_redirects: 2,
    },
  ],
  'request-body-find-replace': ['on_http_request', { replacements: [{ from: 'a+', to: '' }] }],
  'response-body-find-replace': ['on_http_response', { replacements: [{ from: '${req.host}', to: 'b' }] }],
};

describe('a valid document', () => {
  it.each(Object.entries(VALID))('may hold %s', (type, [phase, config]) => {
    const policy = load(JSON.stringify({ [phase]: [{ actions: [{ type, config }] }] }));
    expect(Object.values(policy.phases).flat()).toHaveLength(1);
    expect(Object.values(policy.phases).flat()[0]?.actions[0]?.type).toBe(type);
  });

  it('reads the lists of the reference and the maps of its examples alike', () => {
    const [, config] = VALID['jwt-validation'] ?? ['', {}];
    const text = JSON.stringify({ on_http_request: [{ actions: [{ type: 'jwt-validation', config }] }] });
    const asList = text.replace(/"keys":(\{.*?\}\})/, '"keys":[$1]').replace(/"sources":(\{.*?\})/, '"sources":[$1]');
    expect(asList).not.toBe(text);
    expect(load(asList).phases.on_http_request[0]?.actions[0]).toMatchObject({
      config: { jwksUrls: [{ constant: 'https://a.example/jwks' }] },
    });
  });

  it('may use the names of earlier versions', () => {
    const policy = load(
      'inbound:\n- Name: x\n  Expressions: []\n  Actions:\n  - {Type: deny, Config: {status_code: 404}}\noutbound: []\n',
    );
    expect(policy.phases.on_http_request).toMatchObject([
      { name: 'x', actions: [{ type: 'deny', config: { statusCode: 404 } }] },
    ]);
    expect(Object.keys(policy.document)).toEqual(['on_http_request']);
  });

  it('may be JSON indented by tabs, and YAML with anchors and merges', () => {
    expect(
      load('{\n\t"on_http_request": [\n\t\t{"actions": [{"type": "deny"}]}\n\t]\n}').phases.on_http_request,
    ).toHaveLength(1);
    const text =
      'on_http_request:\n- &base\n  actions: [{type: log, config: &c {metadata: {a: b}}}]\n- <<: *base\n  name: second\n';
    expect(load(text).phases.on_http_request).toMatchObject([
      { name: null },
      { name: 'second', actions: [{ type: 'log' }] },
    ]);
  });

  it('may be written as the guides of its service write it', () => {
    load(
      'on_tcp_connect: [{actions: [{type: terminate-tls, name: x, config: {mutual_tls_certificate_authorities: ca_2abc}}]}]',
    );
    load('on_http_request: [{actions: [{type: webhook-validation, config: {provider: sonatype_nexus, secret: x}}]}]');
    load("on_http_request: [{expressions: ['actions.ngrok.oauth.identity != null'], actions: [{type: deny}]}]");
  });

  it('keeps numbers in texts as they were written', () => {
    const policy = load(
      'on_http_request:\n- actions:\n  - type: add-headers\n    config: {headers: {version: 1.10, yes: true}}\n',
    );
    const [action] = policy.phases.on_http_request[0]?.actions ?? [];
    expect(action?.type === 'add-headers' && action.config.headers.map(({ value }) => value.constant)).toEqual([
      '1.10',
      'true',
    ]);
  });

  it('may name empty phases that the protocol does not have', () => {
    const target = { protocol: 'tcp', kind: 'agent', internal: false } as const;
    expect(
      load('on_tcp_connect: [{actions: [{type: deny}]}]\non_http_request: []\n', target).phases.on_tcp_connect,
    ).toHaveLength(1);
  });

  it('tells what has to be prepared for it', () => {
    const needs = (type: string): unknown => {
      const [phase = '', config] = VALID[type] ?? [];
      return load(JSON.stringify({ [phase]: [{ actions: [{ type, config }] }] })).needs;
    };
    expect(needs('deny')).toEqual({ requestBody: false, responseBody: false, clientCertificate: false });
    expect(needs('verify-webhook')).toMatchObject({ requestBody: true });
    expect(needs('response-body-find-replace')).toMatchObject({ responseBody: true });
    expect(needs('terminate-tls')).toMatchObject({ clientCertificate: true });
  });

  it('comes after another when they are combined', () => {
    const one = load('on_http_request: [{name: a, actions: [{type: deny}]}]');
    const two = load(
      'on_http_request: [{name: b, actions: [{type: verify-webhook, config: {provider: slack, secret: x}}]}]',
    );
    const both = combinePolicies(one, two);
    expect(both.phases.on_http_request.map(({ name, index }) => [name, index])).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
    expect(both.needs.requestBody).toBe(true);
    expect(combinePolicies(EMPTY_POLICY, one).document).toEqual(one.document);
  });

  it('is not combined with another that signs visitors in, too', () => {
    const oauth = load('on_http_request: [{actions: [{type: oauth, config: {provider: google}}]}]');
    const oidc = load(
      'on_http_request: [{actions: [{type: openid-connect, config: {issuer_url: "https://a.example", client_id: a, client_secret: b}}]}]',
    );
    expect(() => combinePolicies(oauth, oidc)).toThrow(expect.objectContaining({ code: 2239 }));
    expect(() => combinePolicies(oauth, load('on_http_request: [{actions: [{type: deny}]}]'))).not.toThrow();
  });
});

describe('the policy of a cloud endpoint', () => {
  const cloud = { protocol: 'https', kind: 'cloud', internal: false } as const;
  const answers = (text: string): boolean => loadPolicy(text, cloud).kind === 'loaded';
  const rule = (expressions: string, action = '{type: deny}'): string =>
    `  - {expressions: [${expressions}], actions: [${action}]}\n`;

  it.each<[string, string]>([
    ['an unconditional end', rule('')],
    ['an expression that is always true', rule('"true"')],
    ['an end in the tcp phase', ''],
    [
      'a question and its negation',
      `${rule(`"req.url.path.contains('/x')"`)}${rule(`"!req.url.path.contains('/x')"`)}`,
    ],
    [
      'a negation in parentheses',
      `${rule('"a.b || c.d"'.replace('a.b || c.d', "req.host == 'a' || req.host == 'b'"))}${rule(`"!(req.host == 'a' || req.host == 'b')"`)}`,
    ],
    ['forwarding that ends', rule('', '{type: forward-internal, config: {url: "https://a.internal"}}')],
  ])('is accepted with %s', (_, rules) => {
    const text = rules === '' ? 'on_tcp_connect: [{actions: [{type: deny}]}]' : `on_http_request:\n${rules}`;
    expect(answers(text)).toBe(true);
  });

  it.each<[string, string]>([
    ['no rules', 'on_http_request: []'],
    ['an end for some traffic', `on_http_request:\n${rule('"req.method == \'GET\'"')}`],
    [
      'a negation of a part',
      `on_http_request:\n${rule(`"req.host == 'a' || req.host == 'b'"`)}${rule(`"!req.host == 'a' || req.host == 'b'"`.replace('!req', '!(req.host == "x") || req').replaceAll('"x"', "'x'"))}`,
    ],
    [
      'forwarding that may fail',
      `on_http_request:\n${rule('', '{type: forward-internal, config: {url: "https://a.internal", on_error: continue}}')}`,
    ],
    ['an end in the response phase', 'on_http_response: [{actions: [{type: custom-response}]}]'],
  ])('is refused with %s', (_, text) => {
    expect(answers(text)).toBe(false);
  });
});
