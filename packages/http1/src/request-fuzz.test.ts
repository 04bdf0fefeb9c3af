import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestHead } from './request-head.ts';
import { byteByByte, feedRequests, feedResponses, type Recorded, splitBySeed, whole } from './testing/feed.ts';
import { hostileRequests, mutated } from './testing/hostile.ts';
import { referenceRequests } from './testing/reference-parser.ts';

// Hostile bytes, made from good requests by mutation: the parser says what a slow, obviously right reader says, however
// the bytes are cut. PORTICO_LONG=1 runs the properties for ten minutes together.

const long = process.env.PORTICO_LONG === '1';
const REQUESTS_MS = 420_000;
const ANSWERS_MS = 180_000;

/** Some thousand runs, or runs for `longMs`, in slices: a worker that never yields is taken for dead. */
async function assertProperty<Ts>(property: fc.IProperty<Ts>, longMs: number): Promise<void> {
  if (!long) {
    fc.assert(property, { numRuns: 4000 });
    return;
  }
  const end = performance.now() + longMs;
  while (performance.now() < end) {
    fc.assert(property, { numRuns: 10_000 });
    await setImmediate();
  }
}

function summary({ messages, error }: Recorded<RequestHead>): unknown {
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
    'are read as the reference reads them, whole, byte by byte and split, and fail in the same place',
    async () => {
      const property = fc.property(hostileRequests, fc.integer(), (input, seed) => {
        const expected = referenceRequests(input);
        const first = feedRequests(input, whole);
        expect(summary(first)).toEqual(expected);
        for (const pieces of [byteByByte, splitBySeed(seed)]) {
          const other = feedRequests(input, pieces);
          expect(summary(other)).toEqual(expected);
          expect(other.error?.phase).toBe(first.error?.phase);
        }
      });
      await assertProperty(property, REQUESTS_MS);
    },
    REQUESTS_MS + 60_000,
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
    async () => {
      const answers = mutated(ANSWERS, 1);
      await assertProperty(
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
        ANSWERS_MS,
      );
    },
    ANSWERS_MS + 60_000,
  );
});
