import { createServer as createHttp, request } from 'node:http';
import { createServer } from 'node:net';
import { type Agent, CaptureStore, connectAgent } from '@portico/agent';
import { ConnectServer, deadPort, errorText, portOf, type ServerSession } from '@portico/agent/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TunnelSet } from '../tunnels/tunnel-set.ts';
import { wantedEndpoints } from '../tunnels/wanted-endpoint.ts';
import { type LocalServer, startLocalServer } from './local-server.ts';

const cleanups: (() => Promise<unknown> | unknown)[] = [];
let server: ConnectServer;
let agent: Agent;
let tunnels: TunnelSet;
let local: LocalServer;
let captures: CaptureStore;
let session: ServerSession;
let upstream: string;

beforeAll(async () => {
  const app = createHttp((asked, response) => {
    if (asked.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end('data: one\n\nevent: e\ndata: two\n\n');
      return;
    }
    asked.resume().on('end', () => {
      response.writeHead(asked.url === '/missing' ? 404 : 200, { 'content-type': 'text/plain', 'x-answer': 'yes' });
      response.end(`answer to ${asked.method} ${asked.url}`);
    });
  });
  app.on('upgrade', (_request, socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from('hello')]));
    socket.on('data', () => socket.end());
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => app.close());
  upstream = String(portOf(app.address()));
  server = await ConnectServer.start();
  cleanups.push(() => server.close());
  captures = new CaptureStore();
  agent = connectAgent({ connectUrl: server.connectUrl, ca: server.caPem, authtoken: 'tok', captures });
  cleanups.push(() => agent.close());
  tunnels = new TunnelSet(agent, () => 'f'.repeat(32));
  local = await startLocalServer({
    addr: '127.0.0.1:0',
    allowHosts: ['inspector.test'],
    tunnels,
    captures,
    version: '1.2.3',
    connectUrl: server.connectUrl,
    configPaths: [],
  });
  cleanups.push(() => local.close());
  session = await server.until(() => server.live);
});

afterAll(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

afterEach(async () => {
  for (const { wanted } of tunnels.list()) await tunnels.close(wanted.name);
  captures.clear();
});

// biome-ignore lint/suspicious/noExplicitAny: answers are compared with whole literals
async function api(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(local.url + path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : JSON.parse(text) };
}

async function visit(path: string, more = ''): Promise<void> {
  const visitor = session.visit({ first: `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${more}\r\n` });
  await visitor.ended;
  visitor.stream.end();
}

const zeros = { count: 0, rate1: 0, rate5: 0, rate15: 0, p50: 0, p90: 0, p95: 0, p99: 0 };
const noMetrics = { conns: { ...zeros, gauge: 0 }, http: zeros };

describe('tunnels', () => {
  it('are made, listed, shown and deleted in the shapes that scripts know', async () => {
    const made = await api('POST', '/api/tunnels', { name: 'a b/c', proto: 'http', addr: upstream, subdomain: 'web' });
    const tunnel = {
      name: 'a b/c',
      ID: 'f'.repeat(32),
      uri: '/api/tunnels/a%20b%2Fc',
      public_url: 'https://web.portico.test',
      proto: 'https',
      config: { addr: `http://localhost:${upstream}`, inspect: true },
      metrics: noMetrics,
    };
    expect(made).toEqual({ status: 201, body: tunnel });
    expect(await api('GET', '/api/tunnels')).toEqual({ status: 200, body: { tunnels: [tunnel], uri: '/api/tunnels' } });
    expect(await api('GET', '/api/tunnels/a%20b%2Fc')).toEqual({ status: 200, body: tunnel });
    await visit('/x');
    const { body } = await api('GET', '/api/tunnels/a%20b%2Fc');
    expect(body.metrics.conns).toMatchObject({ count: 1 });
    expect(body.metrics.http).toMatchObject({ count: 1 });
    expect(body.metrics.http.p50).toBeGreaterThan(100_000);
    expect(await api('DELETE', '/api/tunnels/a%20b%2Fc')).toEqual({ status: 204, body: null });
    expect(session.unbound).toHaveLength(1);
    expect((await api('GET', '/api/tunnels')).body.tunnels).toEqual([]);
    expect((await api('GET', '/api/tunnels/a%20b%2Fc')).status).toBe(404);
    expect((await api('DELETE', '/api/tunnels/a%20b%2Fc')).status).toBe(404);
  });

  it('of tcp and of both schemes are as ngrok has them', async () => {
    const tcp = await api('POST', '/api/tunnels', { name: 'ssh', proto: 'tcp', addr: 22 });
    expect(tcp.body).toMatchObject({ proto: 'tcp', config: { addr: 'localhost:22', inspect: false } });
    expect(tcp.body.public_url).toMatch(/^tcp:\/\//);
    await api('POST', '/api/tunnels', {
      name: 'two',
      proto: 'http',
      addr: 80,
      domain: 'h.portico.test',
      schemes: ['http', 'https'],
    });
    const { body } = await api('GET', '/api/tunnels');
    expect(
      body.tunnels.map(({ name, public_url }: { name: string; public_url: string }) => [name, public_url]),
    ).toEqual([
      ['ssh', tcp.body.public_url],
      ['two', 'https://h.portico.test'],
      ['two (http)', 'http://h.portico.test'],
    ]);
  });

  it('are refused with the reason in details.err', async () => {
    const cases: [unknown, number, number, RegExp][] = [
      [{ proto: 'http', addr: 80 }, 400, 102, /name is a required field/],
      [{ name: 'x', addr: 80 }, 400, 102, /needs proto/],
      [{ name: 'x', proto: 'http' }, 400, 102, /needs addr/],
      [{ name: 'x', proto: 'http', addr: 0 }, 400, 102, /1 to 65535/],
      [{ name: 'x', proto: 'http', addr: 80, bogus: 1 }, 400, 102, /unknown key "bogus"/],
      [[], 400, 101, /JSON object/],
    ];
    for (const [body, status, code, err] of cases) {
      expect(await api('POST', '/api/tunnels', body)).toEqual({
        status,
        body: {
          error_code: code,
          status_code: status,
          msg: expect.any(String),
          details: { err: expect.stringMatching(err) },
        },
      });
    }
    await api('POST', '/api/tunnels', { name: 'x', proto: 'http', addr: 80 });
    const twice = await api('POST', '/api/tunnels', { name: 'x', proto: 'http', addr: 81 });
    expect(twice).toMatchObject({
      status: 400,
      body: { error_code: 102, details: { err: expect.stringContaining('already') } },
    });
    server.behaviour.refuseBind = () => errorText(334, { url: 'https://taken.portico.test' });
    const taken = await api('POST', '/api/tunnels', { name: 'y', proto: 'http', addr: 80, subdomain: 'taken' });
    server.behaviour.refuseBind = () => null;
    expect(taken).toMatchObject({
      status: 502,
      body: {
        error_code: 103,
        status_code: 502,
        msg: 'failed to start tunnel',
        details: { err: expect.stringContaining('ERR_NGROK_334') },
      },
    });
  });

  it('are not made by forms, nor by other methods', async () => {
    const form = await fetch(`${local.url}/api/tunnels`, {
      method: 'POST',
      body: new URLSearchParams({ name: 'x', addr: '80', proto: 'http' }),
    });
    expect(form.status).toBe(415);
    const text = await fetch(`${local.url}/api/tunnels`, { method: 'POST', body: '{"name":"x"}' });
    expect(text.status).toBe(415);
    const broken = await fetch(`${local.url}/api/tunnels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect(broken.status).toBe(400);
    expect((await api('PATCH', '/api/tunnels', {})).status).toBe(405);
    expect(tunnels.list()).toEqual([]);
  });
});

describe('endpoints', () => {
  it('are made, replaced and deleted', async () => {
    const wanted = {
      name: 'web',
      url: 'https://shop.portico.test',
      upstream: { url: upstream, protocol: 'http1' },
      traffic_policy: { on_http_request: [] },
      pooling_enabled: true,
    };
    const shape = {
      name: 'web',
      uri: '/api/endpoints/web',
      url: 'https://shop.portico.test',
      upstream: { url: `http://localhost:${upstream}`, protocol: 'http1' },
      inspect: true,
      traffic_policy: '{"on_http_request":[]}',
      pooling_enabled: true,
    };
    expect(await api('POST', '/api/endpoints', wanted)).toEqual({
      status: 201,
      body: { ...shape, metrics: noMetrics },
    });
    expect((await api('GET', '/api/endpoints')).body).toEqual({ endpoints: [shape], uri: '/api/endpoints' });
    expect((await api('GET', '/api/endpoints/web')).body).toEqual({ ...shape, metrics: noMetrics });
    const replaced = await api('PUT', '/api/endpoints/web', {
      ...wanted,
      traffic_policy: 'on_http_request: []',
      pooling_enabled: false,
    });
    expect(replaced).toMatchObject({
      status: 200,
      body: { traffic_policy: 'on_http_request: []', pooling_enabled: false },
    });
    expect((await api('PUT', '/api/endpoints/new', { upstream: { url: 81 } })).status).toBe(201);
    expect((await api('PUT', '/api/endpoints/web', { upstream: {} })).status).toBe(400);
    expect((await api('GET', '/api/endpoints/web')).status).toBe(200);
    expect((await api('POST', '/api/endpoints', { url: 'x' })).status).toBe(400);
    expect((await api('DELETE', '/api/endpoints/web')).status).toBe(204);
    expect((await api('GET', '/api/endpoints/web')).status).toBe(404);
  });
});

describe('requests', () => {
  it('are listed newest first with heads and raw bytes, replayed and cleared', async () => {
    await api('POST', '/api/tunnels', { name: 'web', proto: 'http', addr: upstream });
    for (const path of ['/one', '/missing']) await visit(path, 'x-seen: 1\r\nx-seen: 2\r\n');
    const { body } = await api('GET', '/api/requests/http');
    expect(body.uri).toBe('/api/requests/http');
    const [last, first] = body.requests;
    expect(last).toEqual({
      uri: `/api/requests/http/${last.id}`,
      id: expect.stringMatching(/^airt_\w{27}$/),
      tunnel_name: 'web',
      remote_addr: '192.0.2.7',
      start: expect.stringMatching(/^\d{4}-.*Z$/),
      duration: expect.any(Number),
      request: {
        method: 'GET',
        proto: 'HTTP/1.1',
        headers: { Host: ['a'], Connection: ['close'], 'X-Seen': ['1', '2'] },
        uri: '/missing',
        raw: Buffer.from(
          'GET /missing HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-seen: 1\r\nx-seen: 2\r\n\r\n',
        ).toString('base64'),
      },
      response: {
        status: '404 Not Found',
        status_code: 404,
        proto: 'HTTP/1.1',
        headers: expect.objectContaining({ 'X-Answer': ['yes'] }),
        raw: expect.any(String),
      },
    });
    expect(Buffer.from(last.response.raw, 'base64').toString()).toMatch(
      /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*answer to GET \/missing/,
    );
    expect((await api('GET', '/api/requests/http?limit=1')).body.requests).toHaveLength(1);
    expect((await api('GET', '/api/requests/http?tunnel_name=other')).body.requests).toEqual([]);
    expect((await api('GET', '/api/requests/http?limit=x')).status).toBe(400);
    expect((await api('GET', `/api/requests/http/${first.id}`)).body).toEqual(first);
    expect((await api('GET', '/api/requests/http/airt_none')).status).toBe(404);
    expect(await api('POST', '/api/requests/http', { id: first.id })).toEqual({ status: 204, body: null });
    await expect
      .poll(async () => (await api('GET', '/api/requests/http')).body.requests[0].response?.status_code)
      .toBe(200);
    expect((await api('POST', '/api/requests/http', { id: first.id, tunnel_name: 'nobody' })).status).toBe(400);
    expect((await api('POST', '/api/requests/http', { id: 'airt_none' })).status).toBe(404);
    expect((await api('DELETE', '/api/requests/http')).status).toBe(204);
    expect((await api('GET', '/api/requests/http')).body.requests).toEqual([]);
  });

  it('without an upstream have no response, and say why', async () => {
    await api('POST', '/api/tunnels', { name: 'web', proto: 'http', addr: await deadPort() });
    await visit('/nobody');
    const { body } = await api('GET', '/api/requests/http');
    expect(body.requests[0]).toMatchObject({ request: { uri: '/nobody' }, response: null });
    const detail = await api('GET', `/inspect/exchanges/${body.requests[0].id}`);
    expect(detail.body.failure).toContain('ECONNREFUSED');
  });

  it('of endpoints that are not inspected are not kept', async () => {
    await api('POST', '/api/tunnels', { name: 'web', proto: 'http', addr: upstream, inspect: false });
    await visit('/secret');
    expect((await api('GET', '/api/requests/http')).body.requests).toEqual([]);
  });

  it('that become a WebSocket or a stream of events show their messages', async () => {
    await api('POST', '/api/tunnels', { name: 'web', proto: 'http', addr: upstream });
    const visitor = session.visit({
      first: 'GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    });
    await visitor.saw('hello');
    const mask = [1, 2, 3, 4];
    const text = Buffer.from('ping!');
    visitor.write(
      Buffer.from([0x81, 0x80 | text.length, ...mask, ...text.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]),
    );
    await visitor.ended;
    visitor.stream.end();
    await visit('/events');
    const [events, socket] = (await api('GET', '/inspect/exchanges')).body.rows;
    const messages = async (id: string) =>
      (await api('GET', `/inspect/exchanges/${id}`)).body.streamMessages.map(
        (message: { from: string; kind: string; payload: string }) => [
          message.from,
          message.kind,
          Buffer.from(message.payload, 'base64').toString(),
        ],
      );
    expect(socket).toMatchObject({ kind: 'ws', status: 101, messages: 2 });
    expect(await messages(socket.id)).toEqual([
      ['upstream', 'text', 'hello'],
      ['visitor', 'text', 'ping!'],
    ]);
    expect(events).toMatchObject({ kind: 'sse', messages: 2 });
    expect(await messages(events.id)).toEqual([
      ['upstream', 'event', 'data: one'],
      ['upstream', 'event', 'event: e\ndata: two'],
    ]);
  });
});

describe('the local API', () => {
  it('tells its resources and the state of the session', async () => {
    expect((await api('GET', '/api')).body).toEqual({
      uri: '/api',
      subresource_uris: {
        status: '/api/status',
        tunnels: '/api/tunnels',
        endpoints: '/api/endpoints',
        requests: '/api/requests/http',
      },
    });
    expect((await api('GET', '/api/status')).body).toEqual({
      status: 'online',
      agent_version: '1.2.3',
      session: { legs: [{ region: 'test-1', latency: expect.stringMatching(/^(\d+ms)?$/) }] },
      uri: '/api/status',
    });
    expect((await api('GET', '/api/nonsense')).body).toMatchObject({ error_code: 100, status_code: 404 });
    const [wanted] = await wantedEndpoints({ name: 'web', proto: 'http', url: '', upstream, unsupported: [] });
    if (wanted !== undefined) await tunnels.open(wanted);
    expect(await (await fetch(`${local.url}/metrics`)).text()).toMatch(
      /^portico_agent_connections_total\{endpoint="web",url="https:\/\/\S+"\} 0$/m,
    );
  });

  it('answers nobody who calls it by another name', async () => {
    const ask = (headers: Record<string, string>, path = '/api/tunnels') =>
      new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
        const asked = request(local.url + path, { headers, agent: false }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          response.on('end', () => resolve({ status: response.statusCode, text }));
        });
        asked.once('error', reject);
        asked.end();
      });
    const port = new URL(local.url).port;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'inspector.test', `[::1]:${port}`])
      expect({ host, status: (await ask({ host })).status }).toEqual({ host, status: 200 });
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '10.0.0.1'])
      expect({ host, status: (await ask({ host })).status }).toEqual({ host, status: 403 });
    expect((await ask({ host: 'evil.example' }, '/inspect/http')).text).toContain('web_allow_hosts');
    expect((await ask({ host: `localhost:${port}`, origin: 'http://evil.example' })).status).toBe(403);
    expect((await ask({ host: `localhost:${port}`, origin: 'http://localhost:1' })).status).toBe(403);
    expect((await ask({ host: `localhost:${port}`, origin: `http://localhost:${port}` })).status).toBe(200);
  });

  it('takes the next port when its own is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const port = portOf(taken.address());
    const next = await startLocalServer({
      addr: `127.0.0.1:${port}`,
      allowHosts: [],
      tunnels,
      captures,
      version: '1',
      connectUrl: '',
      configPaths: [],
    });
    expect(Number(next.addr.split(':')[1])).toBeGreaterThan(port);
    await next.close();
    taken.close();
  });
});
