import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { DEMO, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import type { VisitorLimits } from './limits.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(
  handler: (req: IncomingMessage, res: ServerResponse) => void,
  limits: Partial<VisitorLimits> = {},
) {
  const upstream = createServer(handler);
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const edge = await startEdge({ upstreamPort: () => (upstream.address() as AddressInfo).port, limits });
  cleanups.push(async () => {
    await edge.close();
    upstream.closeAllConnections();
    await new Promise((resolve) => upstream.close(resolve));
  });
  const session = await visit(edge);
  return { edge, upstream, session };
}

async function visit(edge: EdgeUnderTest): Promise<ClientHttp2Session> {
  const socket = connectTls({
    port: edge.httpsPort,
    host: '127.0.0.1',
    servername: DEMO,
    ca: edge.rootPem,
    ALPNProtocols: ['h2'],
  });
  await once(socket, 'secureConnect');
  const session = connectHttp2(`https://${DEMO}`, { createConnection: () => socket });
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  return session;
}

async function answerOf(stream: ClientHttp2Stream) {
  const interim: number[] = [];
  stream.on('headers', (headers) => interim.push(Number(headers[':status'])));
  let trailers: IncomingHttpHeaders | null = null;
  stream.on('trailers', (received) => {
    trailers = received;
  });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { headers, status: Number(headers[':status']), body: Buffer.concat(chunks).toString(), interim, trailers };
}

const closedWith = (stream: ClientHttp2Stream) =>
  new Promise<number>((resolve) => {
    stream.on('error', () => {});
    stream.resume();
    stream.once('close', () => resolve(stream.rstCode ?? 0));
  });

describe('an HTTP/2 visitor', () => {
  it('is served by an HTTP/1.1 upstream', async () => {
    const { session } = await setUp((req, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      res.end(
        `${req.method} ${req.url} ${req.httpVersion} ${req.headers.host} ${req.headers.cookie} ${req.headers['x-forwarded-proto']}`,
      );
    });
    const answer = await answerOf(session.request({ ':path': '/a?b', cookie: ['x=1', 'y=2'] as unknown as string }));
    expect(answer.status).toBe(200);
    expect(answer.body).toBe(`GET /a?b 1.1 ${DEMO}:443 x=1; y=2 https`);
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.headers.connection).toBeUndefined();
  });

  it('sends bodies of any length, with and without content-length', async () => {
    const { session } = await setUp((req, res) => {
      res.setHeader('x-framing', `${req.headers['content-length']} ${req.headers['transfer-encoding']}`);
      req.pipe(res);
    });
    for (const length of [0, 1, 70_000, 1_000_000]) {
      const stream = session.request({ ':method': 'POST' });
      stream.end(Buffer.alloc(length, 'x'));
      const answer = await answerOf(stream);
      expect(answer.body.length).toBe(length);
      expect(answer.headers['x-framing']).toBe('undefined chunked');
    }
    const known = session.request({ ':method': 'POST', 'content-length': '3' });
    known.end('abc');
    const answer = await answerOf(known);
    expect(answer.headers['x-framing']).toBe('3 undefined');
    const none = await answerOf(session.request({ ':method': 'POST' }, { endStream: true }));
    expect(none.headers['x-framing']).toBe('0 undefined');
  });

  it.each([
    ['of unknown length', {}],
    ['of known length', { 'content-length': '9' }],
  ])('sees a cut answer %s as a reset stream, not as an end', async (_kind, headers) => {
    const { session } = await setUp((_req, res) => {
      res.writeHead(200, headers);
      res.write('some');
      setTimeout(() => res.destroy(), 20);
    });
    const stream = session.request();
    const code = await closedWith(stream);
    expect(code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  });

  it('gets trailers and early hints', async () => {
    const { session } = await setUp((_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.writeHead(200, { trailer: 'x-sum' });
      res.write('body');
      res.addTrailers({ 'x-sum': '4' });
      res.end();
    });
    const answer = await answerOf(session.request());
    expect(answer.interim).toEqual([103]);
    expect(answer.body).toBe('body');
    expect(answer.trailers).toMatchObject({ 'x-sum': '4' });
  });

  it('passes trailers of a request on', async () => {
    const { session } = await setUp((req, res) => {
      req.resume().on('end', () => res.end(JSON.stringify(req.trailers)));
    });
    const stream = session.request({ ':method': 'POST' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '3', host: 'evil.test' }));
    stream.end('abc');
    expect((await answerOf(stream)).body).toBe('{"x-sum":"3"}');
  });

  it('has many requests open at once, at most 32 of them with the agent', async () => {
    const waiting: ServerResponse[] = [];
    const reached: (() => void)[] = [];
    const { session, edge } = await setUp((_req, res) => {
      waiting.push(res);
      for (const wake of reached.splice(0)) wake();
    });
    const answers = Array.from({ length: 60 }, () => answerOf(session.request()));
    while (waiting.length < 32) await new Promise<void>((resolve) => reached.push(resolve));
    expect(edge.https.counters.requests).toBe(32);
    let ended = 0;
    while (ended < 60) {
      while (waiting.length === 0) await new Promise<void>((resolve) => reached.push(resolve));
      waiting.shift()?.end('ok');
      ended += 1;
    }
    expect((await Promise.all(answers)).every((answer) => answer.body === 'ok')).toBe(true);
    expect(edge.https.counters.openConnections).toBe(1);
  });

  it('that resets a request aborts it upstream', async () => {
    const aborted = Promise.withResolvers<void>();
    const { session } = await setUp((req, res) => {
      res.write('first');
      req.on('close', () => aborted.resolve());
    });
    const stream = session.request();
    await once(stream, 'data');
    stream.close(constants.NGHTTP2_CANCEL);
    await aborted.promise;
  });

  it('that goes away while an answer is silent is missed at once', async () => {
    const left = Promise.withResolvers<void>();
    const { session } = await setUp((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      res.once('close', () => left.resolve());
    });
    const stream = session.request({ ':path': '/', ':authority': DEMO });
    stream.on('error', () => {});
    await once(stream, 'response');
    session.destroy();
    await left.promise;
  }, 3_000);

  it('is told 404 for a host of the same connection that nobody serves, and 421 for one of another name', async () => {
    const { session } = await setUp((_req, res) => res.end());
    const answer = await answerOf(session.request({ ':authority': 'other.base.test' }));
    expect(answer.status).toBe(421);
  });

  it('gets a final answer before its request has ended, whole, and the rest of the request is not wanted', async () => {
    for (const chunked of [true, false]) {
      const { session } = await setUp(
        (_req, res) => {
          if (!chunked) res.setHeader('content-length', '4');
          res.writeHead(401);
          res.end('no!!');
        },
        { lingerMs: 100 },
      );
      const stream = session.request({ ':method': 'POST' });
      stream.write('begin');
      const answer = await answerOf(stream);
      expect(answer).toMatchObject({ status: 401, body: 'no!!' });
      await new Promise<void>((resolve) => {
        if (stream.closed) resolve();
        stream.once('close', () => resolve());
      });
      expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
      expect((await answerOf(session.request())).status).toBe(401);
    }
  });

  it('gets a page in the place of an answer that HTTP/2 cannot carry', async () => {
    const { session, edge } = await setUp((_req, res) => {
      res.writeHead(799);
      res.end();
    });
    expect((await answerOf(session.request())).status).toBe(502);
    expect(edge.https.counters.errors).toBe(1);
  });

  it('holds the upstream back while it does not read, and others on the connection go on', async () => {
    let written = 0;
    const { session } = await setUp((req, res) => {
      if (req.url === '/small') {
        res.end('ok');
        return;
      }
      const block = Buffer.alloc(65_536);
      const fill = (): void => {
        while (!res.destroyed && written < 64 * 1024 * 1024) {
          written += block.length;
          if (!res.write(block)) return;
        }
      };
      res.on('drain', fill);
      fill();
    });
    const stalled = session.request();
    await once(stalled, 'response');
    for (let i = 0; i < 30; i += 1) expect((await answerOf(session.request({ ':path': '/small' }))).body).toBe('ok');
    expect(written).toBeLessThan(16 * 1024 * 1024);
    stalled.close(constants.NGHTTP2_CANCEL);
  });
});
