import { createServer, METHODS } from 'node:http';
import { duplexPair } from 'node:stream';
import {
  CHUNK_END,
  checkRequest,
  encodeChunkHead,
  encodeLastChunk,
  encodeRequestHead,
  type Fields,
  type RequestHead,
} from '@portico/http1';
import { feedRequests, whole } from '@portico/http1/testing/feed';
import { hostileRequests } from '@portico/http1/testing/hostile';
import { referenceRequests } from '@portico/http1/testing/reference-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getField, getFields } from './fields.ts';
import { filterTrailers } from './trailers.ts';
import { upstreamRequest } from './upstream-request.ts';

// What leaves is always well-formed and means what was read, whatever came in: every request that passes is written anew
// and read again by two others, a reader written from the grammar and Node's own parser.

const long = process.env.PORTICO_LONG === '1';
const origin = { clientIp: '192.0.2.1', proto: 'https', host: 'a.test', port: 443, trusted: false } as const;

interface Whole {
  readonly head: RequestHead;
  readonly body: string;
  readonly trailers: Fields;
}

function passed(input: string): Whole[] {
  return feedRequests(input, whole).messages.flatMap(({ head, body, trailers }) =>
    trailers === null || head.hostname === '' || checkRequest(head).kind !== 'route' ? [] : [{ head, body, trailers }],
  );
}

function written({ head, body, trailers }: Whole): Buffer {
  const parts = [encodeRequestHead(upstreamRequest({ head, origin }))];
  const bytes = Buffer.from(body, 'latin1');
  if (head.body.kind !== 'chunked') parts.push(bytes);
  else {
    if (bytes.length > 0) parts.push(encodeChunkHead(bytes.length), bytes, CHUNK_END);
    parts.push(encodeLastChunk(filterTrailers(trailers)));
  }
  return Buffer.concat(parts);
}

describe('requests written anew', () => {
  it('are read as exactly what they were by a strict reader', () => {
    let seen = 0;
    fc.assert(
      fc.property(hostileRequests, (input) => {
        const requests = passed(input);
        seen += requests.length;
        const again = referenceRequests(Buffer.concat(requests.map(written)).toString('latin1'));
        expect(again.clean).toBe(true);
        expect(
          again.requests.map(({ method, target, hostname, body }) => ({ method, target, hostname, body })),
        ).toEqual(requests.map(({ head: { method, target, hostname }, body }) => ({ method, target, hostname, body })));
        for (const { fields } of again.requests) {
          expect(getFields(fields, 'host')).toHaveLength(1);
          expect(getFields(fields, 'x-forwarded-for')).toEqual(['192.0.2.1']);
          expect(
            getFields(fields, 'content-length').length + getFields(fields, 'transfer-encoding').length,
          ).toBeLessThanOrEqual(1);
          expect(getField(fields, 'keep-alive')).toBeUndefined();
        }
      }),
      { numRuns: long ? 500_000 : 3000 },
    );
    expect(seen).toBeGreaterThan(1000);
  });

  it(
    'are read as exactly what they were by Node',
    async () => {
      const server = createServer();
      let seen = 0;
      await fc.assert(
        fc.asyncProperty(hostileRequests, async (input) => {
          for (const request of passed(input)) {
            // Node knows a fixed set of methods, and takes CONNECT apart.
            if (!METHODS.includes(request.head.method)) continue;
            seen++;
            const [edge, upstream] = duplexPair();
            const read = new Promise<{ method?: string; url?: string; host?: string; body: string }>(
              (resolve, reject) => {
                server.once('request', (message, response) => {
                  let body = '';
                  message.setEncoding('latin1');
                  message.on('data', (text: string) => {
                    body += text;
                  });
                  message.on('end', () => {
                    const { method, url } = message;
                    response.end();
                    resolve({ method, url, host: message.headers.host, body });
                  });
                });
                server.once('clientError', reject);
              },
            );
            server.emit('connection', upstream);
            edge.resume();
            edge.end(written(request));
            const { head, body } = request;
            expect(await read).toEqual({ method: head.method, url: head.target, host: head.authority, body });
            server.removeAllListeners('clientError');
            edge.destroy();
            upstream.destroy();
          }
        }),
        { numRuns: long ? 20_000 : 300 },
      );
      expect(seen).toBeGreaterThan(50);
      server.close();
    },
    long ? 600_000 : 30_000,
  );
});
