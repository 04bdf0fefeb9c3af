import { describe, expect, it } from 'vitest';
import { EventReader, FrameReader, type ReadMessage } from './message-reader.ts';

describe('WebSocket frames', () => {
  it('are read however they are cut, masked or long, and garbage ends the reading', () => {
    const long = Buffer.alloc(70_000, 'y');
    const bytes = Buffer.concat([
      Buffer.from([0x81, 0x85, 1, 2, 3, 4]),
      Buffer.from('hello').map((byte, i) => byte ^ ([1, 2, 3, 4][i % 4] ?? 0)),
      Buffer.from([0x89, 0x00]),
      Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]),
      long,
      Buffer.from([0x83, 0x00, 0x81, 0x00]),
    ]);
    for (const step of [1, 7, 1000, bytes.length]) {
      const seen: ReadMessage[] = [];
      const reader = new FrameReader((message) => seen.push(message));
      for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
      expect(seen.map(({ kind, bytes: size }) => [kind, size])).toEqual([
        ['text', 5],
        ['ping', 0],
        ['binary', 70_000],
      ]);
      expect(seen[0]?.payload.toString()).toBe('hello');
      expect(seen[2]?.payload).toHaveLength(4096);
    }
  });

  it('says where a message goes on in the next frame, and what is deflated', () => {
    const seen: ReadMessage[] = [];
    const reader = new FrameReader((message) => seen.push(message));
    reader.push(Buffer.from([0x41, 0x01, 0x61, 0x80, 0x01, 0x62]));
    expect(seen.map(({ kind, isFinal, isCompressed }) => [kind, isFinal, isCompressed])).toEqual([
      ['text', false, true],
      ['continuation', true, false],
    ]);
    expect(reader.isBlind).toBe(false);
    reader.push(Buffer.from('<html>'));
    expect(reader.isBlind).toBe(true);
  });
});

describe('EventReader', () => {
  it('finds the blocks between empty lines, in pieces of any length and with any line ends', () => {
    const text = 'id: 1\ndata: a\n\n: only a comment\r\n\r\ndata: c\rdata: d\r\r\n\n\ndata: open';
    for (const step of [1, 3, text.length]) {
      const seen: string[] = [];
      const reader = new EventReader(({ payload }) => seen.push(payload.toString()));
      for (let at = 0; at < text.length; at += step) reader.push(Buffer.from(text.slice(at, at + step)));
      expect(seen).toEqual(['id: 1\ndata: a', ': only a comment', 'data: c\rdata: d']);
    }
  });

  it('keeps the beginning of a long one, and counts all of it', () => {
    const seen: ReadMessage[] = [];
    const reader = new EventReader((message) => seen.push(message));
    reader.push(Buffer.from(`data: ${'x'.repeat(20_000)}\n\n`));
    expect(seen[0]?.payload).toHaveLength(4096);
    expect(seen[0]?.bytes).toBe(20_007);
  });
});
