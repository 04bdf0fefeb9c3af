import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decoded, hexLines, textOf, viewOf } from './body.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));

describe('the view of a body', () => {
  it.each([
    ['application/json', '{"a":[1]}', { kind: 'json', text: '{\n  "a": [\n    1\n  ]\n}' }],
    ['application/problem+json; charset=utf-8', '[]', { kind: 'json', text: '[]' }],
    ['text/plain', ' {"a":1}', { kind: 'json', text: '{\n  "a": 1\n}' }],
    ['application/json', '{"a":', { kind: 'text', text: '{"a":' }],
    [
      'text/xml; charset=utf-8',
      '<?xml version="1.0"?><a x="1"><!-- <b> --><b>one</b><c/><d><![CDATA[<e>]]></d></a>',
      {
        kind: 'xml',
        text: '<?xml version="1.0"?>\n<a x="1">\n  <!-- <b> -->\n  <b>one</b>\n  <c/>\n  <d>\n    <![CDATA[<e>]]>\n  </d>\n</a>',
      },
    ],
    ['image/svg+xml', '<svg><g></svg>', { kind: 'text', text: '<svg><g></svg>' }],
    ['application/xml', `<a>${'<!-- '.repeat(10)}`, { kind: 'text', text: `<a>${'<!-- '.repeat(10)}` }],
    [
      'application/x-www-form-urlencoded',
      'a=1&b=%C3%A4+b',
      {
        kind: 'form',
        pairs: [
          ['a', '1'],
          ['b', 'ä b'],
        ],
      },
    ],
    ['text/event-stream', 'data: a\n\ndata: b\n\n', { kind: 'events', events: ['data: a', 'data: b'] }],
    ['text/html', '<script>alert(1)</script>', { kind: 'text', text: '<script>alert(1)</script>' }],
    ['image/svg+xml', '<svg onload="x"/>', { kind: 'xml', text: '<svg onload="x"/>' }],
    ['', '', { kind: 'empty' }],
  ])('%s %s', (type, body, view) => {
    expect(viewOf(bytes(body), type, false)).toEqual(view);
  });

  it('shows images that are whole, and nothing that is not text as text', () => {
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 1]);
    expect(viewOf(png, 'image/png', false)).toEqual({ kind: 'image', url: 'data:image/png;base64,iVBORwAB' });
    expect(viewOf(png, 'image/png', true)).toEqual({ kind: 'binary' });
    expect(textOf(new Uint8Array([0xff, 0xfe, 0x00]))).toBeNull();
  });

  it('leaves out a character that was cut', () => {
    expect(textOf(bytes('aä').subarray(0, 2))).toBe('a');
  });

  it('undoes content codings, also of what was cut short', async () => {
    const text = 'a long text '.repeat(2_000);
    expect(await decoded(new Uint8Array(gzipSync(text)), 'gzip')).toEqual(bytes(text));
    expect(await decoded(new Uint8Array(deflateSync(text)), 'deflate')).toEqual(bytes(text));
    expect(await decoded(new Uint8Array(brotliCompressSync(text)), 'br')).toBeNull();
    const random = Array.from({ length: 5_000 }, (_, at) => ((at * 7919) % 251).toString(36)).join('');
    const cut = await decoded(new Uint8Array(gzipSync(random).subarray(0, 600)), 'gzip');
    expect(random.startsWith(textOf(cut ?? new Uint8Array()) ?? '?')).toBe(true);
  });

  it('shows bytes in hex', () => {
    expect(hexLines(bytes('Hello, portico!\n!'))).toEqual([
      '000000  48 65 6c 6c 6f 2c 20 70 6f 72 74 69 63 6f 21 0a  Hello, portico!·',
      `000010  21${' '.repeat(45)}  !`,
    ]);
  });
});
