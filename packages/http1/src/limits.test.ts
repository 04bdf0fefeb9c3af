import { describe, expect, it } from 'vitest';
import { REQUEST_LIMITS, RESPONSE_LIMITS } from './limits.ts';
import { ResponseParser } from './response-parser.ts';
import { feedRequests, feedResponses, splitBySeed, whole } from './testing/feed.ts';

// Limits L1 to L4 and L6 of the reliability page, exact: the limit passes, one more does not.

const pieces = [whole, splitBySeed(1), splitBySeed(2)];

interface Boundary {
  readonly title: string;
  readonly limit: number;
  /** A message that has exactly this many of what is counted. */
  readonly make: (count: number) => string;
  readonly status: number;
}

const get = (...lines: string[]): string => ['GET / HTTP/1.1', 'Host: a.test', ...lines, '', ''].join('\r\n');
const chunked = (body: string): string =>
  `POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

/** Lines of 2,000 bytes that fill up `bytes` together, CRLF counted. */
function filler(bytes: number, name = 'X'): string {
  let text = '';
  while (bytes - text.length > 2100) text += `${name}: ${'a'.repeat(2000 - name.length - 4)}\r\n`;
  return `${text}${name}: ${'a'.repeat(bytes - text.length - name.length - 4)}\r\n`;
}

const requests: readonly Boundary[] = [
  {
    title: 'L1 request line',
    limit: 16 * 1024,
    make: (bytes) => `GET /${'a'.repeat(bytes - 'GET / HTTP/1.1'.length)} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
    status: 414,
  },
  {
    title: 'L2 whole head',
    limit: 32 * 1024,
    make: (bytes) => {
      const start = 'GET / HTTP/1.1\r\nHost: a.test\r\n';
      return `${start}${filler(bytes - start.length - 2)}\r\n`;
    },
    status: 431,
  },
  { title: 'L2 field line', limit: 16 * 1024, make: (bytes) => get(`X: ${'a'.repeat(bytes - 3)}`), status: 431 },
  {
    title: 'L2 field line, all name',
    limit: 16 * 1024,
    make: (bytes) => get(`${'X'.repeat(bytes - 1)}:`),
    status: 431,
  },
  {
    title: 'L2 field line, all space',
    limit: 16 * 1024,
    make: (bytes) => get(`X:${' '.repeat(bytes - 2)}`),
    status: 431,
  },
  {
    title: 'L3 fields',
    limit: 100,
    make: (count) => get(...Array.from({ length: count - 1 }, (_, i) => `X-${i}: a`)),
    status: 431,
  },
  {
    title: 'L3 trailers',
    limit: 32,
    make: (count) => chunked(`0\r\n${Array.from({ length: count }, (_, i) => `X-${i}: a\r\n`).join('')}\r\n`),
    status: 400,
  },
  {
    title: 'trailer section',
    limit: 32 * 1024,
    make: (bytes) => chunked(`0\r\n${filler(bytes - 2)}\r\n`),
    status: 400,
  },
  {
    title: 'L6 chunk line',
    limit: 4 * 1024,
    make: (bytes) => chunked(`1;${'a'.repeat(bytes - 2)}\r\nx\r\n0\r\n\r\n`),
    status: 400,
  },
  {
    title: 'L6 extensions of a body',
    limit: 16 * 1024,
    make: (bytes) =>
      chunked(`${`1;${'a'.repeat(1023)}\r\nx\r\n`.repeat(15)}1;${'a'.repeat(bytes - 15 * 1024 - 1)}\r\nx\r\n0\r\n\r\n`),
    status: 400,
  },
  {
    title: 'method',
    limit: 32,
    make: (bytes) => `${'A'.repeat(bytes)} / HTTP/1.1\r\nHost: a.test\r\n\r\n`,
    status: 501,
  },
  {
    title: 'Host',
    limit: 255,
    make: (bytes) =>
      `GET / HTTP/1.1\r\nHost: ${'a'.repeat(50)}.${'b'.repeat(50)}.${'c'.repeat(50)}.${'d'.repeat(50)}.${'e'.repeat(bytes - 204 - 6)}:65535\r\n\r\n`,
    status: 400,
  },
];

describe('limits of requests', () => {
  for (const { title, limit, make, status } of requests) {
    it(`${title}: ${limit} passes, one more is ${status}`, () => {
      for (const piece of pieces) {
        for (const good of [limit - 1, limit]) {
          const recorded = feedRequests(make(good), piece);
          expect(recorded.error?.reason).toBeUndefined();
          expect(recorded.messages[0]?.trailers).not.toBeNull();
        }
        for (const bad of [limit + 1, limit + 2, 2 * limit]) {
          const recorded = feedRequests(make(bad), piece);
          expect(recorded.error?.status).toBe(status);
          expect(recorded.prompt).toBe(true);
          expect(recorded.messages.filter(({ trailers }) => trailers !== null)).toEqual([]);
        }
      }
    });
  }

  it('refuses 101 fields, 2,000 trailers and a chunk extension of 100 KiB', () => {
    expect(feedRequests(get(...Array.from({ length: 100 }, (_, i) => `X-${i}: a`)), whole).error?.status).toBe(431);
    const trailers = Array.from({ length: 2000 }, (_, i) => `X-${i}: a\r\n`).join('');
    expect(feedRequests(chunked(`0\r\n${trailers}\r\n`), whole).error).toMatchObject({ status: 400, phase: 'body' });
    expect(feedRequests(chunked(`1;${'a'.repeat(100 * 1024)}\r\nx\r\n0\r\n\r\n`), whole).error?.status).toBe(400);
  });

  it('limits show while the line is still coming', () => {
    expect(feedRequests(`GET /${'a'.repeat(16 * 1024 + 1)}`, whole)).toMatchObject({
      prompt: true,
      error: { status: 414 },
    });
    expect(feedRequests(`GET / HTTP/1.1\r\nX: ${'a'.repeat(33 * 1024)}`, splitBySeed(3))).toMatchObject({
      prompt: true,
      error: { status: 431 },
    });
    expect(feedRequests(chunked(`1;${'a'.repeat(5000)}`), splitBySeed(3))).toMatchObject({
      prompt: true,
      error: { status: 400 },
    });
  });

  it('a body limit refuses early where the length is known', () => {
    const limits = { bodyBytes: 5 };
    const sized = (bytes: number): string => `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${bytes}\r\n\r\n`;
    expect(feedRequests(`${sized(5)}hello`, whole, limits).error).toBeNull();
    expect(feedRequests(sized(6), whole, limits)).toMatchObject({
      messages: [],
      error: { status: 413, phase: 'head' },
    });
    expect(feedRequests(chunked('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'), whole, limits).error).toBeNull();
    expect(feedRequests(chunked('3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n'), whole, limits).error).toMatchObject({
      status: 413,
      phase: 'body',
    });
  });
});

const answer = (...lines: string[]): string => ['HTTP/1.1 200 OK', 'Content-Length: 0', ...lines, '', ''].join('\r\n');

const responses: readonly Boundary[] = [
  {
    title: 'L4 response head',
    limit: 64 * 1024,
    make: (bytes) => {
      const start = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n';
      return `${start}${filler(bytes - start.length - 2)}\r\n`;
    },
    status: 502,
  },
  {
    title: 'L4 response fields',
    limit: 200,
    make: (count) => answer(...Array.from({ length: count - 1 }, (_, i) => `X-${i}: a`)),
    status: 502,
  },
  {
    title: 'L4 interim heads',
    limit: 16,
    make: (count) => `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(count)}${answer()}`,
    status: 502,
  },
  {
    title: 'status line',
    limit: 16 * 1024,
    make: (bytes) => `HTTP/1.1 200 ${'a'.repeat(bytes - 'HTTP/1.1 200 '.length)}\r\nContent-Length: 0\r\n\r\n`,
    status: 502,
  },
];

describe('limits of answers', () => {
  for (const { title, limit, make, status } of responses) {
    it(`${title}: ${limit} passes, one more is ${status}`, () => {
      for (const piece of pieces) {
        for (const good of [limit - 1, limit]) {
          const recorded = feedResponses(make(good), piece);
          expect(recorded.error?.reason).toBeUndefined();
          expect(recorded.messages).toHaveLength(1);
        }
        for (const bad of [limit + 1, limit + 2, 2 * limit]) {
          expect(feedResponses(make(bad), piece)).toMatchObject({
            prompt: true,
            messages: [],
            error: { status, phase: 'head' },
          });
        }
      }
    });
  }

  it('refuses a head of 1 MiB and 1,000 interim heads', () => {
    expect(feedResponses(answer(`X: ${'a'.repeat(1024 * 1024)}`), whole).error?.status).toBe(502);
    expect(feedResponses('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000), whole).error?.status).toBe(502);
  });
});

describe('limits on a connection that lives on', () => {
  it('count anew for each request', () => {
    const extension = `1;${'a'.repeat(4000)}\r\nx\r\n`.repeat(4);
    const message = chunked(`${extension}0\r\n\r\n`);
    expect(feedRequests(message.repeat(3), whole, { bodyBytes: 4 })).toMatchObject({
      error: null,
      messages: { length: 3 },
    });
  });

  it('count anew for each answer', () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(16);
    const ended: number[] = [];
    const parser = new ResponseParser({
      onInterim() {},
      onHead() {},
      onBody() {},
      onEnd: () => ended.push(1),
      onError(error) {
        throw error;
      },
    });
    for (let i = 0; i < 3; i++) {
      expect(parser.expect('GET')).toBe(true);
      parser.push(Buffer.from(`${hints}${answer()}`));
    }
    expect(ended).toHaveLength(3);
  });
});

describe('the defaults', () => {
  it('are those of the reliability page', () => {
    expect(REQUEST_LIMITS).toMatchObject({
      requestLineBytes: 16384,
      headBytes: 32768,
      fieldLineBytes: 16384,
      fields: 100,
      trailers: 32,
      chunkLineBytes: 4096,
      chunkExtensionBytes: 16384,
    });
    expect(RESPONSE_LIMITS).toMatchObject({ headBytes: 65536, fields: 200, interimHeads: 16 });
  });
});
