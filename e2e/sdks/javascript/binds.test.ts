import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { forward, type Listener, type Session } from '@ngrok/ngrok';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { MiB } from '../../support/long.ts';
import { httpUpstream, patternHash, patternStream, tcpUpstream, type Upstream } from '../../support/upstream.ts';
import { visit } from '../../support/visit.ts';
import { ownerViewUntil } from '../owner-view.ts';
import { connectSdk, forwardOptions, portOf, urlOf } from './sdk.ts';

let env: DevEnv;
let session: Session;
let upstream: Upstream;
let to = '';
beforeAll(async () => {
  [env, upstream] = await Promise.all([
    startDevEnv(),
    httpUpstream((request, response) => response.end(`${request.method} ${request.url} ${request.headers.host}`)),
  ]);
  session = await connectSdk(env);
  to = `http://127.0.0.1:${upstream.port}`;
});
afterAll(async () => {
  await env?.close();
  await upstream?.close();
});

/** What holds for both SDKs alike is in `both-sdks.test.ts`. */
describe('what the JavaScript SDK may bind', () => {
  it('serves https and http endpoints of one name apart', async () => {
    const host = `names.${env.baseDomain}`;
    const https = await session.httpEndpoint().domain(host).listenAndForward(to);
    expect(https.url()).toBe(`https://${host}:${env.https.port}`);
    expect((await visit(env, `https://${host}/a`)).body.toString()).toBe(`GET /a ${host}:${env.https.port}`);
    expect((await visit(env, `http://${host}/a`)).status).not.toBe(200);
    const http = await session.httpEndpoint().scheme('http').domain(host).listenAndForward(to);
    expect(http.url()).toBe(`http://${host}:${env.http.port}`);
    expect((await visit(env, `http://${host}/b`)).body.toString()).toBe(`GET /b ${host}:${env.http.port}`);
    await https.close();
    await http.close();
  });

  it.each([
    ['domain', (name: string) => ({ domain: `${name}.${env.baseDomain}` })],
    ['hostname', (name: string) => ({ hostname: `${name}.${env.baseDomain}` })],
  ])('reads the name in `%s` of forward()', async (kind, options) => {
    const name = `by-${kind}`;
    const listener = await forward({ ...forwardOptions(env), addr: to, ...options(name) });
    expect(listener.url()).toBe(`https://${name}.${env.baseDomain}:${env.https.port}`);
    expect((await visit(env, urlOf(listener))).status).toBe(200);
    await listener.close();
  });

  it('tells the owner in its own words where an endpoint leads to', async () => {
    const listener = await session
      .httpEndpoint()
      .forwardsTo('a program')
      .binding('public')
      .appProtocol('http1')
      .listen(false);
    const view = await ownerViewUntil(env, ({ endpoints }) => endpoints.some(({ url }) => url === listener.url()));
    expect(view.endpoints.find(({ url }) => url === listener.url())).toMatchObject({ forwardsTo: 'a program' });
    await listener.close();
  });

  it('sends who is not signed in to the provider of `oauth`, with an application of the owner', async () => {
    const listener = await session
      .httpEndpoint()
      .oauth('google', undefined, undefined, ['openid', 'email'], 'the-client', 'the-secret')
      .listenAndForward(to);
    const { status, headers } = await visit(env, urlOf(listener));
    expect([status, headers.location]).toEqual([302, expect.stringMatching(/^https:\/\/accounts\.google\.com\//)]);
    expect(new URL(headers.location ?? '').searchParams.get('client_id')).toBe('the-client');
    await listener.close();
  });

  it('reaches labelled listeners by an internal name of their labels, and those with the same labels in turn', async () => {
    const second = await httpUpstream((_request, response) => response.end('second'));
    const labelled = (target: string): Promise<Listener> =>
      session.labeledListener().label('edge', 'edghts_2Abc').metadata('labelled').listenAndForward(target);
    const [one, two] = [await labelled(to), await labelled(`http://127.0.0.1:${second.port}`)];
    expect([one.url(), one.labels()]).toEqual([null, { edge: 'edghts_2Abc' }]);
    const front = await session
      .httpEndpoint()
      .trafficPolicy(
        JSON.stringify({
          on_http_request: [
            { actions: [{ type: 'forward-internal', config: { url: 'https://edge-edghts-2abc.internal' } }] },
          ],
        }),
      )
      .listenAndForward('http://127.0.0.1:1');
    const answers = await Promise.all(Array.from({ length: 8 }, () => visit(env, `${urlOf(front)}/through`)));
    expect(new Set(answers.map(({ body }) => body.toString().split(' ')[0]))).toEqual(new Set(['GET', 'second']));
    const view = await ownerViewUntil(env, ({ endpoints }) =>
      endpoints.some(({ metadata }) => metadata === 'labelled'),
    );
    expect(view.endpoints.find(({ metadata }) => metadata === 'labelled')?.url).toBe(
      'https://edge-edghts-2abc.internal',
    );
    await two.close();
    expect((await visit(env, urlOf(front))).body.toString()).toMatch(/^GET \/ /);
    await one.close();
    expect((await visit(env, urlOf(front))).headers['ngrok-error-code']).toBe('ERR_NGROK_3200');
    await front.close();
    await second.close();
  });

  it('turns WebSocket messages into bytes for a TCP upstream', async () => {
    const echo = await tcpUpstream((socket) => socket.pipe(socket));
    const listener = await session
      .httpEndpoint()
      .websocketTcpConversion()
      .listenAndForward(`tcp://127.0.0.1:${echo.port}`);
    const { host } = new URL(urlOf(listener));
    const client = new WebSocket(`wss://${host}/`, {
      ca: env.ca,
      lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    await once(client, 'open');
    client.send('over a WebSocket');
    expect(String((await once(client, 'message'))[0])).toBe('over a WebSocket');
    client.close();
    await once(client, 'close');
    expect((await visit(env, urlOf(listener))).headers['ngrok-error-code']).toBe('ERR_NGROK_3206');
    await listener.close();
    await echo.close();
  });
});

describe('what passes through the JavaScript SDK', () => {
  it('keeps the half-close of a TCP connection: the upstream answers after the visitor has ended', async () => {
    const echo = await tcpUpstream((socket) => {
      const hash = createHash('sha256');
      socket.on('data', (chunk) => hash.update(chunk));
      socket.on('end', () => socket.end(hash.digest('hex')));
    });
    const listener = await session.tcpEndpoint().listenAndForward(`tcp://127.0.0.1:${echo.port}`);
    const visitor = connect({ host: '127.0.0.1', port: portOf(urlOf(listener)), allowHalfOpen: true });
    patternStream(3 * MiB, 5).pipe(visitor);
    expect(await text(visitor)).toBe(patternHash(3 * MiB, 5));
    await listener.close();
    await echo.close();
  });

  it('tells an http upstream the visitor by PROXY protocol too', async () => {
    const first: string[] = [];
    const proxied = await tcpUpstream((socket) => {
      socket.on('data', (chunk) => first.push(chunk.toString('latin1')));
      socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    });
    const listener = await session.httpEndpoint().proxyProto('1').listenAndForward(`http://127.0.0.1:${proxied.port}`);
    expect((await visit(env, urlOf(listener))).status).toBe(204);
    expect(first.join('')).toMatch(/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nGET \/ HTTP\/1\.1\r\n/);
    await listener.close();
    await proxied.close();
  });
});

/** An option that is dropped in silence would leave an endpoint open that its owner takes for guarded. */
describe('what the JavaScript SDK asks for and does not get', () => {
  it('is refused by name: bindings to Kubernetes, labels that make no name', async () => {
    await expectRefused(session.httpEndpoint().binding('kubernetes').listen(false), 'Bindings kubernetes');
    await expectRefused(session.labeledListener().label('app', '...').listen(false), 'the label app=...');
  });

  it('is reported by forward() too, and a session that was refused so much still binds', async () => {
    await expectRefused(forward({ ...forwardOptions(env), addr: 1, binding: 'kubernetes' }), 'Bindings kubernetes');
    const listener = await session.httpEndpoint().listenAndForward('http://127.0.0.1:1');
    // Routed: it is the upstream that is not there.
    expect((await visit(env, urlOf(listener))).status).toBe(502);
    await listener.close();
  });
});

describe('forward() of the JavaScript SDK', () => {
  it.each([
    ['of nobody', (token: string) => token.slice(0, -1) + (token.endsWith('a') ? 'b' : 'a'), 'ERR_NGROK_107'],
    ['that is none', () => 'nonsense', 'ERR_NGROK_105'],
  ])('is told the code of a token %s', async (_kind, change, errorCode) => {
    const refused = forward({ ...forwardOptions(env), authtoken: change(env.authtoken), addr: 1 });
    await expect(refused).rejects.toMatchObject({ errorCode });
  });
});

async function expectRefused(bind: Promise<Listener>, name: string): Promise<void> {
  const error = await bind.then(
    () => new Error(`${name} was accepted`),
    (reason: Error & { errorCode?: string }) => reason,
  );
  expect(error.message).toContain(name);
  expect(error).toHaveProperty('errorCode', 'ERR_NGROK_310');
}
