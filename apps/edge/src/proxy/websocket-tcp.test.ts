import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { BASE, startEdge } from '../testing/edge.util.ts';
import { testEndpoint } from '../testing/tunnel.util.ts';

const HOST = `ws.${BASE}`;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge = await startEdge({ upstreamPort: () => (server.address() as AddressInfo).port });
  const endpoint = testEndpoint({ proto: 'http', host: HOST, members: [edge.tunnel.member()], webSocketTcp: true });
  edge.router.add(endpoint);
  cleanups.push(async () => {
    await edge.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const open = async (protocols: string[] = []): Promise<WebSocket> => {
    const client = new WebSocket(`ws://127.0.0.1:${edge.httpPort}/`, protocols, { headers: { host: HOST } });
    client.binaryType = 'nodebuffer';
    await once(client, 'open');
    cleanups.push(() => client.terminate());
    return client;
  };
  return { edge, endpoint, open, sockets };
}

/** All messages so far and to come, as one run of bytes. */
function collect(client: WebSocket): (count: number) => Promise<Buffer> {
  let all = Buffer.alloc(0);
  client.on('message', (data: Buffer, isBinary) => {
    expect(isBinary).toBe(true);
    all = Buffer.concat([all, data]);
  });
  return async (count) => {
    while (all.length < count) await once(client, 'message');
    const taken = all;
    all = Buffer.alloc(0);
    return taken;
  };
}

describe('an endpoint that turns WebSocket messages into TCP bytes', () => {
  it('gives the upstream the bytes of messages of every kind, and the visitor what comes back', async () => {
    const { open } = await setUp((socket) => socket.pipe(socket));
    const client = await open();
    const next = collect(client);
    client.send('text ');
    client.send(Buffer.from([0, 1, 255]));
    client.send('in ', { fin: false });
    client.send('pieces', { fin: true });
    expect(await next(17)).toEqual(Buffer.from('text \0\x01\xffin pieces', 'latin1'));
    const big = Buffer.alloc(3_000_000, 'abcdefg');
    client.send(big);
    expect(Buffer.compare(await next(big.length), big)).toBe(0);
    const pong = once(client, 'pong');
    client.ping('still there');
    expect(String((await pong)[0])).toBe('still there');
  });

  it('ends the upstream with the visitor, and the visitor with the upstream', async () => {
    const ended = Promise.withResolvers<string>();
    const { open } = await setUp((socket) => {
      void text(socket).then((all) => {
        ended.resolve(all);
        socket.end();
      });
    });
    const leaving = await open();
    leaving.send('the last words');
    leaving.close(1000);
    expect((await once(leaving, 'close'))[0]).toBe(1000);
    expect(await ended.promise).toBe('the last words');

    const { open: openOther } = await setUp((socket) => socket.end('bye'));
    const left = await openOther();
    const [data] = await once(left, 'message');
    expect(String(data)).toBe('bye');
    expect((await once(left, 'close'))[0]).toBe(1000);
  });

  it('tells the visitor that the upstream broke off, and the upstream that the visitor did', async () => {
    const { open, sockets } = await setUp((socket) => {
      socket.once('data', (first) => {
        if (String(first) === 'break') socket.resetAndDestroy();
      });
      socket.on('end', () => socket.end());
    });
    const broken = await open();
    broken.send('break');
    expect((await once(broken, 'close'))[0]).toBe(1011);
    const gone = await open();
    gone.send('stay');
    while (sockets.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    gone.terminate();
    while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('speaks the protocol `binary` with who offers it, and refuses what is no WebSocket', async () => {
    const { edge, endpoint, open } = await setUp((socket) => socket.end('hello'));
    expect((await open(['base64', 'binary'])).protocol).toBe('binary');
    const sent = request({ port: edge.httpPort, host: '127.0.0.1', headers: { host: HOST }, agent: false }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
    expect([answer.statusCode, answer.headers['ngrok-error-code']]).toEqual([400, 'ERR_NGROK_3206']);
    expect(endpoint.counters.lastErrorCode).toBe(3206);
  });

  it('holds the visitor back while the upstream does not read', async () => {
    const { open } = await setUp((socket) => socket.pause());
    const client = await open();
    const chunk = Buffer.alloc(1_000_000);
    for (let sent = 0; sent < 24; sent += 1) client.send(chunk);
    let before = -1;
    while (before !== client.bufferedAmount) {
      before = client.bufferedAmount;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(client.bufferedAmount).toBeGreaterThan(4_000_000);
  });
});
