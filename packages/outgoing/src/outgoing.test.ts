import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { promisify } from 'node:util';
import { createIssuingCa, createKeyPair, createRoot, LeafIssuer } from '@portico/pki';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createOutgoingFetch, Outgoing, type OutgoingOptions } from './outgoing.ts';
import { OutgoingError } from './outgoing-error.ts';

const servers: (Server | TcpServer)[] = [];
const clients: Outgoing[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
});

/** @returns the port of a server on that loopback address */
async function listen(server: Server | TcpServer, address = '127.0.0.1'): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, address);
  await once(server, 'listening');
  return portOf(server);
}

function portOf(server: Server | TcpServer): number {
  const address: string | AddressInfo | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const serve = (listener: RequestListener, address?: string): Promise<number> => listen(createServer(listener), address);

function outgoing(options: OutgoingOptions = {}): Outgoing {
  const client = new Outgoing({ allow: ['127.0.0.1'], ...options });
  clients.push(client);
  return client;
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OutgoingError)) throw error ?? new Error('it did not fail');
  return error.kind;
}

describe('which servers are asked', () => {
  it('refuses loopback and private addresses before a connection is made', async () => {
    let connections = 0;
    const server = createTcpServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    const port = await listen(server);
    const client = outgoing({ allow: [], plainHttp: 'always' });
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0']) {
      expect(await failureOf(client.send(`http://${host}:${port}/`)), host).toBe('refused-address');
    }
    expect(connections).toBe(0);
  });

  it('refuses a name of which only one address is private', async () => {
    const client = outgoing({ resolver: async () => ['1.1.1.1', '10.0.0.1'] });
    expect(await failureOf(client.send('https://mixed.example/'))).toBe('refused-address');
  });

  it('dials the address that was checked, whatever the name resolves to the next time', async () => {
    let victim = 0;
    const port = await serve((_request, response) => response.end('good'), '127.0.0.2');
    const bad = createTcpServer(() => {
      victim += 1;
    });
    servers.push(bad);
    bad.listen(port, '127.0.0.1');
    await once(bad, 'listening');
    const answers = [['127.0.0.2'], ['127.0.0.1']];
    let asked = 0;
    const client = outgoing({ allow: ['127.0.0.2'], resolver: async () => answers[asked++] ?? ['127.0.0.1'] });
    const answer = await client.send(`http://rebinding.example:${port}/`);
    expect(answer).toMatchObject({ status: 200, address: '127.0.0.2' });
    expect(String(answer.body)).toBe('good');
    expect(asked).toBe(1);
    expect(await failureOf(client.send(`http://rebinding.example:${port}/`))).toBe('refused-address');
    expect(victim).toBe(0);
  });

  it('tries the other addresses of a name when one does not answer', async () => {
    const port = await serve((_request, response) => response.end('second'), '127.0.0.3');
    const client = outgoing({ allow: ['127.0.0.0/8'], resolver: async () => ['127.0.0.4', '127.0.0.3'] });
    expect(String((await client.send(`http://two.example:${port}/`)).body)).toBe('second');
  });

  it('asks plain http only where the operator allowed the address', async () => {
    const client = outgoing({ allow: [], resolver: async () => ['1.1.1.1'] });
    expect(await failureOf(client.send('http://public.example/'))).toBe('bad-url');
    expect(await failureOf(outgoing({ plainHttp: 'never' }).send('http://127.0.0.1:1/'))).toBe('bad-url');
  });

  it.each(['ftp://a.example/', 'file:///etc/passwd', 'data:,x', 'https://u:p@a.example/', 'nonsense'])(
    'refuses %s',
    async (url) => {
      expect(await failureOf(outgoing().send(url))).toBe('bad-url');
    },
  );

  it('says so when a name has no address, and keeps what was in the URL to itself', async () => {
    const client = outgoing({
      resolver: async () => {
        throw new Error('ENOTFOUND');
      },
    });
    const error: unknown = await client
      .send('https://nowhere.example/hook?token=secret')
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'unresolved' });
    expect(String(error)).not.toContain('secret');
  });

  it('goes past the proxies of the environment', async () => {
    let proxied = 0;
    const proxy = await serve((_request, response) => {
      proxied += 1;
      response.end('proxy');
    });
    const port = await serve((_request, response) => response.end('direct'));
    const script = `
      const { Outgoing } = await import(${JSON.stringify(new URL('./outgoing.ts', import.meta.url).href)});
      const client = new Outgoing({ allow: ['127.0.0.1'] });
      process.stdout.write(String((await client.send('http://127.0.0.1:${port}/')).body));`;
    const env = { ...process.env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: `http://127.0.0.1:${proxy}`, NO_PROXY: '' };
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
    expect((await run).stdout).toBe('direct');
    expect(proxied).toBe(0);
  });
});

describe('redirects', () => {
  it('are the answer, unless they are to be followed', async () => {
    const port = await serve((_request, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    );
    const answer = await outgoing().send(`http://127.0.0.1:${port}/`);
    expect(answer).toMatchObject({ status: 302, redirects: 0 });
    const fetch = createOutgoingFetch({ allow: ['127.0.0.1'] });
    expect((await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })).status).toBe(302);
    expect(await failureOf(fetch(`http://127.0.0.1:${port}/`, { redirect: 'error' }))).toBe('redirected');
  });

  it('to an address that may not be dialled are refused', async () => {
    for (const location of [
      'http://127.0.0.2/',
      'http://[::1]/',
      'http://169.254.169.254/latest',
      'file:///etc/passwd',
    ]) {
      const port = await serve((_request, response) => response.writeHead(307, { location }).end());
      expect(await failureOf(outgoing().send(`http://127.0.0.1:${port}/`, { maxRedirects: 5 })), location).toMatch(
        /^(?:refused-address|bad-url)$/,
      );
    }
  });

  it('lose credentials towards another origin, and the body where browsers drop it', async () => {
    const seen: string[] = [];
    const target = await serve((request, response) => {
      const { authorization, cookie } = request.headers;
      seen.push(
        `${request.method} ${authorization ?? '-'} ${cookie ?? '-'} ${request.headers['content-length'] ?? '-'}`,
      );
      response.end();
    });
    const port = await serve((request, response) => {
      const code = Number(request.url?.slice(1));
      response.writeHead(code, { location: `http://127.0.0.1:${target}/` }).end();
    });
    const client = outgoing();
    for (const code of [302, 303, 307]) {
      await client.send(`http://127.0.0.1:${port}/${code}`, {
        method: 'POST',
        headers: { authorization: 'Bearer x', cookie: 'a=b' },
        body: 'four',
        maxRedirects: 1,
      });
    }
    expect(seen).toEqual(['GET - - -', 'GET - - -', 'POST - - 4']);
  });

  it('end after as many as were allowed', async () => {
    let asked = 0;
    const port = await serve((_request, response) => {
      asked += 1;
      response.writeHead(302, { location: `/${asked}` }).end();
    });
    const answer = await outgoing().send(`http://127.0.0.1:${port}/`, { maxRedirects: 3 });
    expect(answer).toMatchObject({ status: 302, redirects: 3 });
    expect(asked).toBe(4);
  });
});

describe('limits', () => {
  it('ends a body that does not come in time, and its connection with it', async () => {
    const gone = Promise.withResolvers<void>();
    const port = await serve((request, response) => {
      response.writeHead(200).write('a');
      request.socket.once('close', () => gone.resolve());
    });
    const client = outgoing({ timeoutMs: 150 });
    expect(await failureOf(client.send(`http://127.0.0.1:${port}/`))).toBe('timed-out');
    await gone.promise;
    expect(client.underWay).toBe(0);
  });

  it('ends a server that never answers, and a resolver that never does', async () => {
    const port = await listen(createTcpServer(() => undefined));
    expect(await failureOf(outgoing({ timeoutMs: 100 }).send(`http://127.0.0.1:${port}/`))).toBe('timed-out');
    const stuck = outgoing({ timeoutMs: 100, resolver: () => new Promise(() => undefined) });
    expect(await failureOf(stuck.send('https://stuck.example/'))).toBe('timed-out');
    expect(stuck.underWay).toBe(0);
  });

  it('reads no more of a body than allowed, with and without a length', async () => {
    let written = 0;
    const port = await serve((request, response) => {
      if (request.url === '/length') {
        response.writeHead(200, { 'content-length': 5_000 }).end(Buffer.alloc(5_000));
        return;
      }
      const write = (): void => {
        if (response.destroyed) return;
        written += 65_536;
        if (response.write(Buffer.alloc(65_536))) setImmediate(write);
        else response.once('drain', write);
      };
      write();
    });
    const client = outgoing({ maxBytes: 4_096 });
    expect(await failureOf(client.send(`http://127.0.0.1:${port}/length`))).toBe('too-large');
    expect(await failureOf(client.send(`http://127.0.0.1:${port}/endless`))).toBe('too-large');
    expect(written).toBeLessThan(64 * 1_048_576);
  });

  it('takes answers up to the limit whole', async () => {
    const port = await serve((_request, response) => response.end(Buffer.alloc(4_096, 7)));
    expect((await outgoing({ maxBytes: 4_096 }).send(`http://127.0.0.1:${port}/`)).body.length).toBe(4_096);
  });

  it('refuses a head that is too long, text that is not HTTP, an unasked upgrade and a cut answer', async () => {
    const answers = [
      `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}\r\n`,
      'SSH-2.0-OpenSSH_9.9\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort',
      '',
    ];
    for (const text of answers) {
      const port = await listen(
        createTcpServer((socket) => {
          socket.on('error', () => undefined);
          socket.end(text);
        }),
      );
      expect(await failureOf(outgoing().send(`http://127.0.0.1:${port}/`)), text.slice(0, 40)).toBe('bad-answer');
    }
  });

  it('lets as many wait as run, and turns the next away', async () => {
    const held: (() => void)[] = [];
    const port = await serve((_request, response) => {
      held.push(() => response.end('x'));
      arrived[held.length - 1]?.resolve();
    });
    const arrived = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const client = outgoing({ concurrency: 2, groupConcurrency: 5 });
    const send = (): Promise<unknown> => client.send(`http://127.0.0.1:${port}/`);
    const all = [send(), send(), send(), send()];
    await arrived[1]?.promise;
    expect(await failureOf(send())).toBe('busy');
    expect(held.length).toBe(2);
    for (let index = 0; index < 4; index += 1) {
      await arrived[index]?.promise;
      held[index]?.();
    }
    await Promise.all(all);
    expect(client.underWay).toBe(0);
  });

  it('leaves room for others when one place is slow or one caller asks a lot', async () => {
    const slow = await listen(createTcpServer(() => undefined));
    const quick = await serve((_request, response) => response.end('quick'));
    const client = outgoing({ concurrency: 8 });
    const stop = new AbortController();
    const send = (port: number, group?: string): Promise<unknown> =>
      client.send(`http://127.0.0.1:${port}/`, {
        signal: stop.signal,
        ...(group === undefined ? {} : { group }),
      });
    const stuck = [
      failureOf(send(slow)),
      failureOf(send(slow)),
      failureOf(send(slow, 'a')),
      failureOf(send(slow, 'a')),
    ];
    expect(await failureOf(send(slow))).toBe('busy');
    expect(await failureOf(send(quick, 'a'))).toBe('busy');
    await send(quick);
    await send(quick, 'b');
    stop.abort();
    expect(await Promise.all(stuck)).toEqual(['aborted', 'aborted', 'aborted', 'aborted']);
  });

  it('ends with the signal of its caller, and with its owner', async () => {
    const arrived = Promise.withResolvers<void>();
    const port = await serve(() => arrived.resolve());
    const client = outgoing();
    const stop = new AbortController();
    const first = failureOf(client.send(`http://127.0.0.1:${port}/`, { signal: stop.signal }));
    await arrived.promise;
    stop.abort();
    expect(await first).toBe('aborted');
    const second = failureOf(client.send(`http://127.0.0.1:${port}/`));
    client.close();
    expect(await second).toBe('aborted');
    expect(await failureOf(client.send(`http://127.0.0.1:${port}/`))).toBe('aborted');
  });
});

describe('what is sent and given back', () => {
  it('frames messages itself', async () => {
    const port = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(201, 'Made', { 'set-cookie': ['a=1', 'b=2'] });
        response.end(
          JSON.stringify({ method: request.method, headers: request.headers, body: String(Buffer.concat(chunks)) }),
        );
      });
    });
    const fetch = createOutgoingFetch({ allow: ['127.0.0.1'] });
    const response = await fetch(`http://127.0.0.1:${port}/x`, {
      method: 'POST',
      headers: { host: 'evil.example', 'content-length': '1', 'content-type': 'text/plain', connection: 'upgrade' },
      body: new URLSearchParams({ a: '1' }),
    });
    expect(response.status).toBe(201);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.json()).toMatchObject({
      method: 'POST',
      headers: { host: `127.0.0.1:${port}`, 'content-length': '3', 'content-type': 'text/plain', connection: 'close' },
      body: 'a=1',
    });
  });

  it('gives answers without a body', async () => {
    const port = await serve((_request, response) => response.writeHead(204).end());
    const response = await createOutgoingFetch({ allow: ['127.0.0.1'] })(`http://127.0.0.1:${port}/`);
    expect([response.status, await response.text()]).toEqual([204, '']);
  });
});

describe('TLS', () => {
  let leaf: { certificatePem: string; privateKeyPem: string };
  let rootPem: string;

  beforeAll(async () => {
    const now = new Date();
    const root = await createRoot({ name: 'Test root', now });
    const keyPair = await createKeyPair();
    const chain = await createIssuingCa({
      root,
      publicKeyPem: keyPair.publicKeyPem,
      now,
      days: 30,
      name: 'Test issuing',
      permittedDns: ['issuer.example'],
      permittedIps: ['127.0.0.1'],
    });
    rootPem = root.certificatePem;
    leaf = await new LeafIssuer({ certificatePem: chain, privateKeyPem: keyPair.privateKeyPem }).issue({
      dns: ['issuer.example'],
      ips: ['127.0.0.1'],
    });
  });

  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  afterAll(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });

  it('verifies the certificate for the name that was asked, never less', async () => {
    const server = createTlsServer({ cert: leaf.certificatePem, key: leaf.privateKeyPem }, (_request, response) =>
      response.end('tls'),
    );
    const port = await listen(server);
    const resolver = async (): Promise<string[]> => ['127.0.0.1'];
    const trusting = outgoing({ resolver, ca: [rootPem] });
    expect(String((await trusting.send(`https://issuer.example:${port}/`)).body)).toBe('tls');
    expect(String((await trusting.send(`https://127.0.0.1:${port}/`)).body)).toBe('tls');
    expect(await failureOf(trusting.send(`https://other.example:${port}/`))).toBe('tls-failed');
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    expect(await failureOf(outgoing({ resolver }).send(`https://issuer.example:${port}/`))).toBe('tls-failed');
  });
});
