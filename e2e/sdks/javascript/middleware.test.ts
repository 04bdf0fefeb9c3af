import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import type { HttpListenerBuilder, Listener, Session } from '@ngrok/ngrok';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { httpUpstream, tcpUpstream, type Upstream } from '../../support/upstream.ts';
import { type Visit, type VisitOptions, visit } from '../../support/visit.ts';
import { connectSdk, portOf, urlOf } from './sdk.ts';

let env: DevEnv;
let session: Session;
let upstream: Upstream;
let status = 200;
const listeners: Listener[] = [];

/** Answers with the headers that it got. */
beforeAll(async () => {
  [env, upstream] = await Promise.all([
    startDevEnv(),
    httpUpstream((request, response) => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-upstream': 'secret' });
      response.end(JSON.stringify(request.headers).padEnd(2_000));
    }),
  ]);
  session = await connectSdk(env);
});
afterEach(async () => {
  status = 200;
  for (const listener of listeners.splice(0)) await listener.close();
});
afterAll(async () => {
  await env?.close();
  await upstream?.close();
});

async function serve(set: (builder: HttpListenerBuilder) => HttpListenerBuilder): Promise<string> {
  const listener = await set(session.httpEndpoint()).listenAndForward(`http://127.0.0.1:${upstream.port}`);
  listeners.push(listener);
  return urlOf(listener);
}

const ask = (url: string, headers: Record<string, string> = {}, more: VisitOptions = {}): Promise<Visit> =>
  visit(env, url, { headers, ...more });
const seenBy = ({ body }: Visit): Record<string, string> => JSON.parse(body.toString());

/** Each option of a bind becomes rules of a policy at the edge, whatever the agent does. */
describe('middleware of the JavaScript SDK', () => {
  it('basicAuth', async () => {
    const url = await serve((builder) => builder.basicAuth('user', 'password1').basicAuth('other', 'password2'));
    expect(await ask(url)).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="ngrok", charset="UTF-8"' },
    });
    expect((await ask(url, { authorization: `Basic ${btoa('user:nope')}` })).status).toBe(401);
    expect((await ask(url, { authorization: `Basic ${btoa('user:password1')}` })).status).toBe(200);
    expect((await ask(url, { authorization: `Basic ${btoa('other:password2')}` })).status).toBe(200);
  });

  it('allowCidr and denyCidr', async () => {
    expect((await ask(await serve((builder) => builder.allowCidr('127.0.0.0/8')))).status).toBe(200);
    expect((await ask(await serve((builder) => builder.allowCidr('10.0.0.0/8')))).status).toBe(403);
    expect((await ask(await serve((builder) => builder.denyCidr('127.0.0.0/8')))).status).toBe(403);
    expect((await ask(await serve((builder) => builder.denyCidr('10.0.0.0/8')))).status).toBe(200);
  });

  it('request and response headers', async () => {
    const url = await serve((builder) =>
      builder
        .requestHeader('X-Added', 'one')
        .removeRequestHeader('X-Removed')
        .responseHeader('X-Said', 'two')
        .removeResponseHeader('X-Upstream')
        .requestHeader('host', 'app.internal.test'),
    );
    const answer = await ask(url, { 'x-removed': '1', 'x-kept': '2' });
    expect(seenBy(answer)).toMatchObject({ 'x-added': 'one', 'x-kept': '2', host: 'app.internal.test' });
    expect(seenBy(answer)['x-removed']).toBeUndefined();
    expect(answer.headers['x-said']).toBe('two');
    expect(answer.headers['x-upstream']).toBeUndefined();
  });

  it('compression', async () => {
    const url = await serve((builder) => builder.compression());
    const answer = await ask(url, { 'accept-encoding': 'gzip' });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(answer.body).toString())).toHaveProperty('accept-encoding');
    expect((await ask(url)).headers['content-encoding']).toBeUndefined();
  });

  it('user agents', async () => {
    const url = await serve((builder) => builder.allowUserAgent('^Good').denyUserAgent('Bad'));
    expect((await ask(url, { 'user-agent': 'Good Bad' })).status).toBe(200);
    expect((await ask(url, { 'user-agent': 'Other' })).status).toBe(200);
    expect(await ask(url, { 'user-agent': 'Very Bad' })).toMatchObject({
      status: 403,
      headers: { 'ngrok-error-code': 'ERR_NGROK_3211' },
    });
  });

  it('webhookVerification', async () => {
    const url = await serve((builder) => builder.webhookVerification('github', 'a secret'));
    const body = '{"zen":"Design for failure."}';
    const signature = `sha256=${createHmac('sha256', 'a secret').update(body).digest('hex')}`;
    const signed = {
      method: 'POST',
      body,
      headers: { 'x-hub-signature-256': signature, 'content-type': 'application/json' },
    };
    expect((await visit(env, url, signed)).status).toBe(200);
    expect(await visit(env, url, { ...signed, body: `${body} ` })).toMatchObject({
      status: 403,
      headers: { 'ngrok-error-code': 'ERR_NGROK_3204' },
    });
  });

  it('circuitBreaker', async () => {
    const url = await serve((builder) => builder.circuitBreaker(0.5));
    status = 500;
    for (let i = 0; i < 10; i += 1) expect((await ask(url)).status).toBe(500);
    expect(await ask(url)).toMatchObject({ status: 503, headers: { 'ngrok-error-code': 'ERR_NGROK_3202' } });
  });

  it('mutualTlsca', async () => {
    const url = await serve((builder) => builder.mutualTlsca(Buffer.from(env.ca)));
    await expect(ask(url)).rejects.toThrow();
  });

  it('trafficPolicy, YAML and JSON, and the deprecated form', async () => {
    const yaml = `
on_http_request:
  - expressions: ["req.url.path == '/no'"]
    actions: [{ type: deny, config: { status_code: 410 } }]
  - actions: [{ type: add-headers, config: { headers: { x-who: "\${conn.client_ip}" } } }]
`;
    const url = await serve((builder) => builder.trafficPolicy(yaml));
    expect((await ask(`${url}/no`)).status).toBe(410);
    expect(seenBy(await ask(url))['x-who']).toBe('127.0.0.1');
    const older = JSON.stringify({
      inbound: [{ name: 'r', actions: [{ type: 'deny', config: { status_code: 411 } }] }],
      outbound: [],
    });
    expect((await ask(await serve((builder) => builder.policy(older)))).status).toBe(411);
  });

  it('several at once: classic options first, then the policy', async () => {
    const policy = JSON.stringify({
      on_http_request: [{ actions: [{ type: 'custom-response', config: { body: 'policy' } }] }],
    });
    const url = await serve((builder) => builder.basicAuth('user', 'password1').compression().trafficPolicy(policy));
    expect((await ask(url)).status).toBe(401);
    expect((await ask(url, { authorization: `Basic ${btoa('user:password1')}` })).body.toString()).toBe('policy');
  });

  it.each([
    ['a document that is none', 'on_http_request: [', 'ERR_NGROK_2236', /Line 1, column/],
    ['an unknown action', '{"on_http_request":[{"actions":[{"type":"deni"}]}]}', 'ERR_NGROK_2201', /deny/],
    [
      'an expression with a mistake',
      '{"on_http_request":[{"expressions":["req.mehtod == \'GET\'"],"actions":[{"type":"deny"}]}]}',
      'ERR_NGROK_2200',
      /method/,
    ],
  ])('a policy that cannot be used is refused with its code: %s', async (_what, policy, code, text) => {
    const error = await session
      .httpEndpoint()
      .trafficPolicy(policy)
      .listen(false)
      .then(
        () => new Error('accepted'),
        (reason: Error & { errorCode?: string }) => reason,
      );
    expect(error).toHaveProperty('errorCode', code);
    expect(error.message).toMatch(text);
  });

  it('rules for addresses and policies of tcp endpoints', async () => {
    const greeter = await tcpUpstream((socket) => socket.end('hello'));
    const greeting = async (listener: Listener): Promise<string> => {
      listeners.push(listener);
      const socket = connect(portOf(urlOf(listener)), '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('close', resolve));
      return text;
    };
    const to = `tcp://127.0.0.1:${greeter.port}`;
    expect(await greeting(await session.tcpEndpoint().allowCidr('127.0.0.0/8').listenAndForward(to))).toBe('hello');
    expect(await greeting(await session.tcpEndpoint().denyCidr('127.0.0.0/8').listenAndForward(to))).toBe('');
    const policy = JSON.stringify({ on_tcp_connect: [{ actions: [{ type: 'close-connection' }] }] });
    expect(await greeting(await session.tcpEndpoint().trafficPolicy(policy).listenAndForward(to))).toBe('');
    await greeter.close();
  });

  it('TLS that ends at the edge, with a certificate of the agent', async () => {
    const greeter = await tcpUpstream((socket) => {
      socket.once('data', (chunk) => socket.end(`got ${String(chunk)}`));
    });
    const host = `ended.${env.baseDomain}`;
    const { cert, key } = OWN;
    const listener = await session
      .tlsEndpoint()
      .domain(host)
      .termination(Buffer.from(cert), Buffer.from(key))
      .listenAndForward(`tcp://127.0.0.1:${greeter.port}`);
    listeners.push(listener);
    const socket = connectTls({
      port: env.https.port,
      host: '127.0.0.1',
      servername: host,
      ca: cert,
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'secureConnect');
    expect(socket.getPeerCertificate().subject.CN).toBe('own');
    socket.write('plain text');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toBe('got plain text');
    await greeter.close();
  });
});

/** Signed by itself; opens nothing else. */
const OWN = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBnDCCAUOgAwIBAgIUX9D1mWHhIR5MrMCrN8CF4HQAe6QwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb3duMCAXDTI2MTEyMTE2Mzc1MloYDzIxMjYxMDI4MTYzNzUy
WjAOMQwwCgYDVQQDDANvd24wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQjsrw2
6rg4hEu+FauKiDs8RK2+PEptPEoGYNeyNXJGoCt7OGgrdn5cCruiNsfZBdbnce+E
OfOQVUZmFGIUlDcgo30wezAdBgNVHQ4EFgQUlfDfATBT6dal+UB8c1aD7xkdHb8w
HwYDVR0jBBgwFoAUlfDfATBT6dal+UB8c1aD7xkdHb8wDwYDVR0TAQH/BAUwAwEB
/zAoBgNVHREEITAfgg5kZW1vLmJhc2UudGVzdIINdGxzLmJhc2UudGVzdDAKBggq
hkjOPQQDAgNHADBEAiACBEbY5xrUQzag0hb128W6uQltv/I2Z2gV20Jtj4rBigIg
d65urYH4ZOXECXEVogj7XselIWacJH7a8SHEXllOWMY=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEICgfB2vHQp8FTEg4zyUedvpQLjxSEl/z3+adRlzMskxcoAoGCCqGSM49
AwEHoUQDQgAEI7K8Nuq4OIRLvhWriog7PEStvjxKbTxKBmDXsjVyRqArezhoK3Z+
XAq7ojbH2QXW53HvhDnzkFVGZhRiFJQ3IA==
-----END EC PRIVATE KEY-----
`,
};
