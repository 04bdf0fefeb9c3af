import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DEMO, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { RawVisitor, statuses } from '../testing/raw-visitor.util.ts';
import { RecordingUpstream } from '../testing/recording-upstream.util.ts';
import type { VisitorLimits } from './limits.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(limits: Partial<VisitorLimits> = {}) {
  const upstream = await new RecordingUpstream().listen();
  cleanups.push(() => upstream.close());
  const edge = await startEdge({ upstreamPort: () => upstream.port, limits: { lingerMs: 50, ...limits } });
  cleanups.push(() => edge.close());
  return { upstream, edge };
}

/** An upstream that does with each connection what the test says. */
async function scripted(onConnection: (socket: Socket) => void, limits: Partial<VisitorLimits> = {}) {
  const sockets = new Set<Socket>();
  const left: Promise<void>[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    left.push(new Promise((resolve) => socket.once('close', () => resolve())));
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge = await startEdge({
    upstreamPort: () => (server.address() as AddressInfo).port,
    limits: { lingerMs: 50, ...limits },
  });
  cleanups.push(async () => {
    await edge.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  /** Resolves when the edge has let go of every connection so far. */
  const released = () => Promise.all(left);
  return { edge, released };
}

async function visit(edge: EdgeUnderTest, over: 'plain' | 'TLS' = 'plain'): Promise<RawVisitor> {
  const visitor = await RawVisitor.connect(edge, over);
  cleanups.push(() => visitor.destroy());
  return visitor;
}

const HOST = `Host: ${DEMO}\r\n`;
/** Answers each request head on the socket with the same bytes. */
const always = (answer: string) => (socket: Socket) => socket.on('data', () => socket.write(answer, 'latin1'));

describe('requests on one connection', () => {
  it('are served one after another on one stream to the agent', async () => {
    const { edge } = await setUp();
    const visitor = await visit(edge);
    for (let i = 1; i <= 5; i += 1) {
      visitor.write(`GET /${i} HTTP/1.1\r\n${HOST}\r\n`);
      await visitor.until((text) => text.endsWith(`GET /${i}`));
    }
    expect(edge.tunnel.opened).toBe(1);
    expect(edge.http.counters).toMatchObject({ requests: 5, connections: 1, openConnections: 1, errors: 0 });
  });

  it('are answered in order when they come together, each by itself at the upstream', async () => {
    const { edge, upstream } = await setUp();
    let open = 0;
    let together = 0;
    upstream.answer = (request, socket) => {
      open += 1;
      together = Math.max(together, open);
      setTimeout(() => {
        open -= 1;
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${request.target}`);
      }, 5);
      return null;
    };
    const visitor = await visit(edge);
    visitor.write(['/a', '/b', '/c', '/d'].map((target) => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`).join(''));
    const text = await visitor.until((received) => received.endsWith('/d'));
    expect([...text.matchAll(/\r\n\r\n(\/[a-d])/g)].map((match) => match[1])).toEqual(['/a', '/b', '/c', '/d']);
    expect(together).toBe(1);
  });

  it('that are good are answered before a bad one behind them', async () => {
    const { edge } = await setUp();
    const visitor = await visit(edge);
    visitor.write(
      `GET /a HTTP/1.1\r\n${HOST}\r\nPOST /b HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nxxGET /c HTTP/1.1\nbad\r\n\r\nGET /d HTTP/1.1\r\n${HOST}\r\n`,
    );
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([200, 200, 400]);
  });

  it('are not read on while the visitor does not take the answers', async () => {
    const { edge, upstream } = await setUp();
    const big = 'x'.repeat(300_000);
    upstream.answer = () => `HTTP/1.1 200 OK\r\ncontent-length: ${big.length}\r\n\r\n${big}`;
    const visitor = connect(edge.httpPort, '127.0.0.1');
    cleanups.push(() => visitor.destroy());
    visitor.pause();
    visitor.write(`GET /n HTTP/1.1\r\n${HOST}\r\n`.repeat(200));
    // A bystander's round trips are the clock: with one answer stuck, the pipeline must stand still.
    for (let i = 0; i < 20; i += 1) {
      const other = await visit(edge);
      other.write(`GET /other HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
      await other.untilEnded();
    }
    const served = () => upstream.requests.filter((request) => request.target === '/n').length;
    expect(served()).toBeLessThan(60);
    visitor.resume();
    await upstream.until(() => served() === 200);
  });
});

describe('an HTTP/1.0 visitor', () => {
  it('gets no chunks and no interim answers, and the end by closing', async () => {
    const { edge } = await scripted(
      always(
        'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      ),
    );
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`);
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([200]);
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text.endsWith('\r\n\r\nhello')).toBe(true);
  });

  it('keeps the connection only if it asked and a length is known', async () => {
    const { edge } = await setUp();
    const visitor = await visit(edge);
    visitor.write(`GET /a HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`);
    const first = await visitor.until((text) => text.endsWith('GET /a'));
    expect(first).toMatch(/\r\nconnection: keep-alive\r\n/i);
    visitor.write(`GET /b HTTP/1.0\r\n${HOST}\r\n`);
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([200, 200]);
  });

  it('sees a reset, not an end, when its answer is broken off', async () => {
    const { edge } = await scripted((socket) =>
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n');
        setTimeout(() => socket.resetAndDestroy(), 20);
      }),
    );
    const visitor = await visit(edge);
    const error = once(visitor.socket, 'error');
    visitor.write(`GET / HTTP/1.0\r\n${HOST}\r\n`);
    expect(String(await error)).toMatch(/ECONNRESET/);
  });
});

describe('Expect: 100-continue', () => {
  it('is passed on; the body waits for the 100, which comes back once', async () => {
    const { edge } = await scripted((socket) => {
      let seen = '';
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1');
        if (seen.endsWith('\r\n\r\n'))
          socket.write(
            /expect: 100-continue/i.test(seen) ? 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n' : '',
          );
        if (seen.endsWith('hello')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    const visitor = await visit(edge);
    visitor.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
    await visitor.until((text) => text.includes('100 Continue'));
    visitor.write('hello');
    const text = await visitor.until((received) => received.endsWith('ok'));
    expect(statuses(text)).toEqual([100, 200]);
  });

  it('is answered with the final answer if the upstream does not want the body, and the connection ends', async () => {
    const { edge } = await scripted(always('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno'));
    const visitor = await visit(edge);
    visitor.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`);
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([413]);
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(text.endsWith('no')).toBe(true);
  });
});

describe('answers', () => {
  it('pass interim heads on, but no 100 that nobody asked for', async () => {
    const { edge } = await scripted(
      always(
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      ),
    );
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.until((received) => received.endsWith('ok'));
    expect(statuses(text)).toEqual([103, 200]);
    expect(text).toContain('Link: </a.css>');
  });

  it.each([
    ['HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n', /content-length: 1234/i],
    ['HEAD of a chunked answer', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /200 OK/],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', /204 No Content/],
    [
      '304 with a length',
      'GET',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "a"\r\n\r\n',
      /304 Not Modified[\s\S]*etag: "a"/i,
    ],
  ])('without a body end at the head: %s', async (_name, method, answer, expected) => {
    const { edge } = await scripted(always(answer));
    const visitor = await visit(edge);
    for (let i = 1; i <= 3; i += 1) {
      visitor.write(`${method} / HTTP/1.1\r\n${HOST}\r\n`);
      await visitor.until((text) => text.split('\r\n\r\n').length === i + 1);
    }
    expect(visitor.text).toMatch(expected);
    expect(visitor.text).not.toMatch(/transfer-encoding/i);
    expect(edge.tunnel.opened).toBe(1);
  });

  it('that end by closing are passed on as chunks', async () => {
    const { edge } = await scripted((socket) => socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nhello')));
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.until((received) => received.endsWith('0\r\n\r\n'));
    expect(text).toMatch(/transfer-encoding: chunked/i);
    expect(text).toContain('\r\n5\r\nhello\r\n0\r\n\r\n');
    visitor.write(`GET /2 HTTP/1.1\r\n${HOST}\r\n`);
    await visitor.until((received) => statuses(received).length === 2);
  });

  it('bring their trailers', async () => {
    const { edge } = await scripted(
      always(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nX-Sum: 7\r\nSet-Cookie: a=b\r\nngrok-error-code: X\r\n\r\n',
      ),
    );
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}TE: trailers\r\n\r\n`);
    const text = await visitor.until((received) => received.endsWith('\r\n\r\n') && received.includes('\r\n0\r\n'));
    expect(text).toContain('\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n');
  });

  it('show no field by which the platform speaks', async () => {
    const { edge } = await scripted(
      always(
        'HTTP/1.1 200 OK\r\nNgrok-Error-Code: ERR_NGROK_1\r\nPortico-X: 1\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\ncontent-length: 2\r\n\r\nok',
      ),
    );
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.until((received) => received.endsWith('ok'));
    expect(text).not.toMatch(/ngrok|portico|x-hop|keep-alive/i);
  });

  it('that are final before the request has ended are passed on at once; the rest is not waited for', async () => {
    const { edge } = await scripted((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno')),
    );
    const visitor = await visit(edge);
    visitor.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\nbegin`);
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([401]);
    expect(text.endsWith('no')).toBe(true);
  });

  it('stream: each piece goes on at once', async () => {
    const asked = Promise.withResolvers<Socket>();
    const { edge } = await scripted((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
        asked.resolve(socket);
      }),
    );
    const visitor = await visit(edge, 'TLS');
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const upstream = await asked.promise;
    // Nothing follows before the last one has come: whatever waits for more would wait for ever.
    for (let i = 1; i <= 5; i += 1) {
      const event = `data: ${i}\n\n`;
      upstream.write(`${event.length.toString(16)}\r\n${event}\r\n`);
      await visitor.until((received) => received.includes(event));
    }
  });
});

describe('an upstream that answers badly', () => {
  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['both framings', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok'],
    ['a bad status line', 'HTTP/1.1 OK\r\n\r\n'],
    ['TLS', '\x15\x03\x01\x00\x02\x02\x46'],
    ['NUL in a field', 'HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n'],
    ['a bare LF', 'HTTP/1.1 200 OK\nX: a\r\n\r\n'],
    ['a folded field', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nX : a\r\n\r\n'],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'],
    [
      '101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    ['a head of 1 MiB', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(1_048_576)}\r\n\r\n`],
    ['a thousand interim heads', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1_000)],
  ])('%s: 502, and its connection is dropped', async (_name, answer) => {
    const { edge, released } = await scripted((socket) => socket.once('data', () => socket.write(answer, 'latin1')));
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.until((received) => received.includes('ERR_NGROK_3004\n'));
    expect(statuses(text).at(-1)).toBe(502);
    expect(text).toMatch(/ngrok-error-code: ERR_NGROK_3004\r\n/i);
    await released();
    expect(edge.http.counters.errors).toBe(1);
  });

  it.each([
    ['a body shorter than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', 'end'],
    ['chunks without the last', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'end'],
    ['chunks and a reset', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'reset'],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n', 'stay'],
    ['a length and a reset', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', 'reset'],
  ] as const)('%s: the answer ends visibly broken', async (_name, answer, then) => {
    const { edge } = await scripted((socket) =>
      socket.once('data', () => {
        socket.write(answer, 'latin1');
        setTimeout(() => {
          if (then === 'end') socket.end();
          else if (then === 'reset') socket.resetAndDestroy();
        }, 20);
      }),
    );
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([200]);
    expect(text).not.toMatch(/\r\n0\r\n/);
  });

  it.each([
    [
      'bytes behind the answer',
      'GET',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    ],
    ['a body on HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'],
    ['a body on 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\nevil'],
    ['a body on 304', 'GET', 'HTTP/1.1 304 Not Modified\r\n\r\nevil'],
  ])('%s: never given to anyone', async (_name, method, answer) => {
    let connections = 0;
    const { edge } = await scripted((socket) => {
      connections += 1;
      const mine = connections;
      socket.on('data', () => socket.write(mine === 1 ? answer : 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood'));
    });
    const visitor = await visit(edge);
    visitor.write(`${method} / HTTP/1.1\r\n${HOST}\r\n`);
    await visitor.until((text) => text.includes('\r\n\r\n'));
    visitor.write(`GET /2 HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.until((received) => received.endsWith('good'));
    expect(text).not.toContain('evil');
    expect(edge.tunnel.opened).toBe(2);
  });

  it('closes without an answer: 502 at once', async () => {
    const { edge } = await scripted((socket) => socket.on('data', () => socket.end()));
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.until((received) => received.includes('ERR_NGROK_3006\n'));
    expect(statuses(text)).toEqual([502]);
  });

  it('never answers: 504 at the limit', async () => {
    const { edge, released } = await scripted((socket) => socket.resume(), { responseHeadMs: 150 });
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.until((received) => received.includes('ERR_NGROK_3005\n'));
    expect(statuses(text)).toEqual([504]);
    await released();
  });

  it('stops in its answer: cut at the limit', async () => {
    const { edge } = await scripted(always('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello'), {
      responseBodyGapMs: 150,
    });
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.untilEnded();
    expect(text.endsWith('hello')).toBe(true);
  });
});

describe('a visitor who ends its side', () => {
  it('after the last byte of answer was queued still gets all of it', async () => {
    const size = 8_000_000;
    const { edge } = await scripted((socket) =>
      socket.once('data', () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`)),
    );
    for (const connection of ['keep-alive', 'close']) {
      const socket = connect({ port: edge.httpPort, host: '127.0.0.1', allowHalfOpen: true });
      socket.write(`GET / HTTP/1.1\r\n${HOST}Connection: ${connection}\r\n\r\n`);
      let received = 0;
      // Reads slowly, so that the end of the answer waits in the edge when our end comes.
      socket.on('data', (chunk) => {
        received += chunk.length;
        if (received > size - 300_000 && !socket.writableEnded) {
          socket.pause();
          setTimeout(() => {
            socket.end();
            setTimeout(() => socket.resume(), 20);
          }, 50);
        }
      });
      await once(socket, 'end');
      expect(received).toBeGreaterThan(size);
    }
  });
});

describe('a visitor who leaves', () => {
  it.each(['end', 'reset'] as const)('in the middle of a request body (%s) aborts it upstream', async (how) => {
    const { edge, upstream } = await setUp();
    for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
      const visitor = await visit(edge);
      visitor.write(`POST /x HTTP/1.1\r\n${HOST}${framing}\r\n\r\n5\r\nhello\r\n`);
      await upstream.until(() => upstream.requests.length > 0 && upstream.requests.at(-1)?.body !== '');
      if (how === 'end') visitor.socket.end();
      else visitor.socket.resetAndDestroy();
      await upstream.until(() => upstream.requests.at(-1)?.state === 'aborted');
    }
    expect(upstream.violations).toEqual([]);
  });

  it('while it waits, or in the middle of the answer, aborts the exchange upstream', async () => {
    for (const answer of ['', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello']) {
      const reached = Promise.withResolvers<Socket>();
      const { edge } = await scripted((socket) =>
        socket.once('data', () => {
          socket.write(answer);
          reached.resolve(socket);
        }),
      );
      const visitor = await visit(edge);
      visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
      const socket = await reached.promise;
      if (answer !== '') await visitor.until((text) => text.endsWith('hello'));
      const gone = once(socket, 'end');
      socket.resume();
      visitor.destroy();
      await gone;
    }
  });

  it('costs nothing afterwards', async () => {
    const { edge, upstream } = await setUp();
    upstream.answer = () => `HTTP/1.1 200 OK\r\ncontent-length: 50000\r\n\r\n${'x'.repeat(50_000)}`;
    const request = `POST /x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
    const rounds = process.env.PORTICO_LONG === '1' ? 10_000 : 150;
    for (let i = 0; i < rounds; i += 1) {
      const visitor = await RawVisitor.connect(edge, i % 2 === 0 ? 'plain' : 'TLS');
      visitor.write(request.slice(0, (i * 7) % (request.length + 20)));
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (i % 5 === 0) visitor.socket.end();
      visitor.destroy();
    }
    // A last visitor of each port, served whole, comes behind all the others.
    for (const over of ['plain', 'TLS'] as const) {
      const visitor = await visit(edge, over);
      visitor.write(`GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
      expect(statuses(await visitor.untilEnded())).toEqual([200]);
      visitor.destroy();
    }
    const deadline = Date.now() + 5_000;
    const left = () => ({
      connections: edge.connections(),
      streams: edge.tunnel.edge.openStreams,
      upstreams: edge.tunnel.upstreams.size,
      open: edge.http.counters.openConnections + edge.https.counters.openConnections,
      admitted: edge.admission.open,
      buffered: edge.tunnel.edge.bufferedBytes,
    });
    const none = { connections: 0, streams: 0, upstreams: 0, open: 0, admitted: 0, buffered: 0 };
    while (JSON.stringify(left()) !== JSON.stringify(none) && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(left()).toEqual(none);
    // Two ports' worth of listeners, idle streams and admission stay in the sweep; no visitor does.
    expect(edge.sweep.size).toBe(2);
    expect(upstream.violations).toEqual([]);
  });
});

describe('a visitor who is slow', () => {
  it('to send anything is closed without a word', async () => {
    const { edge } = await setUp({ firstByteMs: 100 });
    const visitor = await visit(edge);
    expect(await visitor.untilEnded()).toBe('');
  });

  it('to send its head, however steadily, gets 408', async () => {
    const { edge } = await setUp({ headMs: 200 });
    const visitor = await visit(edge);
    const began = Date.now();
    const timer = setInterval(() => visitor.write('X-A: b\r\n'), 40);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}`);
    const text = await visitor.untilEnded();
    clearInterval(timer);
    expect(statuses(text)).toEqual([408]);
    expect(Date.now() - began).toBeLessThan(5_000);
  });

  it('inside its body gets 408 and the upstream an aborted request', async () => {
    const { edge, upstream } = await setUp({ requestBodyGapMs: 150 });
    const visitor = await visit(edge);
    visitor.write(`POST /x HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nhello`);
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([408]);
    await upstream.until(() => upstream.requests.at(-1)?.state === 'aborted');
  });

  it('inside its body on average, byte by byte, gets 408', async () => {
    const { edge } = await setUp({
      requestBodyGapMs: 10_000,
      requestBodyWindowMs: 200,
      requestBodyFloorBytesPerS: 240,
    });
    const visitor = await visit(edge);
    visitor.write(`POST /x HTTP/1.1\r\n${HOST}Content-Length: 10000\r\n\r\n`);
    const timer = setInterval(() => visitor.write('x'), 20);
    const text = await visitor.untilEnded();
    clearInterval(timer);
    expect(statuses(text)).toEqual([408]);
  });

  it('to ask again is closed', async () => {
    const { edge } = await setUp({ keepAliveMs: 150 });
    const visitor = await visit(edge);
    visitor.write(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.untilEnded();
    expect(text.endsWith('GET /a')).toBe(true);
  });

  it('to take its answer is closed at the limit, and the upstream let go', async () => {
    const begun = Promise.withResolvers<void>();
    const { edge, released } = await scripted(
      (socket) =>
        socket.once('data', () => {
          begun.resolve();
          socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
          const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
          const fill = (): void => {
            while (socket.writable && socket.write(chunk));
          };
          socket.on('drain', fill);
          fill();
        }),
      { responseBodyGapMs: 300 },
    );
    const visitor = await visit(edge);
    visitor.socket.pause();
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await begun.promise;
    await released();
  });
});

describe('streams to the agent', () => {
  it('are closed when they have been idle', async () => {
    const { edge } = await setUp({ idleStreamMs: 100 });
    const visitor = await visit(edge);
    visitor.write(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    await visitor.until((text) => text.endsWith('GET /a'));
    expect(edge.tunnel.edge.openStreams).toBe(1);
    while (edge.tunnel.edge.openStreams > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    visitor.write(`GET /b HTTP/1.1\r\n${HOST}\r\n`);
    await visitor.until((text) => text.endsWith('GET /b'));
    expect(edge.tunnel.opened).toBe(2);
  });

  it('are not used again for a POST once they are no longer fresh', async () => {
    const { edge } = await setUp({ freshStreamMs: 0 });
    const visitor = await visit(edge);
    for (const method of ['GET', 'GET', 'POST']) {
      visitor.write(`${method} /${method} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`);
      const before = statuses(visitor.text).length;
      await visitor.until((text) => statuses(text).length > before && text.endsWith(method));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(edge.tunnel.opened).toBe(2);
  });

  it('that the upstream closed between two requests are replaced, and an idempotent request is repeated once', async () => {
    let connections = 0;
    const { edge } = await scripted((socket) => {
      connections += 1;
      const mine = connections;
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        // The first connection dies on its second request, before a byte of answer.
        if (mine === 1 && requests === 2) socket.resetAndDestroy();
        else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n#${mine}`);
      });
    });
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await visitor.until((text) => text.endsWith('#1'));
    visitor.write(`PUT / HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`);
    await visitor.until((text) => text.endsWith('#2'));
    expect(connections).toBe(2);
  });

  it('that die under a POST do not have it repeated', async () => {
    let posts = 0;
    const { edge } = await scripted((socket) =>
      socket.on('data', (chunk) => {
        if (chunk.toString('latin1').startsWith('POST')) {
          posts += 1;
          socket.resetAndDestroy();
        } else {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        }
      }),
    );
    const visitor = await visit(edge);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    await visitor.until((text) => text.endsWith('ok'));
    visitor.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`);
    const text = await visitor.until((received) => received.includes('ERR_NGROK_3006\n'));
    expect(statuses(text)).toEqual([200, 502]);
    expect(posts).toBe(1);
  });

  it('never carry the requests of two visitors', async () => {
    const { edge, upstream } = await setUp();
    const owners = new Map<Socket, Set<string>>();
    upstream.answer = (request, socket) => {
      const seen = owners.get(socket) ?? new Set();
      seen.add(request.target.split('/')[1] ?? '');
      owners.set(socket, seen);
      return `HTTP/1.1 200 OK\r\ncontent-length: ${request.target.length}\r\n\r\n${request.target}`;
    };
    await Promise.all(
      Array.from({ length: 20 }, async (_, who) => {
        const visitor = await visit(edge, who % 2 === 0 ? 'plain' : 'TLS');
        for (let i = 0; i < 10; i += 1) {
          visitor.write(`GET /${who}/${i} HTTP/1.1\r\n${HOST}\r\n`);
          await visitor.until((text) => text.endsWith(`/${who}/${i}`));
        }
        expect(statuses(visitor.text)).toHaveLength(10);
      }),
    );
    for (const seen of owners.values()) expect(seen.size).toBe(1);
  });
});

describe('TLS and plain bytes on the wrong port', () => {
  it('plain HTTP on the TLS port is told so', async () => {
    const { edge } = await setUp();
    const socket = connect(edge.httpsPort, '127.0.0.1');
    const visitor = new RawVisitor(socket);
    visitor.write(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    const text = await visitor.untilEnded();
    expect(statuses(text)).toEqual([400]);
    expect(text).toContain('https://');
  });
});
