import { checkRequest, type RequestHead } from '@portico/http1';
import { describe, expect, it } from 'vitest';
import { DataLength, fromHttp2Headers, fromHttp2Trailers } from './http2-request.ts';

const BASE = [':method', 'GET', ':scheme', 'https', ':authority', 'a.test', ':path', '/'];
const post = (...fields: string[]): string[] => [':method', 'POST', ...BASE.slice(2), ...fields];
const replace = (name: string, value: string): string[] =>
  BASE.map((field, i) => (BASE[i - 1] === name ? value : field));
const without = (name: string): string[] => BASE.filter((_, i) => BASE[i - (i % 2)] !== name);

function rebuilt(headers: readonly string[], endStream = true): RequestHead {
  const request = fromHttp2Headers(headers, { endStream });
  if (request.kind === 'malformed') throw new Error(request.reason);
  return request.head;
}

describe('an HTTP/2 request', () => {
  it.each<[string, string[][]]>([
    [
      'connection-specific fields',
      ['connection', 'transfer-encoding', 'upgrade', 'keep-alive', 'proxy-connection', 'http2-settings'].map((name) => [
        ...BASE,
        name,
        'x',
      ]),
    ],
    ['te other than trailers', ['gzip', 'trailers, gzip', 'Trailers', ''].map((value) => [...BASE, 'te', value])],
    [
      'CR, LF, NUL or space at the end of a value',
      ['a\rb', 'a\nb', 'a\0b', 'a\r\nx: y', ' a', 'a ', '\ta', '\u010a', 'a\x7f'].map((value) => [...BASE, 'x', value]),
    ],
    [
      'CR, LF, NUL, capitals, colon, space in a name, or none',
      ['a\rb', 'a\nb', 'a\0b', 'Aa', 'a:b', 'a b', '', 'a\x80', 'X', 'ä'].map((name) => [...BASE, name, 'x']),
    ],
    ['a missing pseudo-field', [without(':method'), without(':scheme'), without(':path'), without(':authority')]],
    ['a doubled pseudo-field', [':method', ':scheme', ':authority', ':path'].map((name) => [...BASE, name, '/'])],
    ['an unknown pseudo-field', [':protocol', ':status', ':', ':foo'].map((name) => [...BASE, name, 'x'])],
    ['a late pseudo-field', [[...without(':path'), 'x', 'y', ':path', '/']]],
    [
      'a malformed :path',
      ['', 'a', '?', ' /', '/a b', '/a\tb', '/\0', '/\r\n', '/a#b', '/\x80', '*', 'http://a.test/'].map((path) =>
        replace(':path', path),
      ),
    ],
    ['a malformed :method', ['', 'G T', 'G\0', 'G:'].map((method) => replace(':method', method))],
    ['an unknown :scheme', ['', 'ftp', 'HTTPS'].map((scheme) => replace(':scheme', scheme))],
    [
      'a malformed :authority',
      ['user@a.test', 'a.test/x', '', 'a b', 'a,b', 'a:0'].map((authority) => replace(':authority', authority)),
    ],
    [
      'host unlike :authority',
      [
        [...BASE, 'host', 'b.test'],
        [...BASE, 'host', 'a.test:444'],
        [...BASE, 'host', ''],
        [...BASE, 'host', 'a.test', 'host', 'a.test'],
      ],
    ],
    [
      'a malformed content-length',
      ['', '+5', '5, 5', '0x5', '9007199254740993', '-1', ' 5'].map((value) => post('content-length', value)),
    ],
    ['content-length twice', [post('content-length', '5', 'content-length', '5')]],
    ['CONNECT with a path', [replace(':method', 'CONNECT')]],
  ])('is malformed: %s', (_, inputs) => {
    for (const headers of inputs)
      expect(fromHttp2Headers(headers, { endStream: false })).toMatchObject({ kind: 'malformed', status: 400 });
  });

  it('is malformed with a content-length and no DATA', () => {
    expect(fromHttp2Headers(post('content-length', '5'), { endStream: true })).toMatchObject({ kind: 'malformed' });
  });

  it('is answered where a limit or an expectation is not met', () => {
    const status = (headers: string[]): unknown => {
      const request = fromHttp2Headers(headers, { endStream: true });
      return request.kind === 'malformed' ? request.status : 'ok';
    };
    expect(status([...BASE, 'expect', '200-ok'])).toBe(417);
    expect(status(replace(':method', 'A'.repeat(33)))).toBe(501);
    expect(status(replace(':path', `/${'a'.repeat(16 * 1024)}`))).toBe(414);
    expect(status([...BASE, 'x', 'a'.repeat(16 * 1024)])).toBe(431);
    expect(status([...BASE, ...Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'a']).flat()])).toBe(431);
    expect(status([...BASE, ...Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'a']).flat()])).toBe('ok');
  });

  it('is rebuilt with one Host, cookies joined', () => {
    expect(
      rebuilt([...replace(':authority', 'A.test:8443'), 'cookie', 'a=b', 'x', 'y', 'cookie', 'c=d', 'te', 'trailers']),
    ).toEqual({
      method: 'GET',
      target: '/',
      form: 'origin',
      scheme: 'https',
      authority: 'A.test:8443',
      hostname: 'a.test',
      port: 8443,
      minor: 1,
      fields: ['host', 'A.test:8443', 'x', 'y', 'te', 'trailers', 'cookie', 'a=b; c=d'],
      body: { kind: 'none' },
      keepAlive: true,
      upgrade: null,
      expectContinue: false,
    });
  });

  it('takes host where there is no :authority, and host that says the same', () => {
    expect(rebuilt([...without(':authority'), 'host', 'B.test'])).toMatchObject({
      hostname: 'b.test',
      fields: ['host', 'B.test'],
    });
    expect(rebuilt([...BASE, 'host', 'A.TEST:443'])).toMatchObject({ authority: 'a.test', fields: ['host', 'a.test'] });
  });

  it('has framing by its length and its end', () => {
    expect(rebuilt(BASE)).toMatchObject({ body: { kind: 'none' } });
    for (const method of ['POST', 'PUT', 'PATCH']) {
      expect(rebuilt(replace(':method', method))).toMatchObject({ body: { kind: 'length', bytes: 0 } });
    }
    expect(rebuilt(replace(':method', 'DELETE'))).toMatchObject({ body: { kind: 'none' } });
    expect(rebuilt(post(), false)).toMatchObject({ body: { kind: 'chunked' } });
    expect(rebuilt(BASE, false)).toMatchObject({ body: { kind: 'chunked' } });
    expect(rebuilt(post('content-length', '5'), false)).toMatchObject({ body: { kind: 'length', bytes: 5 } });
    expect(rebuilt(post('content-length', '0'))).toMatchObject({ body: { kind: 'length', bytes: 0 } });
  });

  it('row 36: CONNECT is refused, row 38: OPTIONS * is about the server', () => {
    const connect = rebuilt([':method', 'CONNECT', ':authority', 'a.test:443']);
    expect(checkRequest(connect)).toMatchObject({ kind: 'refused', status: 405 });
    const options = rebuilt([':method', 'OPTIONS', ':scheme', 'https', ':authority', 'a.test', ':path', '*']);
    expect(checkRequest(options)).toEqual({ kind: 'server-options' });
  });

  it('compares DATA with the length announced', () => {
    const five = new DataLength({ kind: 'length', bytes: 5 });
    expect([five.add(3), five.isWhole(), five.add(2), five.isWhole(), five.add(1)]).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
    const any = new DataLength({ kind: 'chunked' });
    expect([any.add(1000), any.isWhole()]).toEqual([true, true]);
    expect(new DataLength({ kind: 'none' }).add(1)).toBe(false);
  });
});

describe('trailers of an HTTP/2 request', () => {
  it('are malformed with a pseudo-field, a connection-specific one, or too many', () => {
    for (const trailers of [
      [':path', '/'],
      ['connection', 'x'],
      ['X', 'y'],
      ['x', 'a\r\nb'],
      ['te', 'gzip'],
      Array.from({ length: 33 }, () => ['x', 'y']).flat(),
    ]) {
      expect(fromHttp2Trailers(trailers).kind).toBe('malformed');
    }
  });

  it('are fields otherwise', () => {
    expect(fromHttp2Trailers(['grpc-status', '0'])).toEqual({ kind: 'trailers', fields: ['grpc-status', '0'] });
  });
});
