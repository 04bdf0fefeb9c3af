import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import type { Agent, AgentEndpoint } from '@portico/agent';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GrpcVisitor, grpcUpstream } from '../support/grpc.ts';
import { startPortico } from '../support/portico-cli.ts';
import { startRelay } from '../support/relay.ts';
import { httpUpstream, patternStream, tcpUpstream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';

/** Our agent against our edge: what each is tested for alone must hold between them. */
describe('our agent at our edge', () => {
  let env: DevEnv;
  const cleanups: (() => Promise<unknown> | unknown)[] = [];
  beforeAll(async () => {
    // Visitors, edge and agent share one event loop here: its delay says nothing about the edge.
    env = await startDevEnv({ edgeLimits: { loopDelayShedMs: 60_000 } });
  });
  afterEach(async () => {
    for (const clean of cleanups.splice(0).reverse()) await clean();
  });
  afterAll(() => env.close());

  async function echo(): Promise<number> {
    const upstream = await tcpUpstream((socket) => socket.pipe(socket));
    cleanups.push(() => upstream.close());
    return upstream.port;
  }

  async function hello(): Promise<number> {
    const upstream = await httpUpstream((request, response) => response.end(`hello ${request.url}`));
    cleanups.push(() => upstream.close());
    return upstream.port;
  }

  function agent(): Agent {
    const started = env.agent({ backoff: { firstMs: 50, capMs: 500 } });
    cleanups.push(() => started.close());
    return started;
  }

  /** A file that the command line takes. */
  async function agentConfig(metadata = ''): Promise<string> {
    const home = await mkdtemp(join(tmpdir(), 'portico-real-edge-'));
    cleanups.push(() => rm(home, { recursive: true, force: true }));
    const path = join(home, 'agent.yml');
    await writeFile(
      path,
      `version: 3\nagent: {authtoken: "${env.authtoken}", connect_url: "${env.connectUrl}", connect_cas: "${env.caFile}", web_addr: "127.0.0.1:0", metadata: "${metadata}"}\n`,
    );
    return path;
  }

  function dial(endpoint: AgentEndpoint): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: Number(new URL(endpoint.url).port), host: '127.0.0.1', allowHalfOpen: true });
      cleanups.push(() => socket.destroy());
      socket.once('error', reject);
      socket.once('connect', () => resolve(socket));
    });
  }

  function again(agent: Agent, count: number): Promise<void> {
    return new Promise((resolve) => {
      let seen = 0;
      agent.on('online', (_endpoint, isAgain) => {
        if (!isAgain) return;
        seen += 1;
        if (seen === count) resolve();
      });
    });
  }

  it('comes back under the same random URL and the same port on a restarted edge', async () => {
    const [http, tcp] = await Promise.all([hello(), echo()]);
    const it = agent();
    const random = await it.forward({ proto: 'http', name: 'random', upstream: String(http) });
    const port = await it.forward({ proto: 'tcp', name: 'port', upstream: String(tcp) });
    const urls = [random.url, port.url];
    const back = again(it, 2);
    await env.restartEdge();
    await back;
    expect([random.url, port.url]).toEqual(urls);
    expect((await visit(env, random.url)).body.toString()).toBe('hello /');
    const socket = await dial(port);
    socket.end('ping');
    expect(await readAll(socket)).toBe('ping');
  });

  it('carries gRPC calls, unary and streaming both ways, with their trailers', async () => {
    const service = await grpcUpstream();
    cleanups.push(() => service.close());
    const host = `grpc.${env.baseDomain}`;
    await agent().forward({
      proto: 'http',
      url: `https://${host}`,
      upstream: `http://127.0.0.1:${service.port}`,
      forwardsProto: 'http2',
    });
    const visitor = new GrpcVisitor({ port: env.https.port, host, ca: env.ca });
    cleanups.push(() => visitor.close());
    const { value, trailer } = await visitor.greet('world', 'a friend');
    expect([value, trailer.get('x-asked-as')]).toEqual(['hello world', ['a friend']]);
    await expect(visitor.greet('nobody')).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'nobody is here' });
    const call = visitor.talk();
    for (let round = 1; round <= 3; round += 1) {
      call.write(`round ${round}`);
      expect(await once(call, 'data')).toEqual([`${round}: round ${round}`]);
    }
    const ended = once(call, 'status');
    call.resume().end();
    const [{ code, metadata }] = await ended;
    expect([code, metadata.get('x-count')]).toEqual([status.OK, ['3']]);
  });

  it('rewrites the Host, and takes redirects of the upstream to its own name back to the visitor', async () => {
    const upstream = await httpUpstream((request, response) => {
      const to = new URL(request.url ?? '', 'http://x').searchParams.get('to');
      if (to !== null) response.setHeader('location', to);
      response.statusCode = to === null ? 200 : 302;
      response.end(request.headers.host);
    });
    cleanups.push(() => upstream.close());
    const own = `localhost:${upstream.port}`;
    const cli = await startPortico({ agentConfigFile: await agentConfig() }, [
      ...['http', String(upstream.port), '--host-header', 'rewrite'],
    ]);
    const locationOf = async (to: string): Promise<string | string[] | undefined> =>
      (await visit(env, `${cli.url}/?to=${encodeURIComponent(to)}`)).headers.location;
    expect((await visit(env, cli.url)).body.toString()).toBe(own);
    expect(await locationOf(`http://${own}/login?next=http://${own}/a`)).toBe(`${cli.url}/login?next=http://${own}/a`);
    expect(await locationOf(`https://${own}/`)).toBe(`${cli.url}/`);
    expect(await locationOf(`http://${own}//evil.example/`)).toBe(`${cli.url}//evil.example/`);
    for (const other of ['/here', `http://${own}0/`, 'https://other.example/x'])
      expect(await locationOf(other)).toBe(other);
    expect(await cli.stop()).toBe(0);
  });

  it('restarts in its own process when the API asks for it, under the same random URL', async () => {
    const cli = await startPortico({ agentConfigFile: await agentConfig('to restart') }, [
      'http',
      String(await hello()),
    ]);
    const ask = (path: string, method: string): Promise<Response> =>
      fetch(`${env.api.publicUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2' },
      });
    const sessions = async (): Promise<string[]> => {
      const answer = await (await ask('/tunnel_sessions?limit=100', 'GET')).text();
      const { tunnel_sessions: all }: { tunnel_sessions: { id: string; metadata: string }[] } = JSON.parse(answer);
      return all.filter(({ metadata }) => metadata === 'to restart').map(({ id }) => id);
    };
    await expect.poll(async () => (await sessions()).length).toBe(1);
    const [first = ''] = await sessions();
    expect((await ask(`/tunnel_sessions/${first}/restart`, 'POST')).status).toBe(204);
    const starts = (): number => cli.output().split('"msg":"started tunnel"').length - 1;
    await expect.poll(starts, { timeout: 30_000 }).toBe(2);
    expect(cli.output().match(/"url":"https:[^"]+"/g)).toEqual([`"url":"${cli.url}"`, `"url":"${cli.url}"`]);
    expect((await visit(env, `${cli.url}/again`)).body.toString()).toBe('hello /again');
    await expect.poll(sessions, { timeout: 30_000 }).not.toContain(first);
    expect(await sessions()).toHaveLength(1);
    expect(await cli.stop()).toBe(0);
  });

  it('passes half-closes on both ways', async () => {
    const upstream = await tcpUpstream((socket) => {
      let count = 0;
      socket.on('data', (bytes: Buffer) => {
        count += bytes.length;
      });
      socket.on('end', () => socket.end(`counted ${count}`));
    });
    cleanups.push(() => upstream.close());
    const endpoint = await agent().forward({ proto: 'tcp', upstream: String(upstream.port) });
    const socket = await dial(endpoint);
    socket.end(Buffer.alloc(1_000_000));
    expect(await readAll(socket)).toBe('counted 1000000');
  });

  it('says which hop fails when nothing listens, and works when something does', async () => {
    const port = await hello();
    const it = agent();
    const endpoint = await it.forward({ proto: 'http', subdomain: 'hop', upstream: '127.0.0.1:1' });
    const failed = await visit(env, endpoint.url);
    expect(failed.status).toBe(502);
    expect(failed.headers['ngrok-error-code']).toBe('ERR_NGROK_8012');
    await endpoint.close();
    expect((await visit(env, endpoint.url)).status).toBe(404);
    const next = await it.forward({ proto: 'http', subdomain: 'hop', upstream: String(port) });
    expect(next.url).toBe(endpoint.url);
    expect((await visit(env, next.url)).body.toString()).toBe('hello /');
  });

  it('carries 1,000 connections at once, each its own', async () => {
    const endpoint = await agent().forward({ proto: 'tcp', upstream: String(await echo()) });
    // L19: as many as one session of an agent of ours may have.
    const texts = Array.from({ length: 1_000 }, (_, i) => `${i} ${randomBytes(50).toString('hex')}`);
    const sockets: Socket[] = [];
    // In waves: the edge lets 256 streams of a session wait for the agent, and refuses more.
    for (let at = 0; at < texts.length; at += 60) {
      const wave = await Promise.all(
        texts.slice(at, at + 60).map(async (text) => {
          const socket = await dial(endpoint);
          const head = once(socket, 'data');
          socket.write(text);
          expect(String(await head)).toBe(text);
          return socket;
        }),
      );
      sockets.push(...wave);
    }
    const rests = Promise.all(sockets.map(readAll));
    for (const socket of sockets) socket.end('!');
    expect(new Set(await rests)).toEqual(new Set(['!']));
  });

  it('fills a long way with one stream, up and down', async () => {
    const roundTripMs = 100;
    const relay = await startRelay(
      { host: '127.0.0.1', port: Number(env.connectUrl.split(':').at(-1)) },
      { delayMs: roundTripMs / 2 },
    );
    cleanups.push(() => relay.close());
    const bytes = 16 * 1_048_576;
    const upstream = await tcpUpstream((socket) => {
      let count = 0;
      socket.on('data', (chunk: Buffer) => {
        count += chunk.length;
        if (count === bytes) patternStream(bytes, 1).pipe(socket);
      });
    });
    cleanups.push(() => upstream.close());
    const far = env.agent({ connectUrl: `localhost:${relay.port}` });
    const endpoint = await far.forward({ proto: 'tcp', upstream: String(upstream.port) });
    const socket = await dial(endpoint);
    const startedMs = performance.now();
    patternStream(bytes, 2).pipe(socket, { end: false });
    let turnedMs = 0;
    let received = 0;
    for await (const chunk of socket) {
      if (received === 0) turnedMs = performance.now();
      received += (chunk as Buffer).length;
      if (received === bytes) break;
    }
    // What a window of 256 KiB that never grows takes at the very least.
    const fixedMs = (bytes / 262_144) * roundTripMs;
    expect(turnedMs - startedMs).toBeLessThan(fixedMs * 0.7);
    expect(performance.now() - turnedMs).toBeLessThan(fixedMs * 0.7);
  });

  it('keeps a name for the session that is alive, and gives it to the next one after that', async () => {
    const port = await hello();
    const first = agent();
    await first.forward({ proto: 'http', subdomain: 'heir', upstream: String(port) });
    const second = agent();
    const refused = second.forward({ proto: 'http', subdomain: 'heir', upstream: String(port) });
    // The edge asks the first one with a beat, and it answers.
    await expect(refused).rejects.toMatchObject({ code: 'ERR_NGROK_334' });
    await first.close();
    const endpoint = await second.forward({ proto: 'http', subdomain: 'heir', upstream: String(port) });
    expect((await visit(env, endpoint.url)).status).toBe(200);
  });
});

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}
