import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { DEMO, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { RawVisitor, statuses } from '../testing/raw-visitor.util.ts';
import type { VisitorLimits } from './limits.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(limits: Partial<VisitorLimits> = {}) {
  const server = createServer((_req, res) => res.end('plain'));
  const sockets = new WebSocketServer({ server, maxPayload: 32 * 1024 * 1024 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge = await startEdge({
    upstreamPort: () => (server.address() as AddressInfo).port,
    limits: { lingerMs: 50, ...limits },
  });
  cleanups.push(async () => {
    await edge.close();
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return { edge, sockets, server };
}

function dial(edge: EdgeUnderTest, over: 'ws' | 'wss', protocols: string[] = []): WebSocket {
  const port = over === 'ws' ? edge.httpPort : edge.httpsPort;
  const options: ClientOptions & ConnectionOptions = {
    headers: { host: DEMO },
    servername: DEMO,
    ca: edge.rootPem,
    maxPayload: 32 * 1024 * 1024,
  };
  const socket = new WebSocket(`${over}://127.0.0.1:${port}/socket`, protocols, options);
  cleanups.push(() => socket.terminate());
  return socket;
}

async function open(edge: EdgeUnderTest, over: 'ws' | 'wss'): Promise<WebSocket> {
  const socket = dial(edge, over);
  await once(socket, 'open');
  return socket;
}

const message = async (socket: WebSocket): Promise<{ data: Buffer; binary: boolean }> => {
  const [data, binary] = (await once(socket, 'message')) as [Buffer, boolean];
  return { data, binary };
};

describe.each(['ws', 'wss'] as const)('a WebSocket over %s', (over) => {
  it('carries text and binary both ways, whole and in fragments', async () => {
    const { edge, sockets } = await setUp();
    sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
    const socket = await open(edge, over);
    socket.send('grüße');
    expect((await message(socket)).data.toString()).toBe('grüße');
    socket.send(Buffer.from([0, 255, 128]));
    expect(await message(socket)).toEqual({ data: Buffer.from([0, 255, 128]), binary: true });
    socket.send('a', { fin: false });
    socket.send('b', { fin: false });
    socket.send('c', { fin: true });
    expect((await message(socket)).data.toString()).toBe('abc');
  });

  it('carries a message of 16 MiB unchanged', async () => {
    const { edge, sockets } = await setUp();
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
    const socket = await open(edge, over);
    const big = Buffer.alloc(16 * 1024 * 1024);
    for (let i = 0; i < big.length; i += 4) big.writeUInt32LE(i, i);
    socket.send(big);
    expect((await message(socket)).data.equals(big)).toBe(true);
  });

  it('passes pings, subprotocol and what the server says first', async () => {
    const { edge, sockets } = await setUp();
    sockets.on('connection', (socket) => {
      socket.send('hello first');
      socket.ping('p1');
      socket.on('pong', (data) => socket.send(`pong ${data}`));
    });
    const socket = dial(edge, over, ['chat.v1']);
    const received: string[] = [];
    await new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        received.push(String(data));
        if (received.length === 2) resolve();
      });
    });
    expect(received).toEqual(['hello first', 'pong p1']);
    expect(socket.protocol).toBe('chat.v1');
    socket.ping('p2');
    const [pong] = (await once(socket, 'pong')) as [Buffer];
    expect(String(pong)).toBe('p2');
  });

  it('ends with the close code of either side', async () => {
    const { edge, sockets } = await setUp();
    const closed = Promise.withResolvers<[number, string]>();
    sockets.on('connection', (socket) => {
      socket.on('message', () => socket.close(4001, 'server says'));
      socket.on('close', (code, reason) => closed.resolve([code, reason.toString()]));
    });
    const first = await open(edge, over);
    first.close(4000, 'visitor says');
    expect(await closed.promise).toEqual([4000, 'visitor says']);
    const second = await open(edge, over);
    second.send('x');
    const [code, reason] = (await once(second, 'close')) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([4001, 'server says']);
    while (edge.connections() > 0 || edge.tunnel.edge.openStreams > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const counters = over === 'ws' ? edge.http.counters : edge.https.counters;
    expect(counters).toMatchObject({ requests: 2, connections: 2, openConnections: 0, errors: 0 });
  });

  it('whose visitor vanishes is closed at the upstream', async () => {
    const { edge, sockets } = await setUp();
    const closed = Promise.withResolvers<number>();
    sockets.on('connection', (socket) => socket.on('close', (code) => closed.resolve(code)));
    const socket = await open(edge, over);
    socket.terminate();
    expect(await closed.promise).toBe(1006);
  });

  it('whose upstream vanishes is closed at the visitor', async () => {
    const { edge, sockets } = await setUp();
    sockets.on('connection', (socket) => setTimeout(() => socket.terminate(), 10));
    const socket = await open(edge, over);
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1006);
  });

  it('is told 1001 when the edge drains, between two frames', async () => {
    const { edge, sockets } = await setUp();
    const upstreamClosed = Promise.withResolvers<void>();
    sockets.on('connection', (socket) => {
      socket.send('x'.repeat(100_000));
      socket.on('close', () => upstreamClosed.resolve());
    });
    const socket = dial(edge, over);
    const received: string[] = [];
    socket.on('message', (data) => received.push(String(data)));
    await once(socket, 'message');
    edge.drain();
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1001);
    expect(received).toEqual(['x'.repeat(100_000)]);
    await upstreamClosed.promise;
    while (edge.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('that is idle is closed at the limit', async () => {
    const { edge } = await setUp({ upgradedIdleMs: 200 });
    const socket = await open(edge, over);
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1006);
  });
});

describe('an upgrade', () => {
  const HANDSHAKE =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

  it('may bring frames right behind its head', async () => {
    const { edge, sockets } = await setUp();
    const got = Promise.withResolvers<string>();
    sockets.on('connection', (socket) => socket.on('message', (data) => got.resolve(String(data))));
    const visitor = await RawVisitor.connect(edge);
    cleanups.push(() => visitor.destroy());
    // A masked text frame "hi" with the mask 0.
    visitor.write(
      Buffer.concat([
        Buffer.from(`GET / HTTP/1.1\r\nHost: ${DEMO}\r\n${HANDSHAKE}\r\n`),
        Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]),
      ]),
    );
    expect(await got.promise).toBe('hi');
    expect(statuses(visitor.text)).toEqual([101]);
    expect(visitor.text).toMatch(/\r\nconnection: upgrade\r\n/i);
    expect(visitor.text).toMatch(/\r\nupgrade: websocket\r\n/i);
  });

  it('that the upstream declines is an ordinary answer, and the connection goes on', async () => {
    const server = createServer((req, res) => res.end(`${req.url}`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const edge = await startEdge({ upstreamPort: () => (server.address() as AddressInfo).port });
    cleanups.push(async () => {
      await edge.close();
      server.closeAllConnections();
      server.close();
    });
    const visitor = await RawVisitor.connect(edge);
    visitor.write(`GET /one HTTP/1.1\r\nHost: ${DEMO}\r\n${HANDSHAKE}\r\n`);
    await visitor.until((text) => text.endsWith('/one'));
    visitor.write(`GET /two HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    await visitor.until((text) => text.endsWith('/two'));
    expect(statuses(visitor.text)).toEqual([200, 200]);
    visitor.destroy();
  });

  it('with a body is refused or ordinary, never a tunnel', async () => {
    const { edge, server } = await setUp();
    let upgraded = 0;
    server.on('upgrade', (_req, socket: Socket) => {
      upgraded += 1;
      socket.destroy();
    });
    const visitor = await RawVisitor.connect(edge);
    visitor.write(`POST / HTTP/1.1\r\nHost: ${DEMO}\r\nContent-Length: 2\r\n${HANDSHAKE}\r\nhi`);
    await visitor.until((text) => text.includes('\r\n\r\n'));
    expect([200, 400]).toContain(statuses(visitor.text)[0]);
    expect(upgraded).toBe(0);
    visitor.destroy();
  });
});
