import type { Frame } from './frame.ts';

/** The slow, obviously right codec that checks the fast one. For tests only. */
export function encodeSlowly(frame: Frame): Buffer {
  switch (frame.kind) {
    case 'rst':
      return frameBytes(0, 0, frame.streamId, uint32(frame.code));
    case 'data':
      return frameBytes(1, (frame.fin ? 1 : 0) + (frame.syn ? 2 : 0), frame.streamId, Buffer.from(frame.body));
    case 'window-increment':
      return frameBytes(2, 0, frame.streamId, uint32(frame.increment));
    case 'go-away':
      return frameBytes(
        3,
        0,
        0,
        Buffer.concat([uint32(frame.lastStreamId), uint32(frame.code), Buffer.from(frame.text, 'utf8')]),
      );
  }
}

/** All frames in `bytes`, which must end with a whole frame; up to a GOAWAY. */
export function decodeSlowly(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = bytes.readUIntBE(at, 3);
    const type = Math.floor(bytes.readUInt8(at + 3) / 16);
    const flags = bytes.readUInt8(at + 3) % 16;
    const streamId = bytes.readUInt32BE(at + 4);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (body.length < length) throw new Error('a frame is cut off');
    at += 8 + length;
    if (type === 0) frames.push({ kind: 'rst', streamId, code: body.readUInt32BE(0) });
    if (type === 1) {
      frames.push({ kind: 'data', streamId, syn: (flags & 2) === 2, fin: (flags & 1) === 1, body: Buffer.from(body) });
    }
    if (type === 2) frames.push({ kind: 'window-increment', streamId, increment: body.readUInt32BE(0) });
    if (type === 3) {
      frames.push({
        kind: 'go-away',
        lastStreamId: body.readUInt32BE(0),
        code: body.readUInt32BE(4),
        text: body.toString('utf8', 8),
      });
      return frames;
    }
  }
  return frames;
}

/** Any header and body, also wrong ones. */
export function frameBytes(type: number, flags: number, streamId: number, body: Buffer, length = body.length): Buffer {
  const head = Buffer.alloc(8);
  head.writeUIntBE(length, 0, 3);
  head.writeUInt8(type * 16 + flags, 3);
  head.writeUInt32BE(streamId, 4);
  return Buffer.concat([head, body]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
