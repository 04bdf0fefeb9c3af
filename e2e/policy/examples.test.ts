import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Agent } from '@portico/agent';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import {
  type CompiledPolicy,
  type ExplainedTraffic,
  explain,
  formatProblem,
  loadPolicy,
  type PhaseEnd,
} from '@portico/traffic-policy';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { httpUpstream, tcpUpstream, type Upstream } from '../support/upstream.ts';
import { type Asked, type Seen, visitFrom } from '../support/visit-from.ts';

/**
 * Every file of examples/policies: it loads, what `explain` says of a request is what the edge then does with it, and it
 * does what its first lines promise. One edge, one agent, an endpoint for each.
 */
const folder = join(import.meta.dirname, '../../examples/policies');
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.yml') ? [file.slice(0, -'.yml'.length)] : []));
const textOf = (name: string) => readFileSync(join(folder, `${name}.yml`), 'utf8');

const OFFICE = '203.0.113.7';
const STRANGER = '198.51.100.9';

let env: DevEnv;
let agent: Agent;
let upstream: Upstream;
/** Requests of which `explain` knew the answer. */
let explained = 0;
/** What the upstream was asked last. */
let received: { method: string; url: string; headers: Record<string, string> } | null = null;

type Ask = Partial<Omit<Asked, 'url'>> & {
  readonly path?: string;
  readonly scheme?: 'http' | 'https';
  readonly host?: string;
};

interface Example {
  /** An agent's endpoint, or one of the cloud. */
  readonly on: 'agent' | 'cloud';
  /** Instead of `https://NAME.<base>`. */
  readonly url?: () => string;
  readonly run: (ask: (ask?: Ask) => Promise<Seen>) => Promise<void>;
  /** Secrets for `explain`. */
  readonly secrets?: Readonly<Record<string, string>>;
}

const host = (name: string) => `${name}.${env.baseDomain}`;
const secretsOf = new Map([
  ['partners', { 'api-key': 'key-of-the-partner' }],
  ['upstream', { token: 'shared-with-the-service' }],
]);

/** As the API asks of its callers, comes again after a 503: many changes at once wait for each other. */
async function api(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(`${env.api.publicUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${env.apiKey}`, 'content-type': 'application/json', 'ngrok-version': '2' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status < 300) return text === '' ? {} : JSON.parse(text);
    if (response.status !== 503 || tries === 20) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const cloud = (url: string, policy: string) =>
  api('POST', '/endpoints', { url, type: 'cloud', traffic_policy: policy });

beforeAll(async () => {
  env = await startDevEnv({ settings: { PORTICO_TRUSTED_PROXIES: '127.0.0.1' } });
  upstream = await httpUpstream((request, response) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    received = { method: request.method ?? '', url: request.url ?? '', headers };
    if (request.url === '/fails') {
      response.writeHead(500).end('sick');
      return;
    }
    if (request.url === '/page') {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(`<a href="http://localhost:3000/next">next</a>${'<p>long</p>'.repeat(500)}`);
      return;
    }
    if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: from ada.l@mail.example.org to bob@example.com\n\n');
      response.end('event: note\ndata: @ home\n\n: bye@example.com\n\n');
      return;
    }
    response.writeHead(200, { server: 'Apache/2.4.1', 'x-powered-by': 'PHP/5.3', 'content-type': 'text/plain' });
    response.end(`${request.method} ${request.url}`);
  });
  agent = env.agent();
  for (const [vault, secrets] of secretsOf) {
    const { id } = await api('POST', '/vaults', { name: vault });
    for (const [name, value] of Object.entries(secrets)) {
      await api('POST', '/vault_secrets', { vault_id: id, name, value });
    }
  }
  // What the examples forward to: some answered by a policy, one by an agent.
  const answers = ['api', 'docs', 'stable', 'next', 'acme'].map((name) =>
    cloud(
      `https://${name}.internal`,
      JSON.stringify({ on_http_request: [{ actions: [{ type: 'custom-response', config: { body: name } }] }] }),
    ),
  );
  await Promise.all([
    ...answers,
    agent.forward({ proto: 'http', url: 'https://web.internal', upstream: String(upstream.port) }),
  ]);
  await api('POST', '/reserved_domains', { domain: `*.shop.${env.baseDomain}` });
  await Promise.all(
    names.map(async (name) => {
      const example = examples[name];
      if (example === undefined) return;
      const url = example.url?.() ?? `https://${host(name)}`;
      const policy = textOf(name);
      if (example.on === 'cloud') await cloud(url, policy);
      else await agent.forward({ proto: 'http', url, upstream: String(upstream.port), trafficPolicy: policy });
    }),
  );
});

afterAll(async () => {
  await env.close();
  await upstream.close();
});

const examples: Readonly<Record<string, Example>> = {
  'ask-for-a-password': {
    on: 'agent',
    run: async (ask) => {
      const refused = await ask();
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([
        401,
        'Basic realm="Preview", charset="UTF-8"',
      ]);
      const basic = (text: string) => ({ headers: { authorization: `Basic ${btoa(text)}` } });
      expect((await ask(basic('preview:let-me-see'))).status).toBe(200);
      expect((await ask(basic('preview:let-me-in'))).status).toBe(401);
    },
  },
  'only-from-the-office': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask({ from: OFFICE })).status).toBe(200);
      expect((await ask()).status).toBe(403);
      expect((await ask({ from: '203.0.113.66' })).status).toBe(403);
    },
  },
  'admin-only-from-the-office': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask({ path: '/admin/users' })).status).toBe(404);
      expect((await ask({ path: '/admin/users', from: OFFICE })).status).toBe(200);
      expect((await ask({ path: '/' })).status).toBe(200);
    },
  },
  'maintenance-page': {
    on: 'cloud',
    run: async (ask) => {
      const page = await ask({ path: '/anything' });
      expect([page.status, page.headers['retry-after']]).toEqual([503, '3600']);
      expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(page.body).toContain('<h1>Back soon</h1>');
    },
  },
  'http-to-https': {
    on: 'agent',
    url: () => `http://${host('http-to-https')}`,
    run: async (ask) => {
      const moved = await ask({ scheme: 'http', path: '/a?b=c' });
      expect([moved.status, moved.headers.location]).toEqual([308, `https://${host('http-to-https')}/a?b=c`]);
    },
  },
  'old-links': {
    on: 'agent',
    run: async (ask) => {
      const moved = await ask({ path: '/blog/2019/hello?a=1' });
      expect(moved.status).toBe(301);
      expect(moved.headers.location).toMatch(/\/articles\/hello\?a=1$/);
      expect((await ask({ path: '/blog/latest' })).status).toBe(200);
    },
  },
  'rewrite-paths': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask({ path: '/v2/users?page=2' })).body).toBe('GET /api/users?page=2');
      expect((await ask({ path: '/users' })).body).toBe('GET /users');
    },
  },
  'security-headers': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask()).headers).toMatchObject({
        'strict-transport-security': 'max-age=31536000',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
    },
  },
  'hide-the-software': {
    on: 'agent',
    run: async (ask) => {
      const { headers, status } = await ask();
      expect([status, headers.server, headers['x-powered-by']]).toEqual([200, undefined, undefined]);
    },
  },
  'development-server': {
    on: 'agent',
    run: async (ask) => {
      await ask();
      expect(received?.headers.host).toBe('localhost');
      expect(received?.headers['x-forwarded-host']).toBe(host('development-server'));
    },
  },
  'limit-each-visitor': {
    on: 'agent',
    run: async (ask) => {
      const statuses: number[] = [];
      for (let index = 0; index < 31; index += 1) statuses.push((await ask()).status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(30);
      const limited = await ask();
      expect(limited.status).toBe(429);
      expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
      expect((await ask({ from: OFFICE })).status).toBe(200);
    },
  },
  'slow-down-guessing': {
    on: 'agent',
    run: async (ask) => {
      const guess = { method: 'POST', path: '/login', body: 'password=1234' };
      for (let index = 0; index < 5; index += 1) expect((await ask(guess)).status).toBe(200);
      expect((await ask(guess)).status).toBe(429);
      expect((await ask({ path: '/login' })).status).toBe(200);
    },
  },
  'turn-away-crawlers': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask({ headers: { 'user-agent': 'GPTBot/1.2' } })).status).toBe(403);
      expect((await ask({ headers: { 'user-agent': 'python-requests/2.31' } })).status).toBe(403);
      const person = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36';
      expect((await ask({ headers: { 'user-agent': person } })).status).toBe(200);
      expect((await ask({ path: '/robots.txt' })).body).toBe('User-agent: *\nDisallow: /\n');
    },
  },
  'let-browsers-call-the-api': {
    on: 'agent',
    run: async (ask) => {
      const preflight = await ask({ method: 'OPTIONS', headers: { 'access-control-request-method': 'POST' } });
      expect(preflight.status).toBe(204);
      expect(preflight.headers['access-control-allow-origin']).toBe('https://app.example.com');
      expect(preflight.headers['access-control-allow-methods']).toContain('PATCH');
      const answer = await ask({ method: 'POST', body: '{}' });
      expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, 'https://app.example.com']);
    },
  },
  'check-an-api-key': {
    on: 'agent',
    run: async (ask) => {
      expect([(await ask()).status, (await ask()).body]).toEqual([401, '{"error": "send the header x-api-key"}']);
      expect((await ask({ headers: { 'x-api-key': 'guess' } })).status).toBe(401);
      expect((await ask({ headers: { 'x-api-key': 'partner-7f3a90c1' } })).status).toBe(200);
      expect(received?.headers['x-api-key']).toBeUndefined();
    },
  },
  'key-from-a-vault': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask()).status).toBe(401);
      expect((await ask({ headers: { 'x-api-key': 'key-of-the-partner' } })).status).toBe(200);
    },
  },
  'sign-the-upstream': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask({ headers: { 'x-gateway-token': 'forged' } })).status).toBe(200);
      expect(received?.headers['x-gateway-token']).toBe('shared-with-the-service');
    },
  },
  'several-services-behind-one-name': {
    on: 'cloud',
    run: async (ask) => {
      expect((await ask({ path: '/api/users' })).body).toBe('api');
      expect((await ask({ path: '/docs/start' })).body).toBe('docs');
      expect((await ask({ path: '/index.html' })).body).toBe('GET /index.html');
      expect(received?.headers.host).toContain('several-services-behind-one-name');
    },
  },
  'one-name-for-each-customer': {
    on: 'cloud',
    url: () => `https://*.shop.${env.baseDomain}`,
    run: async (ask) => {
      expect((await ask({ host: `acme.shop.${env.baseDomain}` })).body).toBe('acme');
      expect((await ask({ host: `nobody.shop.${env.baseDomain}` })).status).toBe(404);
    },
  },
  'page-when-nobody-is-online': {
    on: 'cloud',
    run: async (ask) => {
      const asleep = await ask();
      expect([asleep.status, asleep.body]).toEqual([503, expect.stringContaining('My laptop sleeps')]);
      const laptop = await agent.forward({
        proto: 'http',
        url: 'https://laptop.internal',
        upstream: String(upstream.port),
      });
      expect((await ask({ path: '/awake' })).body).toBe('GET /awake');
      await laptop.close();
      expect((await ask()).status).toBe(503);
    },
  },
  'try-a-new-version': {
    on: 'cloud',
    run: async (ask) => {
      for (let index = 0; index < 3; index += 1) {
        expect((await ask({ headers: { cookie: 'beta=1' } })).body).toBe('next');
      }
      const seen = new Set<string>();
      for (let index = 0; index < 300 && seen.size < 2; index += 1) seen.add((await ask()).body);
      expect([...seen].sort()).toEqual(['next', 'stable']);
    },
  },
  'answer-health-checks': {
    on: 'agent',
    run: async (ask) => {
      received = null;
      const health = await ask({ path: '/healthz' });
      expect([health.status, JSON.parse(health.body).status, received]).toEqual([200, 'ok', null]);
      expect((await ask({ path: '/' })).body).toBe('GET /');
    },
  },
  'compress-answers': {
    on: 'agent',
    run: async (ask) => {
      const headers = { 'accept-encoding': 'gzip' };
      expect((await ask({ path: '/page', headers })).headers['content-encoding']).toBe('gzip');
      expect((await ask({ path: '/page' })).headers['content-encoding']).toBeUndefined();
    },
  },
  'links-to-localhost': {
    on: 'agent',
    run: async (ask) => {
      const page = await ask({ path: '/page', headers: { 'accept-encoding': 'gzip' } });
      expect(page.body).toContain(`<a href="https://${host('links-to-localhost')}/next">`);
      expect(page.body).not.toContain('localhost:3000');
      expect(page.headers['content-length']).toBe(String(Buffer.byteLength(page.body)));
    },
  },
  'mask-emails-in-event-streams': {
    on: 'agent',
    run: async (ask) => {
      const events = await ask({ path: '/events' });
      expect(events.body).toBe(
        'data: from [address] to [address]\n\nevent: note\ndata: @ home\n\n: bye@example.com\n\n',
      );
    },
  },
  'read-only': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask()).status).toBe(200);
      const refused = await ask({ method: 'DELETE', path: '/things/1' });
      expect([refused.status, refused.headers.allow]).toEqual([405, 'GET, HEAD']);
    },
  },
  'no-large-uploads': {
    on: 'agent',
    run: async (ask) => {
      received = null;
      expect((await ask({ method: 'POST', announced: 1_048_577 })).status).toBe(413);
      expect(received).toBeNull();
      expect((await ask({ method: 'POST', body: 'small' })).status).toBe(200);
    },
  },
  'webhooks-from-github': {
    on: 'agent',
    run: async (ask) => {
      const body = '{"zen": "Design for failure."}';
      const signature = createHmac('sha256', 'it-is-a-secret-to-everybody').update(body).digest('hex');
      const send = (value: string) =>
        ask({ method: 'POST', path: '/webhooks/github', body, headers: { 'x-hub-signature-256': `sha256=${value}` } });
      expect((await send(signature)).status).toBe(200);
      expect((await send('0'.repeat(64))).status).toBe(403);
      expect((await ask({ path: '/' })).status).toBe(404);
    },
  },
  'webhooks-from-stripe': {
    on: 'agent',
    run: async (ask) => {
      const body = '{"type": "invoice.paid"}';
      const send = (at: number) => {
        const v1 = createHmac('sha256', 'whsec_5ba1f0d2a7c94e6e8f3b1d0c9a8e7f65').update(`${at}.${body}`).digest('hex');
        return ask({ method: 'POST', body, headers: { 'stripe-signature': `t=${at},v1=${v1}` } });
      };
      const now = Math.floor(Date.now() / 1_000);
      expect((await send(now)).status).toBe(200);
      expect((await send(now - 3_600)).status).toBe(403);
    },
  },
  'number-every-request': {
    on: 'agent',
    run: async (ask) => {
      const { headers } = await ask();
      expect(headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
      expect(received?.headers['x-request-id']).toBe(headers['x-request-id']);
      expect((await ask()).headers['x-request-id']).not.toBe(headers['x-request-id']);
      expect((await ask({ headers: { 'x-request-id': 'mine' } })).headers['x-request-id']).toBe('mine');
    },
  },
  'keep-previews-out-of-search': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask()).headers['x-robots-tag']).toBe('noindex, nofollow, noarchive');
    },
  },
  'log-what-looks-odd': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask({ path: '/wp-login.php' })).status).toBe(404);
      expect((await ask({ path: '/.env' })).status).toBe(404);
      expect((await ask({ path: '/environment' })).status).toBe(200);
    },
  },
  'show-what-arrives': {
    on: 'cloud',
    run: async (ask) => {
      const shown = await ask({ path: '/a/b?c=d', headers: { 'x-mine': 'yes' } });
      expect(JSON.parse(shown.body)).toMatchObject({
        method: 'GET',
        path: '/a/b',
        query: 'c=d',
        client: STRANGER,
        headers: { 'x-mine': ['yes'] },
      });
    },
  },
  'stop-asking-a-sick-service': {
    on: 'agent',
    run: async (ask) => {
      for (let index = 0; index < 12; index += 1) await ask({ path: '/fails' });
      expect((await ask({ path: '/' })).status).toBe(503);
    },
  },
  'require-google-sign-in': {
    on: 'agent',
    run: async (ask) => {
      received = null;
      const page = await ask({ path: '/tool?x=1' });
      const target = new URL(page.headers.location ?? '');
      expect([page.status, target.origin]).toEqual([302, 'https://accounts.google.com']);
      expect(target.searchParams.get('redirect_uri')).toMatch(
        /^https:\/\/require-google-sign-in\..+\/ngrok\/oauth2\/callback$/,
      );
      expect((await ask({ method: 'POST' })).status).toBe(401);
      expect(received).toBeNull();
    },
  },
  'sign-in-for-some-pages': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask({ path: '/' })).status).toBe(200);
      const page = await ask({ path: '/admin/users' });
      expect([page.status, new URL(page.headers.location ?? '').host]).toEqual([302, 'github.com']);
      expect((await ask({ path: '/ngrok/oauth2/callback' })).status).toBe(400);
    },
  },
  'sign-in-at-our-own-issuer': {
    on: 'agent',
    run: async (ask) => {
      received = null;
      // The issuer is an example, so nobody is sent there; whoever has no session stays outside all the same.
      expect((await ask({ method: 'POST' })).status).toBe(401);
      expect((await ask({ headers: { cookie: '__Host-portico.session=forged' }, method: 'PUT' })).status).toBe(401);
      expect(received).toBeNull();
    },
  },
  'check-tokens': {
    on: 'agent',
    run: async (ask) => {
      received = null;
      expect((await ask({ path: '/health' })).body).toBe('ok');
      expect((await ask({ path: '/orders' })).status).toBe(401);
      expect((await ask({ path: '/orders', headers: { authorization: 'Basic YTpi' } })).status).toBe(401);
      expect((await ask({ path: '/orders', headers: { authorization: 'Bearer forged' } })).status).toBe(403);
      expect(received).toBeNull();
    },
  },
  'webhooks-from-slack': {
    on: 'agent',
    run: async (ask) => {
      const body = 'command=%2Fdeploy&text=now';
      const send = (at: number) => {
        const v0 = createHmac('sha256', '8f742231b10e8888abcd99yyyzzz85a5').update(`v0:${at}:${body}`).digest('hex');
        return ask({
          method: 'POST',
          body,
          headers: { 'x-slack-request-timestamp': String(at), 'x-slack-signature': `v0=${v0}` },
        });
      };
      const now = Math.floor(Date.now() / 1_000);
      expect((await send(now)).status).toBe(200);
      expect((await send(now - 3_600)).status).toBe(403);
    },
  },
  'ask-a-service-first': {
    on: 'agent',
    run: async (ask) => {
      expect((await ask()).status).toBe(404);
      const judge = await httpUpstream((request, response) => {
        const allows = request.url === '/allowed?path=%2Fopen' && request.headers['x-api-key'] === 'key';
        response.writeHead(allows ? 200 : 403).end();
      });
      const endpoint = await agent.forward({
        proto: 'http',
        url: 'https://judge.internal',
        upstream: String(judge.port),
      });
      expect((await ask({ path: '/open', headers: { 'x-api-key': 'key' } })).status).toBe(200);
      expect((await ask({ path: '/open' })).status).toBe(403);
      expect((await ask({ path: '/closed', headers: { 'x-api-key': 'key' } })).status).toBe(403);
      await endpoint.close();
      await judge.close();
    },
  },
  'closed-at-night': {
    on: 'agent',
    run: async (ask) => {
      const hour = Number(
        new Intl.DateTimeFormat('en-GB', { hour: '2-digit', hour12: false, timeZone: 'Europe/Berlin' }).format(
          new Date(),
        ),
      );
      expect((await ask()).status).toBe(hour < 8 || hour >= 18 ? 503 : 200);
    },
  },
};

/** Those for connections: what comes back of one from an address; '' when it is closed without a word. */
const overTcp: Readonly<Record<string, (policy: string) => Promise<void>>> = {
  'allow-list-for-tcp': async (policy) => {
    const greeting = await tcpUpstream((socket) => socket.end('welcome'));
    const endpoint = await agent.forward({ proto: 'tcp', upstream: String(greeting.port), trafficPolicy: policy });
    const port = Number(new URL(endpoint.url).port);
    expect(await hear(port, OFFICE)).toBe('welcome');
    expect(await hear(port, STRANGER)).toBe('');
    await endpoint.close();
    await greeting.close();
  },
  'database-by-office-network': async (policy) => {
    const databases = await Promise.all(
      ['primary', 'replica'].map(async (name) => {
        const database = await tcpUpstream((socket) => socket.end(name));
        await agent.forward({ proto: 'tcp', url: `tcp://${name}.internal:5432`, upstream: String(database.port) });
        return database;
      }),
    );
    const port = await freePort();
    await cloud(`tcp://localhost:${port}`, policy);
    await vi.waitFor(async () => expect(await hear(port, OFFICE)).toBe('primary'), 10_000);
    expect(await hear(port, STRANGER)).toBe('replica');
    for (const database of databases) await database.close();
  },
};

function hear(port: number, from: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(`PROXY TCP4 ${from} 127.0.0.1 40000 ${port}\r\n`));
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the example policies', () => {
  it('are at least 25, each with its task in its first lines, and in the README', () => {
    expect(names.length).toBeGreaterThanOrEqual(25);
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    for (const name of names) {
      expect(textOf(name)).toMatch(/^# What: .+\n(#.*\n)*# Who: {2}.+\n(#.*\n)*# Try: {2}.+\n/);
      expect(readme).toContain(`(${name}.yml)`);
    }
  });

  it.each(names.filter((name) => overTcp[name] !== undefined))('%s', async (name) => {
    const loaded = loadPolicy(textOf(name), { protocol: 'tcp', kind: 'agent', internal: false });
    if (loaded.kind === 'refused') throw new Error(loaded.problems.map(formatProblem).join('\n'));
    const seen = {
      request: null,
      response: null,
      endpoint: { id: 'ep_x', url: '', host: '', port: 1, protocol: 'tcp' },
    };
    const ends = [OFFICE, STRANGER].map(
      (clientIp) => explain(loaded.policy, { ...seen, connection: connectionOf(clientIp) }).phases[0]?.end.kind,
    );
    expect(ends[0]).not.toBe('failed');
    expect(ends[0]).not.toBe('closed');
    await overTcp[name]?.(textOf(name));
  });

  it.each(names.filter((name) => overTcp[name] === undefined))('%s', async (name) => {
    const example = examples[name];
    if (example === undefined) throw new Error(`examples/policies/${name}.yml has no test`);
    const loaded = loadPolicy(textOf(name));
    if (loaded.kind === 'refused') throw new Error(loaded.problems.map(formatProblem).join('\n'));
    await example.run(async (ask = {}) => {
      const { path = '/', scheme = 'https', from = STRANGER, host: asked = host(name), ...rest } = ask;
      const expected = explainedEnd(loaded.policy, { path, scheme, from, host: asked, ...rest });
      const seen = await visitFrom(env, { url: `${scheme}://${asked}${path}`, from, ...rest });
      if (expected?.kind === 'answered') {
        explained += 1;
        expect([expected.by, expected.status]).toEqual([expected.by, seen.status]);
      }
      return seen;
    });
  });

  it('do what explain says: it knew many of the answers', () => {
    expect(explained).toBeGreaterThan(15);
  });
});

function connectionOf(clientIp: string): ExplainedTraffic['connection'] {
  return {
    clientIp,
    clientPort: 40_000,
    serverIp: '127.0.0.1',
    serverPort: 443,
    serverRegion: '',
    startedAt: new Date(),
    bytesIn: 0,
    bytesOut: 0,
    tls: null,
    ipFacts: () => null,
  };
}

/** What `explain` says becomes of the request. Null where it says that this depends on what it cannot know. */
function explainedEnd(
  policy: CompiledPolicy,
  {
    path,
    scheme,
    from,
    host: name,
    method = 'GET',
    headers = {},
    body,
    announced,
  }: Required<Pick<Ask, 'path' | 'scheme' | 'from' | 'host'>> & Ask,
): PhaseEnd | null {
  const now = new Date();
  const explanation = explain(
    policy,
    {
      connection: connectionOf(from),
      endpoint: { id: 'ep_x', url: `${scheme}://${name}`, host: name, port: 443, protocol: scheme },
      request: {
        method,
        scheme,
        authority: name,
        target: path,
        version: 'HTTP/1.1',
        fields: Object.entries(headers).flat(),
        trailers: [],
        contentLength: announced ?? (body === undefined ? 0 : Buffer.byteLength(body)),
        headerReceivedAt: now,
        bodyReceivedAt: null,
      },
      response: { statusCode: 200, fields: ['content-type', 'text/plain'], trailers: [], contentLength: null },
    },
    {
      secrets: {
        get: (vault, secret) => Object.entries(secretsOf.get(vault) ?? {}).find(([key]) => key === secret)?.[1] ?? null,
      },
    },
  );
  const isOpen = explanation.phases.some(({ rules }) => rules.some(({ verdict }) => verdict === 'unknown'));
  const phase = explanation.phases.find(({ end }) => end.kind !== 'forwarded');
  return isOpen ? null : (phase?.end ?? null);
}
