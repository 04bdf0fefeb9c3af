// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO } from '../testing/edge.util.ts';
import {
  type PolicyEdge,
  plainAnswer,
  type SeenRequest,
  SPEECHES,
  startPolicyEdge,
  type Visit,
  type Visited,
} from '../testing/policy-edge.util.ts';

interface Row {
  readonly what: string;
  readonly policy: object | string;
  readonly visit?: Visit;
  readonly status?: number;
  /** Lower-case name → value, or null where it must be absent. */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>;
  readonly body?: string | RegExp;
  /** What the upstream got; null: nothing reached it. */
  readonly upstream?: ((seen: SeenRequest) => void) | null;
  readonly also?: (visited: Visited) => void;
}

const request = (...rules: object[]): object => ({ on_http_request: rules });
const response = (...rules: object[]): object => ({ on_http_response: rules });
const rule = (type: string, config: object = {}, expressions: string[] = []): object => ({
  expressions,
  actions: [{ type, config }],
});
const answer = (body: string, expressions: string[] = []): object => rule('custom-response', { body }, expressions);

const rows: readonly Row[] = [
  {
    what: 'a policy without rules changes nothing',
    policy: {},
    upstream: (seen) => expect(seen.headers.host).toBe(DEMO),
    body: 'GET /',
  },
  // add-headers, remove-headers
  {
    what: 'add-headers appends to a request, with what a template makes of it',
    policy: request(rule('add-headers', { headers: { 'x-a': 'one', 'x-path': '${req.url.path}' } })),
    visit: { path: '/deep?q=1', headers: { 'x-a': 'zero' } },
    upstream: (seen) => {
      expect(seen.headers['x-a']).toBe('zero, one');
      expect(seen.headers['x-path']).toBe('/deep');
      expect(seen.url).toBe('/deep?q=1');
    },
  },
  {
    what: 'add-headers replaces the host, and the visitor is still named by x-forwarded-host',
    policy: request(rule('add-headers', { headers: { host: 'localhost:3000' } })),
    upstream: (seen) => {
      expect(seen.headers.host).toBe('localhost:3000');
      expect(seen.headers['x-forwarded-host']).toBe(DEMO);
    },
  },
  {
    what: 'a host that a template makes of nonsense never reaches the upstream',
    policy: request(rule('add-headers', { headers: { host: "${getReqHeader('x-host')[0]}" } })),
    visit: { headers: { 'x-host': 'a b' } },
    status: 500,
    headers: { 'ngrok-error-code': 'ERR_NGROK_2253' },
    upstream: null,
  },
  {
    what: 'a header with a line break in it is refused, not sent',
    policy: request(rule('add-headers', { headers: { 'x-a': "${req.url.query_params['v'][0]}" } })),
    visit: { path: '/?v=a%0d%0ax-evil:1' },
    status: 500,
    headers: { 'ngrok-error-code': 'ERR_NGROK_2238' },
    upstream: null,
  },
  {
    what: 'remove-headers takes fields from a request, those of the edge too',
    policy: request(rule('remove-headers', { headers: ['x-secret', 'x-forwarded-for'] })),
    visit: { headers: { 'x-secret': '1', 'x-kept': '2' } },
    upstream: (seen) => {
      expect(seen.headers['x-secret']).toBeUndefined();
      expect(seen.headers['x-forwarded-for']).toBeUndefined();
      expect(seen.headers['x-kept']).toBe('2');
      expect(seen.headers['x-forwarded-proto']).toMatch(/^https?$/);
    },
  },
  {
    what: 'framing and hop-by-hop fields cannot be set by a policy',
    policy: request(
      rule('add-headers', { headers: { connection: 'x-kept', 'transfer-encoding': 'chunked', te: 'gzip' } }),
      rule('add-headers', { headers: { 'content-length': '99', 'keep-alive': '5', upgrade: 'h2c' } }),
    ),
    visit: { headers: { 'x-kept': '1' } },
    upstream: (seen) => {
      expect(seen.headers['x-kept']).toBe('1');
      for (const name of ['transfer-encoding', 'content-length', 'te', 'upgrade']) {
        expect(seen.headers[name]).toBeUndefined();
      }
    },
  },
  {
    what: 'a body goes through a policy that changes headers, length and all',
    policy: request(rule('add-headers', { headers: { 'x-a': '1' } })),
    visit: { method: 'POST', body: 'x'.repeat(100_000) },
    upstream: (seen) => {
      expect(seen.body.length).toBe(100_000);
      expect(seen.headers['x-a']).toBe('1');
    },
  },
  {
    what: 'add-headers and remove-headers change an answer',
    policy: response(
      rule('add-headers', { headers: { 'x-b': '${string(res.status_code)}', 'set-cookie': 'a=1' } }),
      rule('remove-headers', { headers: ['content-type'] }),
    ),
    headers: { 'x-b': '200', 'content-type': null },
    also: (visited) => expect(visited.headers['set-cookie']).toEqual(['a=1']),
    body: 'GET /',
  },
  {
    what: 'rules see what earlier rules did to the request',
    policy: request(
      rule('add-headers', { headers: { 'x-a': '1' } }),
      rule('add-headers', { headers: { 'x-b': '1' } }, ["hasReqHeader('x-a')"]),
      rule('add-headers', { headers: { 'x-c': '1' } }, ["hasReqHeader('x-nope')"]),
    ),
    upstream: (seen) => {
      expect(seen.headers['x-b']).toBe('1');
      expect(seen.headers['x-c']).toBeUndefined();
    },
  },
  // basic-auth
  {
    what: 'basic-auth asks for credentials',
    policy: request(rule('basic-auth', { credentials: ['user:password1'], realm: 'here' })),
    status: 401,
    headers: { 'www-authenticate': 'Basic realm="here", charset="UTF-8"' },
    upstream: null,
  },
  {
    what: 'basic-auth refuses a wrong password',
    policy: request(rule('basic-auth', { credentials: ['user:password1'] })),
    visit: { headers: { authorization: `Basic ${btoa('user:password2')}` } },
    status: 401,
    upstream: null,
  },
  {
    what: 'basic-auth lets the right one in, and later rules know who it is',
    policy: request(
      rule('basic-auth', { credentials: ['user:password1', 'other:password2'] }),
      rule('add-headers', { headers: { 'x-user': '${actions.ngrok.basic_auth.credentials.username}' } }),
    ),
    visit: { headers: { authorization: `Basic ${btoa('other:password2')}` } },
    upstream: (seen) => expect(seen.headers['x-user']).toBe('other'),
  },
  {
    what: 'basic-auth that is not enforced only tells',
    policy: request(
      rule('basic-auth', { credentials: ['user:password1'], enforce: false }),
      rule('add-headers', { headers: { 'x-ok': '${string(actions.ngrok.basic_auth.credentials.authorized)}' } }),
    ),
    upstream: (seen) => expect(seen.headers['x-ok']).toBe('false'),
  },
  // custom-response, deny, close-connection
  {
    what: 'custom-response answers in place of the upstream',
    policy: request(
      rule('custom-response', { status_code: 418, body: '{"path":"${req.url.path}"}', headers: { 'x-a': 'b' } }),
    ),
    visit: { path: '/tea' },
    status: 418,
    headers: { 'content-type': 'application/json', 'x-a': 'b', 'content-length': '15' },
    body: '{"path":"/tea"}',
    upstream: null,
  },
  {
    what: 'custom-response of 204 has no body and no length',
    policy: request(rule('custom-response', { status_code: 204 })),
    status: 204,
    headers: { 'content-length': null, 'transfer-encoding': null },
    body: '',
    upstream: null,
  },
  {
    what: 'custom-response to HEAD tells the length and sends nothing',
    policy: request(answer('hello')),
    visit: { method: 'HEAD' },
    headers: { 'content-length': '5' },
    body: '',
    upstream: null,
  },
  {
    what: 'a custom-response passes through the response phase',
    policy: { ...request(answer('hello')), ...response(rule('add-headers', { headers: { 'x-late': 'yes' } })) },
    headers: { 'x-late': 'yes' },
    body: 'hello',
    upstream: null,
  },
  {
    what: 'a custom-response that answers a request with a body leaves the next request unharmed',
    policy: request(answer('no', ["req.method == 'POST'"])),
    visit: { method: 'POST', body: 'y'.repeat(50_000) },
    body: 'no',
    upstream: null,
  },
  {
    what: 'custom-response in the response phase replaces what the upstream said',
    policy: response(rule('custom-response', { status_code: 503, body: 'later' }, ['res.status_code == 200'])),
    status: 503,
    body: 'later',
    upstream: (seen) => expect(seen.url).toBe('/'),
  },
  {
    what: 'deny answers 403 with nothing in it',
    policy: request(rule('deny')),
    status: 403,
    body: '',
    upstream: null,
  },
  {
    what: 'deny may choose its status',
    policy: request(rule('deny', { status_code: 451 })),
    status: 451,
    upstream: null,
  },
  { what: 'close-connection says nothing', policy: request(rule('close-connection')), status: 0, upstream: null },
  {
    what: 'what comes after an ending action in another rule is not run',
    policy: request(rule('deny', {}, ['true']), answer('never')),
    status: 403,
    upstream: null,
  },
  {
    what: 'a rule fires only when all its expressions are true',
    policy: request(
      answer('both', ["req.method == 'GET'", "req.url.path == '/nope'"]),
      answer('one', ["req.method == 'GET'"]),
    ),
    body: 'one',
    upstream: null,
  },
  // redirect, url-rewrite
  {
    what: 'redirect sends the visitor elsewhere',
    policy: request(
      rule('redirect', { from: '^(https?)://([^/]+)/old/(.*)$', to: '$1://$2/new/$3', status_code: 301 }),
    ),
    visit: { path: '/old/page?x=1' },
    status: 301,
    headers: { location: /^https?:\/\/demo\.base\.test\/new\/page\?x=1$/ },
    upstream: null,
  },
  {
    what: 'redirect that changes nothing lets the request on',
    policy: request(rule('redirect', { from: '/old/', to: '/new/' })),
    visit: { path: '/other' },
    upstream: (seen) => expect(seen.url).toBe('/other'),
  },
  {
    what: 'url-rewrite changes what the upstream is asked for',
    policy: request(rule('url-rewrite', { from: '/api/v1/(.*)', to: '/$1?version=1' })),
    visit: { path: '/api/v1/things' },
    upstream: (seen) => {
      expect(seen.url).toBe('/things?version=1');
      expect(seen.headers.host).toBe(DEMO);
    },
    body: 'GET /things?version=1',
  },
  {
    what: 'url-rewrite may change the host',
    policy: request(rule('url-rewrite', { from: '^https?://[^/]+/(.*)', to: 'https://other.test/x/$1' })),
    visit: { path: '/a' },
    upstream: (seen) => {
      expect(seen.url).toBe('/x/a');
      expect(seen.headers.host).toBe('other.test');
    },
  },
  {
    what: 'url-rewrite to something that is no URL fails the request',
    policy: request(rule('url-rewrite', { from: '.*', to: 'mailto:x' })),
    status: 500,
    headers: { 'ngrok-error-code': 'ERR_NGROK_2253' },
    upstream: null,
  },
  // restrict-ips
  {
    what: 'restrict-ips lets in who is allowed',
    policy: request(
      rule('restrict-ips', { allow: ['127.0.0.0/8'] }),
      rule('add-headers', { headers: { 'x-cidr': '${actions.ngrok.restrict_ips.matched_cidr}' } }),
    ),
    upstream: (seen) => expect(seen.headers['x-cidr']).toBe('127.0.0.0/8'),
  },
  {
    what: 'restrict-ips refuses all others, whatever they say of themselves',
    policy: request(rule('restrict-ips', { allow: ['203.0.113.0/24'] })),
    visit: { headers: { 'x-forwarded-for': '203.0.113.7' } },
    status: 403,
    headers: { 'ngrok-error-code': 'ERR_NGROK_3203' },
    upstream: null,
  },
  {
    what: 'restrict-ips that is not enforced only tells',
    policy: request(
      rule('restrict-ips', { deny: ['127.0.0.1/32'], enforce: false }),
      rule('add-headers', { headers: { 'x-action': '${actions.ngrok.restrict_ips.action}' } }),
    ),
    upstream: (seen) => expect(seen.headers['x-action']).toBe('deny'),
  },
  {
    what: 'restrict-ips in the response phase keeps the answer back',
    policy: response(rule('restrict-ips', { allow: ['203.0.113.0/24'] })),
    status: 403,
    headers: { 'ngrok-error-code': 'ERR_NGROK_3203' },
  },
  {
    what: 'an IP policy that does not exist lets nobody in',
    policy: request(rule('restrict-ips', { ip_policies: ['ipp_2abc'] })),
    status: 403,
    upstream: null,
  },
  // set-vars, log
  {
    what: 'set-vars keeps values for later rules, types and all',
    policy: request(
      rule('set-vars', { vars: [{ n: '${1 + 1}' }, { list: ['a', '${req.method}'] }] }),
      rule('add-headers', { headers: { 'x-n': '${string(vars.n * 2)}', 'x-l': '${vars.list.join("-")}' } }),
    ),
    upstream: (seen) => {
      expect(seen.headers['x-n']).toBe('4');
      expect(seen.headers['x-l']).toBe('a-GET');
    },
  },
  {
    what: 'variables end with their phase',
    policy: {
      ...request(rule('set-vars', { vars: [{ n: '1' }] })),
      ...response(rule('add-headers', { headers: { 'x-n': "${'n' in vars ? 'there' : 'gone'}" } })),
    },
    headers: { 'x-n': 'gone' },
  },
  {
    what: 'log changes nothing',
    policy: { ...request(rule('log', { metadata: { a: 1 } })), ...response(rule('log', { metadata: { b: '2' } })) },
    body: 'GET /',
  },
  // Failures
  {
    what: 'an expression that fails stops the request',
    policy: request(rule('add-headers', { headers: { a: 'b' } }, ["req.headers['x-nope'][0] == 'a'"])),
    status: 500,
    headers: { 'ngrok-error-code': 'ERR_NGROK_2254' },
    upstream: null,
  },
  {
    what: 'an expression that fails in the response phase takes the answer away',
    policy: response(rule('add-headers', { headers: { a: 'b' } }, ["res.headers['x-nope'][0] == 'a'"])),
    status: 500,
    headers: { 'ngrok-error-code': 'ERR_NGROK_2254' },
    body: /traffic policy of this address failed/,
  },
  {
    what: 'expressions that cost too much are stopped',
    policy: request(rule('deny', {}, ['lists.range(900).all(a, lists.range(900).all(b, a * b < 1000000))'])),
    status: 500,
    headers: { 'ngrok-error-code': 'ERR_NGROK_2249' },
    upstream: null,
  },
  // Variables
  {
    what: 'expressions know connection, endpoint and request',
    policy: request(
      answer(
        "${[conn.client_ip == '127.0.0.1', conn.server_ip == '127.0.0.1', conn.client_port > 0, conn.bytes_in > 0, endpoint.host == 'demo.base.test', endpoint.protocol == req.url.scheme, req.host == endpoint.host, req.version.startsWith('HTTP/'), hasReqHeader('x-forwarded-for')].filter(each, !each).size()}",
      ),
    ),
    body: '0',
    upstream: null,
  },
  {
    what: 'fields of the platform never come from visitors',
    policy: request(answer("${string(hasReqHeader('ngrok-error-code'))}")),
    visit: { headers: { 'ngrok-error-code': 'x' } },
    body: 'false',
    upstream: null,
  },
  // on_tcp_connect
  {
    what: 'restrict-ips closes a connection before anything is read',
    policy: { on_tcp_connect: [rule('restrict-ips', { deny: ['127.0.0.0/8'], allow: ['0.0.0.0/0'] })] },
    status: 0,
    upstream: null,
  },
  {
    what: 'on_tcp_connect that passes changes nothing',
    policy: { on_tcp_connect: [rule('restrict-ips', { allow: ['127.0.0.0/8'] }), rule('log', { metadata: { a: 1 } })] },
    body: 'GET /',
  },
];

describe.each(SPEECHES)('actions over %s', (speech) => {
  let under: PolicyEdge;
  beforeAll(async () => {
    under = await startPolicyEdge();
  });
  afterAll(() => under.close());

  it.each(rows)('$what', async (row) => {
    under.answer = plainAnswer;
    under.use(row.policy);
    const before = under.seen.length;
    const visited = await under.visit(speech, row.visit);
    expect(visited.status).toBe(row.status ?? 200);
    for (const [name, value] of Object.entries(row.headers ?? {})) {
      if (value === null) expect(visited.headers[name]).toBeUndefined();
      else expect(visited.headers[name]).toEqual(typeof value === 'string' ? value : expect.stringMatching(value));
    }
    if (row.body !== undefined) {
      if (typeof row.body === 'string') expect(visited.text).toBe(row.body);
      else expect(visited.text).toMatch(row.body);
    }
    row.also?.(visited);
    const seen = under.seen.slice(before);
    if (row.upstream === null) expect(seen).toEqual([]);
    else {
      expect(seen).toHaveLength(1);
      if (seen[0] !== undefined) row.upstream?.(seen[0]);
    }
    under.use(null);
    // Whatever came of it, the next request is served.
    const next = await under.visit(speech, { path: '/next' });
    expect(next).toMatchObject({ status: 200, text: 'GET /next' });
  });
});
