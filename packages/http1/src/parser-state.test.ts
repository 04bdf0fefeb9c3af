import { describe, expect, it } from 'vitest';
import type { RequestHead } from './request-head.ts';
import { RequestParser } from './request-parser.ts';
import type { ResponseHead } from './response-head.ts';
import { ResponseParser } from './response-parser.ts';
import { HttpSyntaxError } from './syntax-error.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

function requests(
  hooks: { onHead?: (head: RequestHead) => void; onBody?: (slice: Buffer) => void; onEnd?: () => void } = {},
  heldBytes?: number,
) {
  const log: string[] = [];
  const parser = new RequestParser({
    ...(heldBytes === undefined ? {} : { limits: { heldBytes } }),
    onHead: (head) => {
      log.push(`head ${head.method}`);
      hooks.onHead?.(head);
    },
    onBody: (slice) => {
      log.push(`body ${slice.toString('latin1')}`);
      hooks.onBody?.(slice);
    },
    onEnd: () => {
      log.push('end');
      hooks.onEnd?.();
    },
    onError: (error) => log.push(`error ${error.status} ${error.phase}`),
  });
  return { log, parser };
}

function responses(hooks: { onHead?: (head: ResponseHead) => void; onEnd?: () => void } = {}) {
  const log: string[] = [];
  const parser = new ResponseParser({
    onInterim: (head) => log.push(`interim ${head.status}`),
    onHead: (head) => {
      log.push(`head ${head.status}`);
      hooks.onHead?.(head);
    },
    onBody: (slice) => log.push(`body ${slice.toString('latin1')}`),
    onEnd: () => {
      log.push('end');
      hooks.onEnd?.();
    },
    onError: (error) => log.push(`error ${error.status} ${error.phase}`),
  });
  return { log, parser };
}

describe('the request parser', () => {
  it('tells by its state what the caller has to time', () => {
    const { parser } = requests();
    expect(parser.state).toBe('idle');
    parser.push(bytes('\r\n'));
    expect(parser.state).toBe('idle');
    parser.push(bytes('P'));
    expect(parser.state).toBe('head');
    parser.push(bytes(POST.slice(1)));
    expect(parser.state).toBe('body');
    parser.push(bytes('hello'));
    expect(parser.state).toBe('held');
    parser.next();
    expect(parser.state).toBe('idle');
    parser.finish();
    expect(parser.state).toBe('finished');
  });

  it('holds what was sent ahead until next()', () => {
    const { log, parser } = requests();
    parser.push(bytes(GET + GET));
    parser.push(bytes(POST));
    expect(log).toEqual(['head GET', 'end']);
    expect(parser.heldBytes).toBe(GET.length + POST.length);
    parser.next();
    expect(log).toEqual(['head GET', 'end', 'head GET', 'end']);
    parser.next();
    expect(log.at(-1)).toBe('head POST');
    expect(parser.heldBytes).toBe(0);
  });

  it('throws away what is sent ahead beyond the limit, and fails there, after the good requests', () => {
    const { log, parser } = requests({}, 3 * GET.length);
    parser.push(bytes(GET));
    for (let i = 0; i < 1000; i++) {
      parser.push(bytes(GET));
      expect(parser.heldBytes).toBeLessThanOrEqual(3 * GET.length);
    }
    for (let i = 0; i < 3; i++) parser.next();
    expect(log.filter((entry) => entry === 'end')).toHaveLength(4);
    expect(log.at(-1)).toBe('end');
    parser.next();
    expect(log.at(-1)).toBe('error 400 head');
  });

  it('hands on slices of what was pushed, without a copy', () => {
    const slices: Buffer[] = [];
    const { parser } = requests({ onBody: (slice) => slices.push(slice) });
    const first = bytes(`${POST}he`);
    const second = bytes('llo');
    parser.push(first);
    parser.push(second);
    expect(slices.map((slice) => slice.buffer === first.buffer || slice.buffer === second.buffer)).toEqual([
      true,
      true,
    ]);
    expect(slices[1]).toBe(second);
  });

  it('reads on when next() is called inside onEnd, without growing the stack', () => {
    let ended = 0;
    const { parser } = requests({
      onEnd: () => {
        ended++;
        parser.next();
      },
    });
    parser.push(bytes(GET.repeat(8000)));
    expect(ended).toBe(8000);
  });

  it('is silent after stop(), also from inside a callback', () => {
    const { log, parser } = requests({ onBody: () => parser.stop() });
    parser.push(bytes('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n'));
    parser.push(bytes(GET));
    parser.finish();
    expect(log).toEqual(['head POST', 'body a']);
    expect(parser.state).toBe('failed');
    expect(parser.heldBytes).toBe(0);
  });

  it('does not end a message that stop() ended', () => {
    const { log, parser } = requests({ onBody: () => parser.stop() });
    parser.push(bytes(`${POST}hello`));
    expect(log).toEqual(['head POST', 'body hello']);
    const other = requests({ onHead: () => other.parser.stop() });
    other.parser.push(bytes(GET));
    expect(other.log).toEqual(['head GET']);
  });

  it('reports one fault only and forgets what it held', () => {
    const { log, parser } = requests();
    parser.push(bytes('GET / HTTP/1.1\nHost: a\n\n'));
    parser.push(bytes(GET));
    parser.next();
    parser.finish();
    expect(log).toEqual(['error 400 head']);
    expect(parser.heldBytes + parser.unfinishedHeadBytes).toBe(0);
  });

  it('gives away the bytes behind an upgraded request, pushed before and during', () => {
    const { parser } = requests();
    parser.push(bytes('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\none'));
    parser.push(bytes('two'));
    expect(parser.takeRest().toString()).toBe('onetwo');
    expect(parser.state).toBe('taken');
    parser.push(bytes('three'));
    expect(parser.heldBytes).toBe(0);
  });

  it('refuses to give away bytes with a hole in them', () => {
    const { parser } = requests({}, 4);
    parser.push(bytes(GET));
    parser.push(bytes('one'));
    parser.push(bytes('two'));
    expect(() => parser.takeRest()).toThrow(HttpSyntaxError);
  });

  it('lets errors of the caller through', () => {
    const { log, parser } = requests({
      onHead: () => {
        throw new RangeError('of the caller');
      },
    });
    expect(() => parser.push(bytes(GET))).toThrow('of the caller');
    expect(log).toEqual(['head GET']);
  });

  it('tells a fault in a head from one in a body', () => {
    const { log, parser } = requests();
    parser.push(bytes(POST));
    parser.finish();
    expect(log).toEqual(['head POST', 'error 400 body']);
    const head = requests();
    head.parser.push(bytes('GET /'));
    head.parser.finish();
    expect(head.log).toEqual(['error 400 head']);
  });
});

describe('the response parser', () => {
  it('tells by its state what the caller has to time', () => {
    const { parser } = responses();
    expect(parser.state).toBe('idle');
    expect(parser.expect('GET')).toBe(true);
    expect(parser.state).toBe('head');
    parser.push(bytes('HTTP/1.1 100 Continue\r\n\r\n'));
    expect(parser.state).toBe('head');
    parser.push(bytes(OK.slice(0, -1)));
    expect(parser.state).toBe('body');
    expect(parser.expect('GET')).toBe(false);
    parser.push(bytes('o'));
    expect(parser.state).toBe('idle');
    expect(parser.reusable).toBe(true);
    parser.finish();
    expect(parser.state).toBe('finished');
    expect(parser.reusable).toBe(false);
  });

  it('reads one answer after another', () => {
    const { log, parser } = responses();
    for (let i = 0; i < 3; i++) {
      expect(parser.expect('GET')).toBe(true);
      parser.push(bytes(OK));
    }
    expect(log).toEqual(Array.from({ length: 3 }, () => ['head 200', 'body hello', 'end']).flat());
  });

  it('fails on a byte before any request', () => {
    const { log, parser } = responses();
    parser.push(bytes(OK));
    expect(log).toEqual(['error 502 after-end']);
    expect(parser.expect('GET')).toBe(false);
  });

  it('is not reusable in onEnd when more bytes lie behind the answer', () => {
    const seen: boolean[] = [];
    const { log, parser } = responses({ onEnd: () => seen.push(parser.reusable, parser.expect('GET')) });
    parser.expect('GET');
    parser.push(bytes(`${OK}${OK}`));
    expect(seen).toEqual([false, false]);
    expect(log).toEqual(['head 200', 'body hello', 'end', 'error 502 after-end']);
  });

  it('is not reusable after Connection: close', () => {
    const { parser } = responses();
    parser.expect('GET');
    parser.push(bytes('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'));
    expect(parser.reusable).toBe(false);
  });

  it('gives away what follows 101, from inside onHead too', () => {
    let rest = '';
    const { log, parser } = responses({
      onHead: () => {
        rest = parser.takeRest().toString();
      },
    });
    parser.expect('GET', { upgradeAsked: 'websocket' });
    parser.push(bytes('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframes'));
    expect(rest).toBe('frames');
    expect(log).toEqual(['head 101']);
  });

  it('holds what follows 101 until it is taken', () => {
    const { log, parser } = responses();
    parser.expect('GET', { upgradeAsked: 'websocket' });
    parser.push(bytes('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\none'));
    parser.push(bytes('two'));
    expect(parser.state).toBe('upgraded');
    expect(log).toEqual(['head 101']);
    expect(parser.takeRest().toString()).toBe('onetwo');
  });

  it('does not end a body until close by stop()', () => {
    const { log, parser } = responses();
    parser.expect('GET');
    parser.push(bytes('HTTP/1.1 200 OK\r\n\r\nhello'));
    parser.stop();
    parser.finish();
    expect(log).toEqual(['head 200', 'body hello']);
  });
});
