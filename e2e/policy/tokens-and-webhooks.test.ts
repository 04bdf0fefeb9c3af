// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts
import { createHmac } from 'node:crypto';
import { connect } from 'node:http2';
import type { Agent } from '@portico/agent';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RunningProvider, startIdentityProvider } from '../support/identity-provider.ts';
import { httpUpstream, type Upstream } from '../support/upstream.ts';
import { type VisitOptions, visit } from '../support/visit.ts';

/** Tokens of a real issuer and webhooks as providers sign them, through a real edge to an app behind an agent. */
describe('requests that prove who they are from', () => {
  let env: DevEnv;
  let agent: Agent;
  let issuer: RunningProvider;
  let app: Upstream;
  let received: { method: string; url: string; role: string; body: string }[] = [];

  beforeAll(async () => {
    issuer = await startIdentityProvider();
    env = await startDevEnv({ settings: { PORTICO_OUTGOING_ALLOW: '127.0.0.1' } });
    agent = env.agent();
    app = await httpUpstream((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        received.push({ method, url, role: String(headers['x-role'] ?? ''), body: String(Buffer.concat(chunks)) });
        response.end('app');
      });
    });
    await serve('tokens', [
      { type: 'jwt-validation', config: tokenConfig() },
      {
        type: 'add-headers',
        config: { headers: { 'x-role': '${actions.ngrok.jwt_validation.tokens[0].payload.role}' } },
      },
    ]);
  });

  afterEach(() => {
    received = [];
  });

  afterAll(async () => {
    await env?.close();
    await app?.close();
    await issuer?.close();
  });

  const urlOf = (name: string): string => `https://with-${name}.portico.localhost`;

  async function serve(name: string, actions: readonly object[], rules: readonly object[] = []): Promise<string> {
    await agent.forward({
      proto: 'http',
      name,
      url: urlOf(name),
      upstream: String(app.port),
      trafficPolicy: JSON.stringify({ on_http_request: [{ actions }, ...rules] }),
    });
    return urlOf(name);
  }

  function tokenConfig(): object {
    return {
      issuer: { allow_list: [{ value: issuer.issuer }] },
      audience: { allow_list: [{ value: 'api' }] },
      http: { tokens: [{ type: 'access_token', method: 'header', name: 'Authorization', prefix: 'Bearer ' }] },
      jws: { allowed_algorithms: ['RS256'], keys: { sources: { additional_jkus: [issuer.jwksUrl] } } },
    };
  }

  async function ask(name: string, options: VisitOptions = {}): Promise<string> {
    const { status, body } = await visit(env, `${urlOf(name)}/hook?x=1`, options);
    return `${status} ${/ERR_NGROK_\d+/.exec(String(body))?.[0] ?? String(body)}`;
  }

  const bearer = (token: string): VisitOptions => ({ headers: { authorization: `Bearer ${token}` } });

  it('are let in with a token of the issuer, whose claims later rules read', async () => {
    const token = await issuer.sign({ aud: 'api', role: 'admin' });
    expect(await Promise.all(Array.from({ length: 10 }, () => ask('tokens', bearer(token))))).toEqual(
      Array.from({ length: 10 }, () => '200 app'),
    );
    expect(new Set(received.map(({ role }) => role))).toEqual(new Set(['admin']));
    expect(issuer.requests.filter((each) => each === 'GET /jwks').length).toBe(1);
  });

  it('are turned away over HTTP/1.1 and HTTP/2 with the code that says why', async () => {
    expect(await ask('tokens')).toBe('401 ERR_NGROK_3408');
    expect(await ask('tokens', bearer('nonsense'))).toBe('403 ERR_NGROK_3416');
    expect(await ask('tokens', bearer(await issuer.sign({ aud: 'web' })))).toBe('403 ERR_NGROK_3403');
    expect(await ask('tokens', bearer(await issuer.sign({ aud: 'api', role: 'x' }, { expiresIn: '-1m' })))).toBe(
      '403 ERR_NGROK_3403',
    );
    const token = await issuer.sign({ aud: 'api', role: 'two' });
    expect(await askHttp2(token)).toBe(200);
    expect(await askHttp2(`${token}x`)).toBe(403);
    expect(received.map(({ role }) => role)).toEqual(['two']);
  });

  async function askHttp2(token: string): Promise<unknown> {
    const host = new URL(urlOf('tokens')).hostname;
    const session = connect(`https://127.0.0.1:${env.https.port}`, { ca: env.ca, servername: host });
    try {
      return await new Promise((resolve, reject) => {
        session.on('error', reject);
        const stream = session.request({
          ':path': '/two',
          ':authority': `${host}:${env.https.port}`,
          authorization: `Bearer ${token}`,
        });
        stream.on('response', (headers) => resolve(headers[':status']));
        stream.on('error', reject);
        stream.resume();
        stream.end();
      });
    } finally {
      session.destroy();
    }
  }

  const body = '{"id":"evt_1","text":"grüße"}';
  const hmac = (message: string, encoding: 'hex' | 'base64' = 'hex'): string =>
    createHmac('sha256', SECRET).update(message).digest(encoding);
  const now = (): string => String(Math.floor(Date.now() / 1_000));

  it.each<[string, () => Record<string, string>]>([
    ['github', () => ({ 'x-hub-signature-256': `sha256=${hmac(body)}` })],
    ['stripe', () => ({ 'stripe-signature': `t=${now()},v1=${hmac(`${now()}.${body}`)}` })],
    ['slack', () => ({ 'x-slack-request-timestamp': now(), 'x-slack-signature': `v0=${hmac(`v0:${now()}:${body}`)}` })],
    ['shopify', () => ({ 'x-shopify-hmac-sha256': hmac(body, 'base64') })],
    ['gitlab', () => ({ 'x-gitlab-token': SECRET })],
    [
      'svix',
      () => ({
        'svix-id': 'msg_1',
        'svix-timestamp': now(),
        'svix-signature': new Webhook(`whsec_${Buffer.from(SECRET).toString('base64')}`).sign(
          'msg_1',
          new Date(),
          body,
        ),
      }),
    ],
  ])('are let in when %s signed them, with the body as it came', async (provider, sign) => {
    const secret = provider === 'svix' ? `whsec_${Buffer.from(SECRET).toString('base64')}` : SECRET;
    const name = `hook-${provider}`;
    await serve(name, [{ type: 'verify-webhook', config: { provider, secret } }]);
    const send = (headers: Record<string, string>, text = body): Promise<string> =>
      ask(name, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: text });
    expect(await send(sign())).toBe('200 app');
    expect(received).toEqual([{ method: 'POST', url: '/hook?x=1', role: '', body }]);
    expect(await send({})).toBe('403 ERR_NGROK_3204');
    if (provider !== 'gitlab') expect(await send(sign(), body.replace('1', '2'))).toBe('403 ERR_NGROK_3204');
    expect(received.length).toBe(1);
  });

  it('are refused when their body is longer than anything that is signed', async () => {
    const answer = await ask('hook-github', { method: 'POST', body: Buffer.alloc(1_500_000) });
    expect(answer).toBe('413 ERR_NGROK_3903');
    expect(received).toEqual([]);
  });

  it('can be asked about elsewhere before they go on', async () => {
    const asked: string[] = [];
    const judge = await httpUpstream((request, response) => {
      asked.push(request.url ?? '');
      response.end(JSON.stringify({ ok: request.url?.includes('good') }));
    });
    await serve(
      'judged',
      [
        {
          type: 'http-request',
          config: { url: `http://127.0.0.1:${judge.port}/judge?who=\${req.headers['x-who'][0]}` },
        },
      ],
      [
        {
          expressions: ["!actions.ngrok.http_request.res.body.contains('true')"],
          actions: [{ type: 'deny', config: { status_code: 403 } }],
        },
      ],
    );
    expect(await ask('judged', { headers: { 'x-who': 'good' } })).toBe('200 app');
    expect(await ask('judged', { headers: { 'x-who': 'bad' } })).toBe('403 ');
    expect(asked).toEqual(['/judge?who=good', '/judge?who=bad']);
    await judge.close();
  });

  it('can be asked about at an internal endpoint, by its own policy, and not in circles', async () => {
    const asked: string[] = [];
    const judge = await httpUpstream((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.host} ${request.headers['x-rule']}`);
      response.writeHead(request.url === '/large' ? 200 : 203, { 'x-verdict': 'fine' });
      response.end(request.url === '/large' ? Buffer.alloc(300_000) : 'yes');
    });
    const rules = (headers: object, url: string): string =>
      JSON.stringify({
        on_http_request: [
          { actions: [{ type: 'add-headers', config: { headers } }] },
          ...(url === '' ? [] : [{ actions: [{ type: 'http-request', config: { url, on_error: 'halt' } }] }]),
        ],
      });
    const inside = { proto: 'http' as const, upstream: String(judge.port), bindings: ['internal'] };
    await agent.forward({
      ...inside,
      name: 'judge',
      url: 'https://judge.internal',
      trafficPolicy: rules({ 'x-rule': 'its own' }, ''),
    });
    await agent.forward({
      ...inside,
      name: 'circle',
      url: 'https://circle.internal',
      trafficPolicy: rules({ 'x-rule': 'round' }, 'https://circle.internal/again'),
    });
    await serve(
      'inside',
      [
        {
          type: 'http-request',
          config: { url: 'https://judge.internal${req.headers["x-path"][0]}', on_error: 'halt' },
        },
      ],
      [
        {
          actions: [
            {
              type: 'add-headers',
              config: {
                headers: {
                  'x-role':
                    '${string(actions.ngrok.http_request.res.status_code)} ${actions.ngrok.http_request.res.body} ${actions.ngrok.http_request.res.header["x-verdict"][0]}',
                },
              },
            },
          ],
        },
      ],
    );
    expect(await ask('inside', { headers: { 'x-path': '/ask?a=1' } })).toBe('200 app');
    expect(received).toMatchObject([{ role: '203 yes fine' }]);
    expect(asked).toEqual(['GET /ask?a=1 judge.internal its own']);
    expect(await ask('inside', { headers: { 'x-path': '/large' } })).toBe('502 ERR_NGROK_3601');
    expect(await ask('inside', { headers: { 'x-path': '.evil.example/' } })).toBe('500 ERR_NGROK_2253');
    asked.length = 0;
    await serve('round', [{ type: 'http-request', config: { url: 'https://circle.internal/', on_error: 'halt' } }]);
    // It came back three times; the last one was refused, and was an answer to the one before.
    expect(await ask('round')).toBe('200 app');
    expect(asked).toEqual(['GET /again circle.internal round', 'GET / circle.internal round']);
    await judge.close();
  });

  // Last: the issuer has another key from here on.
  it('are let in with the new key of an issuer that rotated it, and no longer with the old one', async () => {
    const old = await issuer.sign({ aud: 'api', role: 'old' });
    await issuer.rotateKeys();
    const token = await issuer.sign({ aud: 'api', role: 'new' });
    await expect.poll(() => ask('tokens', bearer(token)), { timeout: 15_000, interval: 500 }).toBe('200 app');
    expect(await ask('tokens', bearer(old))).toBe('403 ERR_NGROK_3403');
  });
});

const SECRET = 'a-secret-of-24-characters';
