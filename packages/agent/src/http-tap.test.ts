import { describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import { type Exchange, HttpTap } from './http-tap.ts';

function tap(): { tap: HttpTap; seen: Exchange[]; last(): Exchange | undefined } {
  const seen: Exchange[] = [];
  const made = new HttpTap({
    endpoint: 'web',
    clientIp: '192.0.2.1',
    clock: systemClock,
    onExchange: (each) => seen.push(each),
  });
  return { tap: made, seen, last: () => seen.at(-1) };
}

const get = (path: string): Buffer => Buffer.from(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
const ok = (body: string): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);

describe('the tap of a stream', () => {
  it('tells a request when its head is there, its answer, and its end', () => {
    const { tap: it, seen } = tap();
    it.request(get('/a?b=c'));
    it.response(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe'));
    it.response(Buffer.from('llo'));
    expect(seen.map(({ method, path, status, state }) => [method, path, status, state])).toEqual([
      ['GET', '/a?b=c', null, 'open'],
      ['GET', '/a?b=c', 200, 'open'],
      ['GET', '/a?b=c', 200, 'done'],
    ]);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
  });

  it('follows one connection through many exchanges, cut into single bytes', () => {
    const { tap: it, seen } = tap();
    for (let i = 0; i < 5; i += 1) {
      for (const byte of Buffer.from(
        `POST /${i} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      ))
        it.request(Buffer.from([byte]));
      for (const byte of ok(`answer ${i}`)) it.response(Buffer.from([byte]));
    }
    it.closed(true);
    const done = seen.filter(({ state }) => state !== 'open');
    expect(done.map(({ path, state, status }) => [path, state, status])).toEqual(
      [0, 1, 2, 3, 4].map((i) => [`/${i}`, 'done', 200]),
    );
  });

  it('shows an upgrade as open until its stream is over', () => {
    const { tap: it, last } = tap();
    it.request(Buffer.from('GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'));
    it.response(
      Buffer.from('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x05hello'),
    );
    it.request(Buffer.from('GET / HTTP/1.1 is only text now'));
    expect(last()).toMatchObject({ upgrade: 'websocket', status: 101, state: 'open' });
    it.closed(true);
    expect(last()).toMatchObject({ status: 101, state: 'done' });
  });

  it('shows an upstream that cannot be dialled as a 502 with its reason', () => {
    const { tap: it, last } = tap();
    it.request(get('/x'));
    it.failed('connect ECONNREFUSED 127.0.0.1:3000');
    expect(last()).toMatchObject({ status: 502, reason: 'upstream refused', state: 'done' });
    it.closed(false);
  });

  it('shows a cut as a cut', () => {
    const { tap: it, last } = tap();
    it.request(get('/x'));
    it.response(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe'));
    it.closed(false);
    expect(last()).toMatchObject({ status: 200, state: 'cut' });
  });

  it('ends an answer without length with its stream', () => {
    const { tap: it, last } = tap();
    it.request(get('/x'));
    it.response(Buffer.from('HTTP/1.1 200 OK\r\n\r\nall of it'));
    it.closed(true);
    expect(last()).toMatchObject({ status: 200, state: 'done' });
  });

  it('stops looking at what is no HTTP, and throws nothing', () => {
    for (const bytes of [
      Buffer.from('\x16\x03\x01\x02'),
      Buffer.alloc(100_000, 0x41),
      Buffer.from('GET / HTTP/1.1\r\nbroken'),
    ]) {
      const { tap: it, seen } = tap();
      it.request(bytes);
      it.response(bytes);
      it.request(get('/after'));
      it.failed('x');
      it.closed(true);
      expect(seen).toEqual([]);
    }
    const { tap: it, seen } = tap();
    it.response(ok('unasked'));
    it.closed(false);
    expect(seen).toEqual([]);
  });

  it('keeps only the start of a very long path', () => {
    const { tap: it, last } = tap();
    it.request(get(`/${'x'.repeat(10_000)}`));
    expect(last()?.path).toHaveLength(1024);
  });
});
