import { describe, expect, it } from 'vitest';
import { checkRequest } from './check-request.ts';
import type { RequestHead } from './request-head.ts';
import { feedRequests, feeds, type Recorded } from './testing/feed.ts';

// The table of hostile and unusual requests, row by row (docs: reliability, "HTTP/1.1 in"). Rows 32 (SNI and Host)
// and 46 (policy copies of the path) are the edge's; 24, 33, 51 to 53 go on in http-rules.

type Outcome = (recorded: Recorded<RequestHead>, input: string) => void;

interface Row {
  readonly row: number;
  readonly title: string;
  readonly inputs: readonly string[];
  readonly outcome: Outcome;
}

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';
const get = (...lines: string[]): string => ['GET / HTTP/1.1', 'Host: a.test', ...lines, '', ''].join('\r\n');
const post = (lines: readonly string[], body: string): string =>
  `${['POST / HTTP/1.1', 'Host: a.test', ...lines, '', ''].join('\r\n')}${body}`;
const chunked = (body: string): string => post(['Transfer-Encoding: chunked'], body);
const line = (requestLine: string, host = 'a.test'): string => `${requestLine}\r\nHost: ${host}\r\n\r\n`;

/** One of the statuses, at once, and no request of the connection was ever whole. */
function refused(...statuses: number[]): Outcome {
  return (recorded) => {
    expect(statuses).toContain(recorded.error?.status);
    expect(recorded.prompt).toBe(true);
    expect(recorded.messages.filter((message) => message.trailers !== null)).toEqual([]);
  };
}

/** The first request is read as `expected` says. */
function accepted(expected: Partial<RequestHead>, body = ''): Outcome {
  return (recorded) => {
    const [message] = recorded.messages;
    expect(message?.head).toMatchObject(expected);
    expect(message?.body).toBe(body);
    expect(message?.trailers).not.toBeNull();
  };
}

/** Well-formed, then refused by checkRequest before it is routed. */
function refusedByCheck(status: number): Outcome {
  return (recorded) => {
    const head = recorded.messages[0]?.head;
    expect(head).toBeDefined();
    if (head !== undefined) expect(checkRequest(head)).toMatchObject({ kind: 'refused', status });
  };
}

const bothOrders = (a: string, b: string): string[] => [post([a, b], '0\r\n\r\n'), post([b, a], '0\r\n\r\n')];
const visible = (text: string): string => JSON.stringify(text.length > 150 ? `${text.slice(0, 150)}…` : text);

const rows: readonly Row[] = [
  {
    row: 1,
    title: 'Content-Length with Transfer-Encoding',
    inputs: [
      ...bothOrders('Content-Length: 5', 'Transfer-Encoding: chunked'),
      ...bothOrders('Content-Length: 0', 'transfer-encoding: CHUNKED'),
      ...bothOrders('Content-Length: 5', 'Transfer-Encoding: xchunked'),
      ...bothOrders('Content-Length: 5', 'Transfer-Encoding: identity'),
      ...bothOrders('Content-Length: 5', 'Transfer-Encoding:'),
    ],
    outcome: refused(400, 501),
  },
  {
    row: 2,
    title: 'two different Content-Length',
    inputs: [
      post(['Content-Length: 5', 'Content-Length: 6'], 'helloo'),
      post(['Content-Length: 6', 'content-length: 5'], 'helloo'),
      post(['Content-Length: 5, 6'], 'helloo'),
      post(['Content-Length: 0', 'Content-Length: 6'], 'helloo'),
    ],
    outcome: refused(400),
  },
  {
    row: 3,
    title: 'the same Content-Length twice',
    inputs: [
      post(['Content-Length: 5', 'Content-Length: 5'], 'hello'),
      post(['Content-Length: 5, 5'], 'hello'),
      post(['Content-Length: 5,'], 'hello'),
      post(['Content-Length: ,5'], 'hello'),
    ],
    outcome: refused(400),
  },
  {
    row: 4,
    title: 'Content-Length that is more than digits',
    inputs: [
      '+5',
      '-5',
      '0x5',
      '5.0',
      '1e1',
      '5_0',
      '5 5',
      '5a',
      '"5"',
      '',
      '5;',
      "5'",
      '\xb2',
      '5\xa0',
      '-0',
      'Infinity',
      'NaN',
    ].map((value) => post([`Content-Length: ${value}`], 'hello')),
    outcome: refused(400),
  },
  {
    row: 5,
    title: 'Content-Length above 2^53 - 1',
    inputs: [
      '9007199254740992',
      '9223372036854775808',
      '18446744073709551616',
      '18446744073709551621',
      '9'.repeat(400),
    ].map((value) => post([`Content-Length: ${value}`], 'hello')),
    outcome: refused(400, 413),
  },
  {
    row: 6,
    title: 'Content-Length: 010 is ten',
    inputs: [
      post(['Content-Length: 010'], '0123456789'),
      post(['Content-Length: 0000000000000000000000010'], '0123456789'),
    ],
    outcome: (recorded) => {
      accepted({ body: { kind: 'length', bytes: 10 } }, '0123456789')(recorded, '');
      expect(recorded.messages[0]?.head.fields).toContain('10');
    },
  },
  {
    row: 7,
    title: 'unknown Transfer-Encoding',
    inputs: [
      'xchunked',
      'identity',
      'gzip',
      'chunkedx',
      'gzip, chunked',
      'identity, chunked',
      'chun-ked',
      'chunked-',
    ].map((value) => post([`Transfer-Encoding: ${value}`], '0\r\n\r\n')),
    outcome: refused(400, 501),
  },
  {
    row: 8,
    title: 'chunked not last, twice, or in two fields',
    inputs: [
      post(['Transfer-Encoding: chunked, gzip'], '0\r\n\r\n'),
      post(['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'),
      post(['Transfer-Encoding: chunked, chunked'], '0\r\n\r\n'),
      post(['Transfer-Encoding: chunked,'], '0\r\n\r\n'),
      post(['Transfer-Encoding: ,chunked'], '0\r\n\r\n'),
      post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      post(['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], '0\r\n\r\n'),
      post(['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      post(['Transfer-Encoding: gzip', 'transfer-encoding: chunked'], '0\r\n\r\n'),
    ],
    outcome: refused(400),
  },
  {
    row: 9,
    title: 'chunked quoted, with a parameter or odd bytes around it',
    inputs: [
      '"chunked"',
      "'chunked'",
      'chunked;q=1',
      'chunked; foo=bar',
      '\vchunked',
      'chunked\v',
      '\fchunked',
      'chunked\f',
      'chunked\0',
      '\0chunked',
      '\xa0chunked',
      'chunked\xa0',
      'chunked\xff',
      '\xffchunked',
      'chunked\x85',
      'chunked\x1f',
      '[chunked]',
      'chunked chunked',
      'chunked\tx',
    ].map((value) => post([`Transfer-Encoding: ${value}`], '0\r\n\r\n')),
    outcome: refused(400),
  },
  {
    row: 10,
    title: 'Transfer-Encoding in HTTP/1.0',
    inputs: [
      'POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 11,
    title: 'space between field name and colon',
    inputs: [
      get('X-A : b'),
      get('X-A\t: b'),
      get('X-A  \t : b'),
      'GET / HTTP/1.1\r\nHost : a.test\r\n\r\n',
      post(['Content-Length : 5'], 'hello'),
      post(['Transfer-Encoding : chunked'], '0\r\n\r\n'),
      post(['Transfer-Encoding\t: chunked'], '0\r\n\r\n'),
    ],
    outcome: refused(400),
  },
  {
    row: 12,
    title: 'folded field line',
    inputs: [
      get('X-A: b', ' c'),
      get('X-A: b', '\tc'),
      get('X-A:', ' b'),
      'GET / HTTP/1.1\r\nHost: a.test\r\n .evil\r\n\r\n',
      'GET / HTTP/1.1\r\nHost:\r\n a.test\r\n\r\n',
      post(['Transfer-Encoding:', ' chunked'], '0\r\n\r\n'),
      post(['Transfer-Encoding: chunked', ' , identity'], '0\r\n\r\n'),
      post(['Content-Length: 1', ' 0'], '0123456789'),
      get('X-A: b', ' '),
    ],
    outcome: refused(400),
  },
  {
    row: 13,
    title: 'first field line starts with whitespace',
    inputs: [
      'GET / HTTP/1.1\r\n Host: a.test\r\n\r\n',
      'GET / HTTP/1.1\r\n\tHost: a.test\r\n\r\n',
      'GET / HTTP/1.1\r\n \r\nHost: a.test\r\n\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 14,
    title: 'field line without colon, empty name, name that is no token',
    inputs: [
      get('X-A'),
      get('garbage'),
      get(': b'),
      get(':'),
      ...[
        'X(A',
        'X@A',
        'X A',
        'X\x01A',
        'X\x7fA',
        'X\x80A',
        'X\xffA',
        'X"A',
        'X/A',
        'X{A',
        'X,A',
        'X;A',
        'X[A',
        'X=A',
        'X\\A',
        'X\0A',
        'Content-Length\xa0',
        '\xefContent-Length',
      ].map((name) => get(`${name}: b`)),
    ],
    outcome: refused(400),
  },
  {
    row: 15,
    title: 'NUL or bare CR in a value',
    inputs: [
      get('X-A: b\0c'),
      get('X-A: \0'),
      get('X-A: b\rc'),
      get('X-A: b\r'),
      get('X-A: b\rTransfer-Encoding: chunked'),
      get('X-A: \r b'),
    ],
    outcome: refused(400),
  },
  {
    row: 16,
    title: 'other control characters in a value',
    inputs: Array.from({ length: 32 }, (_, i) => i)
      .concat(0x7f)
      .filter((code) => ![0, 9, 10, 13].includes(code))
      .map((code) => get(`X-A: b${String.fromCharCode(code)}c`)),
    outcome: refused(400),
  },
  {
    row: 17,
    title: 'bytes 0x80 to 0xFF in a value',
    inputs: [get(`X-A: ${Array.from({ length: 128 }, (_, i) => String.fromCharCode(0x80 + i)).join('')}`)],
    outcome: (recorded) => {
      accepted({})(recorded, '');
      const value = recorded.messages[0]?.head.fields[3];
      expect(value).toBe(Array.from({ length: 128 }, (_, i) => String.fromCharCode(0x80 + i)).join(''));
    },
  },
  {
    row: 18,
    title: 'bare LF as line end',
    inputs: [
      'GET / HTTP/1.1\nHost: a.test\n\n',
      'GET / HTTP/1.1\nHost: a.test\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a.test\n\r\n',
      'GET / HTTP/1.1\r\nHost: a.test\nX-A: b\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a.test\r\n\n',
      'POST / HTTP/1.1\r\nHost: a.test\r\nX-A: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 19,
    title: 'head ended by CRLF CR X',
    inputs: [
      'GET / HTTP/1.1\r\nHost: a.test\r\n\rX',
      'GET / HTTP/1.1\r\nHost: a.test\r\n\rX\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a.test\r\n\r\r\n\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 20,
    title: 'malformed chunk size',
    inputs: [
      '+5\r\nhello\r\n0\r\n\r\n',
      '-5\r\nhello\r\n0\r\n\r\n',
      '0x5\r\nhello\r\n0\r\n\r\n',
      '0X5\r\nhello\r\n0\r\n\r\n',
      '5_0\r\nhello\r\n0\r\n\r\n',
      ' 5\r\nhello\r\n0\r\n\r\n',
      '\t5\r\nhello\r\n0\r\n\r\n',
      '\r\n0\r\n\r\n',
      '\r\n\r\n',
      ';a\r\n\r\n',
      ';a=b\r\n0\r\n\r\n',
      'g\r\n0\r\n\r\n',
      '5g\r\nhello\r\n0\r\n\r\n',
      '5 \r\nhello\r\n0\r\n\r\n',
      '5 ;a\r\nhello\r\n0\r\n\r\n',
      '5\t\r\nhello\r\n0\r\n\r\n',
      '5\0\r\nhello\r\n0\r\n\r\n',
      '5,\r\nhello\r\n0\r\n\r\n',
      '00000000000000005\r\nhello\r\n0\r\n\r\n',
      '10000000000000005\r\nhello\r\n0\r\n\r\n',
      'ffffffffffffffff\r\nhello\r\n0\r\n\r\n',
      '20000000000000\r\nhello\r\n0\r\n\r\n',
      '5.0\r\nhello\r\n0\r\n\r\n',
      '"5"\r\nhello\r\n0\r\n\r\n',
    ].map(chunked),
    outcome: refused(400),
  },
  {
    row: 21,
    title: 'bare LF and bare CR in chunked framing',
    inputs: [
      '5\nhello\r\n0\r\n\r\n',
      '5\r\nhello\n0\r\n\r\n',
      '5;a\nb\r\nhello\r\n0\r\n\r\n',
      '5;a=b\nhello\r\n0\r\n\r\n',
      '5;a\rb\r\nhello\r\n0\r\n\r\n',
      '5;a="\r\n"\rhello\r\n0\r\n\r\n',
      '5\rhello\r\n0\r\n\r\n',
      '5\rXhello\r\n0\r\n\r\n',
      '5;a\rXhello\r\n0\r\n\r\n',
      '0\rX\r\n',
      '0\n\r\n',
      '0\r\n\n',
      '0\r\nX-T: a\n\r\n',
      '0\r\nX-T: a\nX-U: b\r\n\r\n',
      '0\r\nX-T: a\rX-U: b\r\n\r\n',
      '5;a\0b\r\nhello\r\n0\r\n\r\n',
    ].map(chunked),
    outcome: refused(400),
  },
  {
    row: 22,
    title: 'chunk data longer or shorter than its size',
    inputs: [
      '5\r\nhello!\r\n0\r\n\r\n',
      '5\r\nhelloworld\r\n0\r\n\r\n',
      '5\r\nhel\r\n0\r\n\r\n',
      '5\r\nhell\r\n0\r\n\r\n',
      '5\r\nhello0\r\n\r\n',
      '0\r\nhello\r\n\r\n',
    ].map(chunked),
    outcome: refused(400),
  },
  {
    row: 23,
    title: 'valid chunk extension',
    inputs: [
      '5;a=b\r\nhello\r\n0\r\n\r\n',
      '5;a="b;\\"c"\r\nhello\r\n0;last\r\n\r\n',
      '5; a = b ; c\r\nhello\r\n000;x\r\n\r\n',
      '05;\xe9\r\nhello\r\n0\r\n\r\n',
      '1;a\r\nh\r\n4;b\r\nello\r\n0\r\n\r\n',
    ].map(chunked),
    outcome: accepted({ body: { kind: 'chunked' } }, 'hello'),
  },
  {
    row: 24,
    title: 'trailers are told apart from the head',
    inputs: [
      chunked('5\r\nhello\r\n0\r\nContent-Length: 3\r\nHost: evil\r\nX-Forwarded-For: 1.2.3.4\r\nX-Fine: yes\r\n\r\n'),
    ],
    outcome: (recorded) => {
      accepted({ hostname: 'a.test', body: { kind: 'chunked' } }, 'hello')(recorded, '');
      expect(recorded.messages[0]?.head.fields).toEqual(['Host', 'a.test', 'Transfer-Encoding', 'chunked']);
      expect(recorded.messages[0]?.trailers?.at(-1)).toBe('yes');
    },
  },
  {
    row: 25,
    title: 'malformed trailer line',
    inputs: [
      '0\r\nX-T\r\n\r\n',
      '0\r\n: a\r\n\r\n',
      '0\r\nX-T : a\r\n\r\n',
      '0\r\n X-T: a\r\n\r\n',
      '0\r\nX-T: a\r\n b\r\n\r\n',
      '0\r\nX(T: a\r\n\r\n',
      '0\r\nX-T: a\0\r\n\r\n',
      '0\r\nX-T: a\r\n\rX\r\n\r\n',
      '0\r\nGET / HTTP/1.1\r\n\r\n',
    ].map(chunked),
    outcome: refused(400),
  },
  {
    row: 27,
    title: 'no Host in HTTP/1.1',
    inputs: [
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nX-Host: a.test\r\n\r\n',
      'GET http://a.test/ HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.7\r\n\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 28,
    title: 'Host twice',
    inputs: [
      get('Host: b.test'),
      get('Host: a.test'),
      get('host: a.test'),
      get('HOST:'),
      'GET / HTTP/1.0\r\nHost: a.test\r\nHost: a.test\r\n\r\n',
      'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 29,
    title: 'malformed Host',
    inputs: [
      'a.test/path',
      'a.test?q',
      'a.test#f',
      'a test',
      'a.test b.test',
      'a.test,b.test',
      'user@a.test',
      'user:pass@a.test',
      'a.test\0',
      'a.test:x',
      'a.test:80x',
      'a.test:-1',
      'a.test:+80',
      'a.test: 80',
      'a.test:80:80',
      'a.test:65536',
      'a.test:0',
      'a.test:000080',
      'a.test:',
      '[::1',
      '::1]',
      '[::1]x',
      '[::1]:x',
      '[v1.x]',
      '[fe80::1%25eth0]',
      '[]',
      '[1.2.3.4]',
      'a..test',
      '.a.test',
      'a.test..',
      '.',
      ':80',
      'a.t%65st',
      'a.t\xe9st',
      'a"test',
      'a\\test',
      'a;test',
      "a'test",
      '<a>',
      'http://a.test',
      `${'a'.repeat(64)}.test`,
      `${'a.'.repeat(127)}aa`,
      `${'a.'.repeat(130)}test`,
      `${'a'.repeat(60)}.`.repeat(5),
    ].map((host) => line('GET / HTTP/1.1', host)),
    outcome: refused(400),
  },
  {
    row: 30,
    title: 'empty Host',
    inputs: [
      line('GET / HTTP/1.1', ''),
      'GET / HTTP/1.1\r\nHost:\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: \t \r\n\r\n',
      'GET / HTTP/1.0\r\nHost:\r\n\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 31,
    title: 'Host with capitals and a trailing dot',
    inputs: ['A.Test', 'a.test.', 'A.TEST.', 'a.test', ' \ta.test\t '].map((host) => line('GET / HTTP/1.1', host)),
    outcome: accepted({ hostname: 'a.test', port: null }),
  },
  {
    row: 31,
    title: 'Host with a port',
    inputs: ['A.Test:8443', 'a.test.:8443', 'a.test:08443'].map((host) => line('GET / HTTP/1.1', host)),
    outcome: accepted({ hostname: 'a.test', port: 8443 }),
  },
  {
    row: 33,
    title: 'absolute-form target wins over Host',
    inputs: [
      line('GET http://b.test/x?y HTTP/1.1'),
      line('GET http://b.test/x?y HTTP/1.1', 'b.test'),
      line('GET HTTP://B.Test/x?y HTTP/1.1'),
      line('GET https://b.test./x?y HTTP/1.1'),
    ],
    outcome: accepted({ hostname: 'b.test', target: '/x?y', form: 'absolute' }),
  },
  {
    row: 33,
    title: 'absolute-form target without a path',
    inputs: [line('GET http://b.test HTTP/1.1')],
    outcome: accepted({ hostname: 'b.test', target: '/' }),
  },
  {
    row: 33,
    title: 'absolute-form target with a query and no path',
    inputs: [line('GET http://b.test?x HTTP/1.1')],
    outcome: accepted({ hostname: 'b.test', target: '/?x' }),
  },
  {
    row: 34,
    title: 'absolute-form to a foreign host is never routed by Host',
    inputs: [line('GET http://foreign.test:81/ HTTP/1.1')],
    outcome: accepted({ hostname: 'foreign.test', port: 81, authority: 'foreign.test:81' }),
  },
  {
    row: 35,
    title: 'userinfo in the target, scheme that is not http',
    inputs: [
      'http://user@a.test/',
      'http://user:pass@a.test/',
      'http://@a.test/',
      'ftp://a.test/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'ws://a.test/',
      'http:/a.test/',
      'http:a.test',
      'http:///x',
      'http://',
      'http:\\\\a.test/',
    ].map((target) => line(`GET ${target} HTTP/1.1`)),
    outcome: refused(400),
  },
  {
    row: 36,
    title: 'CONNECT',
    inputs: ['a.test:443', 'evil.test:443', '127.0.0.1:22', '/', 'http://a.test/', '*', 'a', '[::1]:80'].flatMap(
      (target) => [line(`CONNECT ${target} HTTP/1.1`), line(`connect ${target} HTTP/1.1`)],
    ),
    outcome: refusedByCheck(405),
  },
  {
    row: 37,
    title: 'TRACE',
    inputs: [
      line('TRACE / HTTP/1.1'),
      line('trace / HTTP/1.1'),
      line('TRACE http://a.test/ HTTP/1.1'),
      line('TRACE * HTTP/1.1'),
    ],
    outcome: refusedByCheck(405),
  },
  {
    row: 38,
    title: 'OPTIONS * is about the server',
    inputs: [line('OPTIONS * HTTP/1.1'), line('OPTIONS http://a.test HTTP/1.1')],
    outcome: (recorded) => {
      accepted({ target: '*' })(recorded, '');
      const head = recorded.messages[0]?.head;
      if (head !== undefined) expect(checkRequest(head)).toEqual({ kind: 'server-options' });
    },
  },
  {
    row: 38,
    title: 'GET *',
    inputs: [line('GET * HTTP/1.1'), line('options * HTTP/1.1'), line('POST * HTTP/1.1')],
    outcome: refusedByCheck(400),
  },
  {
    row: 39,
    title: 'method that is no token',
    inputs: ['G(T', 'G@T', '"GET"', 'G/T', 'GET:', 'G\x01T', 'G\x80T', 'G\x7fT', '{GET}'].map((method) =>
      line(`${method} / HTTP/1.1`),
    ),
    outcome: refused(400),
  },
  {
    row: 39,
    title: 'method over 32 bytes',
    inputs: [line(`${'A'.repeat(33)} / HTTP/1.1`), line(`${'A'.repeat(3000)} / HTTP/1.1`)],
    outcome: refused(501),
  },
  {
    row: 40,
    title: 'unknown method token',
    inputs: ['PROPFIND', 'get', 'M-SEARCH', 'X', '!#$%&', 'A'.repeat(32)].map((method) => line(`${method} / HTTP/1.1`)),
    outcome: (recorded, input) => {
      accepted({ method: input.slice(0, input.indexOf(' ')) })(recorded, input);
      const head = recorded.messages[0]?.head;
      if (head !== undefined) expect(checkRequest(head)).toEqual({ kind: 'route' });
    },
  },
  {
    row: 41,
    title: 'HTTP/1.2 to 1.9 is treated as 1.1',
    inputs: ['1.1', '1.2', '1.5', '1.9'].map((version) => line(`GET / HTTP/${version}`)),
    outcome: accepted({ minor: 1, keepAlive: true }),
  },
  {
    row: 42,
    title: 'other major versions',
    inputs: ['2.0', '9.9', '3.0', '0.9', '2.1'].map((version) => line(`GET / HTTP/${version}`)),
    outcome: refused(505),
  },
  {
    row: 43,
    title: 'malformed version',
    inputs: [
      'HTTP/1.1x',
      'http/1.1',
      'HTTP/01.1',
      'HTTP/1.32',
      'HTTP/1',
      'HTTP/1.',
      'HTTP/.1',
      'HTTP/11',
      'HTTP1.1',
      'HTTP/1,1',
      'HTTPS/1.1',
      'Http/1.1',
      'HTTP/ 1.1',
      'HTTP/-1.1',
      'HTTP/1.x',
      'ICE/1.0',
      'x',
    ]
      .map((version) => line(`GET / ${version}`))
      .concat(['GET /\r\n', 'GET / \r\n', line('GET /'), 'GET\r\n', line('GET')]),
    outcome: refused(400),
  },
  {
    row: 44,
    title: 'spaces and tabs in the request line',
    inputs: [
      'GET  / HTTP/1.1',
      'GET /  HTTP/1.1',
      'GET\t/ HTTP/1.1',
      'GET /\tHTTP/1.1',
      ' GET / HTTP/1.1',
      '\tGET / HTTP/1.1',
      'GET / HTTP/1.1 ',
      'GET / HTTP/1.1\t',
      'GET / HTTP/1.1 x',
      'GET\v/ HTTP/1.1',
      'GET\xa0/ HTTP/1.1',
    ].map((requestLine) => line(requestLine)),
    outcome: refused(400),
  },
  {
    row: 45,
    title: 'malformed target',
    inputs: [
      '/a b',
      '/a\rb',
      '/a\nb',
      '/a\0b',
      '/a\x01b',
      '/a\x7fb',
      '/a\x80b',
      '/a\xffb',
      '/\xc3\xa9',
      'a',
      'a/b',
      '?q',
      '#f',
      '/a#f',
      'a.test',
      '.',
      '\\',
      '%2f',
      '**',
      '*/',
      'a.test:80',
    ].map((target) => line(`GET ${target} HTTP/1.1`)),
    outcome: refused(400),
  },
  {
    row: 46,
    title: 'odd paths are kept byte for byte',
    inputs: [
      '/../x',
      '//x',
      '/a/../../b',
      '/%2e%2e/',
      '/%2f',
      '/a;b=c',
      '/%00',
      '/%',
      '/%zz',
      '/?a=b?c//..',
      '/a|b',
      '/"a"',
      '/{a}',
      '/[a]',
      '/\\..\\',
      '/<>',
      '/^`',
      '/*',
      '/:',
      '/a@b',
    ].map((target) => line(`GET ${target} HTTP/1.1`)),
    outcome: (recorded, input) => accepted({ target: input.split(' ')[1] ?? '' })(recorded, input),
  },
  {
    row: 47,
    title: 'one or two empty lines before the request line',
    inputs: [`\r\n${get()}`, `\r\n\r\n${get()}`],
    outcome: accepted({ method: 'GET', target: '/' }),
  },
  {
    row: 47,
    title: 'three empty lines, or a broken one',
    inputs: [`\r\n\r\n\r\n${get()}`, `\r${get()}`, `\n${get()}`, `\r\r\n${get()}`, ` \r\n${get()}`],
    outcome: refused(400),
  },
  {
    row: 48,
    title: 'TLS, binary garbage and the HTTP/2 preface',
    inputs: [
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      '\x80\x2e\x01\x03\x01',
      '\0\0\0\0',
      '\xff\xd8\xff\xe0',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'SSH-2.0-x\r\n',
      '\x05\x01\x00',
      'EHLO x\r\n',
    ],
    outcome: refused(400),
  },
  {
    row: 49,
    title: 'Expect: 100-continue',
    inputs: [
      post(['Expect: 100-continue', 'Content-Length: 5'], 'hello'),
      post(['expect: 100-Continue', 'Content-Length: 5'], 'hello'),
    ],
    outcome: accepted({ expectContinue: true }, 'hello'),
  },
  {
    row: 49,
    title: 'Expect: 100-continue in HTTP/1.0 is ignored',
    inputs: ['POST / HTTP/1.0\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello'],
    outcome: accepted({ expectContinue: false }, 'hello'),
  },
  {
    row: 49,
    title: 'other Expect',
    inputs: [
      get('Expect: 200-ok'),
      get('Expect: 100-continue, x'),
      get('Expect: 100-continue', 'Expect: x'),
      get('Expect:'),
      get('Expect: 100-continue', 'Expect: 100-continue'),
    ],
    outcome: refused(417),
  },
  {
    row: 51,
    title: 'HTTP/1.0 closes',
    inputs: [
      'GET / HTTP/1.0\r\n\r\n',
      'GET / HTTP/1.0\r\nConnection: close\r\n\r\n',
      'GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n',
      'GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    outcome: accepted({ minor: 0, keepAlive: false, upgrade: null }),
  },
  {
    row: 51,
    title: 'HTTP/1.0 with keep-alive',
    inputs: ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'GET / HTTP/1.0\r\nconnection: x, Keep-Alive\r\n\r\n'],
    outcome: accepted({ minor: 0, keepAlive: true }),
  },
  {
    row: 52,
    title: 'Upgrade: h2c is ignored',
    inputs: [
      get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'),
      get('Connection: upgrade', 'Upgrade: H2C'),
      get('Connection: upgrade', 'Upgrade: h2'),
      get('Connection: upgrade', 'Upgrade: HTTP/2.0'),
      get('Connection: upgrade', 'Upgrade: TLS/1.2'),
    ],
    outcome: accepted({ upgrade: null }),
  },
  {
    row: 53,
    title: 'an agreed upgrade',
    inputs: [
      get('Connection: Upgrade', 'Upgrade: websocket'),
      get('connection: keep-alive, upgrade', 'upgrade: WebSocket'),
      get('Connection: keep-alive', 'Connection: upgrade', 'Upgrade: h2c, websocket'),
      post(['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 0'], ''),
    ],
    outcome: accepted({ upgrade: 'websocket' }),
  },
  {
    row: 53,
    title: 'Upgrade without Connection, or with a body, is an ordinary request',
    inputs: [
      get('Upgrade: websocket'),
      get('Connection: keep-alive', 'Upgrade: websocket'),
      get('Connection: upgradex', 'Upgrade: websocket'),
      get('Connection: upgrade', 'Upgrade: websocket, other'),
      get('Connection: upgrade', 'Upgrade: web socket'),
      get('Connection: upgrade', 'Upgrade:'),
    ],
    outcome: accepted({ upgrade: null }),
  },
  {
    row: 53,
    title: 'Upgrade with a body is an ordinary request',
    inputs: [
      post(['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 5'], 'hello'),
      post(['Connection: upgrade', 'Upgrade: websocket', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
    ],
    outcome: accepted({ upgrade: null }, 'hello'),
  },
];

describe('requests in', () => {
  for (const { row, title, inputs, outcome } of rows) {
    it(`row ${row}: ${title}`, () => {
      for (const input of inputs) {
        for (const { name, pieces } of feeds) {
          try {
            outcome(feedRequests(input, pieces), input);
            const followed = feedRequests(input + SMUGGLED, pieces);
            outcome(followed, input);
            // After a refusal nothing on the connection is a request any more; after a good one the next is.
            const smuggled = followed.messages.some((message) => message.head.target === '/smuggled');
            expect(smuggled).toBe(followed.error === null);
          } catch (error) {
            throw new Error(`${visible(input)} fed ${name}`, { cause: error });
          }
        }
      }
    });
  }

  it('row 26: a body that ends early is never whole', () => {
    const inputs = [
      post(['Content-Length: 5'], ''),
      post(['Content-Length: 5'], 'hell'),
      chunked(''),
      chunked('5'),
      chunked('5\r\n'),
      chunked('5\r\nhello'),
      chunked('5\r\nhello\r'),
      chunked('5\r\nhello\r\n'),
      chunked('5\r\nhello\r\n0'),
      chunked('5\r\nhello\r\n0\r\n'),
      chunked('5\r\nhello\r\n0\r\n\r'),
      chunked('5\r\nhello\r\n0\r\nX-T: a\r\n'),
    ];
    for (const input of inputs) {
      for (const { pieces } of feeds) {
        const recorded = feedRequests(input, pieces);
        expect(recorded.messages).toHaveLength(1);
        expect(recorded.messages[0]?.trailers).toBeNull();
        expect(recorded.error).toMatchObject({ status: 400, phase: 'body' });
      }
    }
  });

  it('row 47: empty lines are counted anew before each request', () => {
    for (const { pieces } of feeds) {
      expect(feedRequests(`\r\n\r\n${get()}\r\n\r\n${get()}\r\n${get()}`, pieces)).toMatchObject({
        error: null,
        messages: { length: 3 },
      });
      expect(feedRequests(`${get()}\r\n\r\n\r\n${get()}`, pieces)).toMatchObject({
        error: { status: 400 },
        messages: { length: 1 },
      });
    }
  });

  it('row 50: pipelined requests come in order, one at a time', () => {
    const input = `${get('X-N: 1')}${post(['Content-Length: 5'], 'hello')}${chunked('3\r\nabc\r\n0\r\n\r\n')}${get('X-N: 4')}`;
    for (const { pieces } of feeds) {
      const recorded = feedRequests(input, pieces);
      expect(recorded.error).toBeNull();
      expect(recorded.messages.map(({ head, body }) => [head.method, body])).toEqual([
        ['GET', ''],
        ['POST', 'hello'],
        ['POST', 'abc'],
        ['GET', ''],
      ]);
    }
  });

  it('row 50: a bad request after good ones does not cost the good ones', () => {
    for (const bad of ['GET /bad\r\n\r\n', 'GET / HTTP/1.1\nHost: a\n\n', '\0', get('A b: c')]) {
      for (const { pieces } of feeds) {
        const recorded = feedRequests(`${get()}${post(['Content-Length: 2'], 'ok')}${bad}${SMUGGLED}`, pieces);
        expect(recorded.messages.map((message) => message.trailers)).toEqual([[], []]);
        expect(recorded.error).toMatchObject({ status: 400, phase: 'head' });
      }
    }
  });
});
