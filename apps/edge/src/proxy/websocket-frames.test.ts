import { describe, expect, it } from 'vitest';
import { ClientFrames, frameHeader } from './websocket-frames.ts';

const MASK = [1, 2, 3, 4];

/** A frame of a client. */
function frame(opcode: number, payload: string, { isLast = true, isMasked = true, reserved = 0 } = {}): Buffer {
  const bytes = Buffer.from(payload);
  const header = frameHeader(opcode, bytes.length);
  header[0] = opcode | (isLast ? 0x80 : 0) | reserved;
  if (!isMasked) return Buffer.concat([header, bytes]);
  header[1] = (header[1] ?? 0) | 0x80;
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (bytes[i] ?? 0) ^ (MASK[i & 3] ?? 0);
  return Buffer.concat([header, Buffer.from(MASK), bytes]);
}

/** What is read of the bytes, given in pieces of `step`. */
function read(bytes: Buffer, step = bytes.length): string[] {
  const seen: string[] = [];
  let payload = '';
  const note = (what: string): void => {
    if (payload !== '') seen.push(payload);
    payload = '';
    seen.push(what);
  };
  const frames = new ClientFrames({
    onPayload: (part) => {
      payload += part.toString();
    },
    onPing: (part) => note(`ping ${part}`),
    onClose: () => note('close'),
    onFault: (code) => note(`fault ${code}`),
  });
  for (let at = 0; at < bytes.length; at += step) frames.push(Buffer.from(bytes.subarray(at, at + step)));
  if (payload !== '') seen.push(payload);
  return seen;
}

describe('frames of a client', () => {
  const long = 'x'.repeat(70_000);
  const all = Buffer.concat([
    frame(1, 'text '),
    frame(2, 'bytes '),
    frame(2, ''),
    frame(2, 'first ', { isLast: false }),
    frame(9, 'are you there'),
    frame(0, 'second ', { isLast: false }),
    frame(0, 'third'),
    frame(10, 'unasked'),
    frame(2, 'y'.repeat(200)),
    frame(2, long),
    frame(8, ''),
    frame(2, 'after the end'),
  ]);

  it.each([1, 2, 3, 7, 1_000, all.length])('are read alike in pieces of %i bytes', (step) => {
    expect(read(all, step)).toEqual([
      'text bytes first ',
      'ping are you there',
      `second third${'y'.repeat(200)}${long}`,
      'close',
    ]);
  });

  it.each([
    ['without a mask', frame(2, 'a', { isMasked: false })],
    ['with a reserved bit', frame(2, 'a', { reserved: 0x40 })],
    ['of an unknown kind', frame(3, 'a')],
    ['of a control kind that is split', frame(9, 'a', { isLast: false })],
    ['of a control kind that is too long', frame(9, 'a'.repeat(126))],
    ['that goes on with no message', frame(0, 'a')],
    ['that begins a message within another', Buffer.concat([frame(2, '', { isLast: false }), frame(2, 'a')])],
  ])('%s are refused', (_kind, bytes) => {
    expect(read(bytes)).toEqual(['fault 1002']);
    expect(read(bytes, 1)).toEqual(['fault 1002']);
  });

  it('longer than can be counted are refused', () => {
    const bytes = Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, 0xff), Buffer.alloc(4)]);
    expect(read(bytes)).toEqual(['fault 1009']);
  });
});
