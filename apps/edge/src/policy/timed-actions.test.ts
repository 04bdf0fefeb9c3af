// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { PorticoError } from '@portico/errors';
import { emptyAnswer } from '@portico/traffic-policy';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEMO } from '../testing/edge.util.ts';
import { type PolicyEdge, plainAnswer, SPEECHES, startPolicyEdge } from '../testing/policy-edge.util.ts';
import { type TestEndpoint, testEndpoint } from '../testing/tunnel.util.ts';
import type { AsyncOutcome, AsyncTools } from './async-action.ts';
import { Policies } from './policies.ts';

/** What the actions of this file do next; each test sets what it needs. */
const script: {
  webhook: (tools: AsyncTools) => Promise<AsyncOutcome>;
  request: (tools: AsyncTools) => Promise<AsyncOutcome>;
  target: TestEndpoint | null;
} = { webhook: async () => NEXT, request: async () => NEXT, target: null };

const NEXT: AsyncOutcome = { kind: 'next' };
const VERIFY = { type: 'verify-webhook', config: { provider: 'github', secret: 's' } };
const ASK = { type: 'http-request', config: { url: 'https://a.internal/' } };
const FORWARD = { type: 'forward-internal', config: { url: 'https://a.internal' } };
const onRequest = (...actions: object[]): object => ({ on_http_request: [{ actions }] });
const onResponse = (...actions: object[]): object => ({ on_http_response: [{ actions }] });
const addHeader = (name: string, value = '1'): object => ({
  type: 'add-headers',
  config: { headers: { [name]: value } },
});

let under: PolicyEdge;
beforeAll(async () => {
  under = await startPolicyEdge(
    new Policies({
      phaseMs: 300,
      asyncActions: {
        'verify-webhook': {
          run: (_action, scope, tools) => {
            scope.setResult('verify_webhook', { verified: true });
            return script.webhook(tools);
          },
        },
        'http-request': { run: (_action, _scope, tools) => script.request(tools) },
        'forward-internal': {
          run: async () => (script.target === null ? NEXT : { kind: 'forward', endpoint: script.target }),
        },
      },
    }),
  );
});
afterAll(() => under.close());
afterEach(() => {
  script.webhook = async () => NEXT;
  script.request = async () => NEXT;
  script.target = null;
  under.use(null);
  under.answer = plainAnswer;
});

/** Later than this turn and the next. */
const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

describe.each(SPEECHES)('actions that take time, over %s', (speech) => {
  it('let the request on when they are done, body and all', async () => {
    script.webhook = async () => {
      await soon();
      return NEXT;
    };
    under.use(onRequest(VERIFY, addHeader('x-verified', '${string(actions.ngrok.verify_webhook.verified)}')));
    const body = randomBytes(500_000);
    const visited = await under.visit(speech, { method: 'POST', body });
    expect(visited.status).toBe(200);
    const seen = under.seen.at(-1);
    expect(seen?.headers['x-verified']).toBe('true');
    expect(sha(seen?.body)).toBe(sha(body));
    expect((await under.visit(speech)).text).toBe('GET /');
  });

  it('may read the whole body, which goes on to the upstream unchanged', async () => {
    let read = '';
    script.webhook = async ({ body }) => {
      await soon();
      read = sha(await body(1_000_000));
      expect(sha(await body(1_000_000))).toBe(read);
      return NEXT;
    };
    under.use(onRequest(VERIFY));
    const body = randomBytes(700_000);
    await under.visit(speech, { method: 'POST', body });
    expect(read).toBe(sha(body));
    expect(sha(under.seen.at(-1)?.body)).toBe(sha(body));
  });

  it('get an empty body where there is none', async () => {
    let length = -1;
    script.webhook = async ({ body }) => {
      length = (await body(10)).length;
      return NEXT;
    };
    under.use(onRequest(VERIFY));
    expect((await under.visit(speech)).status).toBe(200);
    expect(length).toBe(0);
  });

  it('may do without a body that is too long', async () => {
    let code = 0;
    script.webhook = async ({ body }) => {
      try {
        await body(1_000);
      } catch (error) {
        if (error instanceof PorticoError) code = error.code;
      }
      return NEXT;
    };
    under.use(onRequest(VERIFY));
    const body = randomBytes(400_000);
    expect((await under.visit(speech, { method: 'POST', body })).status).toBe(200);
    expect(code).toBe(3903);
    expect(sha(under.seen.at(-1)?.body)).toBe(sha(body));
  });

  it('may answer, and add fields to whatever is answered', async () => {
    script.webhook = async ({ addResponseField }) => {
      await soon();
      addResponseField('Set-Cookie', 'a=1');
      addResponseField('Set-Cookie', 'b=2');
      return NEXT;
    };
    under.use(onRequest(VERIFY));
    expect((await under.visit(speech)).headers['set-cookie']).toEqual(['a=1', 'b=2']);
    under.use(onRequest(VERIFY, { type: 'custom-response', config: { body: 'x' } }));
    expect((await under.visit(speech)).headers['set-cookie']).toEqual(['a=1', 'b=2']);
    script.webhook = async ({ addResponseField }) => {
      addResponseField('Set-Cookie', 'c=3');
      return { kind: 'answer', answer: emptyAnswer(302, ['location', 'https://login.test/']) };
    };
    const redirected = await under.visit(speech);
    expect(redirected).toMatchObject({
      status: 302,
      headers: { location: 'https://login.test/', 'set-cookie': ['c=3'] },
    });
  });

  it('end the request with the code of what went wrong', async () => {
    script.webhook = async () => {
      throw new PorticoError(3204, { provider: 'github', reason: 'no' });
    };
    under.use(onRequest(VERIFY));
    const before = under.seen.length;
    expect(await under.visit(speech)).toMatchObject({ status: 403, headers: { 'ngrok-error-code': 'ERR_NGROK_3204' } });
    script.webhook = async () => {
      await soon();
      throw new TypeError('what nobody should read');
    };
    const failed = await under.visit(speech, { method: 'POST', body: 'x' });
    expect(failed).toMatchObject({ status: 500, headers: { 'ngrok-error-code': 'ERR_NGROK_500' } });
    expect(failed.text).not.toContain('nobody should');
    script.webhook = () => {
      throw new PorticoError(3204, { provider: 'github', reason: 'at once' });
    };
    expect((await under.visit(speech)).status).toBe(403);
    expect(under.seen.length).toBe(before);
  });

  it('are stopped when they take too long', async () => {
    let aborted = false;
    script.webhook = ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve(NEXT);
        });
      });
    under.use(onRequest(VERIFY));
    const before = under.seen.length;
    const visited = await under.visit(speech, { method: 'POST', body: randomBytes(100_000) });
    expect(visited).toMatchObject({ status: 500, headers: { 'ngrok-error-code': 'ERR_NGROK_2249' } });
    expect(aborted).toBe(true);
    await soon();
    expect(under.seen.length).toBe(before);
  });

  it('hold the answer back in the response phase, however long it is', async () => {
    const body = randomBytes(3_000_000);
    under.answer = (_got, response) => response.end(body);
    script.request = async () => {
      await soon();
      await soon();
      return NEXT;
    };
    under.use(onResponse(ASK, addHeader('x-late')));
    const visited = await under.visit(speech);
    expect(visited.headers['x-late']).toBe('1');
    expect(sha(visited.body)).toBe(sha(body));
    // One that is over before the action is.
    under.answer = plainAnswer;
    expect(await under.visit(speech)).toMatchObject({ status: 200, text: 'GET /' });
    expect(await under.visit(speech, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });

  it('answer with what failed when the response phase does', async () => {
    under.answer = (_got, response) => response.end(randomBytes(1_000_000));
    script.request = async () => {
      await soon();
      throw new PorticoError(3602, { url: 'https://a.internal/', seconds: 1 });
    };
    under.use(onResponse(ASK));
    expect(await under.visit(speech)).toMatchObject({ status: 504, headers: { 'ngrok-error-code': 'ERR_NGROK_3602' } });
    script.request = () => new Promise(() => {});
    expect(await under.visit(speech)).toMatchObject({ status: 500, headers: { 'ngrok-error-code': 'ERR_NGROK_2249' } });
  });

  it('say so when the upstream breaks off while the answer is held', async () => {
    under.answer = (_got, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half');
      setTimeout(() => response.destroy(), 5);
    };
    script.request = async () => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return NEXT;
    };
    under.use(onResponse(ASK));
    expect(await under.visit(speech)).toMatchObject({ status: 502, headers: { 'ngrok-error-code': 'ERR_NGROK_3006' } });
  });
});

describe('a visitor who leaves', () => {
  it.each(['request', 'response'] as const)('stops what runs in the %s phase, and nothing goes on', async (phase) => {
    const { promise: started, resolve: start } = Promise.withResolvers<AbortSignal>();
    const wait = ({ signal }: AsyncTools): Promise<AsyncOutcome> => {
      start(signal);
      return new Promise(() => {});
    };
    script.webhook = wait;
    script.request = wait;
    under.use(phase === 'request' ? onRequest(VERIFY) : onResponse(ASK));
    const before = under.seen.length;
    const socket = connect(under.edge.httpPort, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    const signal = await started;
    const aborted = once(signal, 'abort');
    socket.destroy();
    await aborted;
    if (phase === 'request') expect(under.seen.length).toBe(before);
    while (under.edge.tunnel.edge.openStreams > 0) await soon();
  });
});

describe('Expect: 100-continue', () => {
  it('is answered once, by the edge, when an action wants the body', async () => {
    script.webhook = async ({ body }) => {
      expect((await body(100)).toString()).toBe('hello');
      return NEXT;
    };
    under.use(onRequest(VERIFY));
    const socket = connect(under.edge.httpPort, '127.0.0.1');
    socket.write(
      `POST / HTTP/1.1\r\nHost: ${DEMO}\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n`,
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('hello');
    let rest = '';
    for await (const chunk of socket) rest += String(chunk);
    expect(rest).toMatch(/^HTTP\/1.1 200 OK/);
    expect(under.seen.at(-1)?.headers.expect).toBeUndefined();
    expect(under.seen.at(-1)?.body.toString()).toBe('hello');
  });
});

describe('forward-internal', () => {
  const internal = (policy: object | null): TestEndpoint => {
    const endpoint = testEndpoint({ proto: 'https', host: 'a.internal', members: [under.edge.tunnel.member()] });
    endpoint.policy =
      policy === null
        ? null
        : under.policies.compile(JSON.stringify(policy), { protocol: 'https', kind: 'agent', internal: true });
    return endpoint;
  };

  it.each(SPEECHES)('gives the request to another endpoint, by both policies, over %s', async (speech) => {
    script.target = internal({
      on_http_request: [
        {
          expressions: ["endpoint.host == 'a.internal' && getReqHeader('x-outer')[0] == '1'"],
          actions: [addHeader('x-inner')],
        },
      ],
      ...onResponse(addHeader('x-order', 'inner')),
    });
    under.use({ ...onRequest(addHeader('x-outer'), FORWARD), ...onResponse(addHeader('x-order', 'outer')) });
    const visited = await under.visit(speech, { method: 'POST', path: '/p', body: 'hello' });
    expect(visited).toMatchObject({ status: 200, headers: { 'x-order': 'inner, outer' }, text: 'POST /p' });
    const seen = under.seen.at(-1);
    expect(seen?.headers).toMatchObject({ 'x-outer': '1', 'x-inner': '1', host: DEMO, 'x-forwarded-host': DEMO });
    expect(seen?.body.toString()).toBe('hello');
    expect(script.target.counters.requests).toBe(1);
  });

  it('takes along what was changed of the URL and the host', async () => {
    script.target = internal(null);
    under.use(onRequest({ type: 'url-rewrite', config: { from: '.*', to: 'https://other.test/new?x=1' } }, FORWARD));
    await under.visit('https', { path: '/old' });
    expect(under.seen.at(-1)).toMatchObject({ url: '/new?x=1', headers: { host: 'other.test' } });
  });

  it('ends where endpoints forward in a circle', async () => {
    script.target = internal(onRequest(FORWARD));
    under.use(onRequest(FORWARD));
    const before = under.seen.length;
    expect(await under.visit('https')).toMatchObject({
      status: 502,
      headers: { 'ngrok-error-code': 'ERR_NGROK_3501' },
    });
    expect(under.seen.length).toBe(before);
  });

  it('answers in the name of the inner endpoint, and both response phases see it', async () => {
    script.target = internal({
      ...onRequest({ type: 'custom-response', config: { status_code: 418, body: 'inner' } }),
      ...onResponse(addHeader('x-order', 'inner')),
    });
    under.use({ ...onRequest(FORWARD), ...onResponse(addHeader('x-order', 'outer')) });
    expect(await under.visit('h2')).toMatchObject({
      status: 418,
      text: 'inner',
      headers: { 'x-order': 'inner, outer' },
    });
  });
});

describe('counting actions', () => {
  it.each(SPEECHES)('rate-limit lets so many through and tells the rest when to come, over %s', async (speech) => {
    const name = `limit-${speech}`;
    const limit = (more: object = {}): object => ({
      type: 'rate-limit',
      config: {
        name,
        algorithm: 'sliding_window',
        capacity: 2,
        rate: '60s',
        bucket_key: ["getReqHeader('x-key')[0]"],
        ...more,
      },
    });
    under.use(onRequest(limit()));
    const visit = (key: string) => under.visit(speech, { headers: { 'x-key': key } });
    const statuses = [];
    for (const key of ['a', 'a', 'a', 'b']) statuses.push((await visit(key)).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
    const limited = await visit('a');
    expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
    // A new policy does not forget what was counted.
    under.use(
      onRequest(limit({ enforce: false }), addHeader('x-limited', '${string(actions.ngrok.rate_limit.limited)}')),
    );
    expect((await visit('a')).status).toBe(200);
    expect(under.seen.at(-1)?.headers['x-limited']).toBe('true');
  });

  it('circuit-breaker opens when the upstream fails and closes when it is well again', async () => {
    under.use(
      onRequest({
        type: 'circuit-breaker',
        config: { error_threshold: 0.5, volume_threshold: 3, window_duration: '10s', tripped_duration: '1s' },
      }),
    );
    under.answer = (_got, response) => {
      response.statusCode = 503;
      response.end('down');
    };
    for (let i = 0; i < 3; i += 1) expect((await under.visit('https')).text).toBe('down');
    const before = under.seen.length;
    expect(await under.visit('https')).toMatchObject({
      status: 503,
      headers: { 'ngrok-error-code': 'ERR_NGROK_3202' },
    });
    expect(await under.visit('h2')).toMatchObject({ headers: { 'ngrok-error-code': 'ERR_NGROK_3202' } });
    expect(under.seen.length).toBe(before);
    under.answer = plainAnswer;
    while ((await under.visit('https')).status !== 200) await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await under.visit('https')).status).toBe(200);
  });

  it('circuit-breaker counts what the edge answers for an upstream that is gone, and may only tell', async () => {
    under.use(
      onRequest(
        { type: 'circuit-breaker', config: { volume_threshold: 2, tripped_duration: '60s', enforce: false } },
        addHeader('x-open', '${string(actions.ngrok.circuit_breaker.open)}'),
      ),
    );
    under.answer = (_got, response) => void response.destroy();
    for (let i = 0; i < 2; i += 1) expect((await under.visit('https', { method: 'POST' })).status).toBe(502);
    under.answer = plainAnswer;
    expect((await under.visit('https')).status).toBe(200);
    expect(under.seen.at(-1)?.headers['x-open']).toBe('true');
  });
});

describe('a policy that is replaced', () => {
  it('still ends the requests that began with it', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const { promise: started, resolve: start } = Promise.withResolvers<void>();
    script.webhook = async () => {
      start();
      await held;
      return NEXT;
    };
    under.use({ ...onRequest(VERIFY), ...onResponse(addHeader('x-policy', 'old')) });
    const visiting = under.visit('https');
    await started;
    under.use(onResponse(addHeader('x-policy', 'new')));
    expect((await under.visit('https')).headers['x-policy']).toBe('new');
    letGo();
    expect((await visiting).headers['x-policy']).toBe('old');
  });
});

describe('upgrades', () => {
  it('pass the rules of both phases, on the head alone', async () => {
    under.use({ ...onRequest(addHeader('x-in')), ...onResponse(ASK, addHeader('x-out')) });
    const edge = under.edge.httpPort;
    const socket = connect(edge, '127.0.0.1');
    under.answer = plainAnswer;
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${DEMO}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    // The upstream of this file does not upgrade: what it says instead passes the response phase too.
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 OK/);
    expect(answer.toString()).toMatch(/x-out: 1/i);
    expect(under.seen.at(-1)?.headers).toMatchObject({ 'x-in': '1', upgrade: 'websocket' });
  });
});

function sha(bytes: Buffer | undefined): string {
  return createHash('sha256')
    .update(bytes ?? '')
    .digest('hex');
}
