import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WebSocketBoundary } from './websocket-boundary.ts';

function frameOf(length: number, masked: boolean): Buffer {
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended + (masked ? 4 : 0));
  head[0] = 0x82;
  head[1] = (masked ? 128 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, Buffer.alloc(length, 0x81)]);
}

describe('the boundary between WebSocket frames', () => {
  it('is found at every frame end and nowhere else, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(fc.nat(130), fc.constantFrom(125, 126, 127, 65_535, 65_536)), fc.boolean()), {
          maxLength: 6,
        }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 20 }),
        (frames, cuts) => {
          const parts = frames.map(([length, masked]) => frameOf(length, masked));
          const ends = new Set([0]);
          let sum = 0;
          for (const part of parts) {
            sum += part.length;
            ends.add(sum);
          }
          const all = Buffer.concat(parts);
          const boundary = new WebSocketBoundary();
          let at = 0;
          for (let i = 0; at < all.length; i += 1) {
            const chunk = all.subarray(at, at + (cuts[i % cuts.length] ?? 1));
            boundary.push(chunk);
            at += chunk.length;
            expect(boundary.isAtBoundary).toBe(ends.has(at));
          }
          const stepping = new WebSocketBoundary();
          let position = 0;
          while (position < all.length) {
            position += stepping.push(all.subarray(position), true);
            expect(ends.has(position)).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
