import type { Fields, ResponseHead } from '@portico/http1';
import type { MessageContext } from '@portico/traffic-policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockSplitter, readMessage } from './event-stream.ts';
import { EventStreamRewriter, eventStreamCoding } from './event-stream-rewriter.ts';

function read(text: string | Buffer, isFirst = true): MessageContext | null {
  return readMessage(Buffer.from(text), isFirst)?.context ?? null;
}

function rewrite(text: string | Buffer, changes: Partial<MessageContext>): string {
  const message = readMessage(Buffer.from(text), true);
  if (message === null) throw new Error('no message');
  return message.encode({ ...message.context, ...changes }).toString();
}

describe('a block of an event stream', () => {
  it.each([
    ['data: a\n\n', { event: 'message', data: 'a', id: '', retry: null }],
    [
      'event: add\r\ndata:a\r\ndata\r\ndata:  b\r\nid: 7\r\n\r\n',
      { event: 'add', data: 'a\n\n b', id: '7', retry: null },
    ],
    ['retry: 3000\r\r', { event: 'message', data: null, id: '', retry: '3000' }],
    ['retry: 3s\nretry: 1\nretry: -2\n\n', { event: 'message', data: null, id: '', retry: '1' }],
    ['\ufeffdata: a\n\n', { event: 'message', data: 'a', id: '', retry: null }],
    ['id: a\0b\n: data: no\nevent: \ndata: ü€😀\n\n', { event: 'message', data: 'ü€😀', id: '', retry: null }],
  ])('is read as a message: %j', (text, context) => {
    expect(read(text)).toEqual(context);
  });

  it.each([': ping\n\n', '\n', '\r\n\r\n', 'Data: a\nnothing\n\n', '\ufeff: first\n\n'])(
    'is no message: %j',
    (text) => {
      expect(read(text)).toBeNull();
    },
  );

  it('has a byte order mark at the start of the stream alone', () => {
    expect(read('\ufeffdata: a\n\n', false)).toBeNull();
  });

  it.each([
    ['data: a\n\n', { data: 'b' }, 'data: b\n\n'],
    ['data:a\r\n\r\n', { data: 'b' }, 'data:b\r\n\r\n'],
    ['data:a\n\n', { data: ' b' }, 'data:  b\n\n'],
    ['data\r\r', { data: 'b' }, 'data: b\r\r'],
    [
      '\ufeff: c\ndata: a\nx: y\ndata: b\nid: 1\n\n',
      { data: '1\n2\n3' },
      '\ufeff: c\ndata: 1\ndata: 2\ndata: 3\nx: y\nid: 1\n\n',
    ],
    ['data: a\r\ndata: b\r\n\r\n', { data: '' }, 'data: \r\n\r\n'],
    ['data: a', { data: 'b\nc' }, 'data: b\ndata: c'],
    ['retry: 5\ndata: a\nretry:6\n\n', { retry: '9' }, 'retry: 5\ndata: a\nretry: 9\n\n'],
  ])('with another content: %j and %j', (text, changes, expected) => {
    expect(rewrite(text, changes)).toBe(expected);
  });

  it('gets no further fields from what is put into it', () => {
    const changed = rewrite('data: a\n\n', { data: 'x\r\n\r\nevent: admin\rid: 9\n' });
    expect(changed).toBe('data: x\ndata: \ndata: event: admin\ndata: id: 9\ndata: \n\n');
  });

  it('that is not UTF-8 keeps its bytes, and gets no line feed from a letter', () => {
    const block = Buffer.concat([Buffer.from('x: '), Buffer.from([0xff, 0x80]), Buffer.from('\ndata: a\n\n')]);
    const message = readMessage(block, true);
    const changed = message?.encode({ ...message.context, data: 'b\u010aid: 1' });
    expect(changed?.equals(Buffer.concat([block.subarray(0, 6), Buffer.from('data: b?id: 1\n\n')]))).toBe(true);
  });
});

const LINES = [
  'data: a',
  'data:b',
  'data',
  'event: e',
  'id: 1',
  'retry: 10',
  ': c',
  'x: ü',
  '',
  '',
  '\ufeff',
  'data: äöü',
];
const streams = fc
  .array(fc.tuple(fc.constantFrom(...LINES), fc.constantFrom('\n', '\r\n', '\r')), { maxLength: 40 })
  .map((lines) => lines.map(([line, end]) => line + end).join(''));
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });

function chunksOf(bytes: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...[...at].map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index] ?? 0, edge));
}

function split(chunks: readonly Buffer[], maxBytes: number): { pieces: string[]; tooLong: number } {
  const splitter = new BlockSplitter(maxBytes);
  const pieces: string[] = [];
  for (const chunk of chunks) {
    splitter.push(chunk);
    for (let piece = splitter.next(); piece !== null; piece = splitter.next())
      pieces.push(piece.bytes.toString('latin1'));
  }
  const last = splitter.finish();
  if (last !== null) pieces.push(last.bytes.toString('latin1'));
  return { pieces, tooLong: splitter.tooLong };
}

interface Run {
  readonly out: () => string;
  readonly rewriter: EventStreamRewriter;
  readonly done: Promise<Fields>;
  readonly tooLong: () => number;
}

function start(
  change: (message: MessageContext) => MessageContext,
  accept: (chunk: Buffer) => boolean = () => true,
): Run {
  const chunks: Buffer[] = [];
  let tooLong = 0;
  let rewriter: EventStreamRewriter | null = null;
  const done = new Promise<Fields>((resolve, reject) => {
    rewriter = new EventStreamRewriter({
      coding: 'none',
      change,
      sink: {
        onChunk: (chunk) => {
          chunks.push(chunk);
          return accept(chunk);
        },
        onEnd: resolve,
        onRoom: () => {},
        onError: reject,
      },
      onTooLong: () => {
        tooLong += 1;
      },
      onOver: () => {},
    });
  });
  if (rewriter === null) throw new Error('not made');
  return { out: () => Buffer.concat(chunks).toString(), rewriter, done, tooLong: () => tooLong };
}

const mask = (message: MessageContext): MessageContext =>
  message.data === null ? message : { ...message, data: message.data.replaceAll('a', '[1\n2]') };

describe('an event stream', () => {
  it('is cut into the same bytes, whatever the chunks are', () => {
    fc.assert(
      fc.property(streams, cuts, fc.integer({ min: 1, max: 40 }), (text, at, maxBytes) => {
        const bytes = Buffer.from(text);
        const { pieces, tooLong } = split(chunksOf(bytes, at), maxBytes);
        expect(pieces.join('')).toBe(bytes.toString('latin1'));
        expect(tooLong).toBe(split([bytes], maxBytes).tooLong);
      }),
    );
  });

  it('is changed to the same stream, whatever the chunks are', async () => {
    await fc.assert(
      fc.asyncProperty(streams, cuts, async (text, at) => {
        const bytes = Buffer.from(text);
        const whole = start(mask);
        whole.rewriter.write(bytes);
        whole.rewriter.end([]);
        const cut = start(mask);
        for (const chunk of chunksOf(bytes, at)) cut.rewriter.write(chunk);
        cut.rewriter.end([]);
        await Promise.all([whole.done, cut.done]);
        expect(cut.out()).toBe(whole.out());
        if (!/data: ?a/.test(text)) expect(cut.out()).toBe(text);
      }),
    );
  });

  it('gives each message out with the byte that ends it', () => {
    const run = start(mask);
    run.rewriter.write(Buffer.from('data: a\n'));
    expect(run.out()).toBe('');
    run.rewriter.write(Buffer.from('\nda'));
    expect(run.out()).toBe('data: [1\ndata: 2]\n\n');
    run.rewriter.write(Buffer.from('ta: b\r\r'));
    expect(run.out()).toBe('data: [1\ndata: 2]\n\ndata: b\r\r');
    run.rewriter.write(Buffer.from('\n'));
    expect(run.out()).toBe('data: [1\ndata: 2]\n\ndata: b\r\r\n');
    run.rewriter.dispose();
  });

  it('changes what no blank line has ended, and keeps trailers', async () => {
    const run = start(mask);
    run.rewriter.write(Buffer.from('data: a'));
    run.rewriter.end(['x', 'y']);
    expect(await run.done).toEqual(['x', 'y']);
    expect(run.out()).toBe('data: [1\ndata: 2]');
  });

  it('lets a message that is too long pass as it is, and goes on behind it', async () => {
    const run = start(mask);
    const long = `data: ${'a'.repeat(70_000)}\n\n`;
    for (const chunk of chunksOf(Buffer.from(`${long}data: a\n\n${long}`), [10, 30_000, 69_000, 75_000])) {
      run.rewriter.write(chunk);
    }
    run.rewriter.end([]);
    await run.done;
    expect(run.out()).toBe(`${long}data: [1\ndata: 2]\n\n${long}`);
    expect(run.tooLong()).toBe(1);
  });

  it('waits while nobody takes it', async () => {
    let room = false;
    const run = start(mask, () => room);
    expect(run.rewriter.write(Buffer.from('data: 1\n\n'))).toBe(false);
    expect(run.rewriter.write(Buffer.from('data: 2\n\n'))).toBe(false);
    expect(run.out()).toBe('data: 1\n\n');
    run.rewriter.end([]);
    room = true;
    run.rewriter.resume();
    await run.done;
    expect(run.out()).toBe('data: 1\n\ndata: 2\n\n');
  });

  it('leaves others their turn while its messages cost much', async () => {
    const slow = (message: MessageContext): MessageContext => {
      const until = performance.now() + 6;
      while (performance.now() < until);
      return message;
    };
    const run = start(slow);
    const text = 'data: 1\n\n'.repeat(6);
    expect(run.rewriter.write(Buffer.from(text))).toBe(false);
    expect(run.out().length).toBeLessThan(text.length);
    run.rewriter.end([]);
    await run.done;
    expect(run.out()).toBe(text);
  });
});

describe('an answer', () => {
  const head = (fields: Fields, status = 200): ResponseHead => ({
    status,
    reason: '',
    minor: 1,
    fields,
    body: { kind: 'chunked' },
    keepAlive: true,
    upgrade: null,
  });
  const get = { method: 'GET', isPlain: false };
  const stream = ['Content-Type', 'Text/Event-Stream; charset=utf-8'];

  it.each([
    [stream, 'none'],
    [[...stream, 'content-encoding', 'X-GZIP'], 'gzip'],
    [[...stream, 'content-encoding', 'br'], 'br'],
    [[...stream, 'content-encoding', 'gzip, br'], null],
    [[...stream, 'content-encoding', 'lzma'], null],
    [[...stream, 'content-range', 'bytes 0-1/2'], null],
    [['content-type', 'text/event-streams'], null],
    [['content-type', 'text/html'], null],
    [[], null],
  ])('with %j has messages behind: %s', (fields, coding) => {
    expect(eventStreamCoding(head(fields), get)).toBe(coding);
  });

  it('without a body has none, and one that is still to be compressed is plain', () => {
    expect(eventStreamCoding(head(stream), { ...get, method: 'HEAD' })).toBeNull();
    expect(eventStreamCoding(head(stream, 206), get)).toBeNull();
    expect(eventStreamCoding(head([...stream, 'content-encoding', 'br']), { ...get, isPlain: true })).toBe('none');
  });
});
