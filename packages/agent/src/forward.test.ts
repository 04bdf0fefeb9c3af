import { createHash, randomBytes } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type Agent, type AgentOptions, type ConnectionInfo, connectAgent } from './agent.ts';
import {
  ConnectServer,
  deadPort,
  makeChain,
  portOf,
  type ServerSession,
  startUpstream,
  type Visitor,
} from './testing/connect-server.util.ts';

const long = process.env.PORTICO_LONG === '1';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

interface Tunnel {
  readonly server: ConnectServer;
  readonly session: ServerSession;
  readonly agent: Agent;
}

async function open(
  upstream: string,
  proto: 'http' | 'tcp' | 'tls' = 'http',
  options: Partial<AgentOptions> = {},
): Promise<Tunnel> {
  const server = await ConnectServer.start();
  cleanups.push(() => server.close());
  const agent = connectAgent({ connectUrl: server.connectUrl, ca: server.caPem, authtoken: 'tok', ...options });
  cleanups.push(() => agent.close());
  await agent.forward({ proto, upstream });
  const session = await server.until(() => server.live);
  return { server, session, agent };
}

async function upstream(onConnection: (socket: Socket) => void): Promise<Awaited<ReturnType<typeof startUpstream>>> {
  const started = await startUpstream(onConnection);
  cleanups.push(started.close);
  return started;
}

function closed(agent: Agent): Promise<ConnectionInfo> {
  return new Promise((resolve) => agent.once('closed', resolve));
}

describe('a forwarded stream', () => {
  for (const kind of ['open', 'proxy'] as const) {
    it(`of kind ${kind} carries bytes both ways, unchanged, and ends when both sides have`, async () => {
      const up = await upstream((socket) => socket.pipe(socket));
      const { session, agent } = await open(up.address);
      const bytes = randomBytes(3_000_000);
      const visitor = session.visit({ kind });
      const over = closed(agent);
      await sendAll(visitor, bytes);
      visitor.stream.end();
      expect((await visitor.ended).equals(bytes)).toBe(true);
      expect(await over).toMatchObject({ bytesIn: bytes.length, bytesOut: bytes.length, whole: true, failure: null });
      expect(agent.openStreams).toBe(0);
      expect(agent.figures()).toMatchObject({ total: 1, open: 0, bytesIn: bytes.length });
    });
  }

  it('gives the upstream the first bytes that rode in the opening frame', async () => {
    const got = Promise.withResolvers<string>();
    const up = await upstream((socket) => socket.once('data', (bytes: Buffer) => got.resolve(bytes.toString())));
    const { session } = await open(up.address);
    session.visit({ first: 'GET / HTTP/1.1\r\n\r\n' });
    expect(await got.promise).toBe('GET / HTTP/1.1\r\n\r\n');
  });

  it('passes the half-close of the visitor on and still brings the answer', async () => {
    const up = await upstream((socket) => {
      let count = 0;
      socket.on('data', (bytes: Buffer) => {
        count += bytes.length;
      });
      socket.on('end', () => setTimeout(() => socket.end(`got ${count}`), 50));
    });
    const { session } = await open(up.address, 'tcp');
    const visitor = session.visit({ proto: 'tcp', first: 'abc' });
    visitor.stream.end();
    expect((await visitor.ended).toString()).toBe('got 3');
  });

  it('passes the half-close of the upstream on and still takes the request', async () => {
    const got = Promise.withResolvers<string>();
    const up = await upstream((socket) => {
      socket.end('bye');
      let text = '';
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      socket.on('end', () => got.resolve(text));
    });
    const { session, agent } = await open(up.address, 'tcp');
    const visitor = session.visit({ proto: 'tcp' });
    const over = closed(agent);
    expect((await visitor.ended).toString()).toBe('bye');
    visitor.write('still ');
    visitor.write('here');
    visitor.stream.end();
    expect(await got.promise).toBe('still here');
    expect(await over).toMatchObject({ whole: true });
  });

  it('is reset when the upstream resets, never ended as if it were whole', async () => {
    const up = await upstream((socket) => {
      socket.write('half an ans');
      socket.once('data', () => socket.resetAndDestroy());
    });
    const { session, agent } = await open(up.address);
    const visitor = session.visit();
    await visitor.saw('half an ans');
    const over = closed(agent);
    visitor.write('go');
    expect(await visitor.over).toBe(7);
    expect(await over).toMatchObject({ whole: false });
  });

  for (const way of ['reset', 'abort'] as const) {
    it(`resets the upstream at an ${way} of the visitor, so that half an upload is no upload`, async () => {
      const ended = Promise.withResolvers<string>();
      const up = await upstream((socket) => {
        socket.on('data', () => {});
        socket.on('end', () => ended.resolve('ended in order'));
        socket.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? 'error'));
      });
      const { session } = await open(up.address);
      const visitor = session.visit({ first: 'half' });
      await visitor.replied;
      if (way === 'reset') visitor.stream.reset(6);
      else visitor.stream.abort();
      expect(await ended.promise).toBe('ECONNRESET');
    });
  }

  it('resets an upstream that does not read, too', async () => {
    const ended = Promise.withResolvers<string>();
    const sockets: Socket[] = [];
    const up = await upstream((socket) => {
      socket.pause();
      sockets.push(socket);
      socket.on('end', () => ended.resolve('ended in order'));
      socket.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? 'error'));
    });
    const { session, agent } = await open(up.address);
    const visitor = session.visit();
    await visitor.replied;
    const chunk = Buffer.alloc(65_536);
    for (let i = 0; i < 500; i += 1) visitor.stream.write(chunk);
    await settled(() => sockets.length === 1);
    visitor.stream.reset(6);
    await settled(() => agent.openStreams === 0);
    sockets[0]?.resume();
    expect(await ended.promise).toBe('ECONNRESET');
  });

  it('resets the upstream when the session is lost', async () => {
    const ended = Promise.withResolvers<string>();
    const up = await upstream((socket) => {
      socket.on('data', () => {});
      socket.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? 'error'));
      socket.on('close', () => ended.resolve('closed in order'));
    });
    const { session, server, agent } = await open(up.address);
    await session.visit({ first: 'half' }).replied;
    server.cut();
    expect(await ended.promise).toBe('ECONNRESET');
    expect(agent.openStreams).toBe(0);
  });

  it('takes an answer that came before the upload was done, and does not hang on the rest of it', async () => {
    const up = await upstream((socket) => {
      socket.once('data', () => {
        socket.end('HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n');
        setTimeout(() => socket.destroy(), 50);
      });
    });
    const { session, agent } = await open(up.address);
    const visitor = session.visit({ first: 'x' });
    const over = closed(agent);
    expect((await visitor.ended).toString()).toContain('413');
    await sendAll(visitor, Buffer.alloc(2_000_000));
    visitor.stream.end();
    expect(await over).toMatchObject({ failure: null });
  });

  it('reaches a unix socket', async () => {
    const path = join(tmpdir(), `portico-${randomBytes(6).toString('hex')}.sock`);
    const server = createTcpServer((socket) => socket.end('from a unix socket'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const { session } = await open(`unix:${path}`);
    const visitor = session.visit();
    visitor.stream.end();
    expect((await visitor.ended).toString()).toBe('from a unix socket');
  });

  it('speaks TLS to an https upstream without checking its certificate, with http/1.1', async () => {
    const chain = await makeChain(['other.portico.test']);
    const server = createTlsServer(
      { cert: chain.chainPem, key: chain.keyPem, ALPNProtocols: ['h2', 'http/1.1'] },
      (socket) => {
        socket.on('error', () => {});
        socket.end(`over ${socket.alpnProtocol}`);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const { session } = await open(`https://localhost:${portOf(server.address())}`);
    const visitor = session.visit();
    visitor.stream.end();
    expect((await visitor.ended).toString()).toBe('over http/1.1');
  });

  it('adds no second TLS layer to what is TLS already', async () => {
    const up = await upstream((socket) => socket.pipe(socket));
    const { session } = await open(`tls://${up.address}`, 'tls');
    const visitor = session.visit({ proto: 'tls', passthroughTls: true, first: 'client hello' });
    await visitor.saw('client hello');
  });

  it('finds a server on either loopback address behind "localhost"', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const server = createTcpServer((socket) => socket.end(`on ${host}`));
      const listening = await new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false));
        server.listen(0, host, () => resolve(true));
      });
      // A machine without IPv6 cannot show this.
      if (!listening) continue;
      cleanups.push(() => new Promise((resolve) => server.close(resolve)));
      const { session } = await open(String(portOf(server.address())));
      const visitor = session.visit();
      visitor.stream.end();
      expect((await visitor.ended).toString()).toBe(`on ${host}`);
    }
  });

  it('refuses a stream for a bind that it does not have, and one that is older than the latest', async () => {
    const up = await upstream((socket) => socket.pipe(socket));
    const { session } = await open(up.address);
    expect(await session.visit({ bindId: 'f'.repeat(32), first: 'secret' }).replied).toMatchObject({
      kind: 'error',
      code: 'STALE_TARGET',
    });
    expect(await session.visit({ bindId: 'f'.repeat(32), kind: 'proxy', first: 'secret' }).over).toBe(5);
    expect(await session.visit({ fence: 7 }).replied).toEqual({ kind: 'ok' });
    expect(await session.visit({ fence: 6, first: 'secret' }).replied).toMatchObject({
      kind: 'error',
      code: 'STALE_TARGET',
    });
    expect(await session.visit({ fence: 7 }).replied).toEqual({ kind: 'ok' });
    expect(up.connections()).toBe(2);
  });

  it('resets only the stream whose header is none', async () => {
    const up = await upstream((socket) => socket.pipe(socket));
    const { session } = await open(up.address);
    for (const header of [
      Buffer.from('0000000000000060', 'hex'),
      Buffer.from('0400000000000000', 'hex'),
      Buffer.from('020000000000000078787878', 'hex'),
    ]) {
      const over = Promise.withResolvers<number>();
      const stream = session.mux.open(3, header);
      stream.setHandler({ onData: () => {}, onEnd: () => {}, onWritable: () => {}, onReset: over.resolve });
      if (header.length > 8) expect(await over.promise).toBe(1);
      else stream.reset(6);
    }
    await session.visit({ first: 'fine' }).saw('fine');
  });
});

describe('an upstream that cannot be dialled', () => {
  it('is told in one frame to an opener that asked, long before a dial would be given up', async () => {
    const port = await deadPort();
    const { session, agent } = await open(`127.0.0.1:${port}`);
    const startedMs = performance.now();
    const over = closed(agent);
    const visitor = session.visit({ first: 'GET / HTTP/1.1\r\n\r\n' });
    const reply = await visitor.replied;
    expect(performance.now() - startedMs).toBeLessThan(5000);
    expect(reply).toMatchObject({
      kind: 'error',
      code: 'DIAL_REFUSED',
      message: `connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    await visitor.ended;
    visitor.stream.end();
    expect(await over).toMatchObject({ failure: `connect ECONNREFUSED 127.0.0.1:${port}` });
  });

  it('is a 502 to an HTTP visitor on a plain stream, and a reset to others', async () => {
    const port = await deadPort();
    const { session } = await open(`127.0.0.1:${port}`);
    const text = (await session.visit({ kind: 'proxy' }).ended).toString();
    expect(text).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
    expect(text).toContain('failed to dial backend: connect ECONNREFUSED');
    expect(await session.visit({ kind: 'proxy', proto: 'tcp' }).over).toBe(5);
  });

  it('times out', async () => {
    // TLS to a server that says nothing hangs for certain; a SYN without answer is hard to have on loopback.
    const silent = await upstream(() => {});
    const { session } = await open(`https://${silent.address}`, 'http', { dialTimeoutMs: 200 });
    expect(await session.visit().replied).toMatchObject({ kind: 'error', code: 'DIAL_TIMEOUT' });
  });

  it('has another reason: no such name, no such socket', async () => {
    const { session } = await open('unix:/nowhere/at/all.sock');
    expect(await session.visit().replied).toMatchObject({
      kind: 'error',
      code: 'DIAL_FAILED',
      message: expect.stringContaining('ENOENT'),
    });
  });
});

describe('back-pressure', () => {
  it('holds the upstream back when a visitor does not read, and lets others pass', async () => {
    let written = 0;
    const up = await upstream((socket) => {
      socket.once('data', (bytes: Buffer) => {
        if (bytes.toString() === 'small') {
          socket.end('answer');
          return;
        }
        const chunk = Buffer.alloc(65_536);
        const more = (): void => {
          while (socket.write(chunk)) written += chunk.length;
          written += chunk.length;
        };
        socket.on('drain', more);
        more();
      });
    });
    const { session, agent } = await open(up.address);
    const stalled = Array.from({ length: 20 }, () => session.visit({ first: 'flood', reads: false }));
    await Promise.all(stalled.map((visitor) => visitor.replied));
    let before = -1;
    await settled(() => {
      const same = written === before;
      before = written;
      return same;
    });
    // What the kernel holds on loopback, plus a window and a queue of ours for each.
    expect(written / stalled.length).toBeLessThan(12_000_000);
    for (const visitor of stalled) expect(visitor.receivedBytes).toBeLessThanOrEqual(262_144);
    const startedMs = performance.now();
    const bystander = session.visit({ first: 'small' });
    await bystander.saw('answer');
    expect(performance.now() - startedMs).toBeLessThan(5000);
    const [first] = stalled;
    first?.read();
    const had = first?.receivedBytes ?? 0;
    await settled(() => (first?.receivedBytes ?? 0) > had + 1_000_000);
    expect(agent.openStreams).toBeGreaterThanOrEqual(20);
  });

  it('holds the visitor back when the upstream does not read, to one window and what the kernel takes', async () => {
    const sockets: Socket[] = [];
    const up = await upstream((socket) => {
      socket.pause();
      sockets.push(socket);
    });
    const { session } = await open(up.address);
    const visitor = session.visit();
    await visitor.replied;
    const chunk = Buffer.alloc(65_536);
    let sent = 0;
    const push = (): void => {
      while (sent < 64_000_000) {
        sent += chunk.length;
        if (!visitor.stream.write(chunk)) return;
      }
    };
    visitor.onRoom = push;
    push();
    let before = -1;
    await settled(() => {
      const same = sent === before;
      before = sent;
      return same;
    });
    expect(sent).toBeLessThan(16_000_000);
    let got = 0;
    sockets[0]?.on('data', (bytes: Buffer) => {
      got += bytes.length;
    });
    sockets[0]?.resume();
    await settled(() => got >= 64_000_000, 20_000);
  });

  it('keeps what waits for a dial within one window', async () => {
    const silent = await upstream(() => {});
    const { session } = await open(`https://${silent.address}`, 'http', { dialTimeoutMs: 3000 });
    const visitor = session.visit();
    const chunk = Buffer.alloc(65_536);
    let writes = 0;
    while (visitor.stream.write(chunk) && writes < 100) writes += 1;
    expect(await visitor.replied).toMatchObject({ kind: 'error', code: 'DIAL_TIMEOUT' });
    expect(visitor.stream.bufferedBytes).toBeLessThanOrEqual(131_072);
  });
});

describe('many streams', () => {
  it('of one session, a thousand at once, are each their own', async () => {
    const up = await upstream((socket) => socket.pipe(socket));
    const { session, agent } = await open(up.address, 'tcp');
    const visitors = Array.from({ length: 1000 }, (_, i) => session.visit({ proto: 'tcp', first: `visitor ${i};` }));
    await Promise.all(visitors.map((visitor, i) => visitor.saw(`visitor ${i};`)));
    expect(agent.openStreams).toBe(1000);
    for (const visitor of visitors) visitor.stream.end();
    const answers = await Promise.all(visitors.map((visitor) => visitor.ended));
    expect(answers.map((answer) => answer.toString())).toEqual(visitors.map((_, i) => `visitor ${i};`));
    await settled(() => agent.openStreams === 0);
    expect(agent.figures()).toMatchObject({ total: 1000, open: 0 });
  });

  it(`leave nothing behind after ${long ? 10_000 : 1000} that were aborted at some byte`, async () => {
    const up = await upstream((socket) => {
      socket.on('data', () => socket.write('some answer'));
    });
    const { session, agent } = await open(up.address);
    const rounds = long ? 10_000 : 1000;
    for (let done = 0; done < rounds; done += 50) {
      const visitors = Array.from({ length: 50 }, () => session.visit({ first: 'x' }));
      const aborted = visitors.map(async (visitor, i) => {
        // Before the header is out, after the dial, after the first answer.
        if (i % 3 === 1) await visitor.replied;
        if (i % 3 === 2) await visitor.saw('some');
        if (i % 3 === 1) visitor.stream.abort();
        else visitor.stream.reset(6);
      });
      await Promise.all(aborted);
      await settled(() => agent.openStreams === 0 && up.sockets.size === 0, 10_000);
    }
    expect(session.mux.openStreams).toBe(0);
    expect(agent.figures().open).toBe(0);
    await session.visit({ first: 'alive' }).saw('some answer');
  });
});

describe('bulk', () => {
  const megabytes = long ? 1024 : 48;
  it(`of ${megabytes} MB passes unharmed both ways at once`, async () => {
    const up = await upstream((socket) => socket.pipe(socket));
    const { session } = await open(up.address);
    const visitor = session.visit();
    visitor.keeps = false;
    const received = createHash('sha256');
    visitor.onBytes = (bytes) => received.update(bytes);
    const sent = createHash('sha256');
    const chunk = randomBytes(1_000_000);
    for (let i = 0; i < megabytes; i += 1) {
      chunk.writeUInt32BE(i);
      const copy = Buffer.from(chunk);
      sent.update(copy);
      await sendAll(visitor, copy);
    }
    visitor.stream.end();
    await visitor.ended;
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });
});

describe('connections taken in the process', () => {
  it('may be served by node:http', async () => {
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const agent = connectAgent({ connectUrl: server.connectUrl, ca: server.caPem, authtoken: 'tok' });
    cleanups.push(() => agent.close());
    const http = createHttpServer((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () =>
        response.end(`${request.method} ${request.url} ${bytes} from ${request.socket.remoteAddress}`),
      );
    });
    await agent.listen({ proto: 'http', name: 'app' }, (connection) => http.emit('connection', connection));
    const session = await server.until(() => server.live);
    const visitor = session.visit({ first: 'POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 400000\r\n\r\n' });
    await sendAll(visitor, Buffer.alloc(400_000));
    await visitor.saw('POST /x 400000 from 192.0.2.7');
    visitor.write('GET /again HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    await visitor.saw('GET /again 0');
    await visitor.ended;
    const aborted = session.visit({ first: 'GET /' });
    await aborted.replied;
    aborted.stream.reset(6);
    visitor.stream.end();
    http.close();
  });
});

/** Writes with respect for back-pressure; resolves when everything is queued. */
async function sendAll(visitor: Visitor, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    if (visitor.stream.write(bytes.subarray(at, at + 65_536))) continue;
    await new Promise<void>((resolve) => {
      visitor.onRoom = resolve;
      void visitor.over.then(() => resolve());
    });
  }
}

/** Looks every 100 ms until it is so. */
async function settled(isSo: () => boolean, timeoutMs = 10_000): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > untilMs) throw new Error(`not so after ${timeoutMs} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
