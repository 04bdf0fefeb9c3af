import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteByByte, feedRequests, feedResponses, splitBySeed, whole } from './testing/feed.ts';
import { referenceRequests } from './testing/reference-parser.ts';

// Hostile bytes, made from good requests by mutation: the parser says what a slow, obviously right reader says, however
// the bytes are cut. PORTICO_LONG=1 runs each property for ten minutes.

const long = process.env.PORTICO_LONG === '1';
const LONG_MS = 600_000;
const scale = long
  ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: LONG_MS, markInterruptAsFailure: false }
  : { numRuns: 4000 };

const SEEDS = [
  'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a?b=c HTTP/1.0\r\n\r\n',
  '\r\nGET http://b.test:80/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 010\r\n\r\n0123456789',
  'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: A.Test.:8080\r\nTransfer-Encoding: Chunked\r\n\r\n3;a="b"\r\nabc\r\n00A\r\n0123456789\r\n0;x\r\nX-T: a\r\nX-U:\tb \r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nX: \xe9\xff\r\nExpect: 100-continue\r\n\r\n',
  'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
];

const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  '1',
  '5',
  'a',
  'F',
  '0x',
  '+',
  '-',
  '#',
  '@',
  '/',
  '?',
  '*',
  '\x7f',
  '\x80',
  '\xff',
  '\v',
  '\r\n\r\n',
  '\n\n',
  '\r\n ',
  '\r\n\t',
  ' :',
  '0\r\n\r\n',
  '5\r\n',
  'chunked',
  ', chunked',
  'identity',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'content-length:6\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding: xchunked\r\n',
  'Host: b.test\r\n',
  'Host:\r\n',
  'Expect: x\r\n',
  'X_A: b\r\n',
  'GET /x HTTP/1.1\r\nHost: c\r\n\r\n',
  'http://b/',
  'https://',
];

type Mutation = { at: number; remove: number; insert: string };

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }) },
    fc.integer({ min: 1, max: 30 }),
  ),
  insert: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) },
  ),
});

const hostile: fc.Arbitrary<string> = fc
  .record({
    seeds: fc.array(fc.constantFrom(...SEEDS), { minLength: 1, maxLength: 3 }),
    mutations: fc.array(mutation, { maxLength: 4 }),
  })
  .map(({ seeds, mutations }) =>
    mutations.reduce((text, { at, remove, insert }) => {
      const position = Math.floor(at * text.length);
      return text.slice(0, position) + insert + text.slice(position + remove);
    }, seeds.join('')),
  );

function summary(input: string, pieces: typeof whole): unknown {
  const { messages, error } = feedRequests(input, pieces);
  return {
    requests: messages
      .filter(({ trailers }) => trailers !== null)
      .map(({ head, body, trailers }) => ({
        method: head.method,
        target: head.target,
        hostname: head.hostname,
        minor: head.minor,
        fields: head.fields,
        body,
        trailers,
      })),
    clean: error === null,
  };
}

describe('mutated requests', () => {
  it(
    'are read as the reference reads them, whole, byte by byte and split',
    () => {
      fc.assert(
        fc.property(hostile, fc.integer(), (input, seed) => {
          const expected = referenceRequests(input);
          expect(summary(input, whole)).toEqual(expected);
          expect(summary(input, byteByByte)).toEqual(expected);
          expect(summary(input, splitBySeed(seed))).toEqual(expected);
        }),
        scale,
      );
    },
    long ? LONG_MS + 60_000 : undefined,
  );

  it(
    'fail the same way however they are cut',
    () => {
      fc.assert(
        fc.property(hostile, fc.integer(), (input, seed) => {
          const phase = feedRequests(input, whole).error?.phase;
          expect(feedRequests(input, splitBySeed(seed)).error?.phase).toBe(phase);
          expect(feedRequests(input, byteByByte).error?.phase).toBe(phase);
        }),
        { ...scale, ...(long ? {} : { numRuns: 1000 }) },
      );
    },
    long ? LONG_MS + 60_000 : undefined,
  );
});

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nhello',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01a',
];

describe('mutated answers', () => {
  it(
    'say the same however they are cut',
    () => {
      const answers = fc
        .record({ seed: fc.constantFrom(...ANSWERS), mutations: fc.array(mutation, { maxLength: 3 }) })
        .map(({ seed, mutations }) =>
          mutations.reduce((text, { at, remove, insert }) => {
            const position = Math.floor(at * text.length);
            return text.slice(0, position) + insert + text.slice(position + remove);
          }, seed),
        );
      fc.assert(
        fc.property(
          answers,
          fc.constantFrom('GET', 'HEAD'),
          fc.constantFrom(null, 'websocket'),
          fc.integer(),
          (input, method, upgradeAsked, seed) => {
            const asked = { method, upgradeAsked };
            const { prompt: _, error, ...expected } = feedResponses(input, whole, asked);
            for (const pieces of [byteByByte, splitBySeed(seed)]) {
              const { prompt: _prompt, error: otherError, ...other } = feedResponses(input, pieces, asked);
              expect(other).toEqual(expected);
              expect(otherError?.phase).toBe(error?.phase);
            }
          },
        ),
        scale,
      );
    },
    long ? LONG_MS + 60_000 : undefined,
  );
});
