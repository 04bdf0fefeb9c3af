import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { BASE, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { openTunnel, testEndpoint } from '../testing/tunnel.util.ts';
import type { VisitorLimits } from './limits.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(onConnection: (socket: Socket) => void, limits: Partial<VisitorLimits> = {}) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge = await startEdge({ upstreamPort: () => (server.address() as AddressInfo).port, limits });
  const endpoint = testEndpoint({ proto: 'tcp', members: [edge.tunnel.member()] });
  const port = await edge.tcp.open('any', endpoint);
  cleanups.push(async () => {
    await edge.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { edge, endpoint, port, sockets };
}

async function visit(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  socket.on('error', () => {});
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const settled = async (edge: EdgeUnderTest): Promise<void> => {
  while (edge.tunnel.edge.openStreams > 0 || edge.tunnel.upstreams.size > 0)
    await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('a TCP endpoint', () => {
  it('carries bytes both ways and counts them', async () => {
    const { endpoint, port, edge } = await setUp((socket) => socket.pipe(socket));
    const socket = await visit(port);
    const sent = Buffer.alloc(3_000_000);
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
    socket.end(sent);
    expect((await readAll(socket)).equals(sent)).toBe(true);
    await settled(edge);
    expect(endpoint.counters).toMatchObject({
      connections: 1,
      openConnections: 0,
      bytesIn: sent.length,
      bytesOut: sent.length,
      errors: 0,
    });
  });

  it('lets the upstream speak first', async () => {
    const { port } = await setUp((socket) => socket.write('220 ready\r\n'));
    const socket = await visit(port);
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    expect(String(greeting)).toBe('220 ready\r\n');
  });

  it('passes the end of each side on by itself', async () => {
    const { port, edge } = await setUp((socket) => {
      let seen = '';
      socket.on('data', (chunk) => {
        seen += chunk.toString();
      });
      // Answers only after the visitor's end, as `nc -N` and rsync want it.
      socket.on('end', () => socket.end(`got ${seen}`));
    });
    const first = await visit(port);
    first.end('question');
    expect((await readAll(first)).toString()).toBe('got question');
    await settled(edge);
  });

  it('goes on towards the upstream after the upstream ended its side', async () => {
    const late = Promise.withResolvers<string>();
    const { port, edge } = await setUp((socket) => {
      socket.end('bye');
      let seen = '';
      socket.on('data', (chunk) => {
        seen += chunk.toString();
      });
      socket.on('end', () => late.resolve(seen));
    });
    const socket = await visit(port);
    expect((await readAll(socket)).toString()).toBe('bye');
    socket.end('still here');
    expect(await late.promise).toBe('still here');
    await settled(edge);
  });

  it('resets the visitor when the upstream resets, and the other way round', async () => {
    const upstreamGone = Promise.withResolvers<void>();
    const { port, edge, endpoint } = await setUp((socket) => {
      socket.on('data', (chunk) => {
        if (String(chunk) === 'reset me') socket.resetAndDestroy();
      });
      socket.on('end', () => upstreamGone.resolve());
    });
    const first = await visit(port);
    const error = once(first, 'error');
    first.write('reset me');
    expect(String(await error)).toMatch(/ECONNRESET/);
    const second = await visit(port);
    second.write('x', () => second.resetAndDestroy());
    await upstreamGone.promise;
    await settled(edge);
    expect(endpoint.counters.openConnections).toBe(0);
  });

  it('holds the upstream back while the visitor does not read, and a bystander on the same session is served', async () => {
    let written = 0;
    const { port } = await setUp((socket) => {
      socket.once('data', (chunk) => {
        if (String(chunk) === 'ping') {
          socket.write('pong');
          return;
        }
        const block = Buffer.alloc(65_536);
        const fill = (): void => {
          while (socket.writable && written < 64 * 1024 * 1024) {
            written += block.length;
            if (!socket.write(block)) return;
          }
        };
        socket.on('drain', fill);
        fill();
      });
    });
    const count = process.env.PORTICO_LONG === '1' ? 200 : 4;
    for (let i = 0; i < count; i += 1) {
      const stalled = await visit(port);
      stalled.pause();
      stalled.write('flood');
    }
    for (let i = 0; i < 50; i += 1) {
      const bystander = await visit(port);
      bystander.write('ping');
      const began = performance.now();
      await once(bystander, 'data');
      expect(performance.now() - began).toBeLessThan(5_000);
      bystander.destroy();
    }
    // Kernel buffers of six sockets a path and one window each: megabytes, not the 64 MiB that each wants to send.
    expect(written).toBeLessThan(count * 24 * 1024 * 1024);
  });

  it('holds the visitor back while the upstream does not read', async () => {
    const { port, edge } = await setUp((socket) => {
      socket.pause();
    });
    const socket = await visit(port);
    const block = Buffer.alloc(65_536);
    let written = 0;
    const stalled = Promise.withResolvers<void>();
    const fill = (): void => {
      while (written < 64 * 1024 * 1024) {
        written += block.length;
        if (!socket.write(block)) return;
      }
      stalled.reject(new Error('everything was taken'));
    };
    socket.on('drain', fill);
    fill();
    let before = -1;
    const timer = setInterval(() => {
      if (written === before) stalled.resolve();
      before = written;
    }, 300);
    await stalled.promise;
    clearInterval(timer);
    expect(edge.tunnel.edge.bufferedBytes).toBeLessThan(1_048_576);
  });

  it('is closed with its port, and the port is free again', async () => {
    const { port, edge, endpoint } = await setUp((socket) => socket.pipe(socket));
    const socket = await visit(port);
    const ended = once(socket.resume(), 'end');
    await edge.tcp.close(port);
    await ended;
    expect(await edge.tcp.open(port, endpoint)).toBe(port);
    await settled(edge);
  });

  it('without a member resets its visitors', async () => {
    const { edge } = await setUp(() => {});
    const endpoint = testEndpoint({ proto: 'tcp', members: [] });
    const port = await edge.tcp.open('any', endpoint);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'error');
    expect(endpoint.counters).toMatchObject({ errors: 1, openConnections: 0 });
  });

  it('takes no more than its limit of visitors', async () => {
    const { port, endpoint } = await setUp((socket) => socket.write('hello'), { connectionsPerEndpoint: 3 });
    for (let i = 0; i < 3; i += 1) await once(await visit(port), 'data');
    const fourth = connect(port, '127.0.0.1');
    await once(fourth, 'error');
    expect(endpoint.counters.openConnections).toBe(3);
  });
});

describe('a TLS endpoint', () => {
  it('is passed through untouched: the visitor meets the certificate of the upstream', async () => {
    const { edge } = await setUp(() => {});
    const name = `own.${BASE}`;
    const leaf = await edge.issuer.issue({ dns: [name], ips: [] });
    const upstream = createTlsServer(
      { cert: leaf.certificatePem, key: leaf.privateKeyPem, ALPNProtocols: ['mine'] },
      (socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      },
    );
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const tunnel = await openTunnel(() => (upstream.address() as AddressInfo).port);
    cleanups.push(async () => {
      await tunnel.close();
      upstream.close();
    });
    const endpoint = testEndpoint({ proto: 'tls', host: name, members: [tunnel.member()] });
    edge.router.add(endpoint);
    const issued = edge.certificates.issued;
    const socket = connectTls({
      port: edge.httpsPort,
      host: '127.0.0.1',
      servername: name,
      ca: edge.rootPem,
      ALPNProtocols: ['mine'],
    });
    cleanups.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('mine');
    socket.write('through');
    const [back] = (await once(socket, 'data')) as [Buffer];
    expect(String(back)).toBe('through');
    expect(edge.certificates.issued).toBe(issued);
    expect(endpoint.counters).toMatchObject({ connections: 1, openConnections: 1 });
  });
});
