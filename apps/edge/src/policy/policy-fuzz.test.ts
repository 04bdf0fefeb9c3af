// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { connect } from 'node:net';
import { explain, loadPolicy, type PlainValue, type RequestContext } from '@portico/traffic-policy';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO } from '../testing/edge.util.ts';
import { type PolicyEdge, type Speech, startPolicyEdge, type Visit } from '../testing/policy-edge.util.ts';
import { Policies } from './policies.ts';

const runs = process.env.PORTICO_LONG === '1' ? 5_000 : 120;

const logs: PlainValue[] = [];
let under: PolicyEdge;
beforeAll(async () => {
  under = await startPolicyEdge(
    new Policies({
      phaseMs: 2_000,
      bodyBytesMax: 50_000,
      onLog: (_endpoint, metadata) => logs.push(metadata),
      asyncActions: {
        'http-request': {
          run: async () => {
            await new Promise((resolve) => setImmediate(resolve));
            return { kind: 'next' };
          },
        },
      },
    }),
  );
});
afterAll(() => under.close());

/** Answers depend on the request alone. */
const EXPRESSIONS = [
  'true',
  'false',
  "req.method == 'GET'",
  "req.method in ['POST', 'PUT']",
  "req.url.path.startsWith('/a')",
  "req.url.path.matches('^/[a-f]+$')",
  "hasReqHeader('x-one')",
  "getReqHeader('x-one').exists(v, v == '1')",
  "getReqHeader('x-added').size() > 0",
  "hasQueryParam('q')",
  "req.url.query_params['q'][0] == '1'",
  "req.headers['x-one'][0] == '1'",
  "vars.v == 'set'",
  "'v' in vars && vars.v == 'set'",
  "conn.client_ip == '127.0.0.1'",
  "inCidrRange(conn.client_ip, '10.0.0.0/8')",
  "endpoint.protocol == 'https'",
  "req.version == 'HTTP/2.0'",
  "actions.ngrok.restrict_ips.action == 'deny'",
  'actions.ngrok.basic_auth.credentials.authorized',
  "req.cookies['a'][0].value == 'b'",
  'req.content_length > 10',
];
const ON_RESPONSE = [
  'res.status_code == 200',
  'res.status_code >= 400',
  "hasResHeader('x-said')",
  "res.headers['content-type'][0].startsWith('text/plain')",
];

const act = (type: string, config: object = {}): object => ({ type, config });
const CHANGES = [
  act('add-headers', { headers: { 'x-added': '${req.method}' } }),
  act('add-headers', { headers: { 'x-path': '${req.url.path}', 'x-query': "${req.url.query_params['q'][0]}" } }),
  act('remove-headers', { headers: ['x-one', 'user-agent-x'] }),
  act('set-vars', { vars: [{ v: 'set' }] }),
  act('set-vars', { vars: [{ v: "${req.headers['x-one'][0]}" }] }),
  act('restrict-ips', { allow: ['127.0.0.0/8'] }),
  act('restrict-ips', { deny: ['127.0.0.0/8'], enforce: false }),
  act('log', { metadata: { more: '${conn.client_ip}' } }),
];
const IN_REQUEST = [
  ...CHANGES,
  act('basic-auth', { credentials: ['user:password1'] }),
  act('basic-auth', { credentials: ['user:password1'], enforce: false }),
  act('url-rewrite', { from: '/a(.*)', to: '/b$1' }),
  act('redirect', { from: '/c', to: '/d' }),
  act('circuit-breaker', { volume_threshold: 1_000_000 }),
  act('request-body-find-replace', { replacements: [{ from: 'a+', to: '<${req.method}>' }] }),
  act('http-request', { url: 'https://a.internal/' }),
];
const IN_RESPONSE = [
  ...CHANGES,
  act('compress-response', { algorithms: ['gzip', 'br'] }),
  act('response-body-find-replace', { replacements: [{ from: 'G', to: 'g' }] }),
  act('http-request', { url: 'https://a.internal/' }),
];
const ENDS = [
  act('deny', { status_code: 403 }),
  act('custom-response', { status_code: 201, body: 'own ${req.url.path}', headers: { 'x-said': '1' } }),
  act('close-connection'),
];

const rules = (actions: object[], ends: object[], expressions: string[], phase: string) =>
  fc
    .array(
      fc.record({
        expressions: fc.array(fc.constantFrom(...expressions), { maxLength: 2 }),
        actions: fc.array(fc.constantFrom(...actions), { maxLength: 3 }),
        end: fc.option(fc.constantFrom(...ends), { freq: 4, nil: null }),
      }),
      { maxLength: 5 },
    )
    .map((list) =>
      list.map(({ expressions: some, actions: each, end }, index) => ({
        expressions: some,
        actions: [act('log', { metadata: { phase, index } }), ...each, ...(end === null ? [] : [end])],
      })),
    );

const policies = fc.record({
  on_http_request: rules(IN_REQUEST, ENDS, EXPRESSIONS, 'on_http_request'),
  on_http_response: rules(IN_RESPONSE, ENDS.slice(1, 2), [...EXPRESSIONS, ...ON_RESPONSE], 'on_http_response'),
});

const visits: fc.Arbitrary<Visit> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE'),
  path: fc.constantFrom('/', '/a', '/abc', '/c', '/a?q=1', '/x?q=2&q=3', '/a/../b', '/%zz?q', '/ab%20c'),
  headers: fc
    .record(
      {
        'x-one': fc.constantFrom('1', '2', '\u00e4'),
        'x-added': fc.constantFrom('', 'a, b'),
        authorization: fc.constantFrom(`Basic ${btoa('user:password1')}`, `Basic ${btoa('user:x')}`, 'Bearer x'),
        cookie: fc.constantFrom('a=b', 'a', 'c=d; a="b"'),
        'accept-encoding': fc.constantFrom('gzip', 'br;q=0.5', '*'),
      },
      { requiredKeys: [] },
    )
    .map((fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))),
  body: fc.constantFrom('', 'abcaa', 'x'.repeat(20_000)),
});

/** What `explain` says of the same request, with a plain answer of the upstream. */
function expected(policy: object, speech: Speech, visit: Visit): { fired: string[]; end: string } {
  const loaded = loadPolicy(JSON.stringify(policy));
  if (loaded.kind !== 'loaded') throw new Error(JSON.stringify(loaded.problems));
  const { method = 'GET', path = '/', headers = {}, body = '' } = visit;
  const hasBody = visit.body !== undefined;
  const proto = speech === 'http' ? 'http' : 'https';
  const context: RequestContext = {
    method,
    scheme: proto,
    authority: DEMO,
    target: path,
    version: speech === 'h2' ? 'HTTP/2.0' : 'HTTP/1.1',
    fields: ['Host', DEMO, ...Object.entries(headers).flatMap(([name, value]) => [name, String(value)])],
    trailers: [],
    contentLength: hasBody && speech !== 'h2' ? body.length : hasBody ? null : 0,
    headerReceivedAt: new Date(),
    bodyReceivedAt: null,
  };
  const explanation = explain(loaded.policy, {
    connection: {
      clientIp: '127.0.0.1',
      clientPort: 1,
      serverIp: '127.0.0.1',
      serverPort: 1,
      serverRegion: '',
      startedAt: new Date(),
      bytesIn: 0,
      bytesOut: 0,
      tls: null,
      ipFacts: () => null,
    },
    endpoint: { id: 'ep', url: `${proto}://${DEMO}`, host: DEMO, port: 0, protocol: proto },
    request: context,
    response: { statusCode: 200, fields: ['content-type', 'text/plain'], trailers: [], contentLength: null },
  });
  const fired: string[] = [];
  let end = 'forwarded';
  for (const { phase, rules: explained, end: ended } of explanation.phases) {
    for (const { index, verdict } of explained) if (verdict === 'fires') fired.push(`${phase} ${index}`);
    if (ended.kind === 'answered') end = `answered ${ended.status}`;
    else if (ended.kind !== 'forwarded') end = ended.kind === 'failed' ? `failed ${ended.code}` : ended.kind;
  }
  return { fired, end };
}

function logged(): string[] {
  const fired: string[] = [];
  for (const entry of logs) {
    if (typeof entry === 'object' && entry !== null && 'phase' in entry) fired.push(`${entry.phase} ${entry.index}`);
  }
  return fired;
}

describe('random policies and random requests', () => {
  it('end as `explain` says, by the same rules, over every protocol', async () => {
    await fc.assert(
      fc.asyncProperty(
        policies,
        visits,
        fc.constantFrom<Speech>('http', 'https', 'h2'),
        async (policy, visit, speech) => {
          // GET and HEAD of node's client have no body.
          const { body, ...rest } = visit;
          const sent = visit.method === 'POST' || visit.method === 'PUT' ? visit : rest;
          under.use(policy);
          logs.length = 0;
          const before = under.seen.length;
          const visited = await under.visit(speech, sent);
          const { fired, end } = expected(policy, speech, sent);
          expect(logged()).toEqual(fired);
          const reached = under.seen.length > before;
          if (end === 'closed') {
            expect(visited.status).toBe(0);
          } else if (end.startsWith('failed')) {
            expect(visited.headers['ngrok-error-code']).toBe(`ERR_NGROK_${end.slice(7)}`);
          } else if (end.startsWith('answered')) {
            expect(visited.status).toBe(Number(end.slice(9)));
          } else {
            expect(visited.status).toBe(200);
            expect(reached).toBe(true);
          }
          under.use(null);
          expect((await under.visit(speech, { path: '/after' })).text).toBe('GET /after');
        },
      ),
      { numRuns: runs },
    );
  }, 1_800_000);

  it('leave nothing behind when visitors break off at any byte', async () => {
    const { sweep, tunnel } = under.edge;
    await fc.assert(
      fc.asyncProperty(policies, visits, fc.nat(400), fc.boolean(), async (policy, visit, cutAt, waits) => {
        under.use(policy);
        const { method = 'GET', path = '/', headers = {}, body = '' } = visit;
        const fields = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
        const text = `${method} ${path} HTTP/1.1\r\nHost: ${DEMO}\r\nContent-Length: ${body.length}\r\n${fields.join('')}\r\n${body}`;
        const bytes = Buffer.from(text, 'latin1');
        const socket = connect(under.edge.httpPort, '127.0.0.1');
        socket.on('error', () => {});
        socket.write(bytes.subarray(0, Math.min(bytes.length, cutAt * 50)));
        await new Promise((resolve) => (waits ? setTimeout(resolve, 2) : setImmediate(resolve)));
        socket.destroy();
      }),
      { numRuns: runs },
    );
    under.use(null);
    expect((await under.visit('http')).status).toBe(200);
    const quiet = (): boolean =>
      tunnel.edge.openStreams <= 3 &&
      under.policies.compressors.taken === 0 &&
      sweep.size < 10 &&
      tunnel.upstreams.size <= 3;
    const deadline = performance.now() + 10_000;
    while (!quiet() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    expect({
      streams: tunnel.edge.openStreams,
      compressors: under.policies.compressors.taken,
      swept: sweep.size,
      upstreams: tunnel.upstreams.size,
    }).toSatisfy(quiet);
  }, 1_800_000);
});
