// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { describe, expect, it } from 'vitest';
import type { Phase } from '../document/phase.ts';
import type { PolicyScope } from '../expressions/scope.ts';
import { toPlain } from '../expressions/values.ts';
import { loadPolicy } from '../load-policy.ts';
import { connection, message, request, response, scope } from '../testing/contexts.ts';
import type { RequestContext } from '../variables/contexts.ts';
import { type ActionTools, isImmediate, type Outcome, performAction } from './perform-action.ts';
import { RateLimiter } from './rate-limiter.ts';

const limiter = new RateLimiter();
const tools: ActionTools = {
  ipPolicy: (id) => (id === 'ipp_office' ? OFFICE : null),
  takeFromBucket: (rule, key) => limiter.hit(rule, key),
};
const OFFICE = { allow: ['203.0.113.0/24'], deny: ['203.0.113.9'] };

interface Done {
  readonly outcomes: readonly Outcome[];
  readonly last: Outcome;
  readonly scope: PolicyScope;
}

/** Runs actions one after another in a scope, as a document would hold them. */
function run(phase: Phase, actions: readonly unknown[], changes: Parameters<typeof scope>[1] = {}): Done {
  const loaded = loadPolicy(JSON.stringify({ [phase]: [{ actions }] }));
  if (loaded.kind === 'refused') throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  const made = scope(phase, changes);
  const outcomes = (loaded.policy.phases[phase][0]?.actions ?? []).map((action) => {
    if (!isImmediate(action)) throw new Error(`${action.type} is not immediate`);
    return performAction(action, made, tools);
  });
  return { outcomes, last: outcomes.at(-1) ?? { kind: 'next' }, scope: made };
}

const act = (type: string, config: unknown): unknown => ({ type, config });
const visit = (changes: Partial<RequestContext>): Parameters<typeof scope>[1] => ({ request: request(changes) });
const basic = (text: string): readonly string[] => ['Authorization', `Basic ${Buffer.from(text).toString('base64')}`];

describe('add-headers and remove-headers', () => {
  it('append, replace the host, and remove in any case', () => {
    const done = run(
      'on_http_request',
      [
        act('add-headers', { headers: { 'X-Ip': '${conn.client_ip}', Host: 'inner.example' } }),
        act('remove-headers', { headers: ['ACCEPT', 'none'] }),
      ],
      visit({ fields: ['Host', 'demo.example', 'accept', '*/*', 'X-IP', 'forged', 'Accept', 'a'] }),
    );
    expect(done.scope.request?.fields).toEqual(['X-IP', 'forged', 'x-ip', '203.0.113.7', 'host', 'inner.example']);
    expect(toPlain(done.scope.results)).toMatchObject({
      add_headers: { headers_added: { 'x-ip': '203.0.113.7', host: 'inner.example' } },
      remove_headers: { headers_removed: ['accept'] },
    });
  });

  it('change the response in its phase and leave the request alone', () => {
    const done = run('on_http_response', [act('add-headers', { headers: { a: '${res.status_code}' } })]);
    expect(done.scope.response?.fields).toEqual(['Content-Type', 'text/html', 'a', '200']);
    expect(done.scope.request?.fields).toEqual(request().fields);
  });

  it('are seen by what comes after', () => {
    const done = run('on_http_request', [
      act('add-headers', { headers: { a: '1' } }),
      act('add-headers', { headers: { b: "${req.headers['a'][0]}2" } }),
    ]);
    expect(done.scope.request?.fields).toEqual([...request().fields, 'a', '1', 'b', '12']);
  });

  it('let nobody begin a header of his own', () => {
    const attack = visit({ target: '/?x=a%0d%0aSet-Cookie:%20b' });
    const action = act('add-headers', { headers: { a: "${req.url.query_params['x'][0]}" } });
    expect(() => run('on_http_request', [action], attack)).toThrow(expect.objectContaining({ code: 2238 }));
  });

  it('write text beyond latin1 as UTF-8', () => {
    const action = act('add-headers', { headers: { a: '${req.url.path}' } });
    const done = run('on_http_request', [action], visit({ target: '/%E2%82%AC' }));
    expect(Buffer.from(done.scope.request?.fields.at(-1) ?? '', 'latin1').toString('utf8')).toBe('/€');
  });
});

describe('basic-auth', () => {
  const action = act('basic-auth', { credentials: ['ada:love:lace', 'bob:12345678'], realm: 'the "shop"' });

  it.each([
    ['the first', 'ada:love:lace', true],
    ['the second', 'bob:12345678', true],
    ['a wrong password', 'bob:12345679', false],
    ['a prefix of a password', 'bob:1234567', false],
    ['an unknown user', 'eve:12345678', false],
    ['no colon', 'bob', false],
    ['nothing', '', false],
  ])('checks %s', (_, credential, right) => {
    const done = run('on_http_request', [action], visit({ fields: basic(credential) }));
    expect(done.last.kind).toBe(right ? 'next' : 'answer');
  });

  it('asks for credentials and quotes its realm', () => {
    expect(run('on_http_request', [action]).last).toMatchObject({
      answer: { status: 401, fields: ['www-authenticate', 'Basic realm="the \\"shop\\"", charset="UTF-8"'] },
    });
  });

  it('only tells when it does not enforce', () => {
    const soft = act('basic-auth', { credentials: ['ada:12345678'], enforce: false });
    const done = run('on_http_request', [soft], visit({ fields: basic('ada:wrong') }));
    expect(done.last.kind).toBe('next');
    expect(done.scope.results.basic_auth).toMatchObject({
      credentials: { presented: true, username: 'ada', authorized: false },
    });
  });
});

describe('custom-response, deny and close-connection', () => {
  it.each([
    ['{"a": 1}', 'application/json'],
    ['{not json', 'text/plain; charset=utf-8'],
    ['<!DOCTYPE html><p>x', 'text/html; charset=utf-8'],
    ['<h1>x</h1>', 'text/html; charset=utf-8'],
    ['<?xml version="1.0"?>', 'application/xml'],
    ['hello', 'text/plain; charset=utf-8'],
  ])('guess the type of %s', (body, type) => {
    expect(run('on_http_request', [act('custom-response', { body })]).last).toMatchObject({
      answer: { status: 200, fields: ['content-type', type] },
    });
  });

  it('fill in body and headers', () => {
    const action = act('custom-response', {
      status_code: 404,
      body: 'no ${req.url.path}',
      headers: { 'Content-Type': 'text/x', who: '${conn.client_ip}' },
    });
    const { last } = run('on_http_request', [action], visit({ target: '/ä' }));
    expect(last).toMatchObject({ answer: { status: 404, fields: ['content-type', 'text/x', 'who', '203.0.113.7'] } });
    expect(last.kind === 'answer' && Buffer.from(last.answer.body).toString('utf8')).toBe('no /ä');
  });

  it('deny with a status, or by closing where there is no HTTP yet', () => {
    expect(run('on_http_request', [act('deny', { status_code: 404 })]).last).toMatchObject({ answer: { status: 404 } });
    expect(run('on_http_request', [act('deny', null)]).last).toMatchObject({ answer: { status: 403, fields: [] } });
    expect(run('on_tcp_connect', [act('deny', null)]).last).toEqual({ kind: 'close' });
    expect(run('on_http_request', [act('close-connection', null)]).last).toEqual({ kind: 'close' });
  });
});

describe('redirect', () => {
  const to = (config: object, target: string): string | number | null => {
    const { last } = run(
      'on_http_request',
      [act('redirect', config)],
      visit({ target, authority: 'a.example', scheme: 'http' }),
    );
    return last.kind === 'answer' ? (last.answer.fields[1] ?? null) : null;
  };

  it.each<[object, string, string | null]>([
    [{ from: '^http://', to: 'https://' }, '/x?y=1', 'https://a.example/x?y=1'],
    [{ from: '/api/v1/', to: '/api/v2/' }, '/api/v1/users?id=7', 'http://a.example/api/v2/users?id=7'],
    [{ from: '/(\\w+)/(\\d+)$', to: '/$2/$1' }, '/users/7?a=b', 'http://a.example/7/users?a=b'],
    [{ from: '/old', to: '/new?from=old' }, '/old?a=b', 'http://a.example/new?from=old&a=b'],
    [{ from: '\\?q=(.*)$', to: '/$1' }, '/search?q=x', 'http://a.example/search/x'],
    [{ to: 'https://b.example${req.url.uri}' }, '/x?y', 'https://b.example/x?y'],
    [{ to: '/login' }, '/x', '/login'],
    [{ from: '/nope', to: '/x' }, '/y', null],
    [{ to: '${req.url.raw}' }, '/y', null],
    [{ from: '^.*$', to: 'https://b.example${req.url.path}' }, '/a%20%C3%A4', 'https://b.example/a%20%C3%A4'],
  ])('%j on %s goes to %s', (config, target, expected) => {
    expect(to(config, target)).toBe(expected);
  });

  it('sets status and headers, and refuses a line break from a visitor', () => {
    const config = { to: 'https://b.example/', status_code: 308, headers: { a: 'b' } };
    expect(run('on_http_request', [act('redirect', config)]).last).toMatchObject({
      answer: { status: 308, fields: ['location', 'https://b.example/', 'a', 'b'] },
    });
    const attack = act('redirect', { to: 'https://b.example${req.url.path}' });
    expect(() => run('on_http_request', [attack], visit({ target: '/%0d%0aa:b' }))).toThrow(
      expect.objectContaining({ code: 2253 }),
    );
  });

  it('takes a pattern from the request and refuses a bad one', () => {
    const action = act('redirect', { from: '${req.url.query_params["p"][0]}', to: '/x' });
    expect(() => run('on_http_request', [action], visit({ target: '/?p=(a' }))).toThrow(
      expect.objectContaining({ code: 2253, message: expect.stringMatching(/missing closing/) }),
    );
  });
});

describe('url-rewrite', () => {
  it.each<[object, string, string, string]>([
    [{ from: '/api/', to: '/' }, '/api/api/x?y=/api/', 'demo.portico.localhost', '/api/x?y=/'],
    [{ from: 'demo\\.portico\\.localhost', to: 'other.example' }, '/x', 'other.example', '/x'],
    [{ to: '/fixed' }, '/x', 'demo.portico.localhost', '/fixed'],
    [{ from: '^.*/(\\w+)$', to: 'https://b.example/a b/$1' }, '/x', 'b.example', '/a%20b/x'],
  ])('%j on %s', (config, target, authority, expected) => {
    const { last, scope: made } = run('on_http_request', [act('url-rewrite', config)], visit({ target }));
    expect(last).toEqual({ kind: 'next' });
    expect([made.request?.authority, made.request?.target]).toEqual([authority, expected]);
    expect(made.request?.fields.includes(authority)).toBe(true);
  });

  it('changes nothing without a match, and fails when no URL comes of it', () => {
    const same = run('on_http_request', [act('url-rewrite', { from: 'zzz', to: 'y' })]);
    expect(same.scope.request?.target).toBe('/');
    expect(same.scope.results.url_rewrite).toBeUndefined();
    expect(() => run('on_http_request', [act('url-rewrite', { from: '^https://', to: 'gopher://' })])).toThrow(
      expect.objectContaining({ code: 2253 }),
    );
  });
});

describe('restrict-ips', () => {
  const from = (clientIp: string, config: object, phase: Phase = 'on_http_request'): Outcome =>
    run(phase, [act('restrict-ips', config)], { connection: connection({ clientIp }) }).last;

  it.each<[string, object, boolean]>([
    ['203.0.113.7', { allow: ['203.0.113.0/24'] }, true],
    ['203.0.114.7', { allow: ['203.0.113.0/24'] }, false],
    ['::ffff:203.0.113.7', { allow: ['203.0.113.0/24'] }, true],
    ['203.0.113.7', { allow: ['::ffff:203.0.113.0/120'] }, true],
    ['203.0.113.7', { allow: ['0.0.0.0/0'], deny: ['203.0.113.7'] }, false],
    ['2001:db8::1', { allow: ['2001:db8::/32'] }, true],
    ['2001:db8::1', { allow: ['0.0.0.0/0'] }, false],
    ['203.0.113.7', { deny: ['10.0.0.0/8'] }, false],
    ['203.0.113.7', { ip_policies: ['ipp_office'] }, true],
    ['203.0.113.9', { ip_policies: ['ipp_office'] }, false],
    ['203.0.113.7', { ip_policies: ['ipp_gone'] }, false],
    ['203.0.113.7', { allow: ['${conn.client_ip}'] }, true],
  ])('%s with %j passes: %s', (ip, config, passes) => {
    expect(from(ip, config).kind).toBe(passes ? 'next' : 'answer');
  });

  it('answers 403 with its code, closes before HTTP, and only tells when it does not enforce', () => {
    const config = { allow: ['10.0.0.0/8'] };
    expect(from('203.0.113.7', config)).toMatchObject({ answer: { status: 403, error: { code: 3203 } } });
    expect(from('203.0.113.7', config, 'on_tcp_connect')).toEqual({ kind: 'close' });
    const soft = run('on_http_request', [act('restrict-ips', { ...config, enforce: false })]);
    expect(soft.last.kind).toBe('next');
    expect(soft.scope.results.restrict_ips).toEqual({ action: 'deny', matched_cidr: '' });
  });

  it('takes up a changed IP policy', () => {
    const loaded = loadPolicy('on_tcp_connect: [{actions: [{type: restrict-ips, config: {ip_policies: [ipp_a]}}]}]');
    const action = loaded.kind === 'loaded' ? loaded.policy.phases.on_tcp_connect[0]?.actions[0] : undefined;
    if (action === undefined || !isImmediate(action)) throw new Error('no action');
    let policy = { allow: ['203.0.113.7'], deny: [] };
    const ask = (): Outcome => performAction(action, scope('on_tcp_connect'), { ...tools, ipPolicy: () => policy });
    expect(ask().kind).toBe('next');
    policy = { allow: ['10.0.0.1'], deny: [] };
    expect(ask().kind).toBe('close');
  });
});

describe('rate-limit', () => {
  const action = (name: string, enforce = true): unknown =>
    act('rate-limit', {
      name,
      algorithm: 'sliding_window',
      capacity: 2,
      rate: '60s',
      bucket_key: ['conn.client_ip', 'req.host'],
      enforce,
    });

  it('answers 429 with retry-after beyond its capacity, by bucket', () => {
    const three = run('on_http_request', [action('a'), action('a'), action('a')]);
    expect(three.outcomes.map(({ kind }) => kind)).toEqual(['next', 'next', 'answer']);
    expect(three.last).toMatchObject({
      answer: { status: 429, fields: ['retry-after', expect.stringMatching(/^\d+$/)] },
    });
    expect(three.scope.results.rate_limit).toEqual({ bucket_key: '203.0.113.7,demo.portico.localhost', limited: true });
    expect(run('on_http_request', [action('a')], visit({ authority: 'other' })).last.kind).toBe('next');
  });

  it('only tells when it does not enforce', () => {
    const three = run('on_http_request', [action('b', false), action('b', false), action('b', false)]);
    expect(three.last.kind).toBe('next');
    expect(three.scope.results.rate_limit).toMatchObject({ limited: true });
  });
});

describe('set-vars and log', () => {
  it('keep the type of a value that is one expression, else make text', () => {
    const done = run('on_http_request', [
      act('set-vars', {
        vars: [
          { n: '${1 + 1}' },
          { t: 'n=${vars.n}' },
          { l: '${[vars.n, 3]}' },
          { m: { a: ['${vars.n}', 5, true, null] } },
          { d: '$${x}' },
        ],
      }),
      act('set-vars', { vars: [{ after: '${vars.n + vars.l[1]}' }] }),
    ]);
    expect(toPlain(done.scope.vars)).toEqual({
      n: 2,
      t: 'n=2',
      l: [2, 3],
      m: { a: [2, 5, true, null] },
      d: '${x}',
      after: 5,
    });
    expect(done.scope.vars.get('n')).toBe(2n);
  });

  it('put what is logged into the outcome and the result', () => {
    const done = run('on_http_request', [
      act('log', { metadata: { who: '${conn.client_ip}', port: '${conn.client_port}' } }),
    ]);
    expect(done.last).toEqual({ kind: 'log', metadata: { who: '203.0.113.7', port: 50_000 } });
  });

  it('tell which template failed', () => {
    const action = act('set-vars', { vars: [{ a: "${req.headers['none'][0]}" }] });
    expect(() => run('on_http_request', [action])).toThrow(
      expect.objectContaining({ code: 2238, message: expect.stringMatching(/vars.a of set-vars.*No such key: none/) }),
    );
  });

  it('do not let a variable double itself without end', () => {
    const double = act('set-vars', { vars: Array.from({ length: 40 }, () => ({ a: '${vars.a}${vars.a}' })) });
    const start = act('set-vars', { vars: [{ a: 'xxxxxxxx' }] });
    expect(() => run('on_http_request', [start, double])).toThrow(expect.objectContaining({ code: 2249 }));
  });
});

describe('a response phase', () => {
  it('may answer instead of the upstream', () => {
    const action = act('custom-response', { status_code: 200, body: 'was ${res.status_code}' });
    const { last } = run('on_http_response', [action], { response: response({ statusCode: 500 }) });
    expect(last.kind === 'answer' && Buffer.from(last.answer.body).toString()).toBe('was 500');
  });
});

describe('a phase for messages', () => {
  const replace = (...replacements: object[]): unknown => act('sse-find-replace', { replacements });

  it('changes data and retry, with groups and templates', () => {
    const done = run(
      'on_event_stream_message',
      [
        replace(
          { field: 'data', from: '(\\w+)@(\\w+)', to: '$1 at ${req.host} ${sse.event} ${res.status_code}' },
          { field: 'retry', from: '\\d+', to: '1000' },
        ),
      ],
      { message: message({ event: 'mail', data: 'a@b\nc@d', retry: '5' }) },
    );
    expect(done.scope.message).toEqual({
      event: 'mail',
      data: 'a at demo.portico.localhost mail 200\nc at demo.portico.localhost mail 200',
      id: '',
      retry: '1000',
    });
    expect(done.scope.results).toMatchObject({ sse_find_replace: { replacements: 2 } });
  });

  it('leaves alone what a message does not have', () => {
    const all = [
      { field: 'data', from: '.*', to: 'x' },
      { field: 'retry', from: '.*', to: '1' },
    ];
    const empty = message({ data: null });
    expect(run('on_event_stream_message', [replace(...all)], { message: empty }).scope.message).toBe(empty);
  });

  it('refuses a retry that is no number, and keeps what was replaced before', () => {
    const made = scope('on_event_stream_message', { message: message({ data: 'a', retry: '5' }) });
    const loaded = loadPolicy(
      JSON.stringify({
        on_event_stream_message: [
          {
            actions: [replace({ field: 'data', from: 'a', to: 'b' }, { field: 'retry', from: '5', to: 'soon' })],
          },
        ],
      }),
    );
    const action = loaded.kind === 'loaded' ? loaded.policy.phases.on_event_stream_message[0]?.actions[0] : undefined;
    if (action === undefined || !isImmediate(action)) throw new Error('not loaded');
    expect(() => performAction(action, made, tools)).toThrow(expect.objectContaining({ code: 2253 }));
    expect(made.message).toMatchObject({ data: 'b', retry: '5' });
  });

  it.each([
    ["sse.event == 'message' && sse.data.contains('ell') && sse.id == ''", true],
    ['has(sse.retry)', false],
    ["getResHeader('content-type') == ['text/html'] && hasReqHeader('host')", true],
    ["endpoint.protocol == 'https' && conn.client_port > 1", true],
  ])('sees the message, the answer and the request: %s', (expression, value) => {
    const loaded = loadPolicy(
      JSON.stringify({
        on_event_stream_message: [{ expressions: [expression], actions: [act('log', { metadata: { a: 'b' } })] }],
      }),
    );
    if (loaded.kind === 'refused') throw new Error(loaded.problems.map((problem) => problem.message).join('\n'));
    const [rule] = loaded.policy.phases.on_event_stream_message;
    expect(rule?.expressions[0]?.test(scope('on_event_stream_message'))).toBe(value);
  });
});
