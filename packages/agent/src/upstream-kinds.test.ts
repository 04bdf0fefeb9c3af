import { createServer as createHttp } from 'node:http';
import { connect, createServer as createTcp, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type Agent, type AgentOptions, type ConnectionInfo, connectAgent } from './agent.ts';
import { CaptureStore } from './capture/capture-store.ts';
import type { UpstreamTls } from './dial-upstream.ts';
import type { Finding } from './host-refusal.ts';
import { parseProxyUrl } from './proxy-dial.ts';
import { forward, listen } from './sdk.ts';
import { ConnectServer, makeChain, portOf, type ServerSession } from './testing/connect-server.util.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

async function connected(
  options: Partial<AgentOptions> = {},
): Promise<{ server: ConnectServer; agent: Agent; session: ServerSession }> {
  const server = await ConnectServer.start();
  cleanups.push(() => server.close());
  const agent = connectAgent({ connectUrl: server.connectUrl, ca: server.caPem, authtoken: 'tok', ...options });
  cleanups.push(() => agent.close());
  return { server, agent, session: await server.until(() => server.live) };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  return portOf(server.address());
}

const nextClosed = (agent: Agent): Promise<ConnectionInfo> => new Promise((resolve) => agent.once('closed', resolve));
const nextFinding = (agent: Agent): Promise<Finding> => new Promise((resolve) => agent.once('finding', resolve));

const ask = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: shop.portico.test\r\nconnection: close\r\n${more}\r\n`;

/** Visits the endpoint that was opened last; resolves with the whole answer. */
async function visit(session: ServerSession, path = '/'): Promise<string> {
  const visitor = session.visit({ first: ask(path) });
  const answer = await visitor.ended;
  visitor.stream.end();
  return answer.toString();
}

describe('an https upstream', () => {
  async function failureOf(upstreamTls?: (chain: Awaited<ReturnType<typeof makeChain>>) => UpstreamTls) {
    const chain = await makeChain(['localhost']);
    const app = createTls({ key: chain.keyPem, cert: chain.chainPem }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecure'));
    });
    app.on('tlsClientError', () => {});
    const port = await listening(app);
    const { agent, session } = await connected();
    const upstream = `https://localhost:${port}`;
    await agent.forward({
      proto: 'http',
      upstream,
      ...(upstreamTls === undefined ? {} : { upstreamTls: upstreamTls(chain) }),
    });
    const over = nextClosed(agent);
    const visitor = session.visit({ first: ask('/') });
    void visitor.ended.then(() => visitor.stream.end()).catch(() => {});
    return (await over).failure;
  }

  it('is taken with any certificate, unless it is to be verified', async () => {
    expect(await failureOf()).toBeNull();
    expect(await failureOf(({ caPem }) => ({ verify: true, ca: [caPem] }))).toBeNull();
    expect(await failureOf(() => ({ verify: true, ca: null }))).toMatch(/self-signed|unable to (get|verify)/);
    const other = await makeChain(['localhost']);
    expect(await failureOf(() => ({ verify: true, ca: [other.caPem] }))).toMatch(/self-signed|unable to (get|verify)/);
  });
});

describe('a tls endpoint that ends TLS in the agent', () => {
  it('shows its certificate, passes on what is inside, and asks clients for theirs when told to', async () => {
    const [chain, clients] = await Promise.all([makeChain(['tls.portico.test']), makeChain(['client.portico.test'])]);
    const upstream = String(
      await listening(
        createTcp((socket) => socket.on('error', () => {}).on('data', (bytes) => socket.end(`inside: ${bytes}`))),
      ),
    );
    const { agent, session } = await connected();
    /** A TLS client whose bytes go through a visitor's stream. */
    const talk = async (withCertificate: boolean): Promise<string> => {
      const visitor = session.visit({ proto: 'tls', passthroughTls: true });
      const bridge = createTcp((socket) => {
        socket.on('error', () => {});
        socket.on('data', (bytes: Buffer) => visitor.write(bytes));
        socket.on('end', () => visitor.stream.end());
        visitor.onBytes = (bytes) => void socket.write(bytes);
        void visitor.ended.then(() => socket.end()).catch(() => socket.destroy());
      });
      const port = await listening(bridge);
      return new Promise((resolve) => {
        const client = connectTls({
          port,
          host: '127.0.0.1',
          servername: 'tls.portico.test',
          ca: chain.caPem,
          ...(withCertificate ? { cert: clients.chainPem, key: clients.keyPem } : {}),
        });
        let text = '';
        client.on('secureConnect', () => client.write('hello'));
        client.on('data', (bytes: Buffer) => {
          text += bytes.toString();
        });
        client.on('error', (error) => resolve(`error: ${error.message}`));
        client.on('close', () => resolve(text));
      });
    };
    const keyPair = { certificate: chain.chainPem, privateKey: chain.keyPem };
    const open = await agent.forward({ proto: 'tls', upstream, terminateTls: keyPair });
    expect(session.bindRequests.at(-1)?.rawOpts).toMatchObject({ MutualTLSAtAgent: false });
    expect(await talk(false)).toBe('inside: hello');
    await open.close();
    await agent.forward({ proto: 'tls', upstream, terminateTls: { ...keyPair, clientCas: [clients.caPem] } });
    expect(session.bindRequests.at(-1)?.rawOpts).toMatchObject({ MutualTLSAtAgent: true });
    expect(await talk(false)).not.toContain('inside');
    expect(agent.figures().total).toBe(2);
  });

  it('is refused with a key that does not fit', async () => {
    const [one, two] = await Promise.all([makeChain(['a.portico.test']), makeChain(['b.portico.test'])]);
    const { agent } = await connected();
    const terminateTls = { certificate: one.chainPem, privateKey: two.keyPem };
    await expect(agent.forward({ proto: 'tls', upstream: '443', terminateTls })).rejects.toThrow(/key/i);
    await expect(agent.forward({ proto: 'http', upstream: '443', terminateTls })).rejects.toThrow('Only tls endpoints');
  });
});

describe('a directory as upstream', () => {
  it('is served through the endpoint, kept for the inspector, and let go with it', async () => {
    const captures = new CaptureStore();
    const { agent, session } = await connected({ captures });
    const endpoint = await agent.forward({ proto: 'http', upstream: `file://${import.meta.dirname}` });
    expect(endpoint.forwardsTo).toBe(`file://${import.meta.dirname}`);
    expect(await visit(session, '/clock.ts')).toContain('200 OK');
    expect(captures.list()).toMatchObject([{ target: '/clock.ts', status: 200, state: 'done' }]);
    await endpoint.close();
    await expect(agent.forward({ proto: 'http', upstream: 'file:///no/such/folder' })).rejects.toThrow(
      'There is no directory',
    );
  });
});

describe('the way to the server by a proxy', () => {
  /** Knows CONNECT with a login, and notes where it was asked to go. */
  async function httpProxy(asked: string[]): Promise<number> {
    const proxy = createHttp();
    proxy.on('connect', (request, socket: Socket) => {
      asked.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      socket.on('error', () => {});
      if (request.headers['proxy-authorization'] !== `Basic ${Buffer.from('me:p@ss').toString('base64')}`) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
        return;
      }
      const [, port] = request.url?.split(':') ?? [];
      const on = connect(Number(port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        on.pipe(socket).pipe(on);
      });
      on.on('error', () => socket.destroy());
      cleanups.push(() => on.destroy());
    });
    return listening(proxy);
  }

  /** RFC 1928 and 1929, names only. */
  async function socksProxy(asked: string[]): Promise<number> {
    return listening(
      createTcp((socket) => {
        let step = 0;
        socket.on('error', () => {});
        const onData = (bytes: Buffer): void => {
          step += 1;
          if (step === 1) socket.write(Buffer.from([5, 2]));
          else if (step === 2) {
            asked.push(bytes.subarray(2, 4).toString());
            socket.write(Buffer.from([1, 0]));
          } else {
            socket.off('data', onData);
            const length = bytes[4] ?? 0;
            asked.push(bytes.subarray(5, 5 + length).toString());
            const on = connect(bytes.readUInt16BE(5 + length), '127.0.0.1', () => {
              socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
              on.pipe(socket).pipe(on);
            });
            on.on('error', () => socket.destroy());
            cleanups.push(() => on.destroy());
          }
        };
        socket.on('data', onData);
      }),
    );
  }

  it.each([
    ['http', httpProxy, (text: string) => /^localhost:\d+ Basic /.test(text)],
    ['socks5', socksProxy, (text: string) => text === 'me'],
  ] as const)('of kind %s works, with a login', async (kind, startProxy, isRight) => {
    const asked: string[] = [];
    const port = await startProxy(asked);
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const agent = connectAgent({
      connectUrl: server.connectUrl,
      ca: server.caPem,
      authtoken: 'tok',
      proxyUrl: `${kind}://me:p%40ss@127.0.0.1:${port}`,
    });
    cleanups.push(() => agent.close());
    const endpoint = await agent.forward({ proto: 'http', upstream: '80' });
    expect(endpoint.url).toMatch(/^https:/);
    expect(asked.some(isRight)).toBe(true);
  });

  it.each([
    ['a wrong login', 'http://me:wrong@127.0.0.1', /asks for a user and a password, or does not take these \(407\)/],
    ['no login', 'http://127.0.0.1', /407/],
  ])('with %s is named as what fails, without the password', async (_case, url, text) => {
    const port = await httpProxy([]);
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const agent = connectAgent({
      connectUrl: server.connectUrl,
      ca: server.caPem,
      authtoken: 'tok',
      proxyUrl: `${url}:${port}`,
    });
    cleanups.push(() => agent.close());
    const reason = await new Promise<string>((resolve) =>
      agent.on('state', (state) => state.kind === 'reconnecting' && resolve(state.reason)),
    );
    expect(reason).toMatch(text);
    expect(reason).not.toContain('wrong');
  });

  it('is refused when it is no proxy that is known', () => {
    expect(() => parseProxyUrl('ftp://x:1')).toThrow('ftp:// is no proxy known here');
    expect(() => parseProxyUrl('http://')).toThrow();
    expect(parseProxyUrl('proxy.example:3128')).toMatchObject({ kind: 'http', host: 'proxy.example', port: 3128 });
    expect(parseProxyUrl('socks5h://u:p@[::1]')).toMatchObject({ kind: 'socks5', host: '::1', port: 1080, user: 'u' });
  });
});

describe('programs that embed the agent', () => {
  it('forward and listen with two calls, and end by close or by a signal', async () => {
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const options = { connectUrl: server.connectUrl, ca: server.caPem, authtoken: 'tok' };
    const listener = await listen({ ...options, subdomain: 'emb' });
    listener.serve(createHttp((request, response) => response.end(`embedded ${request.url}`)));
    expect(listener.url).toBe('https://emb.portico.test');
    expect(listener.address()).toEqual({ address: 'emb.portico.test', port: 443, family: 'tunnel' });
    const session = await server.until(() => server.live);
    expect(await visit(session, '/y')).toContain('embedded /y');
    await listener.close();
    expect(session.unbound).toHaveLength(1);
    expect(listener.tunnel.agent.state.kind).toBe('stopped');

    const stop = new AbortController();
    const tunnel = await forward(80, { ...options, signal: stop.signal });
    stop.abort();
    expect(await tunnel.ended).toMatchObject({ kind: 'closed', error: null });
    await server.until(() => tunnel.agent.state.kind === 'stopped');
  });

  it('share an agent, which is not closed with one endpoint', async () => {
    const { agent } = await connected();
    const [one, two] = await Promise.all([forward(80, { agent }), forward(81, { agent })]);
    await one.close();
    expect(two.endpoint.isOnline).toBe(true);
    expect(agent.state.kind).toBe('online');
  });

  it('hear of what cannot be', async () => {
    const server = await ConnectServer.start();
    cleanups.push(() => server.close());
    const options = { connectUrl: server.connectUrl, ca: server.caPem };
    await expect(forward(80, { ...options, authtoken: 'nonsense' })).rejects.toMatchObject({ code: 'ERR_NGROK_107' });
    await expect(forward('no port', { ...options, authtoken: 'tok' })).rejects.toMatchObject({ kind: 'usage' });
    await expect(forward(80, { authtoken: 'tok', connectUrl: '' })).rejects.toThrow('No server is known');
  });
});

describe('findings', () => {
  it.each([
    [
      'Vite',
      403,
      'Blocked request. This host ("shop.portico.test") is not allowed.',
      'server: { allowedHosts: ["shop.portico.test"] }',
    ],
    ['webpack', 403, 'Invalid Host header', 'devServer: { allowedHosts: ["shop.portico.test"] }'],
    ['webpack', 200, 'Invalid Host header', 'devServer: { allowedHosts: ["shop.portico.test"] }'],
    ['Rails', 403, '<h1>Blocked hosts: shop.portico.test</h1>', 'config.hosts << "shop.portico.test"'],
    [
      'Django',
      400,
      `<style>${'x'.repeat(20_000)}</style>DisallowedHost at / Invalid HTTP_HOST header`,
      'ALLOWED_HOSTS = ["shop.portico.test"]',
    ],
  ])('recognise %s (%i) and name the line that mends it', async (tool, status, body, fix) => {
    const port = await listening(
      createHttp((_request, response) =>
        response.writeHead(status, { 'content-length': Buffer.byteLength(body) }).end(body),
      ),
    );
    const { agent, session } = await connected({ observeExchanges: true });
    await agent.forward({ proto: 'http', name: 'web', upstream: String(port) });
    const found = nextFinding(agent);
    session.visit({ first: ask('/') });
    expect(await found).toMatchObject({
      kind: 'host-refused',
      endpoint: 'web',
      summary: `${tool} refuses this Host.`,
      fix: expect.stringContaining(fix),
    });
  });

  it('recognise Next, and take other refusals for what they are', async () => {
    const port = await listening(
      createHttp((request, response) =>
        response
          .writeHead(request.url === '/plain' ? 403 : 403)
          .end(request.url === '/plain' ? 'go away' : 'Unauthorized'),
      ),
    );
    const { agent, session } = await connected({ observeExchanges: true });
    await agent.forward({ proto: 'http', name: 'web', upstream: String(port) });
    const found: Finding[] = [];
    agent.on('finding', (finding) => found.push(finding));
    for (const path of ['/plain', '/login', '/_next/static/x.js']) {
      const visitor = session.visit({ first: ask(path) });
      await visitor.ended;
      visitor.stream.end();
    }
    expect(found).toMatchObject([
      { kind: 'origin-refused', fix: 'In next.config:  allowedDevOrigins: ["shop.portico.test"]' },
    ]);
  });

  it('say that an upstream speaks TLS on a plain port, or plain HTTP on a TLS one', async () => {
    const chain = await makeChain(['localhost']);
    const tls = createTls({ key: chain.keyPem, cert: chain.chainPem });
    tls.on('tlsClientError', () => {});
    const tlsPort = await listening(tls);
    const plainPort = await listening(createHttp((_request, response) => response.end('x')));
    const { agent, session } = await connected({ observeExchanges: true });
    await agent.forward({ proto: 'http', name: 'one', upstream: `localhost:${tlsPort}` });
    const first = nextFinding(agent);
    const visitor = session.visit({ first: ask('/') });
    void visitor.ended.then(() => visitor.stream.end()).catch(() => {});
    expect(await first).toMatchObject({
      kind: 'speaks-tls',
      endpoint: 'one',
      fix: expect.stringContaining(`https://localhost:${tlsPort}`),
    });
    await agent.forward({ proto: 'http', name: 'two', upstream: `https://localhost:${plainPort}` });
    const latest = [...session.binds.keys()].at(-1);
    const second = nextFinding(agent);
    session.visit({ first: ask('/'), ...(latest === undefined ? {} : { bindId: latest }) });
    expect(await second).toMatchObject({ kind: 'speaks-plain', endpoint: 'two' });
  });
});
