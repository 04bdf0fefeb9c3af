import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ExchangeResource, exchange, exchangeMessages, exchangeSearch } from '@portico/api-contract/public';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { visit } from '../support/visit.ts';

/** The items of a list of the API. */
function itemsOf(body: unknown): ExchangeResource[] {
  if (typeof body !== 'object' || body === null || !('exchanges' in body)) throw new Error(JSON.stringify(body));
  return exchange.array().parse(body.exchanges);
}

let env: DevEnv;
let url: string;
const received: { method: string; url: string; headers: Record<string, unknown>; body: string }[] = [];
let events: ServerResponse | null = null;
const upstream = createServer((request, response) => {
  if (request.url === '/events') {
    events = response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
    return;
  }
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString('latin1');
  });
  request.on('end', () => {
    received.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    if (request.url === '/hang-up') return response.destroy();
    response.writeHead(201, { 'content-type': 'text/plain', 'set-cookie': 'a=secret-cookie' });
    response.end(request.url === '/big' ? Buffer.alloc(100_000, 'b') : `you sent ${body}`);
  });
});

const sockets = new WebSocketServer({ server: upstream, perMessageDeflate: { threshold: 0 } });
sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`you said ${data}`)));

beforeAll(async () => {
  env = await startDevEnv();
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const endpoint = await env.agent().forward({
    proto: 'http',
    upstream: `127.0.0.1:${port}`,
    url: `https://kept.${env.baseDomain}`,
  });
  url = endpoint.url;
});
afterAll(async () => {
  await env.close();
  sockets.close();
  upstream.close();
});

async function api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(env.api.publicUrl + path, {
    method,
    headers: { authorization: `Bearer ${env.apiKey}`, 'ngrok-version': '2', 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
}

/** The newest exchange of this path, with its contents, once it is recorded. */
async function recorded(path: string, isIt: (found: ExchangeResource) => boolean = () => true) {
  let found: ExchangeResource | undefined;
  await expect
    .poll(
      async () => {
        found = itemsOf((await api('GET', '/exchanges')).body).find((line) => line.path === path && isIt(line));
        return found !== undefined;
      },
      { timeout: 60_000, interval: 100 },
    )
    .toBe(true);
  return exchange.parse((await api('GET', `/exchanges/${found?.id}`)).body);
}

async function search(q: string, more = ''): Promise<{ paths: string[]; last: string; isWhole: boolean }> {
  const { body } = await api('GET', `/exchanges/search?q=${encodeURIComponent(q)}${more}`);
  const found = exchangeSearch.parse(body);
  return {
    paths: found.exchanges.map(({ path }) => path),
    last: found.exchanges.at(-1)?.id ?? '',
    isWhole: found.next_page_uri === null,
  };
}

/** Who sent it, what it was, and the text of it. */
async function messagesOf(id: string, after = 0): Promise<string[]> {
  const { body } = await api('GET', `/exchanges/${id}/messages?after=${after}`);
  return exchangeMessages.parse(body).messages.map(({ from, kind, payload }) => `${from} ${kind} ${text(payload)}`);
}

/** Edges hear of it within five seconds. */
const heard = { timeout: 60_000, interval: 100 };

const capture = async (setting: object): Promise<void> => {
  expect((await api('PATCH', '/capture', setting)).status).toBe(200);
};

const text = (body: string): string => Buffer.from(body, 'base64').toString();
const header = (fields: [string, string][], name: string): string | undefined =>
  fields.find(([given]) => given.toLowerCase() === name)?.[1];

describe('exchanges of an account', () => {
  it('are not kept until it asks for it', async () => {
    await visit(env, `${url}/before`);
    expect(itemsOf((await api('GET', '/exchanges')).body)).toEqual([]);
    const { body } = await api('GET', '/capture');
    expect(body).toMatchObject({ mode: 'off', exchanges: 0 });
  });

  it('are kept whole, without the values of hidden headers', async () => {
    await capture({ mode: 'full' });
    // Edges hear of it within moments; until then nothing is kept.
    await expect
      .poll(async () => {
        await visit(env, `${url}/probe`);
        return itemsOf((await api('GET', '/exchanges')).body).length;
      }, heard)
      .toBeGreaterThan(0);
    const answer = await visit(env, `${url}/hello?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', authorization: 'Bearer top-secret' },
      body: 'dear upstream',
    });
    expect(answer.status).toBe(201);
    const found = await recorded('/hello?x=1');
    expect(found).toMatchObject({ method: 'POST', status_code: 201, outcome: 'complete', error_code: null });
    expect(found).toMatchObject({ request_bytes: 13, response_bytes: 22, replay_of: null });
    expect(found.timing.total_ms).toBeGreaterThanOrEqual(found.timing.wait_ms ?? 0);
    expect(text(found.request?.body ?? '')).toBe('dear upstream');
    expect(text(found.response?.body ?? '')).toBe('you sent dear upstream');
    expect(header(found.request?.headers ?? [], 'authorization')).toBe('');
    expect(header(found.response?.headers ?? [], 'set-cookie')).toBe('');
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it('keep the beginning of a long body, and say that there was more', async () => {
    await visit(env, `${url}/big`);
    const found = await recorded('/big');
    expect(found.response_bytes).toBe(100_000);
    expect(found.response?.truncated).toBe(true);
    expect(Buffer.from(found.response?.body ?? '', 'base64')).toEqual(Buffer.alloc(10_240, 'b'));
  });

  it('tell what the edge answered by itself, under the id that the page shows', async () => {
    const page = await visit(env, `${url}/hang-up`, { headers: { accept: 'text/html' } });
    const found = await recorded('/hang-up');
    expect(found.status_code).toBe(page.status);
    expect(found.error_code).toMatch(/^ERR_NGROK_\d+$/);
    expect(page.body.toString()).toContain(found.id);
  });

  it('are sent again, with what is to be different, and known as repetitions', async () => {
    const original = await recorded('/hello?x=1', ({ replay_of }) => replay_of === null);
    received.length = 0;
    const plain = await api('POST', `/exchanges/${original.id}/replay`, {});
    expect(plain).toMatchObject({ status: 200, body: { status_code: 201 } });
    expect(received[0]).toMatchObject({ method: 'POST', url: '/hello?x=1', body: 'dear upstream' });
    // A hidden value is not shown, but it is sent.
    expect(received[0]?.headers.authorization).toBe('Bearer top-secret');
    expect(received[0]?.headers['portico-replay']).toBeUndefined();

    const changes = {
      method: 'PUT',
      path: '/changed',
      headers: [
        ['Authorization', ''],
        ['X-New', 'yes'],
      ],
      body: Buffer.from('other words').toString('base64'),
    };
    expect(await api('POST', `/exchanges/${original.id}/replay`, changes)).toMatchObject({ status: 200 });
    expect(received[1]).toMatchObject({ method: 'PUT', url: '/changed', body: 'other words' });
    expect(received[1]?.headers).toMatchObject({ authorization: 'Bearer top-secret', 'x-new': 'yes' });
    expect(received[1]?.headers['content-type']).toBeUndefined();

    const replay = await recorded('/changed');
    expect(replay.replay_of).toBe(original.id);
    expect(replay.replayed_by).toMatch(/^usr_/);
    const { body } = await api('GET', `/exchanges/${original.id}/replays`);
    expect(itemsOf(body).map(({ path }) => path)).toEqual(expect.arrayContaining(['/hello?x=1', '/changed']));
  });

  it('cannot be sent again when not all was kept, or to an address that is not the account’s', async () => {
    await visit(env, `${url}/long`, { method: 'POST', body: Buffer.alloc(50_000, 'a') });
    const { id } = await recorded('/long');
    expect((await api('POST', `/exchanges/${id}/replay`, {})).status).toBe(409);
    const elsewhere = { url: 'https://internal.example.com', body: '' };
    expect((await api('POST', `/exchanges/${id}/replay`, elsewhere)).status).toBe(404);
    const broken = { body: '', headers: [['bad name', 'x']] };
    expect(await api('POST', `/exchanges/${id}/replay`, broken)).toMatchObject({ status: 400 });
  });

  it('tell of a WebSocket when it begins, its messages as they pass, and how it ended', async () => {
    const { hostname } = new URL(url);
    const client = new WebSocket(`wss://${hostname}:${env.https.port}/socket`, {
      lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
      ca: readFileSync(env.caFile),
    });
    const answers: string[] = [];
    client.on('message', (data) => answers.push(String(data)));
    await new Promise((resolve, reject) => client.once('open', resolve).once('error', reject));
    client.send('hello');
    const open = await recorded('/socket', ({ message_count: count }) => count >= 2);
    expect(open).toMatchObject({ outcome: 'open', status_code: 101 });
    expect(answers).toEqual(['you said hello']);
    client.send('and again');
    await expect.poll(() => messagesOf(open.id), { timeout: 60_000 }).toHaveLength(4);
    expect(await messagesOf(open.id)).toEqual([
      'visitor text hello',
      'upstream text you said hello',
      'visitor text and again',
      'upstream text you said and again',
    ]);
    expect(await messagesOf(open.id, 3)).toEqual(['upstream text you said and again']);
    client.close(1000, 'enough');
    const over = await recorded('/socket', ({ outcome }) => outcome === 'upgraded');
    expect(over.id).toBe(open.id);
    expect(over.timing.total_ms).toBeGreaterThan(open.timing.total_ms);
    expect(over.request_bytes).toBeGreaterThan(0);
    await expect
      .poll(async () => (await messagesOf(open.id)).at(4), { timeout: 60_000 })
      .toMatch(/^visitor close .*enough$/s);
  });

  it('tell of a stream of events while it lasts', async () => {
    const whole = visit(env, `${url}/events`);
    whole.catch(() => {});
    const open = await recorded('/events', ({ message_count: count }) => count === 1);
    expect(open.outcome).toBe('open');
    events?.end('id: 2\ndata: last\n\n');
    expect((await whole).body.toString()).toContain('last');
    const over = await recorded(
      '/events',
      ({ outcome, message_count: count }) => outcome === 'complete' && count === 2,
    );
    expect(over.id).toBe(open.id);
    expect(text(over.response?.body ?? '')).toBe('data: first\n\nid: 2\ndata: last\n\n');
    expect(await messagesOf(open.id)).toEqual(['upstream event data: first', 'upstream event id: 2\ndata: last']);
  });

  it('are not passed off as repetitions by a visitor', async () => {
    const original = await recorded('/hello?x=1');
    await visit(env, `${url}/forged`, { headers: { 'portico-replay': `v1.x.${original.id}.y` } });
    expect((await recorded('/forged')).replay_of).toBeNull();
  });

  it('are found by a filter, removed one by one, and all at once when the account keeps nothing any more', async () => {
    const filter = encodeURIComponent('obj.status_code >= 500 || obj.path.startsWith("/big")');
    const exchanges = itemsOf((await api('GET', `/exchanges?filter=${filter}`)).body);
    expect(new Set(exchanges.map(({ path }) => path))).toEqual(new Set(['/big', '/hang-up']));
    const [first] = exchanges;
    expect((await api('DELETE', `/exchanges/${first?.id}`)).status).toBe(204);
    expect((await api('GET', `/exchanges/${first?.id}`)).status).toBe(404);
    await capture({ mode: 'off' });
    expect(itemsOf((await api('GET', '/exchanges')).body)).toEqual([]);
  });

  it('are found by words in path and headers, and by terms, but not by what is hidden', async () => {
    await capture({ mode: 'full' });
    await expect
      .poll(async () => {
        const headers = { 'x-order': 'Blue-Whale 7', authorization: 'Bearer top-secret' };
        await visit(env, `${url}/ordered`, { method: 'POST', headers, body: 'x' });
        return (await search('header:x-order=whale')).paths;
      }, heard)
      .toContain('/ordered');
    await visit(env, `${url}/unordered`);
    await recorded('/unordered');
    for (const q of ['blue-whale', '"blue-whale 7" method:POST', 'header:x-order status:201', 'ordered -unordered']) {
      const { paths, isWhole } = await search(q);
      expect(new Set(paths), q).toEqual(new Set(['/ordered']));
      expect(isWhole).toBe(true);
    }
    for (const q of [
      'top-secret',
      'header:authorization=bearer',
      'secret-cookie',
      'blue-whale method:GET',
      'whale -x-order',
    ]) {
      expect((await search(q)).paths, q).toEqual([]);
    }
    expect((await search('header:authorization')).paths).toContain('/ordered');
    // Page by page, each once.
    const all = await search('ordered');
    const first = await search('ordered', '&limit=1');
    expect(first.paths).toHaveLength(1);
    expect(first.isWhole).toBe(false);
    const rest = await search('ordered', `&before_id=${first.last}`);
    expect([...first.paths, ...rest.paths]).toEqual(all.paths);
    await capture({ mode: 'off' });
  });

  it('are kept as lines alone where no contents are wanted', async () => {
    await capture({ mode: 'metadata' });
    // An edge that has not heard of it yet may still keep one whole.
    let found: ExchangeResource | null = null;
    await expect
      .poll(async () => {
        await visit(env, `${url}/line`, { method: 'POST', body: 'not kept' });
        const [newest] = itemsOf((await api('GET', '/exchanges')).body);
        if (newest?.path !== '/line') return false;
        found = exchange.parse((await api('GET', `/exchanges/${newest.id}`)).body);
        return found.request === null;
      }, heard)
      .toBe(true);
    expect(found).toMatchObject({ request: null, response: null, request_bytes: 8, status_code: 201 });
  });

  it('refuse settings out of range by their name', async () => {
    const { status, body } = await api('PATCH', '/capture', { retention_hours: 100_000 });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain('retention_hours');
  });
});
