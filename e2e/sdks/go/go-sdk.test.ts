import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { createRoot, LeafIssuer } from '@portico/pki';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BodiesUpstream, bodiesUpstream } from '../../support/bodies-upstream.ts';
import { echoUpstream } from '../../support/echo-upstream.ts';
import { scale } from '../../support/long.ts';
import { startRelay } from '../../support/relay.ts';
import { startSteadyLoad } from '../../support/steady-load.ts';
import { httpUpstream, tcpUpstream } from '../../support/upstream.ts';
import { visit, visitUntil } from '../../support/visit.ts';
import { ownerViewUntil } from '../owner-view.ts';
import { buildGoProgram, type GoAgent, type GoProgram, goMissing, startGoAgent } from './go-client.ts';

const missing = await goMissing();
// The names of skipped tests are not printed.
if (missing !== null) console.log(`official Go SDK: ${missing}`);

describe.skipIf(missing !== null)('the official Go SDK', () => {
  let program: GoProgram;
  let env: DevEnv;
  let agent: GoAgent;
  let upstream: BodiesUpstream;
  let to = '';
  const agents: GoAgent[] = [];
  const startAgent: (options?: Parameters<typeof startGoAgent>[2]) => Promise<GoAgent> = async (options) => {
    const started = await startGoAgent(program, env, options);
    agents.push(started);
    return started;
  };
  beforeAll(async () => {
    [program, env, upstream] = await Promise.all([
      buildGoProgram(),
      // The rate of binds has a test of its own; beats of the edge are as shipped, so a silent session is not noticed.
      startDevEnv({ edgeLimits: { bindsPerSecond: 1_000 } }),
      bodiesUpstream(),
    ]);
    to = `http://127.0.0.1:${upstream.port}`;
    agent = await startGoAgent(program, env, { metadata: 'a session' });
  });
  afterEach(async () => {
    for (const each of agents.splice(0)) await each.stop();
  });
  afterAll(async () => {
    await agent?.stop();
    await env?.close();
    await upstream?.close();
    program?.remove();
  });

  describe('URLs', () => {
    it.each([
      ['https://', /^https:\/\/[a-z0-9-]+\.BASE:HTTPS$/],
      ['http://', /^http:\/\/[a-z0-9-]+\.BASE:HTTP$/],
      ['', /^https:\/\/[a-z0-9-]+\.BASE:HTTPS$/],
      ['https://go-a.BASE', /^https:\/\/go-a\.BASE:HTTPS$/],
      ['https://go-b.BASE:HTTPS', /^https:\/\/go-b\.BASE:HTTPS$/],
      ['go-c.BASE', /^https:\/\/go-c\.BASE:HTTPS$/],
      ['http://go-d.BASE', /^http:\/\/go-d\.BASE:HTTP$/],
    ])('reads `%s`', async (asked, expected) => {
      const url = await agent.forward({ name: 'url', url: filled(asked), upstream: to });
      expect(url).toMatch(new RegExp(filled(expected.source)));
      expect(JSON.parse((await visit(env, `${url}/up`)).body.toString())).toMatchObject({ bytes: 0 });
      await agent.close('url');
      expect((await visit(env, url)).headers['ngrok-error-code']).toBe('ERR_NGROK_3200');
    });

    it('reads `tcp://` and `tcp://host:port`', async () => {
      const greeter = await tcpUpstream((socket) => socket.end('hello'));
      const upstreamUrl = `tcp://127.0.0.1:${greeter.port}`;
      const first = await agent.forward({ name: 'tcp', url: 'tcp://', upstream: upstreamUrl });
      expect(first).toMatch(/^tcp:\/\/localhost:\d+$/);
      expect(await readText(connect(portOf(first), '127.0.0.1'))).toBe('hello');
      await agent.close('tcp');
      expect(await agent.forward({ name: 'tcp', url: first, upstream: upstreamUrl })).toBe(first);
      expect(await readText(connect(portOf(first), '127.0.0.1'))).toBe('hello');
      await agent.close('tcp');
      await greeter.close();
    });

    it('reads `tls://host`, whose TLS the agent ends itself', async () => {
      const root = await createRoot({ name: 'another root', now: new Date() });
      const issuer = new LeafIssuer({ certificatePem: root.certificatePem, privateKeyPem: root.privateKeyPem });
      const host = `go-tls.${env.baseDomain}`;
      const { certificatePem, privateKeyPem } = await issuer.issue({ dns: [host], ips: [] });
      const greeter = await tcpUpstream((socket) => socket.end('from behind TLS'));
      await agent.forward({
        name: 'tls',
        url: `tls://${host}`,
        upstream: `tcp://127.0.0.1:${greeter.port}`,
        certificate: certificatePem,
        key: privateKeyPem,
      });
      const visitor = tlsConnect({
        host: '127.0.0.1',
        port: env.https.port,
        servername: host,
        ca: root.certificatePem,
      });
      expect(await readText(visitor)).toBe('from behind TLS');
      await agent.close('tls');
      await greeter.close();
    });

    it('is told the code of a name that is in use, and of what is no URL of this server', async () => {
      const url = `https://go-held.${env.baseDomain}`;
      await agent.forward({ name: 'held', url, upstream: to });
      const second = await startAgent();
      await expect(second.forward({ name: 'held', url, upstream: to })).rejects.toMatchObject({
        errorCode: 'ERR_NGROK_334',
      });
      await expect(second.forward({ name: 'path', url: `${url}/path`, upstream: to })).rejects.toMatchObject({
        errorCode: 'ERR_NGROK_9037',
      });
      await agent.close('held');
    });
  });

  it('is not let in with a wrong token, and says why when its patience ends', async () => {
    const last = env.authtoken.endsWith('a') ? 'b' : 'a';
    const refused = startAgent({ token: env.authtoken.slice(0, -1) + last, timeoutMs: 1_200 });
    await expect(refused).rejects.toMatchObject({ errorCode: 'ERR_NGROK_107' });
  });

  it('has its upstream down told apart from an endpoint that is offline', async () => {
    const url = await agent.forward({ name: 'down', upstream: 'http://127.0.0.1:1' });
    expect((await visit(env, url)).status).toBe(502);
    await agent.close('down');
    expect((await visit(env, url)).status).toBe(404);
  });

  it('tells the owner what it says of itself and of its endpoints', async () => {
    const url = await agent.forward({ name: 'told', metadata: 'an endpoint', description: 'd', upstream: to });
    const view = await ownerViewUntil(env, ({ endpoints }) => endpoints.some((each) => each.url === url));
    expect(view.endpoints.find((each) => each.url === url)).toMatchObject({ metadata: 'an endpoint' });
    expect(view.sessions.find(({ metadata }) => metadata === 'a session')).toMatchObject({ clientType: 'ngrok-go' });
    await agent.close('told');
  });

  it('is told what a self-hosted server does not have: a binding to Kubernetes', async () => {
    const refused = agent.forward({ name: 'refused', upstream: to, bindings: ['kubernetes'] });
    await expect(refused).rejects.toThrow('Bindings kubernetes');
    await expect(refused).rejects.toMatchObject({ errorCode: 'ERR_NGROK_310' });
  });

  describe('TCP', () => {
    it.each([
      ['v1', /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 (\d+) \d+\r\nhello$/],
      ['v2', /^\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01(..)..hello$/s],
    ] as const)('tells the upstream the visitor by PROXY protocol %s', async (proxyProto, expected) => {
      const seen = Promise.withResolvers<string>();
      const proxied = await tcpUpstream((socket) => {
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1');
          if (text.endsWith('hello')) seen.resolve(text);
        });
      });
      const url = await agent.forward({
        name: 'proxy',
        url: 'tcp://',
        upstream: `tcp://127.0.0.1:${proxied.port}`,
        proxyProto,
      });
      const visitor = connect(portOf(url), '127.0.0.1');
      await once(visitor, 'connect');
      visitor.write('hello');
      const told = expected.exec(await seen.promise)?.[1] ?? '';
      const port = proxyProto === 'v1' ? Number(told) : Buffer.from(told, 'latin1').readUInt16BE();
      expect(port).toBe(visitor.localPort);
      visitor.destroy();
      await agent.close('proxy');
      await proxied.close();
    });

    it('keeps a half-close for a program that accepts connections itself', async () => {
      const url = await agent.echo({ name: 'echo', url: 'tcp://' });
      const visitor = connect({ host: '127.0.0.1', port: portOf(url), allowHalfOpen: true });
      visitor.end('all of it');
      expect(await readText(visitor)).toBe('read to the end: all of it');
      await agent.close('echo');
    });

    it('has both ways closed by the forwarder of the SDK when the visitor ends one', async () => {
      const ended = Promise.withResolvers<void>();
      const late = await tcpUpstream((socket) => {
        socket.resume();
        socket.on('close', () => ended.resolve());
        socket.on('end', () => socket.end('too late'));
      });
      const url = await agent.forward({ name: 'late', url: 'tcp://', upstream: `tcp://127.0.0.1:${late.port}` });
      const visitor = connect({ host: '127.0.0.1', port: portOf(url), allowHalfOpen: true });
      visitor.end('all of it');
      // What the SDK does, not this server: it is documented, and everything ends.
      expect(['', 'too late']).toContain(await readText(visitor));
      await ended.promise;
      await agent.close('late');
      await late.close();
    });
  });

  describe('the connection', () => {
    it('is kept by heartbeats in both directions', async () => {
      const beating = await startAgent({ heartbeatMs: 1_000, toleranceMs: 1_000 });
      await beating.next('connected');
      for (let beat = 0; beat < 2; beat += 1) {
        const { latencyUs } = await beating.next('heartbeat');
        expect(latencyUs).toBeGreaterThan(0);
      }
    });

    it('is back under its URL when it is reset', async () => {
      const relay = await startRelay({ host: '127.0.0.1', port: portOf(env.connectUrl) });
      const reset = await startAgent({ server: `localhost:${relay.port}` });
      await reset.next('connected');
      const url = await reset.forward({ name: 'reset', upstream: to });
      relay.cut();
      await reset.next('disconnected');
      await reset.next('connected');
      await visitUntil(env, `${url}/up`, ({ status }) => status === 200);
      await relay.close();
    });

    it('is missed by the SDK when the network falls silent, and comes back under its URL', async () => {
      const relay = await startRelay({ host: '127.0.0.1', port: portOf(env.connectUrl) });
      const silent = await startAgent({ server: `localhost:${relay.port}`, heartbeatMs: 1_000, toleranceMs: 1_000 });
      await silent.next('connected');
      const url = await silent.forward({ name: 'silent', upstream: to });
      relay.blackhole();
      await silent.next('disconnected');
      await silent.next('connected');
      await visitUntil(env, `${url}/up`, ({ status }) => status === 200);
      await relay.close();
    });

    it('is back under its URLs after the edge ended under load, and no answer went to a wrong visitor', async () => {
      const echo = await echoUpstream();
      const loaded = await startAgent();
      const urls = [
        await loaded.forward({ name: 'a', upstream: `http://127.0.0.1:${echo.port}` }),
        await loaded.forward({ name: 'b', upstream: to }),
      ];
      const [url = '', other = ''] = urls;
      await loaded.next('connected');
      const load = startSteadyLoad(env, url, { perSecond: scale(30, 100) });
      await visitUntil(env, url, () => load.goodCount() >= 20);
      await env.restartEdge();
      await loaded.next('disconnected');
      await loaded.next('connected');
      const before = load.goodCount();
      await visitUntil(env, url, () => load.goodCount() >= before + 20);
      const { corrupt, hung } = await load.stop();
      expect(corrupt).toEqual([]);
      expect(hung).toBe(0);
      for (const [id, times] of echo.seen) expect(times, `${id} was repeated`).toBe(1);
      expect((await visit(env, `${other}/up`)).status).toBe(200);
      await echo.close();
    });

    it('ends with the go-away of an edge that drains, after what was under way, and comes back', async () => {
      const slow = await httpUpstream((_request, response) => {
        response.write('first ');
        slow.server.once('release', () => response.end('second'));
      });
      const drained = await startAgent();
      await drained.next('connected');
      const url = await drained.forward({ name: 'drained', upstream: `http://127.0.0.1:${slow.port}` });
      const asked = once(slow.server, 'request');
      const underWay = visit(env, url);
      await asked;
      const draining = env.edge.drain();
      slow.server.emit('release');
      expect((await underWay).body.toString()).toBe('first second');
      await draining;
      await env.restartEdge();
      await drained.next('disconnected');
      await drained.next('connected');
      slow.server.on('request', (_request, response) => response.end());
      await visitUntil(env, url, ({ status }) => status === 200);
      await slow.close();
    });

    it('ends by the go-away of the SDK: its endpoints are offline at once, and the names free', async () => {
      const going = await startAgent();
      const url = await going.forward({ name: 'going', url: `https://going.${env.baseDomain}`, upstream: to });
      expect((await visit(env, `${url}/up`)).status).toBe(200);
      await going.disconnect();
      await visitUntil(env, url, ({ headers }) => headers['ngrok-error-code'] === 'ERR_NGROK_3200', {
        withinMs: 3_000,
      });
      expect(await agent.forward({ name: 'after', url: `https://going.${env.baseDomain}`, upstream: to })).toBe(url);
      await agent.close('after');
    });

    it('binds and unbinds again and again on one session', { timeout: scale(60_000, 600_000) }, async () => {
      const rounds = scale(100, 1_000);
      for (let round = 0; round < rounds; round += 1) {
        await agent.forward({ name: 'round', url: `https://round.${env.baseDomain}`, upstream: to });
        await agent.close('round');
      }
      const url = `https://round.${env.baseDomain}:${env.https.port}`;
      expect((await visit(env, url)).headers['ngrok-error-code']).toBe('ERR_NGROK_3200');
    });
  });

  function filled(text: string): string {
    const base = env.baseDomain;
    return text.replace('BASE', base).replace('HTTPS', `${env.https.port}`).replace('HTTP', `${env.http.port}`);
  }
});

function portOf(url: string): number {
  return Number(url.slice(url.lastIndexOf(':') + 1));
}

async function readText(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString('latin1');
}
