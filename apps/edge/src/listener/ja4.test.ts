import { describe, expect, it } from 'vitest';
import { ja4Of } from './ja4.ts';

const grease = 0x1a1a;

interface Hello {
  readonly ciphers: readonly number[];
  readonly extensions: readonly (readonly [type: number, body?: Buffer])[];
  readonly version?: number;
}

function uint16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, index) => {
    bytes.writeUInt16BE(value, 2 * index);
  });
  return bytes;
}

const vector = (lengthBytes: 1 | 2, body: Buffer): Buffer =>
  Buffer.concat([lengthBytes === 1 ? Buffer.from([body.length]) : uint16(body.length), body]);
const versions = (...values: number[]): Buffer => vector(1, uint16(...values));
const algorithms = (...values: number[]): Buffer => vector(2, uint16(...values));
const alpn = (...names: string[]): Buffer =>
  vector(2, Buffer.concat(names.map((name) => vector(1, Buffer.from(name, 'latin1')))));
const name = vector(2, Buffer.concat([Buffer.from([0]), vector(2, Buffer.from('a.example'))]));

function clientHello({ ciphers, extensions, version = 0x0303 }: Hello): Buffer {
  const all = Buffer.concat(
    extensions.map(([type, body = Buffer.alloc(0)]) => Buffer.concat([uint16(type), vector(2, body)])),
  );
  const message = Buffer.concat([
    uint16(version),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32)),
    vector(2, uint16(...ciphers)),
    vector(1, Buffer.from([0])),
    ...(extensions.length === 0 ? [] : [vector(2, all)]),
  ]);
  const header = Buffer.from([1, 0, 0, 0]);
  header.writeUIntBE(message.length, 1, 3);
  return Buffer.concat([Buffer.from([22, 3, 1]), vector(2, Buffer.concat([header, message]))]);
}

/** The browser of the specification's example, its lists shuffled as that browser does. */
const browser: Hello = {
  ciphers: [
    grease,
    0x1301,
    0x1302,
    0x1303,
    0xc02b,
    0xc02f,
    0xc02c,
    0xc030,
    0xcca9,
    0xcca8,
    0xc013,
    0xc014,
    0x009c,
    0x009d,
    0x002f,
    0x0035,
  ],
  extensions: [
    [0x2a2a],
    [0x001b],
    [0x0000, name],
    [0x0033],
    [0x0010, alpn('h2', 'http/1.1')],
    [0x4469],
    [0x0017],
    [0x002d],
    [0x000d, algorithms(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)],
    [0x0005],
    [0x0023],
    [0x0012],
    [0x002b, versions(grease, 0x0304, 0x0303)],
    [0xff01],
    [0x000b],
    [0x000a],
    [0x0015],
    [0x3a3a],
  ],
};

describe('the JA4 fingerprint', () => {
  it('is that of the specification for its example, in whatever order things stand', () => {
    expect(ja4Of(clientHello(browser))).toBe('t13d1516h2_8daaf6152771_e5627efa2ab1');
    const turned = { ...browser, extensions: [...browser.extensions].reverse() };
    expect(ja4Of(clientHello(turned))).toBe('t13d1516h2_8daaf6152771_e5627efa2ab1');
  });

  it.each([
    ['no name, no protocol', { ciphers: [0x1301], extensions: [[0x002b, versions(0x0304)]] }, /^t13i010100_/],
    ['an old version', { ciphers: [0x002f], extensions: [[0x000a]], version: 0x0302 }, /^t11i010100_/],
    ['no extension', { ciphers: [0x002f], extensions: [] }, /^t12i010000_[0-9a-f]{12}_000000000000$/],
    ['no cipher', { ciphers: [], extensions: [[0x000a]] }, /^t12i000100_000000000000_[0-9a-f]{12}$/],
    ['a protocol of one letter', { ciphers: [1], extensions: [[0x0010, alpn('h')]] }, /^t12i0101hh_/],
    ['a protocol of other bytes', { ciphers: [1], extensions: [[0x0010, alpn('\xab\xcd')]] }, /^t12i0101ad_/],
    ['an unknown version', { ciphers: [1], extensions: [[0x002b, versions(grease)]] }, /^t00i010100_/],
  ] satisfies [string, Hello, RegExp][])('of %s', (_what, hello, expected) => {
    expect(ja4Of(clientHello(hello))).toMatch(expected);
  });

  it('is none of what is no ClientHello', () => {
    const whole = clientHello(browser);
    for (const bytes of [Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n'), whole.subarray(0, 80)]) {
      expect(ja4Of(bytes)).toBeNull();
    }
    const cut = Buffer.from(whole);
    cut.writeUInt16BE(0xffff, 76);
    expect(ja4Of(cut)).toBeNull();
  });
});
