import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { status } from '@grpc/grpc-js';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GrpcVisitor, grpcUpstream } from '../support/grpc.ts';
import { httpUpstream, tcpUpstream, type Upstream } from '../support/upstream.ts';
import { visit, visitUntil } from '../support/visit.ts';
import { bindBehaviours } from './bind-behaviours.ts';
import { connectionBehaviours } from './connection-behaviours.ts';
import { exchangeBehaviours } from './exchange-behaviours.ts';
import { goSdk } from './go/go-sdk.ts';
import { javascriptSdk } from './javascript/javascript-sdk.ts';
import { portOf } from './javascript/sdk.ts';
import type { SdkAgent, SdkEndpoint, SdkOptions } from './sdk-client.ts';

/** What holds for every official SDK, shown with each by the same words. */
describe.each([javascriptSdk, goSdk])('$name', (sdk) => {
  const skip = sdk.missing !== null;
  let env: DevEnv;
  let upstream: Upstream;
  const agents: SdkAgent[] = [];
  const start = async (options?: SdkOptions): Promise<SdkAgent> => {
    const agent = await sdk.start(env, options);
    agents.push(agent);
    return agent;
  };
  let names = 0;
  const newHost = (): string => {
    names += 1;
    return `both${names}.${env.baseDomain}`;
  };

  beforeAll(async () => {
    if (skip) return;
    [env, upstream] = await Promise.all([
      // The rate of binds has a test of its own.
      startDevEnv({ edgeLimits: { bindsPerSecond: 1_000 } }),
      httpUpstream((request, response) => response.end(`one ${request.headers['x-added'] ?? ''}`)),
      sdk.prepare(),
    ]);
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop();
  });
  afterAll(async () => {
    await env?.close();
    await upstream?.close();
    sdk.dispose();
  });

  const to = (port: number): string => `http://127.0.0.1:${port}`;
  const answers = async (url: string, count: number): Promise<string[]> =>
    (await Promise.all(Array.from({ length: count }, () => visit(env, url)))).map(({ body }) => body.toString().trim());

  describe.skipIf(skip)('exchanges', () => {
    exchangeBehaviours({ env: () => env, start: () => sdk.start(env) });
  });

  describe.skipIf(skip)('binds', () => {
    bindBehaviours(sdk, { env: () => env, start, newHost });
  });

  describe.skipIf(skip)('the connection', () => {
    connectionBehaviours({ env: () => env, start });
  });

  describe.skipIf(skip)('pools', () => {
    it('shares a URL among sessions, and goes on without the one that leaves', async () => {
      const second = await httpUpstream((_request, response) => response.end('two'));
      const url = `https://${newHost()}`;
      const [a, b] = [await start(), await start()];
      const first = await a.forward({ url, upstream: to(upstream.port), pooling: true });
      const other = await b.forward({ url, upstream: to(second.port), pooling: true });
      expect(other.url).toBe(first.url);
      expect(new Set(await answers(first.url, 12))).toEqual(new Set(['one', 'two']));
      await first.close();
      expect(new Set(await answers(first.url, 6))).toEqual(new Set(['two']));
      await second.close();
    });

    it('tells who does not share that the URL is taken', async () => {
      const url = `https://${newHost()}`;
      const agent = await start();
      await agent.forward({ url, upstream: to(upstream.port) });
      const pooled = (await start()).forward({ url, upstream: to(upstream.port), pooling: true });
      await expect(pooled).rejects.toMatchObject({ errorCode: 'ERR_NGROK_334' });
    });

    it('serves a visitor from another member when the first one does not reach its upstream', async () => {
      const url = 'tcp://';
      const greeter = await tcpUpstream((socket) => socket.end('hello'));
      const agent = await start();
      const first = await agent.forward({ url, upstream: `tcp://127.0.0.1:${greeter.port}`, pooling: true });
      await agent.forward({ url: first.url, upstream: `tcp://127.0.0.1:${greeter.port}`, pooling: true });
      const greetings = Array.from({ length: 8 }, () => text(connect(portOf(first.url), '127.0.0.1')));
      expect(new Set(await Promise.all(greetings))).toEqual(new Set(['hello']));
      await greeter.close();
    });
  });

  describe.skipIf(skip)('an upstream that speaks HTTP/2', () => {
    it('serves gRPC calls, unary and streaming both ways, with their trailers', async () => {
      const service = await grpcUpstream();
      const host = newHost();
      const agent = await start();
      await agent.forward({ url: `https://${host}`, upstream: to(service.port), protocol: 'http2' });
      const visitor = new GrpcVisitor({ port: env.https.port, host, ca: env.ca });
      const { value, trailer } = await visitor.greet('world', 'a friend');
      expect([value, trailer.get('x-asked-as')]).toEqual(['hello world', ['a friend']]);
      await expect(visitor.greet('nobody')).rejects.toMatchObject({
        code: status.NOT_FOUND,
        details: 'nobody is here',
      });
      const calls = Array.from({ length: 3 }, () => visitor.talk());
      for (let round = 1; round <= 3; round += 1) {
        for (const call of calls) {
          call.write(`round ${round}`);
          expect(await once(call, 'data')).toEqual([`${round}: round ${round}`]);
        }
      }
      for (const call of calls) {
        const ended = once(call, 'status');
        call.resume().end();
        const [{ code, metadata }] = await ended;
        expect([code, metadata.get('x-count')]).toEqual([status.OK, ['3']]);
      }
      visitor.close();
      service.close();
    });
  });

  describe.skipIf(skip)('orders through the API', () => {
    const order = (path: string, method = 'POST') =>
      fetch(`${env.api.publicUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2' },
      });
    const find = async (list: string, wanted: (each: Record<string, unknown>) => boolean): Promise<string> => {
      for (;;) {
        const answer: unknown = await (await order(`/${list}?limit=100`, 'GET')).json();
        const items = (answer as Record<string, Record<string, unknown>[]>)[list] ?? [];
        const found = items.find(wanted);
        if (found !== undefined) return String(found.id);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };

    it('stop, restart and update it, as its program decides', async () => {
      const agent = await start({ metadata: 'ordered' });
      const session = await find('tunnel_sessions', ({ metadata }) => metadata === 'ordered');
      const updated = agent.commanded('update');
      expect((await order(`/tunnel_sessions/${session}/update`)).status).toBe(204);
      await updated;
      const stopped = agent.commanded('stop');
      expect((await order(`/tunnel_sessions/${session}/stop`)).status).toBe(204);
      await stopped;
    });

    it('are refused where its program does not follow them', async () => {
      await start({ metadata: 'deaf', handlesCommands: false });
      const session = await find('tunnel_sessions', ({ metadata }) => metadata === 'deaf');
      for (const [command, code] of [
        ['stop', 'ERR_NGROK_804'],
        ['restart', 'ERR_NGROK_806'],
        ['update', 'ERR_NGROK_808'],
      ]) {
        const answer = await order(`/tunnel_sessions/${session}/${command}`);
        expect([answer.status, await answer.json()]).toMatchObject([400, { error_code: code }]);
      }
    });

    it('end one of its endpoints', async () => {
      const agent = await start();
      const [ending, staying]: SdkEndpoint[] = [
        await agent.forward({ url: 'https://', upstream: to(upstream.port) }),
        await agent.forward({ url: 'https://', upstream: to(upstream.port) }),
      ];
      const endpoint = await find('endpoints', ({ url }) => url === ending?.url);
      expect((await order(`/endpoints/${endpoint}`, 'DELETE')).status).toBe(204);
      await visitUntil(env, ending?.url ?? '', ({ headers }) => headers['ngrok-error-code'] === 'ERR_NGROK_3200');
      await ending?.ended;
      expect((await visit(env, staying?.url ?? '')).status).toBe(200);
    });
  });

  describe.skipIf(skip)('rules', () => {
    it('runs the traffic policy of an endpoint', async () => {
      const policy = JSON.stringify({
        on_http_request: [
          { expressions: ["req.url.path == '/no'"], actions: [{ type: 'deny', config: { status_code: 418 } }] },
          { actions: [{ type: 'add-headers', config: { headers: { 'x-added': 'by the policy' } } }] },
        ],
      });
      const agent = await start();
      const { url } = await agent.forward({ url: 'https://', upstream: to(upstream.port), policy });
      expect((await visit(env, url)).body.toString()).toBe('one by the policy');
      expect((await visit(env, `${url}/no`)).status).toBe(418);
    });

    it('runs the traffic policy of a tcp endpoint', async () => {
      const policy = JSON.stringify({
        on_tcp_connect: [{ actions: [{ type: 'restrict-ips', config: { enforce: true, deny: ['127.0.0.0/8'] } }] }],
      });
      const agent = await start();
      const { url } = await agent.forward({ url: 'tcp://', upstream: `tcp://127.0.0.1:${upstream.port}`, policy });
      const socket = connect(portOf(url), '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      await new Promise((resolve) => socket.once('close', resolve));
      expect(socket.bytesRead).toBe(0);
    });

    it('is told the code of a policy that is none', async () => {
      const agent = await start();
      const refused = agent.forward({ url: 'https://', upstream: to(upstream.port), policy: '{"on_http_request": 1}' });
      await expect(refused).rejects.toMatchObject({ errorCode: expect.stringMatching(/^ERR_NGROK_22\d\d$/) });
    });
  });

  describe.skipIf(skip)('bindings', () => {
    it('serves an internal endpoint to others of its account alone', async () => {
      names += 1;
      const host = `inside${names}.internal`;
      const agent = await start();
      const inside = await agent.forward({
        url: `https://${host}`,
        upstream: to(upstream.port),
        binding: 'internal',
      });
      expect(inside.url).toBe(`https://${host}`);
      const policy = JSON.stringify({
        on_http_request: [{ actions: [{ type: 'forward-internal', config: { url: inside.url } }] }],
      });
      const outside = await agent.forward({ url: 'https://', upstream: 'http://127.0.0.1:1', policy });
      expect((await visit(env, outside.url)).body.toString()).toBe('one ');
    });
  });
});
