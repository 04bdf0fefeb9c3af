import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { request as requestTls } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { BASE, DEMO, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { RawVisitor, statuses } from '../testing/raw-visitor.util.ts';
import { RecordingUpstream } from '../testing/recording-upstream.util.ts';
import { testEndpoint } from '../testing/tunnel.util.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setUp(options: Omit<Parameters<typeof startEdge>[0], 'upstreamPort'> = {}) {
  const upstream = await new RecordingUpstream().listen();
  cleanups.push(() => upstream.close());
  const edge = await startEdge({
    upstreamPort: () => upstream.port,
    ...options,
    limits: { lingerMs: 50, ...options.limits },
  });
  cleanups.push(() => edge.close());
  return { upstream, edge };
}

function dial(
  edge: EdgeUnderTest,
  options: {
    servername?: string;
    ALPNProtocols?: string[];
    maxVersion?: 'TLSv1.2' | 'TLSv1.1';
    minVersion?: 'TLSv1.1';
    ciphers?: string;
  },
): TLSSocket {
  const socket = connectTls({ port: edge.httpsPort, host: '127.0.0.1', ca: edge.rootPem, ...options });
  cleanups.push(() => socket.destroy());
  return socket;
}

const failure = async (socket: Socket): Promise<string> => {
  const [error] = (await once(socket, 'error')) as [Error];
  return error.message;
};

const ended = (socket: Socket) =>
  new Promise<void>((resolve) => {
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => resolve());
  });

describe('the public TLS port', () => {
  it('serves a live host with a certificate of its own, over TLS 1.3 and 1.2', async () => {
    const { edge } = await setUp();
    for (const [maxVersion, protocol] of [
      [undefined, 'TLSv1.3'],
      ['TLSv1.2', 'TLSv1.2'],
    ] as const) {
      const socket = dial(edge, { servername: DEMO, ...(maxVersion === undefined ? {} : { maxVersion }) });
      await once(socket, 'secureConnect');
      expect(socket.authorized).toBe(true);
      expect(socket.getProtocol()).toBe(protocol);
      expect(socket.getPeerCertificate().subjectaltname).toBe(`DNS:${DEMO}`);
    }
  });

  it('agrees on h2, on http/1.1, or on nothing, and refuses other protocols', async () => {
    const { edge } = await setUp();
    for (const [offered, agreed] of [
      [['h2', 'http/1.1'], 'h2'],
      [['http/1.1'], 'http/1.1'],
      [[], false],
    ] as const) {
      const socket = dial(edge, { servername: DEMO, ALPNProtocols: [...offered] });
      await once(socket, 'secureConnect');
      expect(socket.alpnProtocol).toBe(agreed);
    }
    expect(await failure(dial(edge, { servername: DEMO, ALPNProtocols: ['spdy/3'] }))).toMatch(
      /no application protocol/,
    );
  });

  it('serves page 3200 over verified TLS for a name under the base that nobody serves', async () => {
    const { edge } = await setUp();
    const visitor = await RawVisitor.connect(edge, 'TLS', `nobody.${BASE}`);
    visitor.write(`GET / HTTP/1.1\r\nHost: nobody.${BASE}\r\n\r\n`);
    expect(await visitor.until((text) => text.includes('ERR_NGROK_3200\n'))).toMatch(/^HTTP\/1\.1 404 /);
    visitor.destroy();
  });

  it.each([['other.test'], [`a.b.${BASE}`], [undefined]])('ends with unrecognized_name for %s', async (servername) => {
    const { edge } = await setUp();
    expect(await failure(dial(edge, servername === undefined ? {} : { servername }))).toMatch(/unrecognized name/);
  });

  it('refuses TLS 1.1 and ciphers without forward secrecy', async () => {
    const { edge } = await setUp();
    expect(
      await failure(
        dial(edge, { servername: DEMO, maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      ),
    ).toMatch(/protocol version/);
    expect(
      await failure(dial(edge, { servername: DEMO, maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:AES256-GCM-SHA384' })),
    ).toMatch(/handshake failure/);
  });

  it('closes who says nothing, half a ClientHello, or stops in the middle of the handshake', async () => {
    const { edge } = await setUp({ limits: { handshakeMs: 200 } });
    const hello = Buffer.from('160301020001', 'hex');
    for (const bytes of [Buffer.alloc(0), hello, Buffer.from('1603')]) {
      const socket = connect(edge.httpsPort, '127.0.0.1');
      socket.write(bytes);
      await ended(socket);
    }
    // A real ClientHello and no more: the server's answer is read and nothing is said.
    const real = connect(edge.httpsPort, '127.0.0.1');
    const probe = dial(edge, { servername: DEMO });
    await once(probe, 'secureConnect');
    const held = connectTls({ socket: real, servername: DEMO, ca: edge.rootPem, checkServerIdentity: () => undefined });
    held.on('error', () => {});
    real.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    held.destroy();
    while (edge.admission.open > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('answers malformed TLS with an alert and closes', async () => {
    const { edge } = await setUp();
    const socket = connect(edge.httpsPort, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.write(Buffer.from('1603010004020000ff', 'hex'));
    await once(socket, 'end');
    expect(Buffer.concat(chunks).toString('hex')).toBe('15030100020232');
  });

  it('takes a ClientHello that comes byte by byte', async () => {
    const { edge } = await setUp();
    const raw = connect({ port: edge.httpsPort, host: '127.0.0.1', noDelay: true });
    await once(raw, 'connect');
    const write = raw.write.bind(raw);
    let first = true;
    // Only what OpenSSL writes first, the ClientHello, is split.
    raw.write = ((chunk: Buffer, ...rest: []) => {
      if (!first) return write(chunk, ...rest);
      first = false;
      for (const byte of chunk) write(Buffer.from([byte]));
      return true;
    }) as typeof raw.write;
    const visitor = await RawVisitor.connect(edge, 'TLS');
    expect(statuses(visitor.text)).toEqual([]);
    visitor.destroy();
    raw.destroy();
  });

  it('hands agents over by the name of the connect host, without ALPN', async () => {
    const { edge } = await setUp();
    const socket = dial(edge, { servername: `connect.${BASE}` });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(false);
    while (edge.agents.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [agent] = edge.agents;
    socket.write('hello edge');
    if (agent === undefined) throw new Error('no agent');
    const [bytes] = (await once(agent, 'data')) as [Buffer];
    expect(String(bytes)).toBe('hello edge');
  });

  it('answers 421 when Host is not the name of the connection, unless certificate and owner cover both', async () => {
    const { edge } = await setUp();
    const member = edge.tunnel.member();
    edge.router.add(testEndpoint({ proto: 'https', host: `*.wild.${BASE}`, members: [member] }));
    edge.router.add(
      testEndpoint({ proto: 'https', host: `foreign.wild.${BASE}`, members: [member], accountId: 'ac_2' }),
    );
    const ask = async (serverName: string, host: string): Promise<number | undefined> => {
      const visitor = await RawVisitor.connect(edge, 'TLS', serverName);
      visitor.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      const [status] = statuses(await visitor.untilEnded());
      visitor.destroy();
      return status;
    };
    expect(await ask(DEMO, `other.${BASE}`)).toBe(421);
    expect(await ask(`nobody.${BASE}`, DEMO)).toBe(421);
    expect(await ask(`a.wild.${BASE}`, `b.wild.${BASE}`)).toBe(200);
    expect(await ask(`a.wild.${BASE}`, `foreign.wild.${BASE}`)).toBe(421);
    expect(await ask(DEMO, DEMO.toUpperCase())).toBe(200);
  });
});

describe('limits by address', () => {
  it('refuse one connection too many before any TLS work, and serve the others', async () => {
    const { edge } = await setUp({ limits: { connectionsPerAddress: 3, limitLoopback: true } });
    const open = await Promise.all([1, 2, 3].map(() => RawVisitor.connect(edge)));
    const issued = edge.certificates.issued;
    for (const port of [edge.httpPort, edge.httpsPort]) await ended(connect(port, '127.0.0.1'));
    expect(edge.certificates.issued).toBe(issued);
    expect(edge.admission.refusals['address-connections']).toBe(2);
    for (const visitor of open) {
      visitor.write(`GET / HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
      await visitor.until((text) => text.endsWith('GET /'));
    }
    open[0]?.destroy();
    while (edge.admission.open > 2) await new Promise((resolve) => setImmediate(resolve));
    const again = await RawVisitor.connect(edge);
    again.write(`GET / HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    await again.until((text) => text.endsWith('GET /'));
    for (const visitor of [...open, again]) visitor.destroy();
  });
});

describe('a trusted proxy', () => {
  it('names the visitor in a PROXY header, on both ports', async () => {
    const { edge, upstream } = await setUp({ trusted: ['127.0.0.0/8'] });
    const plain = await RawVisitor.connect(edge);
    plain.write(
      `PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET /plain HTTP/1.1\r\nHost: ${DEMO}\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n`,
    );
    await plain.until((text) => text.endsWith('/plain'));
    expect(upstream.find('/plain')?.fields).toContainEqual(['X-Forwarded-For', '198.51.100.1, 192.0.2.7']);
    plain.destroy();
    const raw = connect({ port: edge.httpsPort, host: '127.0.0.1' });
    await once(raw, 'connect');
    raw.write('PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n');
    const socket = connectTls({ socket: raw, servername: DEMO, ca: edge.rootPem });
    await once(socket, 'secureConnect');
    const tls = new RawVisitor(socket);
    tls.write(`GET /tls HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    await tls.until((text) => text.endsWith('/tls'));
    expect(upstream.find('/tls')?.fields).toContainEqual([
      'X-Forwarded-For',
      '2001:db8:0:0:0:0:0:7'.replace('0:0:0:0:0:', ':'),
    ]);
    tls.destroy();
  });

  it('may do without, and is refused when the header is broken', async () => {
    const { edge } = await setUp({ trusted: ['127.0.0.1'] });
    const without = await RawVisitor.connect(edge);
    without.write(`GET /without HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    await without.until((text) => text.endsWith('/without'));
    without.destroy();
    const broken = await RawVisitor.connect(edge);
    broken.write(`PROXY TCP4 nonsense\r\nGET / HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    expect(await broken.untilEnded()).toBe('');
  });

  it('is the only one believed', async () => {
    const { edge, upstream } = await setUp();
    const visitor = await RawVisitor.connect(edge);
    visitor.write(`PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    expect(statuses(await visitor.untilEnded())).toEqual([400]);
    expect(upstream.requests).toEqual([]);
  });
});

describe('the hosts of dashboard and API', () => {
  async function platform(handler: (req: IncomingMessage, res: ServerResponse) => void) {
    const origin = createServer(handler);
    const sockets = new WebSocketServer({ server: origin });
    sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`got ${data}`)));
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const { edge } = await setUp({
      platform: new Map([['dash.platform.test', `http://127.0.0.1:${(origin.address() as AddressInfo).port}`]]),
    });
    cleanups.unshift(() => {
      origin.closeAllConnections();
      origin.close();
    });
    return { edge, origin };
  }

  async function ask(
    edge: EdgeUnderTest,
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: string }> {
    const req = requestTls({
      port: edge.httpsPort,
      host: '127.0.0.1',
      servername: 'dash.platform.test',
      ca: edge.rootPem,
      path,
      headers: { host: 'dash.platform.test', ...headers },
      agent: false,
    });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of res) body += String(chunk);
    return { status: res.statusCode ?? 0, body };
  }

  it('are served with what is true about the visitor', async () => {
    const { edge } = await platform((req, res) =>
      res.end(
        `${req.url} ${req.headers.host} ${req.headers['x-forwarded-for']} ${req.headers['x-forwarded-proto']} ${req.headers['portico-account']}`,
      ),
    );
    const answer = await ask(edge, '/a?b', { 'x-forwarded-for': '1.1.1.1', 'portico-account': 'ac_1' });
    expect(answer).toEqual({ status: 200, body: '/a?b dash.platform.test 127.0.0.1 https ac_1' });
  });

  it('carry WebSockets', async () => {
    const { edge } = await platform((_req, res) => res.end());
    const raw = dial(edge, { servername: 'dash.platform.test', ALPNProtocols: ['http/1.1'] });
    await once(raw, 'secureConnect');
    const socket = new WebSocket('ws://dash.platform.test/', { createConnection: () => raw });
    await once(socket, 'open');
    socket.send('hi');
    const [data] = (await once(socket, 'message')) as [Buffer];
    expect(String(data)).toBe('got hi');
    socket.terminate();
  });

  it('never pass on internal routes, another host, or HTTP/2', async () => {
    let reached = 0;
    const { edge } = await platform((_req, res) => {
      reached += 1;
      res.end();
    });
    for (const path of [
      '/internal/v1/usage',
      '/INTERNAL/v1',
      '//internal/v1',
      '/a/../internal/v1',
      '/%69nternal/v1',
      '/./internal',
    ]) {
      expect((await ask(edge, path)).status, path).toBe(404);
    }
    expect((await ask(edge, '/', { host: DEMO })).status).toBe(421);
    expect(reached).toBe(0);
    const socket = dial(edge, { servername: 'dash.platform.test', ALPNProtocols: ['h2', 'http/1.1'] });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
  });

  it('answer 503 when nobody is behind them', async () => {
    const { edge } = await setUp({ platform: new Map([['dash.platform.test', 'http://127.0.0.1:1']]) });
    const { status, body } = await ask(edge, '/');
    expect(status).toBe(503);
    expect(body).toContain('ERR_NGROK_503\n');
  });
});

describe('the plain port', () => {
  it('gives out the root certificate for hosts that nobody serves', async () => {
    const { edge } = await setUp();
    const req = request({ port: edge.httpPort, host: '127.0.0.1', path: '/.well-known/portico/ca.pem' });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of res) body += String(chunk);
    expect(body).toBe(edge.rootPem);
  });
});

describe('draining', () => {
  it('refuses new connections, closes idle ones and lets what is open finish', async () => {
    const { edge, upstream } = await setUp();
    const answer = Promise.withResolvers<void>();
    upstream.answer = (request, socket) => {
      if (request.target !== '/slow') return 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
      void answer.promise.then(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow'));
      return null;
    };
    const idle = await RawVisitor.connect(edge);
    idle.write(`GET / HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    await idle.until((text) => text.endsWith('ok'));
    const busy = await RawVisitor.connect(edge, 'TLS');
    busy.write(`GET /slow HTTP/1.1\r\nHost: ${DEMO}\r\n\r\n`);
    await upstream.until(() => upstream.find('/slow') !== undefined);
    edge.drain();
    await idle.untilEnded();
    const refused = connect(edge.httpPort, '127.0.0.1');
    await once(refused, 'error');
    answer.resolve();
    const text = await busy.untilEnded();
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(text.endsWith('slow')).toBe(true);
  });
});
