import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { BASE, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { testEndpoint } from '../testing/tunnel.util.ts';
import type { VisitorLimits } from './limits.ts';

const HOST = `h2.${BASE}`;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An edge whose endpoint speaks HTTP/2 to an upstream that `onStream` answers for. */
async function setUp(
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  limits: Partial<VisitorLimits> = {},
) {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  return { ...(await startBefore(server, limits)), sessions };
}

async function startBefore(server: Server, limits: Partial<VisitorLimits> = {}) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge = await startEdge({ upstreamPort: () => (server.address() as AddressInfo).port, limits });
  for (const proto of ['http', 'https'] as const) {
    edge.router.add(testEndpoint({ proto, host: HOST, members: [edge.tunnel.member()], forwardsProto: 'http2' }));
  }
  cleanups.push(async () => {
    await edge.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { edge, sockets };
}

async function visitor(edge: EdgeUnderTest): Promise<ClientHttp2Session> {
  const socket = connectTls({
    port: edge.httpsPort,
    host: '127.0.0.1',
    servername: HOST,
    ca: edge.rootPem,
    ALPNProtocols: ['h2'],
  });
  await once(socket, 'secureConnect');
  const session = connectHttp2(`https://${HOST}`, { createConnection: () => socket });
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return session;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly endedWithHead: boolean;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  readonly code: number | undefined;
}

function ask(session: ClientHttp2Session, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const stream = session.request({ ':path': '/', ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return new Promise((resolve) => {
    let head: IncomingHttpHeaders = {};
    let endedWithHead = false;
    let trailers: IncomingHttpHeaders = {};
    let text = '';
    stream.on('response', (received, flags) => {
      head = received;
      endedWithHead = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (chunk) => {
      text += String(chunk);
    });
    stream.on('error', () => {});
    stream.on('close', () =>
      resolve({
        status: Number(head[':status']),
        headers: head,
        endedWithHead,
        body: text,
        trailers,
        code: stream.rstCode,
      }),
    );
  });
}

async function askHttp1(edge: EdgeUnderTest, options: { method?: string; body?: string } = {}) {
  const sent = request({
    port: edge.httpPort,
    host: '127.0.0.1',
    method: options.method ?? 'GET',
    headers: { host: HOST },
    agent: false,
  });
  sent.end(options.body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer) body += String(chunk);
  return { status: answer.statusCode, headers: answer.headers, body, trailers: answer.trailers };
}

const echo = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
  stream.respond({
    ':status': 200,
    'x-saw': `${headers[':method']} ${headers[':authority']} ${headers['x-forwarded-proto']}`,
  });
  stream.pipe(stream);
};

describe('an upstream that speaks HTTP/2', () => {
  it('serves visitors of HTTP/2 and of HTTP/1.1', async () => {
    const { edge } = await setUp(echo);
    const session = await visitor(edge);
    expect(await ask(session, { ':method': 'POST' }, 'a body')).toMatchObject({
      status: 200,
      headers: { 'x-saw': `POST ${HOST}:443 https` },
      body: 'a body',
    });
    const plain = await askHttp1(edge, { method: 'PUT', body: 'b'.repeat(200_000) });
    expect(plain).toMatchObject({ status: 200, headers: { 'x-saw': `PUT ${HOST} http` }, body: 'b'.repeat(200_000) });
  });

  it('gets all requests of a visitor connection on one connection of its own, and no other visitor', async () => {
    const { edge, sessions } = await setUp((stream) => stream.respond({ ':status': 204 }, { endStream: true }));
    const [one, other] = [await visitor(edge), await visitor(edge)];
    await Promise.all(Array.from({ length: 20 }, () => ask(one)));
    expect((await ask(one)).status).toBe(204);
    expect(sessions).toHaveLength(1);
    await ask(other);
    expect(sessions).toHaveLength(2);
  });

  it('takes more long requests of one visitor than a session would give streams', async () => {
    const { edge, sessions } = await setUp((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('begun');
    });
    const session = await visitor(edge);
    const streams = Array.from({ length: 60 }, () => session.request({ ':path': '/' }));
    await Promise.all(streams.map((stream) => once(stream, 'data')));
    expect(sessions).toHaveLength(1);
  });

  it('streams both ways at once, with te, and trailers at the end', async () => {
    const { edge } = await setUp((stream, headers) => {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'x-te': headers.te ?? '' },
        { waitForTrailers: true },
      );
      stream.on('data', (chunk) => stream.write(`echo ${chunk}`));
      stream.on('end', () => stream.end());
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    });
    const session = await visitor(edge);
    const stream = session.request({ ':method': 'POST', ':path': '/', te: 'trailers' });
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    expect(headers['x-te']).toBe('trailers');
    for (const text of ['one', 'two']) {
      stream.write(text);
      expect(String((await once(stream, 'data'))[0])).toBe(`echo ${text}`);
    }
    stream.end();
    const [trailers] = (await once(stream, 'trailers')) as [IncomingHttpHeaders];
    expect(trailers['grpc-status']).toBe('0');
  });

  it('keeps an answer that is a head alone a head alone, as gRPC wants it', async () => {
    const { edge } = await setUp((stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true }),
    );
    const session = await visitor(edge);
    expect(await ask(session, { ':method': 'POST' }, 'x')).toMatchObject({
      endedWithHead: true,
      headers: { 'grpc-status': '5' },
    });
    expect(await askHttp1(edge)).toMatchObject({ status: 200, body: '', headers: { 'content-length': '0' } });
  });

  it('shows a visitor of HTTP/1.1 trailers behind chunks', async () => {
    const { edge } = await setUp((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '3' }));
      stream.end('sum');
    });
    expect(await askHttp1(edge)).toMatchObject({ body: 'sum', trailers: { 'x-sum': '3' } });
  });

  it('breaks an answer off visibly when the upstream does', async () => {
    const { edge } = await setUp((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => stream.destroy(new Error('cut')));
    });
    const session = await visitor(edge);
    expect((await ask(session)).code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    await expect(askHttp1(edge)).rejects.toThrow();
  });

  it('is answered for with 502 when it breaks its length or its framing', async () => {
    const { edge } = await setUp((stream) => {
      stream.respond({ ':status': 200, 'content-length': '5' });
      stream.end('abc');
    });
    const session = await visitor(edge);
    expect((await ask(session)).code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    const http1 = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    });
    const { edge: second } = await startBefore(http1);
    expect(await askHttp1(second)).toMatchObject({ status: 502 });
  });

  it('sees a request that the visitor broke off as broken off, not as ended', async () => {
    const seen = Promise.withResolvers<string>();
    const { edge } = await setUp((stream) => {
      stream.on('end', () => seen.resolve('an end'));
      stream.on('aborted', () => seen.resolve('a reset'));
      stream.once('data', () => stream.respond({ ':status': 200 }));
    });
    const session = await visitor(edge);
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('half');
    await once(stream, 'response');
    stream.destroy(new Error('left'));
    expect(await seen.promise).toBe('a reset');
  });

  it('sees the visitor leave, and has its connection closed when it is idle', async () => {
    const cancelled = Promise.withResolvers<number>();
    const { edge, sockets } = await setUp(
      (stream) => {
        stream.respond({ ':status': 200 });
        stream.write('begun');
        stream.on('close', () => cancelled.resolve(stream.rstCode ?? 0));
      },
      { idleStreamMs: 60 },
    );
    const session = await visitor(edge);
    const stream = session.request({ ':path': '/' });
    await once(stream, 'data');
    stream.close(constants.NGHTTP2_CANCEL);
    expect(await cancelled.promise).toBe(constants.NGHTTP2_CANCEL);
    while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    // The next request makes another one.
    await once(session.request({ ':path': '/' }), 'data');
  });

  it('is held back by a visitor who does not read, and holds back one who sends', async () => {
    let sent = 0;
    const { edge } = await setUp((stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':method'] === 'POST') {
        stream.pause();
        return;
      }
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        if (sent >= 16 * 1024 * 1024 || stream.destroyed) return;
        sent += chunk.length;
        stream.write(chunk, more);
      };
      more();
    });
    const session = await visitor(edge);
    const down = session.request({ ':path': '/' });
    await once(down, 'response');
    down.pause();
    const up = session.request({ ':method': 'POST', ':path': '/' });
    await once(up, 'response');
    let taken = 0;
    const write = (): void => {
      up.write(Buffer.alloc(65_536), (error) => {
        if (error || up.destroyed) return;
        taken += 65_536;
        write();
      });
    };
    write();
    let before = -1;
    while (before !== sent + taken) {
      before = sent + taken;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(sent).toBeLessThan(4 * 1024 * 1024);
    expect(taken).toBeLessThan(4 * 1024 * 1024);
    // And others on the same connection are served.
    const third = session.request({ ':path': '/' });
    await once(third, 'data');
  });

  it('gets a request again that it refused unread, once', async () => {
    let asked = 0;
    const { edge } = await setUp((stream) => {
      asked += 1;
      if (asked === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else stream.respond({ ':status': 204 }, { endStream: true });
    });
    const session = await visitor(edge);
    expect((await ask(session, { ':method': 'POST' }, 'once')).status).toBe(204);
    expect(asked).toBe(2);
  });
});
