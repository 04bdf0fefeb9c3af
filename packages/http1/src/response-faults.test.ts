import { describe, expect, it } from 'vitest';
import type { ResponseHead } from './response-head.ts';
import { type Asked, feedResponses, feeds, type Recorded } from './testing/feed.ts';

// "Upstream answers" of the reliability page: an upstream is as hostile as a visitor.

const answer = (lines: readonly string[], body = '', status = 'HTTP/1.1 200 OK'): string =>
  `${[status, ...lines, '', ''].join('\r\n')}${body}`;
const chunked = (body: string): string => answer(['Transfer-Encoding: chunked'], body);
const ok = answer(['Content-Length: 5'], 'hello');

function everyWay(input: string, asked: Asked, check: (recorded: Recorded<ResponseHead>) => void): void {
  for (const { name, pieces } of feeds) {
    try {
      check(feedResponses(input, pieces, asked));
    } catch (error) {
      throw new Error(`${JSON.stringify(input.slice(0, 150))} fed ${name}`, { cause: error });
    }
  }
}

interface Case {
  readonly title: string;
  readonly inputs: readonly string[];
  readonly asked?: Asked;
}

const notHead: readonly Case[] = [
  {
    title: 'two lengths',
    inputs: [
      answer(['Content-Length: 5', 'Content-Length: 6'], 'hello'),
      answer(['Content-Length: 5', 'content-length: 5'], 'hello'),
      answer(['Content-Length: 5, 5'], 'hello'),
      answer(['Content-Length: 5, 6'], 'hello'),
    ],
  },
  {
    title: 'a length that is more than digits',
    inputs: ['+5', '-5', '0x5', '5.0', '5a', '', '"5"', '5 5', '5\xa0', '9'.repeat(30)].map((value) =>
      answer([`Content-Length: ${value}`], 'hello'),
    ),
  },
  {
    title: 'both framings',
    inputs: [
      answer(['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      answer(['Transfer-Encoding: chunked', 'Content-Length: 0'], '0\r\n\r\n'),
    ],
  },
  {
    title: 'both framings, where no body is expected either',
    inputs: [answer(['Transfer-Encoding: chunked', 'Content-Length: 0'], '', 'HTTP/1.1 304 Not Modified')],
    asked: { method: 'HEAD' },
  },
  {
    title: 'a malformed status line',
    inputs: [
      'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1  200 OK\r\n\r\n',
      'HTTP/1.1 20 OK\r\n\r\n',
      'HTTP/1.1 2000 OK\r\n\r\n',
      'HTTP/1.1 600 OK\r\n\r\n',
      'HTTP/1.1 999 OK\r\n\r\n',
      'HTTP/1.1 099 OK\r\n\r\n',
      'HTTP/1.1 2x0 OK\r\n\r\n',
      'HTTP/1.1 200OK\r\n\r\n',
      'HTTP/1.1\t200 OK\r\n\r\n',
      'HTTP/1.1 +200 OK\r\n\r\n',
      'HTTP/1.1 -20 OK\r\n\r\n',
      'HTTP/2.0 200 OK\r\n\r\n',
      'HTTP/0.9 200 OK\r\n\r\n',
      'HTTP/1.11 200 OK\r\n\r\n',
      'http/1.1 200 OK\r\n\r\n',
      ' HTTP/1.1 200 OK\r\n\r\n',
      '\r\nHTTP/1.1 200 OK\r\n\r\n',
      'ICY 200 OK\r\n\r\n',
      '<html>\r\n\r\n',
      'HTTP/1.1 200 O\0K\r\n\r\n',
      'HTTP/1.1 200 O\rK\r\n\r\n',
      'HTTP/1.1 200 O\x7fK\r\n\r\n',
      '\x15\x03\x01\0\x02\x02\x28',
    ],
  },
  {
    title: 'NUL, CR, LF or a control in a field',
    inputs: [
      answer(['X: a\0b']),
      answer(['X: a\rb']),
      answer(['X: a\nb']),
      answer(['X: a\x01b']),
      answer(['X: a\x7fb']),
      answer(['X: a\n\n']),
      answer(['Set-Cookie: a=b\rSet-Cookie: c=d']),
      'HTTP/1.1 200 OK\r\nContent-Length: 0\n\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\rX',
    ],
  },
  {
    title: 'a folded or spaced field',
    inputs: [
      answer(['X: a', ' b']),
      answer(['X: a', '\tb']),
      answer([' X: a']),
      answer(['X : a']),
      answer(['Content-Length : 5'], 'hello'),
      answer(['Transfer-Encoding:', ' chunked'], '0\r\n\r\n'),
      answer(['Location']),
      answer([': a']),
      answer(['X(Y: a']),
    ],
  },
  {
    title: 'an unknown coding',
    inputs: [
      'gzip',
      'gzip, chunked',
      'chunked, gzip',
      'chunked, chunked',
      'identity',
      'xchunked',
      '"chunked"',
      'chunked;a=b',
      '',
      'chunked\v',
      'chunked\xa0',
    ].map((value) => answer([`Transfer-Encoding: ${value}`], '0\r\n\r\n')),
  },
  {
    title: 'a coding in HTTP/1.0, or twice',
    inputs: [
      answer(['Transfer-Encoding: chunked'], '0\r\n\r\n', 'HTTP/1.0 200 OK'),
      answer(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
    ],
  },
  {
    title: '101 that nobody asked for',
    inputs: [answer(['Connection: upgrade', 'Upgrade: websocket'], '', 'HTTP/1.1 101 Switching Protocols')],
  },
  {
    title: '101 to something else than was asked for',
    inputs: [
      answer(['Connection: upgrade', 'Upgrade: h2c'], '', 'HTTP/1.1 101 Switching Protocols'),
      answer(['Connection: upgrade', 'Upgrade: tcp'], '', 'HTTP/1.1 101 Switching Protocols'),
      answer(['Upgrade: websocket'], '', 'HTTP/1.1 101 Switching Protocols'),
      answer([], '', 'HTTP/1.1 101 Switching Protocols'),
    ],
    asked: { upgradeAsked: 'websocket' },
  },
];

describe('answers of an upstream', () => {
  for (const { title, inputs, asked = {} } of notHead) {
    it(`is refused before anything is passed on: ${title}`, () => {
      for (const input of inputs) {
        everyWay(input, asked, (recorded) => {
          expect(recorded.error).toMatchObject({ status: 502, phase: 'head' });
          expect(recorded.messages).toEqual([]);
          expect(recorded.prompt).toBe(true);
        });
        everyWay(input + ok, { ...asked, count: 3 }, (recorded) => {
          expect(recorded.error).toMatchObject({ status: 502, phase: 'head' });
          expect(recorded.messages).toEqual([]);
        });
      }
    });
  }

  it('a cut or malformed body is never a whole answer', () => {
    const inputs = [
      answer(['Content-Length: 5'], ''),
      answer(['Content-Length: 5'], 'hell'),
      ...[
        '',
        '5',
        '5\r\n',
        '5\r\nhel',
        '5\r\nhello',
        '5\r\nhello\r\n',
        '5\r\nhello\r\n0\r\n',
        '5\r\nhello\r\n0\r\nX: y\r\n',
      ].map(chunked),
      ...[
        '5\r\nhello!\r\n0\r\n\r\n',
        '0x5\r\nhello\r\n0\r\n\r\n',
        '5\nhello\r\n0\r\n\r\n',
        '5;a\nb\r\n',
        '-5\r\n',
        '\r\n',
        'x\r\n',
        '0\r\nX : y\r\n\r\n',
        '0\r\n\n',
        ' 5\r\n',
        '5 \r\n',
      ].map(chunked),
    ];
    for (const input of inputs) {
      everyWay(input, { count: 2 }, (recorded) => {
        expect(recorded.messages).toHaveLength(1);
        expect(recorded.messages[0]?.trailers).toBeNull();
        expect(recorded.error).toMatchObject({ status: 502, phase: 'body' });
      });
    }
  });

  it('nothing at all is a fault of the head', () => {
    everyWay('', {}, (recorded) => expect(recorded.error).toMatchObject({ status: 502, phase: 'head' }));
    everyWay('HTTP/1.1 200', {}, (recorded) => expect(recorded.error).toMatchObject({ status: 502, phase: 'head' }));
  });

  it('bytes after a finished answer are given to nobody', () => {
    for (const first of [ok, chunked('5\r\nhello\r\n0\r\n\r\n')]) {
      for (const extra of ['X', ok, '\r\n', '0\r\n\r\n']) {
        everyWay(first + extra, {}, (recorded) => {
          expect(recorded.messages.map(({ body, trailers }) => ({ body, trailers }))).toEqual([
            { body: 'hello', trailers: [] },
          ]);
          expect(recorded.error).toMatchObject({ phase: 'after-end' });
        });
      }
    }
  });

  it('an answer that was there before its request went out is not taken for it', () => {
    for (const { name, pieces } of feeds) {
      if (name !== 'whole') continue;
      // The second request goes out in onEnd, while the second answer already lies there.
      const recorded = feedResponses(ok + answer(['Content-Length: 4'], 'evil'), pieces, { count: 2 });
      expect(recorded.messages.map(({ body }) => body)).toEqual(['hello']);
      expect(recorded.error).toMatchObject({ phase: 'after-end' });
    }
  });

  it('a body on HEAD, 204 and 304 is given to nobody', () => {
    const cases: [string, Asked][] = [
      [answer(['Content-Length: 5'], 'hello'), { method: 'HEAD' }],
      [answer(['Transfer-Encoding: chunked'], '0\r\n\r\n'), { method: 'HEAD' }],
      [answer(['Content-Length: 5'], 'hello', 'HTTP/1.1 204 No Content'), {}],
      [answer(['Content-Length: 5'], 'hello', 'HTTP/1.1 304 Not Modified'), {}],
    ];
    for (const [input, asked] of cases) {
      everyWay(input, asked, (recorded) => {
        expect(recorded.messages).toMatchObject([{ body: '', trailers: [], head: { body: { kind: 'none' } } }]);
        expect(recorded.error).toMatchObject({ phase: 'after-end' });
      });
    }
  });

  it('an answer on HEAD, 204 and 304 without a body is whole', () => {
    everyWay(answer(['Content-Length: 5']), { method: 'HEAD' }, (recorded) => {
      expect(recorded.error).toBeNull();
      expect(recorded.messages).toMatchObject([{ trailers: [], head: { fields: ['Content-Length', '5'] } }]);
    });
    everyWay(answer([], '', 'HTTP/1.1 304 Not Modified'), {}, (recorded) => expect(recorded.error).toBeNull());
  });

  it('interim heads are told apart from the final one', () => {
    const input = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}`;
    everyWay(input, {}, (recorded) => {
      expect(recorded.interim.map(({ status }) => status)).toEqual([100, 103]);
      expect(recorded.messages).toMatchObject([{ head: { status: 200 }, body: 'hello' }]);
      expect(recorded.error).toBeNull();
    });
  });

  it('a body until close ends with the connection, and the connection with it', () => {
    for (const status of ['HTTP/1.1 200 OK', 'HTTP/1.0 200 OK']) {
      everyWay(answer(['X: y'], 'hello', status), { count: 2 }, (recorded) => {
        expect(recorded.messages).toMatchObject([
          { body: 'hello', trailers: [], head: { body: { kind: 'until-close' }, keepAlive: false } },
        ]);
        expect(recorded.error).toBeNull();
      });
    }
  });

  it('an agreed 101 gives away the bytes behind it', () => {
    const input = answer(
      ['Connection: Upgrade', 'Upgrade: WebSocket'],
      '\x81\x05hello',
      'HTTP/1.1 101 Switching Protocols',
    );
    everyWay(input, { upgradeAsked: 'websocket' }, (recorded) => {
      expect(recorded.error).toBeNull();
      expect(recorded.messages).toMatchObject([{ head: { status: 101, upgrade: 'websocket' }, trailers: null }]);
      expect(recorded.rest).toBe('\x81\x05hello');
    });
  });

  it('refusing to upgrade is an ordinary answer', () => {
    everyWay(ok, { upgradeAsked: 'websocket' }, (recorded) =>
      expect(recorded.messages).toMatchObject([{ body: 'hello', trailers: [] }]),
    );
  });

  it('status lines as servers write them', () => {
    const cases: [string, Partial<ResponseHead>][] = [
      ['HTTP/1.1 200 OK', { status: 200, reason: 'OK', minor: 1 }],
      ['HTTP/1.1 200 ', { status: 200, reason: '' }],
      ['HTTP/1.1 200', { status: 200, reason: '' }],
      ['HTTP/1.0 404 Not Found', { status: 404, reason: 'Not Found', minor: 0 }],
      ['HTTP/1.1 599 Très\tbien', { status: 599, reason: 'Très\tbien' }],
      ['HTTP/1.5 200 OK', { minor: 1 }],
    ];
    for (const [line, head] of cases) {
      everyWay(answer(['Content-Length: 0'], '', line), {}, (recorded) => {
        expect(recorded.messages[0]?.head).toMatchObject(head);
        expect(recorded.error).toBeNull();
      });
    }
  });

  it('keeps the connection only where the upstream does', () => {
    const cases: [string, boolean][] = [
      [answer(['Content-Length: 0']), true],
      [answer(['Content-Length: 0', 'Connection: close']), false],
      [answer(['Content-Length: 0', 'Connection: x, Close']), false],
      [answer(['Content-Length: 0'], '', 'HTTP/1.0 200 OK'), false],
      [answer(['Content-Length: 0', 'Connection: keep-alive'], '', 'HTTP/1.0 200 OK'), true],
    ];
    for (const [input, keepAlive] of cases) {
      everyWay(input, {}, (recorded) => expect(recorded.messages[0]?.head.keepAlive).toBe(keepAlive));
    }
  });
});
