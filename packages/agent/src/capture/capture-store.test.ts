import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { HttpTap } from '../http-tap.ts';
import { CaptureStore } from './capture-store.ts';
import { responseBytes } from './captured-message.ts';

function tapInto(captures: CaptureStore, options: { skipProxyHeader?: boolean } = {}): HttpTap {
  return new HttpTap({
    endpoint: 'web',
    clientIp: '192.0.2.1:5',
    clock: systemClock,
    captures,
    onExchange: () => {},
    ...options,
  });
}

function exchange(tap: HttpTap, path: string, body: Buffer): void {
  tap.request(Buffer.from(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`));
  tap.response(Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`));
  tap.response(body);
}

describe('kept exchanges', () => {
  it('never take more than they may: the oldest make room', () => {
    const captures = new CaptureStore({ maxBytes: 200_000, bodyBytesMax: 20_000 });
    const removed: string[] = [];
    captures.on('removed', (id) => removed.push(id));
    const tap = tapInto(captures);
    for (let i = 0; i < 100; i += 1) {
      exchange(tap, `/${i}`, Buffer.alloc(20_000, i));
      expect(captures.bytes).toBeLessThanOrEqual(200_000);
    }
    expect(captures.total).toBe(100);
    expect(captures.size).toBeLessThan(10);
    expect(removed.length + captures.size).toBe(100);
    expect(captures.list({ limit: 1 })[0]?.target).toBe('/99');
    captures.clear();
    expect({ bytes: captures.bytes, size: captures.size }).toEqual({ bytes: 0, size: 0 });
  });

  it('are counted as what they cost, however small their pieces are', async () => {
    setFlagsFromString('--expose-gc');
    const collect: unknown = runInNewContext('gc');
    const usedBytes = async (): Promise<number> => {
      // Buffers are given back beside the collection; the next one waits for that.
      for (let i = 0; i < 3; i += 1) {
        if (typeof collect === 'function') collect();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { used_heap_size: heap, external_memory: buffers } = getHeapStatistics();
      return heap + buffers;
    };
    const small = (captures: CaptureStore): void => {
      for (let i = 0; i < 4000; i += 1) exchange(tapInto(captures), `/${i}`, Buffer.alloc(10));
    };
    const longHeads = (captures: CaptureStore): void => {
      const fields = Array.from({ length: 20 }, (_, i) => `x-field-${i}: a value of some length\r\n`).join('');
      for (let i = 0; i < 2000; i += 1) {
        const tap = tapInto(captures);
        tap.request(Buffer.from(`GET /${i} HTTP/1.1\r\nhost: a\r\n${fields}\r\n`));
        tap.response(Buffer.from(`HTTP/1.1 204 No Content Here\r\n${fields}\r\n`));
      }
    };
    const dribbled = (captures: CaptureStore): void => {
      const tap = tapInto(captures);
      tap.request(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
      tap.response(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n'));
      for (let i = 0; i < 100_000; i += 1) tap.response(Buffer.from('0123456789'));
    };
    for (const fill of [small, longHeads, dribbled]) {
      const captures = new CaptureStore();
      const before = await usedBytes();
      fill(captures);
      expect((await usedBytes()) - before).toBeLessThan(captures.bytes * 1.2 + 1_500_000);
      expect(captures.size).toBeGreaterThan(0);
    }
  });

  it('keep the begin of a long body and say how long it was', () => {
    const captures = new CaptureStore({ bodyBytesMax: 1000 });
    exchange(tapInto(captures), '/big', Buffer.alloc(50_000, 'x'));
    const response = captures.list()[0]?.response;
    expect(response).toMatchObject({ bodyBytes: 50_000, isTruncated: true });
    expect(response?.body).toHaveLength(1000);
  });

  it('stay within bounds while one exchange goes on for ever', () => {
    const captures = new CaptureStore({ maxBytes: 100_000, bodyBytesMax: 100_000 });
    const tap = tapInto(captures);
    tap.request(Buffer.from('GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'));
    tap.response(Buffer.from('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'));
    const frame = Buffer.concat([Buffer.from([0x82, 126, 0x10, 0x00]), Buffer.alloc(4096)]);
    for (let i = 0; i < 1000; i += 1) tap.response(frame);
    expect(captures.bytes).toBeLessThanOrEqual(100_000);
  });

  it('hold deflated messages inflated, in pieces too, as long as they can be read', () => {
    const captures = new CaptureStore();
    const tap = tapInto(captures);
    tap.request(Buffer.from('GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'));
    tap.response(
      Buffer.from(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-extensions: permessage-deflate; server_no_context_takeover\r\n\r\n',
      ),
    );
    const deflated = (text: string): Buffer =>
      deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    const frame = (first: number, payload: Buffer): Buffer =>
      payload.length < 126
        ? Buffer.concat([Buffer.from([first, payload.length]), payload])
        : Buffer.concat([Buffer.from([first, 126, payload.length >> 8, payload.length & 0xff]), payload]);
    tap.response(frame(0xc1, deflated('hello, hello, hello')));
    const whole = deflated('in two pieces');
    tap.response(frame(0x41, whole.subarray(0, 5)));
    tap.response(frame(0x89, Buffer.from('ping')));
    tap.response(frame(0x80, whole.subarray(5)));
    tap.response(frame(0xc1, deflated('x'.repeat(10_000))));
    // Too much to be inflated: told as it travelled. The next one begins anew.
    const bomb = deflated('y'.repeat(200_000));
    tap.response(frame(0xc2, bomb));
    tap.response(frame(0xc1, deflated('after')));
    tap.response(frame(0x81, Buffer.from('plain')));
    const told = captures
      .list()[0]
      ?.messages.map(({ kind, bytes, payload, isCompressed }) => [
        kind,
        bytes,
        payload.length > 100 ? payload.length : payload.toString(),
        isCompressed,
      ]);
    expect(told).toEqual([
      ['text', 19, 'hello, hello, hello', false],
      ['ping', 4, 'ping', false],
      ['text', 13, 'in two pieces', false],
      ['text', 10_000, 4096, false],
      ['binary', bomb.length, bomb.length, true],
      ['text', 5, 'after', false],
      ['text', 5, 'plain', false],
    ]);
  });

  it('hold a chunked answer in one chunk with its trailers', () => {
    const captures = new CaptureStore();
    const tap = tapInto(captures);
    tap.request(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
    tap.response(
      Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n'),
    );
    const response = captures.list()[0]?.response;
    expect(response?.body.toString()).toBe('abcde');
    expect(response === null || response === undefined ? '' : responseBytes(response).toString()).toBe(
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nx-sum: 5\r\n\r\n',
    );
  });

  it.each([
    ['1', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n')],
    ['2', Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'), Buffer.alloc(12)])],
  ])('are found behind a PROXY header of version %s, cut anywhere', (_version, header) => {
    const whole = Buffer.concat([header, Buffer.from('GET /behind HTTP/1.1\r\nhost: a\r\n\r\n')]);
    for (let cut = 1; cut < whole.length; cut += 3) {
      const captures = new CaptureStore();
      const tap = tapInto(captures, { skipProxyHeader: true });
      tap.request(whole.subarray(0, cut));
      tap.request(whole.subarray(cut));
      expect(captures.list()[0]?.target).toBe('/behind');
    }
  });
});
