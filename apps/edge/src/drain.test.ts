import { once } from 'node:events';
import { type ClientRequest, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import type { MuxStream } from '@portico/muxado';
import { ProxyHeaderReader, StreamType } from '@portico/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { errorCode, RawAgent } from './testing/raw-agent.util.ts';
import { visit } from './testing/visit.util.ts';

let env: DevEnv;
afterEach(() => env.close());

/** An agent whose upstream answers when the test says so. */
async function slowAgent(host: string) {
  const asked = Promise.withResolvers<MuxStream>();
  const agent = await RawAgent.dial({
    port: env.edge.connectPort,
    ca: env.ca,
    onStream: (stream, type) => {
      if (type !== StreamType.proxy) return;
      const reader = new ProxyHeaderReader();
      let isHead = true;
      stream.setHandler({
        onData: (chunk) => {
          stream.ack(chunk.length);
          if (isHead && reader.push(chunk).kind === 'done') {
            isHead = false;
            stream.write(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab'));
            asked.resolve(stream);
          }
        },
        onEnd: () => stream.end(),
        onReset: () => {},
        onWritable: () => {},
      });
    },
  });
  await agent.auth(env.authtoken);
  expect((await agent.bind('https', { Domain: host })).Error).toBe('');
  return { agent, asked: asked.promise };
}

function open(host: string): { sent: ClientRequest; answer: Promise<string> } {
  const sent = request({
    host: '127.0.0.1',
    port: env.https.port,
    servername: host,
    ca: env.ca,
    headers: { host },
    agent: false,
  });
  const answer = new Promise<string>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => resolve(text));
    });
  });
  sent.end();
  return { sent, answer };
}

const refused = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });

describe('draining', () => {
  it('takes nobody new, lets what is in flight finish, and says goodbye to agents last', async () => {
    env = await startDevEnv();
    const host = `slow.${env.baseDomain}`;
    const { agent, asked } = await slowAgent(host);
    const { answer } = open(host);
    const stream = await asked;
    let gone = false;
    void agent.ended.then(() => {
      gone = true;
    });
    const drained = env.edge.drain();
    for (const port of [env.edge.httpPort, env.edge.httpsPort, env.edge.connectPort]) {
      expect(await refused(port)).toBe(true);
    }
    // Its calls are still answered: it is the last to go.
    expect((await agent.unbind('something')).Error).toBe('');
    expect(gone).toBe(false);
    stream.write(Buffer.from('cd'));
    expect(await answer).toBe('abcd');
    await drained;
    expect(await agent.ended).toMatchObject({ kind: 'go-away' });
  });

  it('tells HTTP/1.1 visitors that it closes, and WebSockets goodbye with 1001, and is done with the last of them', async () => {
    env = await startDevEnv();
    const asked = Promise.withResolvers<ServerResponse>();
    const server = createServer((_request, response) => asked.resolve(response));
    const sockets = new WebSocketServer({ server });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { url } = await env.agent().forward({ proto: 'http', subdomain: 'ends', upstream: `127.0.0.1:${port}` });
    const { hostname } = new URL(url);
    const trust: ClientOptions & ConnectionOptions = { headers: { host: hostname }, servername: hostname, ca: env.ca };
    const socket = new WebSocket(`wss://127.0.0.1:${env.https.port}/`, trust);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    const keepAlive = new Agent({ keepAlive: true });
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: env.https.port, servername: hostname, ca: env.ca, agent: keepAlive };
      request({ ...options, headers: { host: hostname } }, resolve)
        .on('error', reject)
        .end();
    });
    const late = await asked.promise;
    const drained = env.edge.drain();
    expect((await closed)[0]).toBe(1001);
    late.end('late');
    const { statusCode, headers } = await answer.then((response) => response.resume());
    expect([statusCode, headers.connection]).toEqual([200, 'close']);
    const fromMs = performance.now();
    await drained;
    expect(performance.now() - fromMs).toBeLessThan(10_000);
    keepAlive.destroy();
    sockets.close();
    server.closeAllConnections();
    server.close();
  });

  it('cuts visibly what has not finished in time', async () => {
    env = await startDevEnv({ edgeLimits: { drainMs: 200 } });
    const host = `stuck.${env.baseDomain}`;
    const { asked } = await slowAgent(host);
    const { answer } = open(host);
    await asked;
    const cut = expect(answer).rejects.toThrow();
    await env.edge.drain();
    await cut;
  });

  it('gives the names back, so that a successor has them at once', async () => {
    env = await startDevEnv();
    const host = `kept.${env.baseDomain}`;
    const { agent } = await slowAgent(host);
    await env.edge.drain();
    await agent.ended;
    await env.restartEdge();
    const next = await RawAgent.dial({ port: env.edge.connectPort, ca: env.ca });
    await next.auth(env.authtoken);
    expect(errorCode(await next.bind('https', { Domain: host }))).toBeNull();
    next.close();
  });

  it('leaves nothing open behind', async () => {
    env = await startDevEnv();
    const host = `clean.${env.baseDomain}`;
    const { agent } = await slowAgent(host);
    await env.edge.close();
    await env.edge.close();
    await agent.ended;
    await expect(visit(env, host)).rejects.toThrow();
    expect(env.edge.metrics.value('portico_sessions')).toBe(0);
    expect(env.edge.metrics.value('portico_endpoints')).toBe(0);
    expect(env.edge.metrics.value('portico_visitor_connections')).toBe(0);
  });
});
