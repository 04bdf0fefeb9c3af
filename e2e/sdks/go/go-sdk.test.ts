import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { createRoot, LeafIssuer } from '@portico/pki';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BodiesUpstream, bodiesUpstream } from '../../support/bodies-upstream.ts';
import { startRelay } from '../../support/relay.ts';
import { tcpUpstream } from '../../support/upstream.ts';
import { visit, visitUntil } from '../../support/visit.ts';
import { buildGoProgram, type GoAgent, type GoProgram, goMissing, startGoAgent } from './go-client.ts';

const missing = await goMissing();
// The names of skipped tests are not printed.
if (missing !== null) console.log(`official Go SDK: ${missing}`);

/** What holds for both SDKs alike is in `both-sdks.test.ts`. */
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
      // Beats of the edge are as shipped, so a silent session is not noticed.
      startDevEnv(),
      bodiesUpstream(),
    ]);
    to = `http://127.0.0.1:${upstream.port}`;
    agent = await startGoAgent(program, env);
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

    it('is told the code of what is no URL of this server', async () => {
      const path = agent.forward({ name: 'path', url: `https://go-path.${env.baseDomain}/path`, upstream: to });
      await expect(path).rejects.toMatchObject({ errorCode: 'ERR_NGROK_9037' });
    });
  });

  it('is not let in with a wrong token, and says why when its patience ends', async () => {
    const last = env.authtoken.endsWith('a') ? 'b' : 'a';
    const refused = startAgent({ token: env.authtoken.slice(0, -1) + last, timeoutMs: 1_200 });
    await expect(refused).rejects.toMatchObject({ errorCode: 'ERR_NGROK_107' });
  });

  describe('TCP', () => {
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

    it('is made through a SOCKS proxy where the program names one', async () => {
      const asked: string[] = [];
      const proxy = createServer((socket) => {
        socket.on('error', () => {});
        // RFC 1928: no authentication, then CONNECT to a name.
        socket.once('data', () => {
          socket.write(Buffer.from([5, 0]));
          socket.once('data', (request: Buffer) => {
            const end = 5 + (request[4] ?? 0);
            asked.push(`${request.toString('latin1', 5, end)}:${request.readUInt16BE(end)}`);
            const onward = connect(portOf(env.connectUrl), '127.0.0.1', () => {
              socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
              socket.pipe(onward).pipe(socket);
            });
            onward.on('error', () => socket.destroy());
            socket.on('close', () => onward.destroy());
          });
        });
      }).listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const { port } = proxy.address() as AddressInfo;
      const proxied = await startAgent({ proxy: `socks5://127.0.0.1:${port}` });
      const url = await proxied.forward({ name: 'proxied', upstream: to });
      expect((await visit(env, `${url}/up`)).status).toBe(200);
      expect(asked).toEqual([env.connectUrl]);
      proxy.close();
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
