import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { forward, isFromOwnPage } from './forward.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Seen {
  readonly request: IncomingMessage;
  readonly body: string;
}

/** The API's side: records what reaches it. */
async function upstream(answer: (response: ServerResponse, seen: Seen) => void) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    seen.push({ request, body });
    answer(response, { request, body });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { seen, target: { baseUrl: new URL(`http://127.0.0.1:${address.port}`), credential: 'node-secret' } };
}

function request(path: string, init: RequestInit = {}): Request {
  const headers = new Headers(init.headers);
  if (!headers.has('host')) headers.set('host', 'dash.example');
  return new Request(`http://dash.example/api/${path}`, { ...init, headers });
}

const live = ['dashboard', 'v1', 'live'];
const session = ['dashboard', 'v1', 'session'];

describe('the way from the browser to the API', () => {
  it('leads to the dashboard routes only', async () => {
    const { seen, target } = await upstream((response) => response.end());
    const elsewhere = [
      ['internal', 'v1', 'sessions', 'authorize'],
      ['dashboard', 'v2', 'session'],
      ['dashboard', 'v1'],
      ['dashboard', 'v1', '..', '..', 'internal', 'v1'],
      ['dashboard', 'v1', '%2e%2e', 'internal'],
      ['dashboard', 'v1', 'a/b'],
      ['dashboard', 'v1', ''],
      ['dashboard', 'v1', '..%2f..%2finternal'],
      ['dashboard', 'v1', 'session?x'],
      ['dashboard', 'v1', 'session\r\nx: y'],
      ['Dashboard', 'v1', 'session'],
      ['endpoints'],
    ];
    for (const path of elsewhere) expect((await forward(request('x'), path, target)).status).toBe(404);
    expect(seen).toEqual([]);
  });

  it('carries what the API needs and keeps the rest back', async () => {
    const { seen, target } = await upstream((response) => response.end('{}'));
    const headers = {
      accept: 'application/json',
      authorization: 'Bearer of-the-browser',
      'content-type': 'application/json',
      cookie: 'a=1; b=2',
      host: 'dash.example:4020',
      origin: 'http://dash.example:4020',
      'portico-account': 'ac_1',
      'portico-csrf': 'token',
      'sec-fetch-site': 'same-origin',
      'user-agent': 'Browser/1',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
      'x-evil': 'yes',
    };
    await forward(request('x?a=1&b=%2F', { method: 'POST', headers, body: '{"email":"é"}' }), session, target);
    const got = seen[0];
    expect(got?.request.method).toBe('POST');
    expect(got?.request.url).toBe('/dashboard/v1/session?a=1&b=%2F');
    expect(got?.body).toBe('{"email":"é"}');
    const { authorization, cookie, origin } = got?.request.headers ?? {};
    expect({ authorization, cookie, origin }).toEqual({
      authorization: 'Bearer node-secret',
      cookie: 'a=1; b=2',
      origin: 'http://dash.example:4020',
    });
    expect(got?.request.headers).toMatchObject({
      'portico-account': 'ac_1',
      'portico-csrf': 'token',
      'sec-fetch-site': 'same-origin',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'dash.example:4020',
    });
    expect(got?.request.headers['x-evil']).toBeUndefined();
  });

  it('gives back status, body and every cookie, and nothing that is between the two servers', async () => {
    const { target } = await upstream((response) => {
      response.writeHead(429, {
        'content-type': 'application/json',
        'retry-after': '42',
        'set-cookie': ['a=1; HttpOnly', 'b=2; Path=/'],
        server: 'internal',
        'x-internal': 'yes',
      });
      response.end('{"msg":"slow"}');
    });
    const answer = await forward(request('x'), session, target);
    expect(answer.status).toBe(429);
    expect(await answer.json()).toEqual({ msg: 'slow' });
    expect(answer.headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2; Path=/']);
    expect(answer.headers.get('retry-after')).toBe('42');
    expect(answer.headers.get('cache-control')).toContain('no-transform');
    expect(answer.headers.get('x-internal')).toBeNull();
    expect(answer.headers.get('server')).toBeNull();
  });

  it('streams each event at once and ends the upstream request when the browser leaves', async () => {
    let send = (_text: string) => {};
    let left = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    const { target } = await upstream((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      response.once('close', left);
      send = (text) => response.write(text);
    });
    const browser = new AbortController();
    const answer = await forward(request('x', { signal: browser.signal }), live, target);
    const reader = answer.body?.getReader();
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      send(event);
      const { value } = (await reader?.read()) ?? {};
      expect(new TextDecoder().decode(value)).toBe(event);
    }
    browser.abort();
    await gone;
  });

  it('ends the upstream request when only the answer is dropped', async () => {
    let left = () => {};
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    const { target } = await upstream((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      response.once('close', left);
    });
    const answer = await forward(request('x'), live, target);
    await answer.body?.cancel();
    await gone;
  });

  it('refuses a body that is too big, and methods that it does not know', async () => {
    const { seen, target } = await upstream((response) => response.end());
    const big = request('x', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin' },
      body: 'x'.repeat(384 * 1024 + 1),
    });
    expect((await forward(big, session, target)).status).toBe(413);
    expect((await forward(request('x', { method: 'OPTIONS' }), session, target)).status).toBe(405);
    expect(seen).toEqual([]);
  });

  it('says that the API does not answer', async () => {
    const { target } = await upstream((response) => response.destroy());
    const answer = await forward(request('x'), session, target);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
  });

  it('follows no redirect', async () => {
    const { seen, target } = await upstream((response) => response.writeHead(302, { location: '/internal/v1' }).end());
    const answer = await forward(request('x'), session, target);
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBeNull();
    expect(seen).toHaveLength(1);
  });
});

describe('a request of another site', () => {
  const from = (method: string, headers: Record<string, string>) =>
    isFromOwnPage(request('x', { method, headers: { host: 'dash.example', ...headers } }));

  it('is refused, whatever it asks', () => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      expect(from(method, { 'sec-fetch-site': 'cross-site' })).toBe(false);
      expect(from(method, { 'sec-fetch-site': 'same-site' })).toBe(false);
      expect(from(method, { origin: 'https://evil.example' })).toBe(false);
      expect(from(method, { origin: 'http://dash.example:8080' })).toBe(false);
      expect(from(method, { origin: 'null' })).toBe(false);
      expect(from(method, { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' })).toBe(false);
    }
  });

  it('is told from one of our own pages', () => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      expect(from(method, { 'sec-fetch-site': 'same-origin' })).toBe(true);
      expect(from(method, { origin: 'https://dash.example' })).toBe(true);
    }
    expect(from('GET', {})).toBe(true);
    expect(from('POST', {})).toBe(false);
    expect(from('DELETE', {})).toBe(false);
  });
});
