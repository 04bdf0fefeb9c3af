import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteByByte, feedRequests, feedResponses, splitBySeed, whole } from './testing/feed.ts';
import { hostileRequests, mutated } from './testing/hostile.ts';
import { referenceRequests } from './testing/reference-parser.ts';

// Hostile bytes, made from good requests by mutation: the parser says what a slow, obviously right reader says, however
// the bytes are cut. PORTICO_LONG=1 runs each property for ten minutes.

const long = process.env.PORTICO_LONG === '1';
const LONG_MS = 600_000;
const scale = long
  ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: LONG_MS, markInterruptAsFailure: false }
  : { numRuns: 4000 };

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
        fc.property(hostileRequests, fc.integer(), (input, seed) => {
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
        fc.property(hostileRequests, fc.integer(), (input, seed) => {
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
      const answers = mutated(ANSWERS, 1);
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
