import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventReader } from './event-reader.ts';

function read(...pieces: string[]): string[] {
  const seen: string[] = [];
  const reader = new EventReader((data) => seen.push(data));
  for (const piece of pieces) reader.push(piece);
  return seen;
}

describe('server-sent events', () => {
  it('are given when their blank line has come', () => {
    expect(read('data: a\n')).toEqual([]);
    expect(read('data: a\n\n')).toEqual(['a']);
    expect(read('data:a\n\ndata: b\n\n')).toEqual(['a', 'b']);
  });

  it('join their lines, and leave out comments and other fields', () => {
    expect(read(': hello\nevent: live\nid: 7\nretry: 5\ndata: a\ndata\ndata:  c\n\n')).toEqual(['a\n\n c']);
    expect(read('event: nothing\n\n: just a comment\n\n')).toEqual([]);
    expect(read('database: no\n\n')).toEqual([]);
  });

  it('are the same with every line end, in whatever pieces they come', () => {
    const stream = fc.array(fc.constantFrom('data: x', 'data: y z', ': c', 'id: 1', '', ''), { maxLength: 20 });
    const end = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(stream, end, fc.array(fc.nat(200), { maxLength: 10 }), (lines, lineEnd, cuts) => {
        const text = lines.map((line) => line + lineEnd).join('');
        const whole = read(lines.map((line) => `${line}\n`).join(''));
        const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
        const pieces: string[] = [];
        let from = 0;
        for (const place of [...places, text.length]) {
          pieces.push(text.slice(from, place));
          from = place;
        }
        expect(read(...pieces)).toEqual(whole);
      }),
    );
  });

  it('are bounded, in one line and in many', () => {
    const small = () => new EventReader(() => {}, 100);
    expect(() => small().push(`data: ${'x'.repeat(101)}`)).toThrow(RangeError);
    expect(() => small().push('data: 12345678\n'.repeat(20))).toThrow(RangeError);
    const many = small();
    for (let i = 0; i < 1000; i++) many.push('data: 12345678\n\n');
  });
});
