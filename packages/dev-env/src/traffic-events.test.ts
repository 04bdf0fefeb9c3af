import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DevEnv, startDevEnv } from './dev-env.ts';
import { callApi, openUpstream, visit } from './testing/visit.ts';

interface Event {
  readonly event_type: string;
  readonly account_id: string;
  readonly object: Record<string, unknown>;
}

let env: DevEnv;
let upstream: Awaited<ReturnType<typeof openUpstream>>;
let receiver: Server;
const received: Event[] = [];
const of = (type: string): Event[] => received.filter((event) => event.event_type === type);

beforeAll(async () => {
  env = await startDevEnv({ settings: { PORTICO_OUTGOING_ALLOW: '127.0.0.1' } });
  upstream = await openUpstream('hello');
  receiver = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received.push(JSON.parse(body));
    response.end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await env.close();
  await upstream.close();
  receiver.closeAllConnections();
  receiver.close();
});

describe('events of traffic', () => {
  it('reach who subscribes, once each, without what is secret; nobody else is told anything', async () => {
    await env.agent().forward({ proto: 'http', subdomain: 'told', upstream: upstream.address });
    const host = 'told.portico.localhost';
    await visit(env, host);
    const { port } = receiver.address() as AddressInfo;
    const destination = await callApi(env, 'POST', '/event_destinations', {
      target: { webhook: { url: `http://127.0.0.1:${port}/` } },
    });
    await callApi(env, 'POST', '/event_subscriptions', {
      sources: [
        { type: 'http_request_complete.v0' },
        { type: 'tcp_connection_closed.v0' },
        { type: 'endpoint_start.v0' },
      ],
      destination_ids: [destination.id],
    });
    // Edges hear of it a moment later.
    await vi.waitFor(async () => {
      await visit(env, host, { path: '/warm' });
      expect(of('http_request_complete.v0').length).toBeGreaterThan(0);
    }, 10_000);
    await vi.waitFor(() => expect(of('http_request_complete.v0').length).toBeGreaterThan(0), 10_000);
    received.length = 0;
    const headers = { authorization: 'Bearer secret-of-visitor', cookie: 'a=secret', 'user-agent': 'tester/1' };
    for (let index = 0; index < 5; index += 1) await visit(env, host, { path: `/n${index}?q=1`, headers });
    const paths = () => of('http_request_complete.v0').map(({ object }) => Object(object.http).request.url.path);
    await vi.waitFor(() => {
      expect(paths().filter((path: string) => path.startsWith('/n'))).toEqual(['/n0', '/n1', '/n2', '/n3', '/n4']);
    }, 5_000);
    const last = of('http_request_complete.v0').at(-1);
    expect(last).toMatchObject({
      account_id: env.accountId,
      object: {
        error_code: null,
        conn: { client_ip: '127.0.0.1', server_ip: '127.0.0.1', server_name: host },
        ja4_fingerprint: expect.stringMatching(/^t13d\d{4}00_[0-9a-f]{12}_[0-9a-f]{12}$/),
        http: {
          request: {
            method: 'GET',
            url: { scheme: 'https', host, path: '/n4', query: 'q=1' },
            user_agent: 'tester/1',
            body_length: 0,
          },
          response: { status_code: 200, body_length: 5 },
        },
        tls: { version: 'TLSv1.3', cipher_suite: expect.stringMatching(/^TLS_AES_/), client_cert: null },
      },
    });
    expect(JSON.stringify(received)).not.toContain('secret');
  });

  it('tell what a policy decided', async () => {
    await env.agent().forward({
      proto: 'http',
      subdomain: 'decided',
      upstream: upstream.address,
      trafficPolicy: JSON.stringify({
        on_http_request: [
          {
            actions: [
              { type: 'restrict-ips', config: { allow: ['127.0.0.0/8'] } },
              { type: 'basic-auth', config: { credentials: ['mira:herons of nine'] } },
            ],
          },
        ],
      }),
    });
    const host = 'decided.portico.localhost';
    await visit(env, host, { path: '/open' });
    await visit(env, host, {
      path: '/known',
      headers: { authorization: `Basic ${Buffer.from('mira:herons of nine').toString('base64')}` },
    });
    const told = () =>
      of('http_request_complete.v0')
        .map(({ object }) => object)
        .filter((object) => Object(object.conn).server_name === host);
    await vi.waitFor(() => expect(told()).toHaveLength(2), 10_000);
    expect(told()).toMatchObject([
      { ip_policy: { decision: 'allow' }, basic_auth: { decision: 'deny', username: '' }, oauth: null },
      { ip_policy: { decision: 'allow' }, basic_auth: { decision: 'allow', username: 'mira' } },
    ]);
  });

  it('are only those that the filter of a source accepts, with the fields that it chose', async () => {
    const chosen: Event[] = [];
    const second = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      chosen.push(JSON.parse(body));
      response.end();
    });
    await new Promise<void>((resolve) => second.listen(0, '127.0.0.1', resolve));
    const { port } = second.address() as AddressInfo;
    await env.agent().forward({ proto: 'http', subdomain: 'chosen', upstream: upstream.address });
    const destination = await callApi(env, 'POST', '/event_destinations', {
      target: { webhook: { url: `http://127.0.0.1:${port}/` } },
    });
    const subscription = await callApi(env, 'POST', '/event_subscriptions', {
      sources: [
        {
          type: 'http_request_complete.v0',
          filter: 'ev.http.request.url.path.startsWith("/wanted") && ev.http.response.status_code == 200',
          fields: ['http.request.method', 'http.request.url', 'conn.server_name'],
        },
      ],
      destination_ids: [destination.id],
    });
    const host = 'chosen.portico.localhost';
    await visit(env, host, { path: '/other' });
    await visit(env, host, { path: '/wanted/1' });
    await visit(env, host, { path: '/other' });
    await visit(env, host, { path: '/wanted/2' });
    const paths = () => chosen.map(({ object }) => Object(object.http).request.url.path);
    await vi.waitFor(() => expect(paths()).toEqual(['/wanted/1', '/wanted/2']), 5_000);
    const { conn, http, ...others } = chosen[0]?.object ?? {};
    expect(others).toEqual({});
    expect(conn).toEqual({ server_name: host });
    expect(Object.keys(Object(http))).toEqual(['request']);
    expect(Object.keys(Object(http).request).sort()).toEqual(['method', 'url']);

    // Another source with another wish to the same destination: it gets what either asks for.
    const path = `/event_subscriptions/${subscription.id}/sources/http_request_complete.v0`;
    expect(await callApi(env, 'GET', path)).toMatchObject({
      fields: ['http.request.method', 'http.request.url', 'conn.server_name'],
    });
    expect(await callApi(env, 'PATCH', path, { fields: [], filter: 'ev.http.request.method == "GET"' })).toMatchObject({
      filter: 'ev.http.request.method == "GET"',
      fields: [],
    });
    chosen.length = 0;
    await visit(env, host, { path: '/anything' });
    await vi.waitFor(() => expect(paths()).toEqual(['/anything']), 5_000);
    expect(chosen[0]?.object).toMatchObject({ tls: { version: 'TLSv1.3' }, conn: { client_ip: '127.0.0.1' } });
    second.closeAllConnections();
    second.close();
  });

  it.each([
    [{ filter: 'ev.conn.client == "a"' }, 'ERR_NGROK_250', 'ev.conn.client cannot be filtered by'],
    [{ filter: 'ev.conn.bytes_in >' }, 'ERR_NGROK_250', 'is not expected at character'],
    [{ filter: 'obj.id == "a"' }, 'ERR_NGROK_250', 'obj is not known'],
    [{ fields: ['conn.ip'] }, 'ERR_NGROK_215', '"conn.ip" is no field of tcp_connection_closed.v0; there are'],
    [{ type: 'endpoint_start.v0', filter: 'ev.a == 1' }, 'ERR_NGROK_215', 'endpoint_start.v0 has none'],
  ])('refuse a choice that says nothing: %j', async (choice, code, words) => {
    const source = { type: 'tcp_connection_closed.v0', ...choice };
    const { message } = await callApi(env, 'POST', '/event_subscriptions', { sources: [source] }).then(
      () => new Error('it was taken'),
      (error: Error) => error,
    );
    expect(message).toContain(`400 {"error_code":"${code}"`);
    expect(message.replaceAll('\\"', '"')).toContain(words);
  });

  it('tell of connections when they are over, with their bytes both ways', async () => {
    const tcp = await env.agent().forward({ proto: 'tcp', upstream: upstream.address });
    await vi.waitFor(() => expect(of('endpoint_start.v0').length).toBeGreaterThan(0), 5_000);
    const socket = connect({ port: Number(new URL(tcp.url).port), host: '127.0.0.1' });
    socket.end('GET / HTTP/1.0\r\n\r\n');
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await new Promise((resolve) => socket.once('close', resolve));
    await vi.waitFor(() => expect(of('tcp_connection_closed.v0')).toHaveLength(1), 5_000);
    expect(of('tcp_connection_closed.v0')[0]?.object).toMatchObject({
      conn: { client_ip: '127.0.0.1', bytes_in: 18, bytes_out: bytes },
    });
  });
});
