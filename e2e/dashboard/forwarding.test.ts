import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DashboardProcess, startDashboard } from '../support/dashboard.ts';

/*
 * The dashboard's server between a browser and a recording API: what reaches the API, and when. What the API says is the
 * business of other tests.
 */

interface Recorded {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The API's end of the exchange is over. */
  readonly closed: Promise<void>;
}

const recorded: Recorded[] = [];
let onRequest: (record: Recorded) => void = () => {};
const api = createServer((request, response) => {
  const record = {
    request,
    response,
    closed: new Promise<void>((resolve) => response.once('close', resolve)),
  };
  recorded.push(record);
  if (request.url?.startsWith('/dashboard/v1/live')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
  } else if (request.url === '/dashboard/v1/session') {
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"msg":"nobody"}');
  } else {
    response.writeHead(404).end();
  }
  onRequest(record);
});

let dashboard: DashboardProcess;
beforeAll(async () => {
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const address = api.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  dashboard = await startDashboard({ internalUrl: `http://127.0.0.1:${address.port}`, credential: 'node-credential' });
});
afterAll(async () => {
  await dashboard?.stop();
  api.close();
  api.closeAllConnections();
});

function nextAtApi(): Promise<Recorded> {
  return new Promise((resolve) => {
    onRequest = resolve;
  });
}

/** A GET whose answer is read piece by piece and whose connection can be cut. */
function open(path: string, headers: Record<string, string> = {}) {
  const outgoing = httpRequest(`${dashboard.url}${path}`, { headers, agent: false });
  outgoing.on('error', () => {});
  const response = new Promise<IncomingMessage>((resolve) => outgoing.once('response', resolve));
  const pieces = response.then((answer) => answer.setEncoding('utf8')[Symbol.asyncIterator]());
  outgoing.end();
  return {
    response,
    next: async (): Promise<string> => String((await (await pieces).next()).value),
    cut: () => outgoing.destroy(),
  };
}

describe('the live stream through the dashboard', () => {
  it('passes each event at once, also to a browser that accepts compression', async () => {
    const atApi = nextAtApi();
    const browser = open('/api/dashboard/v1/live', { 'accept-encoding': 'gzip, br', 'portico-account': 'ac_1' });
    const { request, response } = await atApi;
    expect(request.headers['portico-account']).toBe('ac_1');
    expect(request.headers.authorization).toBe('Bearer node-credential');
    for (const event of ['data: {"kind":"ping"}\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      response.write(event);
      // Nothing else is written meanwhile: what were held back would never come.
      expect(await browser.next()).toBe(event);
    }
    expect((await browser.response).headers['content-encoding']).toBeUndefined();
    browser.cut();
  });

  it('ends the request at the API when the browser leaves, before the first event and after it', async () => {
    for (let i = 0; i < 20; i++) {
      const atApi = nextAtApi();
      const browser = open('/api/dashboard/v1/live');
      const { response, closed } = await atApi;
      if (i % 2 === 0) {
        response.write('data: 1\n\n');
        await browser.next();
      }
      browser.cut();
      await closed;
    }
  });

  it('ends for the browser when the API ends it', async () => {
    const atApi = nextAtApi();
    const browser = open('/api/dashboard/v1/live');
    (await atApi).response.end('data: {"kind":"signed-out"}\n\n');
    expect(await browser.next()).toBe('data: {"kind":"signed-out"}\n\n');
    expect(await browser.next()).toBe('undefined');
  });
});

describe('the dashboard from the network', () => {
  it('shows the API the address that it knows itself', async () => {
    const atApi = nextAtApi();
    await fetch(`${dashboard.url}/api/dashboard/v1/session`, { headers: { 'x-real-ip': '192.0.2.1' } });
    expect((await atApi).request.headers['x-forwarded-for']).toBe('127.0.0.1');
    // From loopback it is the edge that speaks; of what it passes on only the last entry is its own word.
    const again = nextAtApi();
    await fetch(`${dashboard.url}/api/dashboard/v1/session`, {
      headers: { 'x-forwarded-for': '6.6.6.6, 203.0.113.9' },
    });
    expect((await again).request.headers['x-forwarded-for']).toBe('203.0.113.9');
  });

  it('leads to no route of the API but its own', async () => {
    const before = recorded.length;
    const paths = [
      '/api/internal/v1/sessions/authorize',
      '/api/dashboard/v1/../../internal/v1/nodes/hello',
      '/api/dashboard/v1/%2e%2e/%2e%2e/internal/v1/nodes/hello',
      '/api/dashboard/v1/..%2f..%2finternal%2fv1',
      '/api//internal/v1/nodes/hello',
      '/api/dashboard%2fv1/session',
      '/internal/v1/nodes/hello',
      '/dashboard/v1/session',
    ];
    for (const path of paths) {
      const status = await rawStatus(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
      expect([308, 400, 404], path).toContain(status);
    }
    expect(recorded.length).toBe(before);
  });

  it('refuses what another site sends, before the API hears of it', async () => {
    const before = recorded.length;
    for (const headers of [
      { origin: 'https://shop.portico.localhost:8443' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site', origin: dashboard.url },
      { 'sec-fetch-site': 'same-site' },
      {},
    ]) {
      const answer = await fetch(`${dashboard.url}/api/dashboard/v1/session`, { method: 'POST', headers, body: '{}' });
      expect(answer.status).toBe(403);
      const form = await fetch(`${dashboard.url}/sign-in/submit`, {
        method: 'POST',
        headers,
        body: new URLSearchParams({ email: 'a@b', password: 'c' }),
        redirect: 'manual',
      });
      expect(form.headers.get('location')).toBe('/sign-in?problem=other-site');
      expect(form.headers.getSetCookie()).toEqual([]);
    }
    expect(recorded.length).toBe(before);
  });

  it('never redirects to another site', async () => {
    for (const next of [
      '//evil.example',
      'https://evil.example',
      '/\\evil.example',
      '/%0d%0aevil: 1',
      '/a\r\nset-cookie: x=1',
    ]) {
      const form = await fetch(`${dashboard.url}/sign-in/submit`, {
        method: 'POST',
        headers: { origin: dashboard.url },
        body: new URLSearchParams({ email: 'a@b', password: 'c', next }),
        redirect: 'manual',
      });
      const location = form.headers.get('location') ?? '';
      expect(new URL(location, dashboard.url).origin).toBe(dashboard.url);
      expect(form.headers.getSetCookie()).toEqual([]);
    }
  });

  it('says on every answer how it may be used', async () => {
    for (const path of ['/sign-in', '/nothing-here', '/api/dashboard/v1/session', '/healthz']) {
      const answer = await fetch(`${dashboard.url}${path}`, { redirect: 'manual' });
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(answer.headers.get('referrer-policy')).toBe('same-origin');
      expect(answer.headers.get('x-powered-by')).toBeNull();
      expect(answer.headers.get('strict-transport-security')).toBeNull();
    }
    const secure = await fetch(`${dashboard.url}/sign-in`, { headers: { 'x-forwarded-proto': 'https' } });
    expect(secure.headers.get('strict-transport-security')).toBe('max-age=31536000');
  });

  it('gives a script a nonce or does not give it, and never the same nonce twice', async () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const answer = await fetch(`${dashboard.url}/sign-in`);
      const nonce = /'nonce-([^']+)'/.exec(answer.headers.get('content-security-policy') ?? '')?.[1] ?? '';
      expect(nonce.length).toBeGreaterThanOrEqual(22);
      nonces.add(nonce);
      const html = await answer.text();
      const scripts = [...html.matchAll(/<script\b[^>]*>/g)].map(([tag]) => tag);
      expect(scripts.length).toBeGreaterThan(0);
      for (const tag of scripts) expect(tag).toContain(`nonce="${nonce}"`);
      expect(html).not.toMatch(/<[a-z][^>]*\sstyle="/);
      expect(html).not.toMatch(/<[a-z][^>]*\son[a-z]+=/);
    }
    expect(nonces.size).toBe(3);
  });
});

describe('the end of the dashboard', () => {
  it('comes soon and with exit code 0, also while live streams are open', async () => {
    const address = api.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const second = await startDashboard({ internalUrl: `http://127.0.0.1:${address.port}`, credential: 'x' });
    const atApi = nextAtApi();
    const streaming = fetch(`${second.url}/api/dashboard/v1/live`);
    const { response, closed } = await atApi;
    response.write('data: 1\n\n');
    await streaming;
    const { code, tookMs } = await second.stop();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(5000);
    await closed;
  });

  it('is a sentence when it cannot start', async () => {
    await expect(
      startDashboard({ internalUrl: 'http://127.0.0.1:1', credential: 'x', env: { PORTICO_DASHBOARD_PORT: '70000' } }),
    ).rejects.toThrow('PORTICO_DASHBOARD_PORT is \\"70000\\"; accepted is a number from 0 to 65535');
    await expect(
      startDashboard({
        internalUrl: 'http://127.0.0.1:1',
        credential: 'x',
        env: { PORTICO_DASHBOARD_PORT: String(dashboard.port) },
      }),
    ).rejects.toThrow('EADDRINUSE');
    await expect(startDashboard({ internalUrl: 'ftp://x', credential: 'x' })).rejects.toThrow(
      'PORTICO_INTERNAL_URL is \\"ftp://x\\"',
    );
  });
});

function rawStatus(text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(dashboard.port, '127.0.0.1', () => socket.write(text));
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0)));
  });
}
