import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import type { DevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scale } from '../support/long.ts';
import { tlsUpstream } from '../support/tls-upstream.ts';
import { httpUpstream, tcpUpstream, type Upstream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';
import { ownerViewUntil } from './owner-view.ts';
import type { Sdk, SdkAgent, SdkOptions } from './sdk-client.ts';

/** What an SDK may bind, whichever it is. To be called in a `describe`; `start` gives agents that end with the test. */
export function bindBehaviours(
  sdk: Sdk,
  facts: { env(): DevEnv; start(options?: SdkOptions): Promise<SdkAgent>; newHost(): string },
): void {
  let env: DevEnv;
  let upstream: Upstream;
  let to = '';
  beforeAll(async () => {
    env = facts.env();
    upstream = await httpUpstream((request, response) =>
      response.end(`${request.url} ${request.headers.host} ${request.headers['x-forwarded-for']}`),
    );
    to = `http://127.0.0.1:${upstream.port}`;
  });
  afterAll(() => upstream?.close());

  const codeOf = async (url: string) => (await visit(env, url)).headers['ngrok-error-code'];

  it('give several names on one session, each one ended alone', async () => {
    const agent = await facts.start();
    const host = facts.newHost();
    const chosen = await agent.forward({ url: `https://${host}`, upstream: to });
    const random = await agent.forward({ url: 'https://', upstream: to });
    expect(chosen.url).toBe(`https://${host}:${env.https.port}`);
    expect(random.url).toMatch(new RegExp(`^https://[a-z0-9-]+\\.${env.baseDomain}:${env.https.port}$`));
    expect((await visit(env, `${chosen.url}/a?b=c`)).body.toString()).toBe(
      `/a?b=c ${host}:${env.https.port} 127.0.0.1`,
    );
    expect((await visit(env, random.url)).status).toBe(200);
    await chosen.close();
    expect(await codeOf(chosen.url)).toBe('ERR_NGROK_3200');
    expect((await visit(env, random.url)).status).toBe(200);
  });

  it('are told by its code that a name is in use, and what this server does not have', async () => {
    const url = `https://${facts.newHost()}`;
    const [agent, other] = [await facts.start(), await facts.start()];
    await agent.forward({ url, upstream: to });
    await expect(other.forward({ url, upstream: to })).rejects.toMatchObject({ errorCode: 'ERR_NGROK_334' });
    await expect(other.forward({ url: 'https://', upstream: to, binding: 'kubernetes' })).rejects.toMatchObject({
      errorCode: 'ERR_NGROK_310',
      message: expect.stringContaining('Bindings kubernetes'),
    });
    // What was refused so often still binds.
    expect((await visit(env, (await other.forward({ url: 'https://', upstream: to })).url)).status).toBe(200);
  });

  it('have their upstream down told apart from an endpoint that is offline', async () => {
    const agent = await facts.start();
    const down = await agent.forward({ url: 'https://', upstream: 'http://127.0.0.1:1' });
    expect((await visit(env, down.url)).status).toBe(502);
    await down.close();
    expect((await visit(env, down.url)).status).toBe(404);
  });

  it('tell the owner what the agent says of itself and of its endpoints', async () => {
    const agent = await facts.start({ metadata: 'a session' });
    const { url } = await agent.forward({ url: 'https://', upstream: to, metadata: 'an endpoint' });
    const view = await ownerViewUntil(env, ({ endpoints }) => endpoints.some((each) => each.url === url));
    expect(view.endpoints.find((each) => each.url === url)).toMatchObject({ metadata: 'an endpoint' });
    const session = view.sessions.find(({ metadata }) => metadata === 'a session');
    expect(session).toMatchObject({ clientType: sdk.clientType, agentVersion: sdk.version });
  });

  it('open a tcp endpoint on any port, and the same one again on the port that they name', async () => {
    const greeter = await tcpUpstream((socket) => socket.end('hello'));
    const upstreamUrl = `tcp://127.0.0.1:${greeter.port}`;
    const agent = await facts.start();
    const first = await agent.forward({ url: 'tcp://', upstream: upstreamUrl });
    expect(first.url).toMatch(/^tcp:\/\/localhost:\d+$/);
    const port = Number(new URL(first.url).port);
    expect(await text(connect(port, '127.0.0.1'))).toBe('hello');
    await first.close();
    await expect(text(connect(port, '127.0.0.1'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const again = await agent.forward({ url: first.url, upstream: upstreamUrl });
    expect(again.url).toBe(first.url);
    expect(await text(connect(port, '127.0.0.1'))).toBe('hello');
    await again.close();
    await greeter.close();
  });

  it('leave the TLS of a tls endpoint to the upstream', async () => {
    const host = facts.newHost();
    const inside = await tlsUpstream(host, 'from the upstream');
    const agent = await facts.start();
    const { url } = await agent.forward({ url: `tls://${host}`, upstream: `tcp://127.0.0.1:${inside.port}` });
    expect(url).toMatch(`tls://${host}`);
    const visitor = tlsConnect({ host: '127.0.0.1', port: env.https.port, servername: host, ca: inside.ca });
    expect(await text(visitor)).toBe('from the upstream');
    inside.close();
  });

  it('verify an https upstream, or not, as the user chose', async () => {
    const inside = await tlsUpstream('localhost', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    const agent = await facts.start();
    const target = { url: 'https://', upstream: `https://localhost:${inside.port}` };
    const trusting = await agent.forward({ ...target, verifiesUpstream: false });
    expect((await visit(env, trusting.url)).body.toString()).toBe('ok');
    const strict = await agent.forward({ ...target, verifiesUpstream: true });
    expect((await visit(env, strict.url)).status).toBe(502);
    inside.close();
  });

  it.each([
    [1, /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 (\d+) \d+\r\nhello$/],
    [2, /^\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01(..)..hello$/s],
  ] as const)('tell the upstream the visitor by PROXY protocol %d', async (proxyProto, expected) => {
    const seen = Promise.withResolvers<string>();
    const proxied = await tcpUpstream((socket) => {
      let sent = '';
      socket.on('data', (chunk) => {
        sent += chunk.toString('latin1');
        if (sent.endsWith('hello')) seen.resolve(sent);
      });
    });
    const agent = await facts.start();
    const { url } = await agent.forward({ url: 'tcp://', upstream: `tcp://127.0.0.1:${proxied.port}`, proxyProto });
    const visitor = connect(Number(new URL(url).port), '127.0.0.1');
    await once(visitor, 'connect');
    visitor.write('hello');
    const told = expected.exec(await seen.promise)?.[1] ?? '';
    expect(proxyProto === 1 ? Number(told) : Buffer.from(told, 'latin1').readUInt16BE()).toBe(visitor.localPort);
    visitor.destroy();
    await proxied.close();
  });

  it('begin and end again and again, and leave nothing behind', { timeout: scale(120_000, 900_000) }, async () => {
    const rounds = scale(100, 1_000);
    // An SDK may send its messages one after another, each some 45 ms late: several sessions, so that it ends.
    const agents = await Promise.all(Array.from({ length: 10 }, () => facts.start()));
    const urls = await Promise.all(
      agents.map(async (agent) => {
        const host = facts.newHost();
        for (let round = 0; round < rounds / agents.length; round += 1) {
          const endpoint = await agent.forward({ url: `https://${host}`, upstream: to });
          await endpoint.close();
        }
        return `https://${host}`;
      }),
    );
    for (const url of urls) expect(await codeOf(url)).toBe('ERR_NGROK_3200');
  });
}
