import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSlowly, encodeSlowly, frameBytes, uint32 } from './codec.util.ts';
import { FrameDecoder } from './decode.ts';
import { FrameEncoder } from './encode.ts';
import { FrameError } from './errors.ts';
import { type Frame, FrameFlag } from './frame.ts';

/** Frames as they were captured from the official clients, and what they say (protocol notes, section 16). */
const captured: [string, Frame][] = [
  ['0000041200000003 ffffffff', data(3, 'ffffffff', 'syn')],
  ['0000041200000005 00000000', data(5, '00000000', 'syn')],
  ['0000001100000005', data(5, '', 'fin')],
  ['0000041000000003 9561459c', data(3, '9561459c')],
  ['0000042000000005 00000020', { kind: 'window-increment', streamId: 5, increment: 32 }],
  ['0000041200000007 00000001', data(7, '00000001', 'syn')],
  [
    '00006b1200000002 00000003 5f00000000000000 7b224964223a226231222c22436c69656e7441646472223a223139322e302e322e313a31323334222c2250726f746f223a226874747073222c224564676554797065223a2230222c22506173737468726f756768544c53223a66616c73657d',
    data(
      2,
      '000000035f000000000000007b224964223a226231222c22436c69656e7441646472223a223139322e302e322e313a31323334222c2250726f746f223a226874747073222c224564676554797065223a2230222c22506173737468726f756768544c53223a66616c73657d',
      'syn',
    ),
  ],
  ['0000041000000002 70696e67', data(2, '70696e67')],
  ['0000001100000002', data(2, '', 'fin')],
  ['0000041200000004 ffffffff', data(4, 'ffffffff', 'syn')],
  ['0000041000000004 deadbeef', data(4, 'deadbeef')],
  ['0000041200000009 00000002', data(9, '00000002', 'syn')],
  ['00000b1000000009 7b224964223a226231227d', data(9, '7b224964223a226231227d')],
  [
    '0000191000000009 7b224572726f72223a22222c224578747261223a6e756c6c7d',
    data(9, '7b224572726f72223a22222c224578747261223a6e756c6c7d'),
  ],
  ['0000040000001092 00000004', { kind: 'rst', streamId: 4242, code: 4 }],
  [
    '0000103000000000 00000000 00000000 6e6f206572726f72',
    { kind: 'go-away', lastStreamId: 0, code: 0, text: 'no error' },
  ],
];

describe('captured frames', () => {
  it.each(captured)('%s is read', (hex, frame) => {
    const bytes = fromHex(hex);
    expect(decodeFast([bytes])).toEqual([frame]);
    expect(decodeFast([...bytes].map((byte) => Buffer.from([byte])))).toEqual([frame]);
  });

  it.each(captured)('%s is written', (hex, frame) => {
    expect(encodeFast([frame]).toString('hex')).toBe(fromHex(hex).toString('hex'));
    expect(encodeSlowly(frame).toString('hex')).toBe(fromHex(hex).toString('hex'));
  });

  it('are read one behind the other in any pieces', () => {
    const bytes = Buffer.concat(captured.map(([hex]) => fromHex(hex)));
    const frames = captured.map(([, frame]) => frame);
    for (let size = 1; size < 40; size += 1) expect(decodeFast(cut(bytes, [size]))).toEqual(frames);
  });

  it('a GOAWAY of the Rust client, whose length is 8 too small, is read and the rest of its text is not taken for frames', () => {
    const bytes = fromHex('00000d3000000000 0000000a 00000001 696e76616c6964206672616d65');
    expect(decodeFast([bytes])).toEqual([{ kind: 'go-away', lastStreamId: 10, code: 1, text: 'inval' }]);
    // "no error": the length says 8, so no text is left; "lost": it says 4, less than a GOAWAY can have.
    expect(decodeFast([fromHex('0000083000000000 00000000 00000000 6e6f206572726f72')])).toEqual([
      { kind: 'go-away', lastStreamId: 0, code: 0, text: '' },
    ]);
    expect(decodeFast([fromHex('0000043000000000 00000000 00000000 6c6f7374')])).toEqual([
      { kind: 'go-away', lastStreamId: 0, code: 0, text: '' },
    ]);
  });
});

describe('the codec', () => {
  const streamId = fc.integer({ min: 1, max: 0x7fff_ffff });
  const frame: fc.Arbitrary<Frame> = fc.oneof(
    fc.record({ kind: fc.constant('rst' as const), streamId, code: fc.nat(0xffff_ffff) }),
    fc.record({
      kind: fc.constant('data' as const),
      streamId,
      syn: fc.boolean(),
      fin: fc.boolean(),
      body: fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        // Around the size up to which payloads are copied, and up to one window.
        fc.constantFrom(16_383, 16_384, 16_385, 65_536, 262_144).map((length) => new Uint8Array(length).fill(7)),
      ),
    }),
    fc.record({
      kind: fc.constant('window-increment' as const),
      streamId,
      increment: fc.integer({ min: 1, max: 0x7fff_ffff }),
    }),
  );
  const frames = fc.array(frame, { maxLength: 30 });
  const goAway: fc.Arbitrary<Frame> = fc.record({
    kind: fc.constant('go-away' as const),
    lastStreamId: fc.nat(0x7fff_ffff),
    code: fc.nat(15),
    text: fc.string({ unit: 'binary', maxLength: 100 }),
  });
  const isLong = process.env.PORTICO_LONG === '1';
  const numRuns = isLong ? 20_000 : 300;
  const timeout = isLong ? 600_000 : 30_000;

  it('writes what the slow one writes', { timeout }, () => {
    fc.assert(
      fc.property(frames, goAway, (some, last) => {
        const all = [...some, last];
        expect(encodeFast(all).equals(Buffer.concat(all.map(encodeSlowly)))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('reads what the slow one reads, however the bytes are cut', { timeout }, () => {
    fc.assert(
      fc.property(
        frames,
        goAway,
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1 }),
        (some, last, sizes) => {
          const bytes = Buffer.concat([...some, last].map(encodeSlowly));
          const fast = decodeFast(cut(bytes, sizes));
          const slow = decodeSlowly(bytes);
          expect(fast.length).toBe(slow.length);
          fast.forEach((each, index) => {
            const other = slow[index];
            if (each.kind === 'data' && other?.kind === 'data') {
              expect(Buffer.from(each.body).equals(other.body)).toBe(true);
              expect({ ...each, body: null }).toEqual({ ...other, body: null });
            } else expect(each).toEqual(other);
          });
        },
      ),
      { numRuns },
    );
  });

  it('never reads past a fault, never throws anything but a FrameError, whatever the bytes', { timeout }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
        try {
          decodeFast(cut(Buffer.from(bytes), [size]));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: numRuns * 5 },
    );
  });

  it('skips frames of unknown type', () => {
    const bytes = Buffer.concat([
      frameBytes(4, 0, 9, Buffer.alloc(70_000)),
      frameBytes(15, 15, 0, Buffer.alloc(0)),
      encodeSlowly(data(3, 'aa')),
    ]);
    expect(decodeFast(cut(bytes, [1_000]))).toEqual([data(3, 'aa')]);
  });

  it('ignores the flags 4 and 8', () => {
    expect(decodeFast([frameBytes(1, 12, 3, Buffer.from('aa', 'hex'))])).toEqual([data(3, 'aa')]);
  });

  it.each([
    ['DATA on stream 0', 1, frameBytes(1, 0, 0, Buffer.alloc(1))],
    ['DATA longer than a window', 8, frameBytes(1, 0, 3, Buffer.alloc(0), 262_145)],
    ['RST of 3 bytes', 8, frameBytes(0, 0, 3, Buffer.alloc(3))],
    ['RST of 5 bytes', 8, frameBytes(0, 0, 3, Buffer.alloc(5))],
    ['RST on stream 0', 1, frameBytes(0, 0, 0, uint32(1))],
    ['WNDINC of 3 bytes', 8, frameBytes(2, 0, 3, Buffer.alloc(3))],
    ['WNDINC on stream 0', 1, frameBytes(2, 0, 0, uint32(1))],
    ['WNDINC of 0', 1, frameBytes(2, 0, 3, uint32(0))],
    ['GOAWAY above 4 KiB', 8, frameBytes(3, 0, 0, Buffer.alloc(0), 4_097)],
    ['GOAWAY on a stream', 1, frameBytes(3, 0, 3, Buffer.alloc(8))],
    ['a stream id with its top bit set', 1, frameBytes(1, 0, 0x8000_0003, Buffer.alloc(0))],
  ])('refuses %s', (_what, code, bytes) => {
    expect(() => decodeFast([bytes])).toThrowError(FrameError);
    try {
      decodeFast([bytes]);
    } catch (error) {
      expect(error).toMatchObject({ code });
    }
  });

  it('holds what was taken until it is done, and takes the memory again then', () => {
    const encoder = new FrameEncoder();
    write(encoder, data(3, '0102'));
    const [first] = encoder.take();
    const before = Buffer.from(first?.bytes ?? []).toString('hex');
    for (let n = 0; n < 100; n += 1) write(encoder, data(5, 'ff'.repeat(2_000)));
    expect(Buffer.from(first?.bytes ?? []).toString('hex')).toBe(before);
    expect(encoder.bytes).toBe(100 * 2_008);
    const rest = encoder.take();
    expect(rest.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(100 * 2_008);
    expect(encoder.bytes).toBe(0);

    const memory = new Set([first, ...rest].map((piece) => piece?.bytes.buffer));
    for (const piece of [first, ...rest]) piece?.done();
    write(encoder, data(7, '03'));
    const [again] = encoder.take();
    expect(memory.has(again?.bytes.buffer)).toBe(true);
  });

  it('writes a whole turn in one piece', () => {
    const encoder = new FrameEncoder();
    for (const id of [3, 5]) write(encoder, data(id, '00'.repeat(65_536)));
    encoder.windowIncrement(3, 1);
    expect(encoder.take()).toHaveLength(1);
  });
});

function data(streamId: number, hex: string, flag?: 'syn' | 'fin'): Frame {
  return { kind: 'data', streamId, syn: flag === 'syn', fin: flag === 'fin', body: Buffer.from(hex, 'hex') };
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n += 1) {
    const size = sizes[n % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function write(encoder: FrameEncoder, frame: Frame): void {
  switch (frame.kind) {
    case 'rst':
      encoder.rst(frame.streamId, frame.code);
      break;
    case 'data': {
      const flags = (frame.syn ? FrameFlag.syn : 0) | (frame.fin ? FrameFlag.fin : 0);
      encoder.dataHeader(frame.streamId, frame.body.length, flags);
      encoder.payload(frame.body);
      break;
    }
    case 'window-increment':
      encoder.windowIncrement(frame.streamId, frame.increment);
      break;
    case 'go-away':
      encoder.goAway(frame.lastStreamId, frame.code, frame.text);
  }
}

function encodeFast(frames: readonly Frame[]): Buffer {
  const encoder = new FrameEncoder();
  for (const frame of frames) write(encoder, frame);
  return Buffer.concat(encoder.take().map(({ bytes }) => bytes));
}

function decodeFast(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  let body: Buffer[] = [];
  let head: { streamId: number; flags: number; length: number } | null = null;
  const decoder = new FrameDecoder({
    onDataStart(streamId, length, flags) {
      head = { streamId, flags, length };
      body = [];
    },
    onDataBytes(piece) {
      expect(piece.length).toBeGreaterThan(0);
      body.push(Buffer.from(piece));
    },
    onDataEnd() {
      if (head === null) throw new Error('an end without a start');
      const whole = Buffer.concat(body);
      expect(whole.length).toBe(head.length);
      const { streamId, flags } = head;
      frames.push({ kind: 'data', streamId, syn: (flags & 2) !== 0, fin: (flags & 1) !== 0, body: whole });
      head = null;
    },
    onRst: (streamId, code) => frames.push({ kind: 'rst', streamId, code }),
    onWindowIncrement: (streamId, increment) => frames.push({ kind: 'window-increment', streamId, increment }),
    onGoAway: (lastStreamId, code, text) => frames.push({ kind: 'go-away', lastStreamId, code, text }),
    onUnknown: () => {},
  });
  for (const chunk of chunks) decoder.push(chunk);
  return frames;
}
