import { describe, expect, it } from 'vitest';
import { encodeChunkHead, encodeLastChunk, encodeRequestHead, encodeResponseHead, LAST_CHUNK } from './encode.ts';

const text = (bytes: Buffer): string => bytes.toString('latin1');

describe('encoding a head', () => {
  it('writes the bytes of RFC 9112', () => {
    expect(text(encodeRequestHead({ method: 'GET', target: '/a?b', fields: ['Host', 'a.test', 'X', ''] }))).toBe(
      'GET /a?b HTTP/1.1\r\nHost: a.test\r\nX: \r\n\r\n',
    );
    expect(
      text(encodeResponseHead({ status: 200, reason: 'OK', fields: ['Set-Cookie', 'a=\xe9', 'Set-Cookie', 'b'] })),
    ).toBe('HTTP/1.1 200 OK\r\nSet-Cookie: a=\xe9\r\nSet-Cookie: b\r\n\r\n');
    expect(text(encodeResponseHead({ status: 204, reason: '', fields: [] }))).toBe('HTTP/1.1 204 \r\n\r\n');
  });

  it('writes chunks', () => {
    expect(text(encodeChunkHead(1))).toBe('1\r\n');
    expect(text(encodeChunkHead(65_536))).toBe('10000\r\n');
    expect(encodeLastChunk([])).toBe(LAST_CHUNK);
    expect(text(encodeLastChunk(['X-T', 'a']))).toBe('0\r\nX-T: a\r\n\r\n');
  });

  it('never writes a chunk that would end the body', () => {
    for (const bytes of [0, -1, 1.5, Number.NaN, 2 ** 53]) expect(() => encodeChunkHead(bytes)).toThrow(RangeError);
  });

  it('throws instead of writing a second line into any part', () => {
    // U+010A and U+560D lose their high byte in latin1 and become LF and CR.
    for (const evil of [
      'a\r\nX: y',
      'a\nX: y',
      'a\rb',
      'a\0b',
      'a\u010aX: y',
      'a\u560d\u560aX: y',
      '\r\n\r\nGET / HTTP/1.1',
      'a\x7f',
      '\x1b[2J',
    ]) {
      expect(() => encodeRequestHead({ method: evil, target: '/', fields: [] })).toThrow(TypeError);
      expect(() => encodeRequestHead({ method: 'GET', target: evil, fields: [] })).toThrow(TypeError);
      expect(() => encodeRequestHead({ method: 'GET', target: '/', fields: ['X', evil] })).toThrow(TypeError);
      expect(() => encodeRequestHead({ method: 'GET', target: '/', fields: [evil, 'a'] })).toThrow(TypeError);
      expect(() => encodeResponseHead({ status: 200, reason: evil, fields: [] })).toThrow(TypeError);
      expect(() => encodeResponseHead({ status: 200, reason: 'OK', fields: ['A', 'b', 'X', evil] })).toThrow(TypeError);
      expect(() => encodeLastChunk(['X', evil])).toThrow(TypeError);
    }
  });

  it('throws for names that are no token, and for a name without a value', () => {
    for (const name of ['', ' X', 'X ', 'X:', '\tX', 'X(', 'X\x80']) {
      expect(() => encodeRequestHead({ method: 'GET', target: '/', fields: [name, 'a'] })).toThrow(TypeError);
    }
    expect(() => encodeRequestHead({ method: 'GET', target: '/', fields: ['X'] })).toThrow(TypeError);
  });
});
