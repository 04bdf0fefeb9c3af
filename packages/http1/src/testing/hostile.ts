import fc from 'fast-check';

// For tests: hostile bytes, made from good messages by mutation.

const SEEDS = [
  'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /a?b=c HTTP/1.0\r\n\r\n',
  '\r\nGET http://b.test:80/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 010\r\n\r\n0123456789',
  'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: A.Test.:8080\r\nTransfer-Encoding: Chunked\r\n\r\n3;a="b"\r\nabc\r\n00A\r\n0123456789\r\n0;x\r\nX-T: a\r\nX-U:\tb \r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nX: \xe9\xff\r\nExpect: 100-continue\r\n\r\n',
  'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
];

const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  '1',
  '5',
  'a',
  'F',
  '0x',
  '+',
  '-',
  '#',
  '@',
  '/',
  '?',
  '*',
  '\x7f',
  '\x80',
  '\xff',
  '\v',
  '\r\n\r\n',
  '\n\n',
  '\r\n ',
  '\r\n\t',
  ' :',
  '0\r\n\r\n',
  '5\r\n',
  'chunked',
  ', chunked',
  'identity',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'content-length:6\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding: xchunked\r\n',
  'Host: b.test\r\n',
  'Host:\r\n',
  'Expect: x\r\n',
  'X_A: b\r\n',
  'GET /x HTTP/1.1\r\nHost: c\r\n\r\n',
  'http://b/',
  'https://',
];

type Mutation = { at: number; remove: number; insert: string };

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }) },
    fc.integer({ min: 1, max: 30 }),
  ),
  insert: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) },
  ),
});

/** One to `seedsMax` of the seeds behind one another, with up to four mutations. */
export function mutated(seeds: readonly string[], seedsMax: number): fc.Arbitrary<string> {
  return fc
    .record({
      chosen: fc.array(fc.constantFrom(...seeds), { minLength: 1, maxLength: seedsMax }),
      mutations: fc.array(mutation, { maxLength: 4 }),
    })
    .map(({ chosen, mutations }) =>
      mutations.reduce((text, { at, remove, insert }) => {
        const position = Math.floor(at * text.length);
        return text.slice(0, position) + insert + text.slice(position + remove);
      }, chosen.join('')),
    );
}

export const hostileRequests: fc.Arbitrary<string> = mutated(SEEDS, 3);
