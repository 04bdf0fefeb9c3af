import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type Contact, type Heard, LiveStream, type LiveStreamOptions } from './live-stream.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type Handler = (request: IncomingMessage, response: ServerResponse, nth: number) => void;

async function serve(handler: Handler) {
  const requests: IncomingMessage[] = [];
  const left: Promise<void>[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    left.push(new Promise((resolve) => response.once('close', resolve)));
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}/live`, requests, left };
}

function open(url: string, options: Partial<LiveStreamOptions> = {}) {
  const contacts: Contact[] = [];
  const events: string[] = [];
  let changed = () => {};
  const stream = new LiveStream({
    url,
    fields: { 'portico-account': 'ac_1' },
    firstPauseMs: 5,
    pauseMsMax: 20,
    onEvent: (data): Heard => {
      events.push(data);
      changed();
      return data === 'bye' ? 'signed-out' : data === 'junk' ? 'unreadable' : 'message';
    },
    onContact: (contact) => {
      contacts.push(contact);
      changed();
    },
    ...options,
  });
  closers.push(() => stream.close());
  const until = (ready: () => boolean) =>
    new Promise<void>((resolve) => {
      changed = () => ready() && resolve();
      changed();
    });
  const kinds = () => contacts.map((contact) => contact.kind);
  return { stream, contacts, kinds, events, until };
}

const sse = { 'content-type': 'text/event-stream' };

describe('the live stream', () => {
  it('gives events as they come and names its account', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, sse);
      response.write('data: one\n\ndata: two\n\n');
    });
    const page = open(server.url);
    page.stream.start();
    await page.until(() => page.events.length === 2);
    expect(page.events).toEqual(['one', 'two']);
    expect(page.kinds()).toEqual(['connecting', 'live', 'live']);
    expect(server.requests[0]?.headers['portico-account']).toBe('ac_1');
  });

  it('comes back by itself after a cut, a refusal and an unreadable event, waiting longer each time', async () => {
    const server = await serve((_request, response, nth) => {
      if (nth === 1) return response.destroy();
      if (nth === 2) return response.writeHead(503).end();
      response.writeHead(200, sse);
      response.write(nth === 3 ? 'data: junk\n\n' : 'data: back\n\n');
    });
    const page = open(server.url, { now: () => 0, random: () => 0 });
    page.stream.start();
    await page.until(() => page.events.includes('back') && page.kinds().at(-1) === 'live');
    const pauses = page.contacts.map((contact) => (contact.kind === 'lost' ? contact.retryAtMs : contact.kind));
    expect(pauses).toEqual(['connecting', 5, 10, 20, 'live']);
  });

  it('takes silence for a dead connection and lets go of it', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, sse);
      response.write('data: one\n\n');
    });
    const page = open(server.url, { silenceMs: 400 });
    page.stream.start();
    await page.until(() => server.requests.length >= 2);
    expect(page.kinds().slice(0, 3)).toEqual(['connecting', 'live', 'lost']);
    await server.left[0];
  });

  it('says since when it has heard nothing, over all failed tries', async () => {
    let clock = 1000;
    const server = await serve((_request, response, nth) => {
      if (nth > 1) return response.destroy();
      response.writeHead(200, sse);
      response.end('data: one\n\n');
    });
    const page = open(server.url, { now: () => clock++ });
    page.stream.start();
    await page.until(() => page.kinds().filter((kind) => kind === 'lost').length >= 3);
    const since = page.contacts.flatMap((contact) => (contact.kind === 'lost' ? [contact.sinceMs] : []));
    expect(new Set(since).size).toBe(1);
  });

  it('stops for good when signed out or refused', async () => {
    for (const [status, kind] of [
      [401, 'signed-out'],
      [404, 'refused'],
      [403, 'refused'],
    ] as const) {
      const server = await serve((_request, response) => response.writeHead(status).end());
      const page = open(server.url);
      page.stream.start();
      await page.until(() => page.kinds().at(-1) === kind);
      page.stream.tryNow();
      page.stream.start();
      expect(page.kinds()).toEqual(['connecting', kind]);
    }
    const server = await serve((_request, response) => {
      response.writeHead(200, sse);
      response.write('data: bye\n\ndata: more\n\n');
    });
    const page = open(server.url);
    page.stream.start();
    await page.until(() => page.kinds().at(-1) === 'signed-out');
    await server.left[0];
    expect(page.events).toEqual(['bye']);
  });

  it('asks for nothing while it rests, and goes on afterwards', async () => {
    const server = await serve((_request, response, nth) => {
      response.writeHead(200, sse);
      response.write(`data: ${nth}\n\n`);
    });
    const page = open(server.url);
    page.stream.start();
    await page.until(() => page.events.length === 1);
    page.stream.rest();
    await server.left[0];
    expect(server.requests.length).toBe(1);
    page.stream.start();
    await page.until(() => page.events.length === 2);
    expect(page.kinds()).toEqual(['connecting', 'live', 'resting', 'live']);
  });

  it('tries at once when asked to', async () => {
    const server = await serve((_request, response, nth) => {
      if (nth === 1) return response.destroy();
      response.writeHead(200, sse);
      response.write('data: back\n\n');
    });
    const page = open(server.url, { firstPauseMs: 3_600_000, pauseMsMax: 3_600_000 });
    page.stream.start();
    await page.until(() => page.kinds().at(-1) === 'lost');
    page.stream.tryNow();
    await page.until(() => page.kinds().at(-1) === 'live');
  });

  it('ends its request when it is closed', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, sse);
      response.write('data: one\n\n');
    });
    const page = open(server.url);
    page.stream.start();
    await page.until(() => page.events.length === 1);
    page.stream.close();
    await server.left[0];
    expect(page.kinds()).toEqual(['connecting', 'live']);
  });
});
