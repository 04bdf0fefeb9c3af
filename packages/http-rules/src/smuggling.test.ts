import { checkRequest, encodeRequestHead } from '@portico/http1';
import { feedRequests, feeds } from '@portico/http1/testing/feed';
import { referenceRequests } from '@portico/http1/testing/reference-parser';
import { describe, expect, it } from 'vitest';
import { upstreamRequest } from './upstream-request.ts';

// Known ways to make two parsers disagree about where a request ends. In each of them some reader sees `GET /admin` as a
// request. We never do, and never write bytes in which another could.

const HIDDEN = 'GET /admin HTTP/1.1\r\nHost: a.test\r\n\r\n';
const post = (lines: readonly string[], body: string): string =>
  ['POST / HTTP/1.1', 'Host: a.test', ...lines, '', body].join('\r\n');
const SIZE = `Content-Length: ${5 + HIDDEN.length}`;
const hex = (bytes: number): string => bytes.toString(16);

const codings = [
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  'Transfer-Encoding:\vchunked',
  'Transfer-Encoding: \fchunked',
  'Transfer-Encoding: chunked\v',
  'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding: \xa0chunked',
  'Transfer-Encoding: chunked\x85',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: chunked;x=y',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\r\n chunked',
  ' Transfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\r\n\tTransfer-Encoding: chunked',
  'Transfer\x00-Encoding: chunked',
  'Transfer-Encoding\x00: chunked',
  'Transfer-Encoding chunked',
];

const vectors: Readonly<Record<string, readonly string[]>> = {
  'CL.TE': [post([SIZE, 'Transfer-Encoding: chunked'], `0\r\n\r\n${HIDDEN}`)],
  'TE.CL': [
    post(['Transfer-Encoding: chunked', 'Content-Length: 4'], `${hex(HIDDEN.length)}\r\n${HIDDEN}\r\n0\r\n\r\n`),
  ],
  'TE.TE, one of them disguised': codings.flatMap((coding) => [
    post([SIZE, coding], `0\r\n\r\n${HIDDEN}`),
    post([coding, 'Content-Length: 4'], `${hex(HIDDEN.length)}\r\n${HIDDEN}\r\n0\r\n\r\n`),
    post([coding], `0\r\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked', coding], `0\r\n\r\n${HIDDEN}`),
  ]),
  'CL.CL': [
    post(['Content-Length: 0', SIZE], `0\r\n\r\n${HIDDEN}`),
    post([SIZE, 'Content-Length: 0'], `0\r\n\r\n${HIDDEN}`),
    post(['Content-Length: 0, 43'], HIDDEN),
    post(['Content-Length: 0\r\n 43'], HIDDEN),
    post(['Content-Length: +0'], HIDDEN),
    post(['Content-Length : 43', 'Content-Length: 0'], HIDDEN),
    post(['Content-Length: 0x0'], HIDDEN),
    post(['Content-Length: 18446744073709551616'], HIDDEN),
    post(
      ['Content-Length: 4294967296'].map((line) => line.replace('4294967296', '-1')),
      HIDDEN,
    ),
  ],
  'Transfer-Encoding in HTTP/1.0': [
    `POST / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n${SIZE}\r\n\r\n0\r\n\r\n${HIDDEN}`,
    `POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  'chunk sizes read in two ways': [
    '0x0',
    '0_0',
    '+0',
    '-0',
    ' 0',
    '0 ',
    '\t0',
    '00000000000000000',
    '0\v',
    '0\0',
    '10000000000000000',
    'fffffffffffffffff0',
  ].map((size) => post(['Transfer-Encoding: chunked'], `${size}\r\n\r\n${HIDDEN}`)),
  'bare LF and CR in chunk lines (TERM.EXT, EXT.TERM)': [
    post(['Transfer-Encoding: chunked'], `2;\nxx\r\n${hex(HIDDEN.length)}\r\n0\r\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `0\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `0\r\n\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `0;\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `0\r\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `0;a\rb\r\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `0\nX: y\r\n\r\n${HIDDEN}`),
  ],
  'chunk data that spills': [
    post(['Transfer-Encoding: chunked'], `5\r\nhelloXX0\r\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `5\r\nhello0\r\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `5\r\nhello\n0\r\n\r\n${HIDDEN}`),
    post(['Transfer-Encoding: chunked'], `3\r\nhello\r\n0\r\n\r\n${HIDDEN}`),
  ],
  'line ends read in two ways': [
    `POST / HTTP/1.1\nHost: a.test\n${SIZE}\n\n0\r\n\r\n${HIDDEN}`,
    `POST / HTTP/1.1\r\nHost: a.test\r\nX: y\n\n${HIDDEN}`,
    `POST / HTTP/1.1\r\nHost: a.test\r\n\r${HIDDEN}`,
    `POST / HTTP/1.1\r\nHost: a.test\r\n\n${HIDDEN}`,
    `POST / HTTP/1.1\r\nHost: a.test\rX: y\r\n\r\n${HIDDEN}`,
  ],
  'a folded or doubled Host': [
    `GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n${HIDDEN}`,
    `GET / HTTP/1.1\r\nHost: a.test\r\n b.test\r\n\r\n${HIDDEN}`,
    `GET / HTTP/1.1\r\n Host: b.test\r\nHost: a.test\r\n\r\n${HIDDEN}`,
    `GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n${HIDDEN}`,
    `GET / HTTP/1.1\r\nHost: a.test\0.b.test\r\n\r\n${HIDDEN}`,
    `GET / HTTP/1.1\r\nHost: a.test#@b.test\r\n\r\n${HIDDEN}`,
  ],
  'a request line read in two ways': [
    `GET / HTTP/1.1 HTTP/1.1\r\nHost: a.test\r\n\r\n${HIDDEN}`,
    `GET http://a.test@b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n${HIDDEN}`,
    `GET /\r\nHost: a.test\r\n\r\n${HIDDEN}`,
    `GET / HTTP/1.1\r\r\nHost: a.test\r\n\r\n${HIDDEN}`,
    `GET\r/ HTTP/1.1\r\nHost: a.test\r\n\r\n${HIDDEN}`,
  ],
};

describe('request smuggling', () => {
  for (const [name, inputs] of Object.entries(vectors)) {
    it(`${name}: the hidden request is never one`, () => {
      for (const input of inputs) {
        for (const { pieces } of feeds) {
          const { messages, error } = feedRequests(input, pieces);
          expect(error?.status, JSON.stringify(input)).toBeGreaterThanOrEqual(400);
          expect(messages.map(({ head }) => head.target)).not.toContain('/admin');
          expect(messages.filter(({ trailers }) => trailers !== null)).toEqual([]);
        }
      }
    });
  }

  it('a body that looks like a request stays a body', () => {
    for (const input of [
      post([`Content-Length: ${HIDDEN.length}`], HIDDEN),
      post(['Transfer-Encoding: chunked'], `${hex(HIDDEN.length)}\r\n${HIDDEN}\r\n0\r\n\r\n`),
    ]) {
      for (const { pieces } of feeds) {
        const { messages, error } = feedRequests(input, pieces);
        expect(error).toBeNull();
        expect(messages).toMatchObject([{ head: { target: '/' }, body: HIDDEN }]);
      }
    }
  });

  it('_ spellings of framing and identity do not reach the upstream', () => {
    const input = post(
      [
        'Content_Length: 43',
        'Transfer_Encoding: chunked',
        'Content-Length: 0',
        'X_Forwarded_For: 10.0.0.1',
        'X_Real_IP: 10.0.0.1',
        'ngrok_auth_user_email: root@a.test',
      ],
      '',
    );
    const [message] = feedRequests(input, feeds[0]?.pieces ?? ((all) => [all])).messages;
    if (message === undefined) throw new Error('refused');
    const origin = { clientIp: '192.0.2.1', proto: 'https', host: 'a.test', port: 443, trusted: false } as const;
    const bytes = encodeRequestHead(upstreamRequest({ head: message.head, origin })).toString('latin1');
    expect(bytes).not.toMatch(/_/);
    expect(bytes).not.toContain('10.0.0.1');
    expect(referenceRequests(bytes).requests).toMatchObject([{ body: '', target: '/' }]);
    expect(checkRequest(message.head)).toEqual({ kind: 'route' });
  });
});
