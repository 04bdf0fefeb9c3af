import { describe, expect, it } from 'vitest';
import { loadPolicy } from '../load-policy.ts';
import type { PolicyTarget } from '../policy.ts';
import type { PolicyProblem } from './problem.ts';

interface Broken {
  readonly code: number;
  /** Line and column, both from 1. */
  readonly at: readonly [number, number];
  readonly text: string;
  readonly says: RegExp;
  readonly hint?: RegExp;
  readonly target?: Partial<PolicyTarget>;
}

/** A rule with one action in the request phase; the configuration begins at line 5, column 9. */
const inRequest = (type: string, config: string): string =>
  `on_http_request:\n  - actions:\n    - type: ${type}\n      config:\n${config.replace(/^/gm, '        ')}\n`;

const onMessage = (config: string): string =>
  inRequest('sse-find-replace', config).replace('on_http_request', 'on_event_stream_message');

const BROKEN: Readonly<Record<string, Broken>> = {
  'nothing at all': { code: 2236, at: [1, 1], text: '', says: /empty/, hint: /on_http_request/ },
  'a list for a document': { code: 2236, at: [1, 1], text: '- a\n', says: /a list/ },
  'a text for a document': { code: 2236, at: [1, 1], text: 'hello', says: /a text/ },
  'an open bracket': { code: 2236, at: [2, 1], text: 'on_http_request: [\n', says: /cannot be parsed/ },
  'a tab as indentation': { code: 2236, at: [2, 1], text: 'on_http_request:\n\t- actions: []\n', says: /[Tt]ab/ },
  'a key twice': {
    code: 2236,
    at: [2, 1],
    text: 'on_http_request: []\non_http_request: []\n',
    says: /unique/,
    hint: /one place/,
  },
  'two documents': { code: 2236, at: [2, 1], text: 'a: 1\n---\nb: 1\n', says: /multiple documents|MULTIPLE/i },
  'an alias for nothing': { code: 2236, at: [1, 18], text: 'on_http_request: *gone\n', says: /gone/ },
  'an unknown phase': {
    code: 2236,
    at: [1, 1],
    text: 'on_http_requests:\n  - actions: []\n',
    says: /no phase on_http_requests/,
    hint: /on_http_request\?/,
  },
  'a phase that is a text': { code: 2236, at: [1, 18], text: 'on_http_request: deny\n', says: /list of rules/ },
  'a rule that is a text': { code: 2236, at: [2, 5], text: 'on_http_request:\n  - deny\n', says: /a rule is a text/ },
  'an unknown field of a rule': {
    code: 2236,
    at: [2, 5],
    text: 'on_http_request:\n  - expression: ["true"]\n    actions: [{type: deny}]\n',
    says: /no field expression/,
    hint: /expressions\?/,
  },
  'an action that is a text': {
    code: 2236,
    at: [3, 7],
    text: 'on_http_request:\n  - actions:\n    - deny\n',
    says: /an action is a text/,
    hint: /type: deny/,
  },
  'configuration beside config': {
    code: 2236,
    at: [4, 7],
    text: 'on_http_request:\n  - actions:\n    - type: deny\n      status_code: 404\n',
    says: /no field status_code/,
    hint: /below config/,
  },
  'an expression with a typo': {
    code: 2200,
    at: [2, 32],
    text: 'on_http_request:\n  - expressions: ["true && req.mehtod == \'GET\'"]\n    actions: [{type: deny}]\n',
    says: /req has no field mehtod/,
    hint: /method\?/,
  },
  'an expression over two lines': {
    code: 2200,
    at: [5, 15],
    text: 'on_http_request:\n  - expressions:\n      - >-\n          req.method == "GET" &&\n          req.urll.path == "/"\n    actions: [{type: deny}]\n',
    says: /no field urll/,
  },
  'an expression that is a number': {
    code: 2200,
    at: [2, 19],
    text: 'on_http_request:\n  - expressions: [1]\n    actions: [{type: deny}]\n',
    says: /true or false/,
  },
  'an expression without quotes': {
    code: 2200,
    at: [3, 9],
    text: 'on_http_request:\n  - expressions:\n      - a: b\n    actions: [{type: deny}]\n',
    says: /a map/,
    hint: /quotes/,
  },
  'a response in the request phase': {
    code: 2200,
    at: [2, 20],
    text: 'on_http_request:\n  - expressions: ["res.status_code == 200"]\n    actions: [{type: deny}]\n',
    says: /no variable res/,
    hint: /on_http_response and on_event_stream_message only/,
  },
  'an action that does not exist': {
    code: 2201,
    at: [3, 13],
    text: 'on_http_request:\n  - actions:\n    - type: denny\n',
    says: /no action denny/,
    hint: /deny\?/,
  },
  'an action without a type': {
    code: 2201,
    at: [3, 7],
    text: 'on_http_request:\n  - actions:\n    - config: {}\n',
    says: /without a type/,
    hint: /type:/,
  },
  'an action that is not built': {
    code: 2201,
    at: [3, 13],
    text: 'on_http_request:\n  - actions:\n    - type: owasp-crs-request\n',
    says: /no action owasp/,
    hint: /does not have/,
  },
  'an action in the wrong phase': {
    code: 2202,
    at: [3, 13],
    text: 'on_tcp_connect:\n  - actions:\n    - type: add-headers\n',
    says: /add-headers cannot run in on_tcp_connect/,
  },
  'a field that does not exist': {
    code: 2203,
    at: [5, 9],
    text: inRequest('deny', 'status: 404'),
    says: /no field status/,
    hint: /status_code/,
  },
  'a list where a map belongs': { code: 2203, at: [5, 9], text: inRequest('deny', '- a'), says: /a list/ },
  'a text where a number belongs': {
    code: 2203,
    at: [5, 22],
    text: inRequest('deny', 'status_code: forbidden'),
    says: /a whole number/,
  },
  'a duration without a unit': {
    code: 2204,
    at: [8, 15],
    text: inRequest('rate-limit', 'name: a\nalgorithm: sliding_window\ncapacity: 1\nrate: 60\nbucket_key: [req.host]'),
    says: /60 is not a duration/,
    hint: /90s/,
  },
  'a duration between the steps': {
    code: 2204,
    at: [8, 15],
    text: inRequest('rate-limit', 'name: a\nalgorithm: sliding_window\ncapacity: 1\nrate: 65s\nbucket_key: [req.host]'),
    says: /multiple of 10s/,
  },
  'an action of another protocol': {
    code: 2205,
    at: [3, 13],
    text: 'on_tcp_connect:\n  - actions:\n    - type: terminate-tls\n',
    says: /terminate-tls does not work on tcp/,
    target: { protocol: 'tcp' },
  },
  'a rule without actions': {
    code: 2206,
    at: [2, 14],
    text: 'on_http_request:\n  - actions: []\n',
    says: /at least one action/,
  },
  'a rule with expressions only': {
    code: 2206,
    at: [2, 5],
    text: 'on_http_request:\n  - expressions: ["true"]\n',
    says: /at least one action/,
  },
  'an action after the end': {
    code: 2207,
    at: [4, 7],
    text: 'on_http_request:\n  - actions:\n    - type: deny\n    - type: close-connection\n',
    says: /close-connection is never reached: deny/,
  },
  'a header name that is too long': {
    code: 2208,
    at: [6, 13],
    text: inRequest('add-headers', `headers:\n  ? ${'a'.repeat(300)}\n  : x`).replace('? a', '? a'),
    says: /300 characters/,
  },
  'a header value that is too long': {
    code: 2209,
    at: [6, 14],
    text: inRequest('add-headers', `headers:\n  x: ${'a'.repeat(9_000)}`),
    says: /9000 characters/,
  },
  'a header name with a blank': {
    code: 2210,
    at: [6, 11],
    text: inRequest('add-headers', 'headers:\n  x y: z'),
    says: /x y .* is not a header name/,
  },
  'a header value with a line break': {
    code: 2211,
    at: [6, 14],
    text: inRequest('add-headers', 'headers:\n  x: "a\\r\\nb: c"'),
    says: /characters that no header may hold/,
  },
  'too many headers': {
    code: 2212,
    at: [6, 11],
    text: inRequest('add-headers', `headers:\n${Array.from({ length: 11 }, (_, i) => `  x${i}: y`).join('\n')}`),
    says: /11 headers/,
  },
  'an unknown compression': {
    code: 2214,
    at: [5, 22],
    text: inRequest('compress-response', 'algorithms: [gzipp]').replace('on_http_request', 'on_http_response'),
    says: /gzipp/,
    hint: /gzip\?/,
  },
  'a status out of range': {
    code: 2215,
    at: [5, 22],
    text: inRequest('deny', 'status_code: 200'),
    says: /between 400 and 599/,
  },
  'an IP policy by name': {
    code: 2216,
    at: [5, 22],
    text: inRequest('restrict-ips', 'ip_policies: [office]'),
    says: /office/,
  },
  'an address that is none': {
    code: 2217,
    at: [5, 16],
    text: inRequest('restrict-ips', 'allow: [10.0.0.0/33]'),
    says: /10.0.0.0\/33/,
    hint: /2001:db8/,
  },
  'too many credentials': {
    code: 2218,
    at: [5, 22],
    text: inRequest('basic-auth', `credentials: [${Array(11).fill('"a:12345678"').join(', ')}]`),
    says: /11 entries/,
  },
  'the user agent': {
    code: 2219,
    at: [5, 19],
    text: inRequest('remove-headers', 'headers: [User-Agent]'),
    says: /user-agent/,
  },
  'a name that is too long': {
    code: 2221,
    at: [5, 15],
    text: inRequest(
      'rate-limit',
      `name: ${'n'.repeat(1_024)}\nalgorithm: sliding_window\ncapacity: 1\nrate: 60s\nbucket_key: [req.host]`,
    ),
    says: /1024 characters/,
  },
  'a provider that does not exist': {
    code: 2222,
    at: [5, 19],
    text: inRequest('oauth', 'provider: gogle'),
    says: /gogle/,
    hint: /google\?/,
  },
  'a webhook provider with a typo': {
    code: 2222,
    at: [5, 19],
    text: inRequest('verify-webhook', 'provider: gihub\nsecret: x'),
    says: /gihub/,
    hint: /github\?/,
  },
  'an auth_id with a blank': {
    code: 2204,
    at: [6, 18],
    text: inRequest('oauth', 'provider: github\nauth_id: my team'),
    says: /letters, digits/,
  },
  'an empty list': {
    code: 2223,
    at: [5, 18],
    text: inRequest('remove-headers', 'headers: []'),
    says: /must not be empty/,
  },
  'a template with a typo': {
    code: 2224,
    at: [6, 24],
    text: inRequest('add-headers', `headers:\n  x: "at \${req.hots}"`),
    says: /no field hots/,
    hint: /host\?/,
  },
  'a template that is not closed': {
    code: 2224,
    at: [5, 18],
    text: inRequest('custom-response', 'body: "a ${req.host"'),
    says: /never closed/,
    hint: /\$\$/,
  },
  'a bucket key that is no expression': {
    code: 2224,
    at: [9, 27],
    text: inRequest(
      'rate-limit',
      'name: a\nalgorithm: sliding_window\ncapacity: 1\nrate: 60s\nbucket_key: ["req.hos"]',
    ),
    says: /no field hos/,
  },
  'a duration out of range': {
    code: 2225,
    at: [5, 18],
    text: inRequest('http-request', 'timeout: 31s\nurl: https://a.internal'),
    says: /between 1s and 30s/,
  },
  'a target that is not internal': {
    code: 2226,
    at: [5, 14],
    text: inRequest('forward-internal', 'url: https://example.com'),
    says: /https:\/\/example.com/,
  },
  'a certificate that is none': {
    code: 2228,
    at: [5, 29],
    text: inRequest(
      'terminate-tls',
      'server_certificate: abc\nserver_private_key: "-----BEGIN PRIVATE KEY-----"',
    ).replace('on_http_request', 'on_tcp_connect'),
    says: /PEM/,
  },
  'messages of an event stream on a tls endpoint': {
    code: 2230,
    at: [1, 1],
    text: 'on_event_stream_message:\n  - actions: [{type: log, config: {metadata: {a: b}}}]\n',
    says: /tls endpoints have no phase on_event_stream_message/,
    target: { protocol: 'tls' },
  },
  'an answer for a message of an event stream': {
    code: 2202,
    at: [3, 13],
    text: 'on_event_stream_message:\n  - actions:\n    - type: deny\n',
    says: /deny cannot run in on_event_stream_message/,
  },
  'sse-find-replace for a whole answer': {
    code: 2202,
    at: [3, 13],
    text: 'on_http_response:\n  - actions:\n    - type: sse-find-replace\n',
    says: /it runs in on_event_stream_message/,
  },
  'a field of a message that stays as it is': {
    code: 2222,
    at: [6, 18],
    text: onMessage('replacements:\n- field: event\n  from: a\n  to: b'),
    says: /data, retry/,
  },
  'a replacement that names no field': {
    code: 2234,
    at: [6, 11],
    text: onMessage('replacements:\n- from: a\n  to: b'),
    says: /field/,
  },
  'nothing to replace in a message': {
    code: 2223,
    at: [5, 23],
    text: onMessage('replacements: []'),
    says: /replacements/,
  },
  'eleven replacements in a message': {
    code: 2218,
    at: [6, 9],
    text: onMessage(`replacements:\n${Array(11).fill('- {field: data, from: a, to: b}').join('\n')}`),
    says: /11/,
  },
  'a pattern for a message that backtracks': {
    code: 2261,
    at: [6, 31],
    text: onMessage(`replacements:\n- {field: data, from: '(a)\\1', to: b}`),
    says: /back references/,
  },
  'a message before there is one': {
    code: 2200,
    at: [2, 20],
    text: `on_http_response:\n  - expressions: ["sse.data == ''"]\n    actions: [{type: compress-response}]\n`,
    says: /no variable sse/,
    hint: /on_event_stream_message only/,
  },
  'a field that no message has': {
    code: 2200,
    at: [2, 24],
    text: `on_event_stream_message:\n  - expressions: ["sse.name == ''"]\n    actions: [{type: log, config: {metadata: {a: b}}}]\n`,
    says: /sse has no field name/,
  },
  'a phase that tcp does not have': {
    code: 2230,
    at: [1, 1],
    text: 'on_http_request:\n  - actions: [{type: deny}]\n',
    says: /tcp endpoints have no phase/,
    target: { protocol: 'tcp' },
  },
  'an algorithm twice': {
    code: 2231,
    at: [5, 21],
    text: inRequest('compress-response', 'algorithms: [br, br]').replace('on_http_request', 'on_http_response'),
    says: /br/,
  },
  'a missing field': {
    code: 2234,
    at: [4, 15],
    text: 'on_http_request:\n  - actions:\n    - type: redirect\n      config: {status_code: 301}\n'.replace(
      'config: {',
      'config: {',
    ),
    says: /redirect needs to/,
  },
  'a cloud endpoint that may not answer': {
    code: 2235,
    at: [1, 1],
    text: 'on_http_request:\n  - expressions: ["req.method == \'GET\'"]\n    actions: [{type: deny}]\n',
    says: /some traffic only/,
    target: { protocol: 'https', kind: 'cloud' },
  },
  'a password that is too short': {
    code: 2258,
    at: [5, 22],
    text: inRequest('basic-auth', 'credentials: ["ada:short"]'),
    says: /ada .*5 characters/,
  },
  'a user without a name': {
    code: 2257,
    at: [5, 22],
    text: inRequest('basic-auth', 'credentials: [":12345678"]'),
    says: /empty/,
  },
  'two sign-ins': {
    code: 2239,
    at: [4, 13],
    text: 'on_http_request:\n  - actions:\n    - {type: oauth, config: {provider: google}}\n    - type: openid-connect\n      config: {issuer_url: "https://a.example", client_id: a, client_secret: b}\n',
    says: /openid-connect is the second/,
  },
  'a client id without a secret': {
    code: 2240,
    at: [6, 20],
    text: inRequest('oauth', 'provider: google\nclient_id: abc'),
    says: /needs client_secret/,
  },
  'a cookie domain that is none': {
    code: 2243,
    at: [6, 29],
    text: inRequest('oauth', 'provider: google\nauth_cookie_domain: "no good"'),
    says: /no good/,
  },
  'too many query parameters': {
    code: 2244,
    at: [7, 11],
    text: inRequest(
      'http-request',
      `url: https://a.internal\nquery_params:\n${Array(33).fill('  - {key: a, value: b}').join('\n')}`,
    ),
    says: /33 parameters/,
  },
  'a query key that is too long': {
    code: 2245,
    at: [7, 19],
    text: inRequest('http-request', `url: https://a.internal\nquery_params:\n  - {key: ${'k'.repeat(129)}, value: b}`),
    says: /129/,
  },
  'variables as a map': {
    code: 2252,
    at: [5, 15],
    text: inRequest('set-vars', 'vars: {a: 1}'),
    says: /maps with exactly one/,
    hint: /- name: value/,
  },
  'two variables in one entry': {
    code: 2252,
    at: [6, 13],
    text: inRequest('set-vars', 'vars:\n  - {a: 1, b: 2}'),
    says: /exactly one/,
  },
  'a variable nested too deep': {
    code: 2250,
    at: [5, 31],
    text: inRequest('set-vars', `vars: [{a: ${'['.repeat(15)}1${']'.repeat(15)}}]`),
    says: /nested too deep/,
  },
  'too many variables': {
    code: 2255,
    at: [5, 15],
    text: inRequest('set-vars', `vars: [${Array(101).fill('{a: 1}').join(', ')}]`),
    says: /101 values/,
  },
  'a regular expression that is none': {
    code: 2261,
    at: [5, 15],
    text: inRequest('redirect', 'from: "(a"\nto: b'),
    says: /missing closing/,
  },
  'a regular expression that backtracks': {
    code: 2261,
    at: [5, 15],
    text: inRequest('url-rewrite', 'from: "(?=a)"\nto: b'),
    says: /look-around/,
  },
  'a tcp phase on an internal https endpoint': {
    code: 2262,
    at: [1, 1],
    text: 'on_tcp_connect:\n  - actions: [{type: deny}]\n',
    says: /no phase on_tcp_connect/,
    target: { protocol: 'https', internal: true },
  },
  'too many rules': {
    code: 2264,
    at: [1, 1],
    text: `on_http_request:\n${Array(201).fill('  - actions: [{type: deny}]').join('\n')}\n`,
    says: /201 rules/,
  },
  'too many actions': {
    code: 2265,
    at: [3, 5],
    text: `on_http_request:\n  - actions:\n${Array(101).fill('    - {type: log, config: {metadata: {a: b}}}').join('\n')}\n`,
    says: /101 actions/,
  },
};

function problemsOf({ text, target }: Pick<Broken, 'text' | 'target'>): readonly PolicyProblem[] {
  const loaded = loadPolicy(text, { protocol: null, kind: 'agent', internal: false, ...target });
  return loaded.kind === 'refused' ? loaded.problems : [];
}

describe('a broken document', () => {
  it.each(Object.entries(BROKEN))('with %s is refused with code, place and reason', (_, broken) => {
    const [first] = problemsOf(broken);
    expect(first).toMatchObject({ code: broken.code, name: `ERR_NGROK_${broken.code}` });
    expect(first?.message).toMatch(broken.says);
    expect([first?.line, first?.column]).toEqual(broken.at);
    expect(first?.hint).toMatch(broken.hint ?? /^[A-Z].*[.:?]$/);
  });

  it('tells all its problems at once, in the order of the text', () => {
    const text = inRequest('add-headers', `headers:\n  user-agent: x\n  "a b": y\n  c: "\${nope}"\nfoo: 1`);
    const problems = problemsOf({ text });
    expect(problems.map(({ code }) => code)).toEqual([2219, 2210, 2224, 2203]);
    expect(problems.map(({ path }) => path)[0]).toBe('on_http_request[0].actions[0].config.headers');
  });

  it('fills every place in its messages', () => {
    for (const broken of Object.values(BROKEN)) {
      for (const { message } of problemsOf(broken)) expect(message).not.toMatch(/(?:^|[^$])\{\w+\}/);
    }
  });

  it('says at most fifty things', () => {
    const text = `on_http_request:\n${Array(150).fill('  - actions: []').join('\n')}\n`;
    expect(problemsOf({ text })).toHaveLength(50);
  });

  it('with a bomb of aliases is refused', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `x${i + 1}: &x${i + 1} [${Array(10).fill(`*x${i}`).join(', ')}]`,
    );
    const started = process.threadCpuUsage();
    const [first] = problemsOf({ text: `x0: &x0 [a]\n${levels.join('\n')}\n` });
    expect(first).toMatchObject({ code: 2236 });
    expect(process.threadCpuUsage(started).user / 1000).toBeLessThan(2_000);
  });

  it('with thousands of brackets is refused once', () => {
    const problems = problemsOf({ text: '['.repeat(20_000) });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 2236, message: expect.stringMatching(/nested too deep/) });
  });

  it('that is too long is not even read', () => {
    expect(problemsOf({ text: ' '.repeat(1_000_001) })[0]?.message).toMatch(/1000001 characters/);
  });
});
