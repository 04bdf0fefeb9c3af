import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNK_END, encodeChunkHead, encodeLastChunk, encodeRequestHead, encodeResponseHead } from './encode.ts';
import { feedRequests, feedResponses, splitBySeed } from './testing/feed.ts';

// parse(encode(x)) = x, however the bytes are cut.

const numRuns = process.env.PORTICO_LONG === '1' ? 100_000 : 500;
const TOKEN = [..."!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"];
const VISIBLE = Array.from({ length: 256 }, (_, i) => i)
  .filter((code) => code > 0x20 && code !== 0x7f)
  .map((code) => String.fromCharCode(code));
const FRAMING = new Set(['host', 'content-length', 'transfer-encoding', 'expect', 'connection', 'upgrade']);

const token = fc.array(fc.constantFrom(...TOKEN), { minLength: 1, maxLength: 12 }).map((all) => all.join(''));
const word = fc.array(fc.constantFrom(...VISIBLE), { maxLength: 10 }).map((all) => all.join(''));
const value = fc
  .array(
    word.filter((text) => text !== ''),
    { maxLength: 4 },
  )
  .map((words) => words.join(' \t'));
const fields = fc
  .array(
    fc.tuple(
      token.filter((name) => !FRAMING.has(name.toLowerCase())),
      value,
    ),
    { maxLength: 20 },
  )
  .map((pairs) => pairs.flat());
const path = fc
  .array(fc.constantFrom(...VISIBLE.filter((text) => text < '\x7f' && text !== '#')), { maxLength: 20 })
  .map((all) => `/${all.join('')}`);
const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 });
const body = fc.oneof(
  fc.record({ kind: fc.constant('chunked' as const), chunks, trailers: fields }),
  fc.record({ kind: fc.constant('length' as const), chunks, trailers: fc.constant<string[]>([]) }),
);

function framingOf({ kind, chunks }: { kind: 'chunked' | 'length'; chunks: Uint8Array[] }): string[] {
  if (kind === 'chunked') return ['Transfer-Encoding', 'chunked'];
  return ['Content-Length', String(chunks.reduce((sum, chunk) => sum + chunk.length, 0))];
}

function encodeBody({
  kind,
  chunks,
  trailers,
}: {
  kind: 'chunked' | 'length';
  chunks: Uint8Array[];
  trailers: string[];
}): Buffer {
  if (kind === 'length') return Buffer.concat(chunks);
  const parts = chunks.flatMap((chunk) => [encodeChunkHead(chunk.length), chunk, CHUNK_END]);
  return Buffer.concat([...parts, encodeLastChunk(trailers)]);
}

describe('round trips', () => {
  it('a request is read as it was written, several on one connection', () => {
    const request = fc.record({ method: token, target: path, fields, body });
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), fc.integer(), (written, seed) => {
        const wire = written.flatMap(({ method, target, fields, body }) => [
          encodeRequestHead({ method, target, fields: ['Host', 'a.test', ...fields, ...framingOf(body)] }),
          encodeBody(body),
        ]);
        const { messages, error } = feedRequests(Buffer.concat(wire), splitBySeed(seed));
        expect(error).toBeNull();
        expect(messages).toEqual(
          written.map(({ method, target, fields, body }) => ({
            head: expect.objectContaining({
              method,
              target,
              fields: ['Host', 'a.test', ...fields, ...framingOf(body)],
            }),
            body: Buffer.concat(body.chunks).toString('latin1'),
            trailers: body.trailers,
          })),
        );
      }),
      { numRuns },
    );
  });

  it('an answer is read as it was written', () => {
    const answer = fc.record({
      status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
      reason: value,
      fields,
      body,
    });
    fc.assert(
      fc.property(answer, fc.integer(), ({ status, reason, fields, body }, seed) => {
        const all = [...fields, ...framingOf(body)];
        const wire = Buffer.concat([encodeResponseHead({ status, reason, fields: all }), encodeBody(body)]);
        const { messages, error } = feedResponses(wire, splitBySeed(seed));
        expect(error).toBeNull();
        expect(messages).toEqual([
          {
            head: expect.objectContaining({ status, reason, fields: all }),
            body: Buffer.concat(body.chunks).toString('latin1'),
            trailers: body.trailers,
          },
        ]);
      }),
      { numRuns },
    );
  });
});
