import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEMO, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { RawVisitor, statuses } from '../testing/raw-visitor.util.ts';
import { RecordingUpstream } from '../testing/recording-upstream.util.ts';

/**
 * The rows of the reliability page, section 2, through real listeners: each over plain TCP and TLS, in one piece and
 * byte by byte, and after each a second visitor, whose answer must be its own.
 */
let upstream: RecordingUpstream;
let edge: EdgeUnderTest;

beforeAll(async () => {
  upstream = await new RecordingUpstream().listen();
  edge = await startEdge({
    upstreamPort: () => upstream.port,
    limits: { lingerMs: 50, limitLoopback: false },
  });
});

afterAll(async () => {
  await edge.close();
  await upstream.close();
});

interface Row {
  readonly row: number | 'F1' | 'F2';
  readonly what: string;
  readonly send: string;
  /** Statuses that are right; the first answer has one of them. */
  readonly statuses: readonly number[];
  /** The connection ends after the answer (default); false: it may live on. */
  readonly closes?: boolean;
  /** What the upstream must have seen for the target `/x`: nothing (default), a whole request, or an aborted one. */
  readonly upstream?: 'nothing' | 'whole' | 'aborted';
  readonly check?: (request: {
    body: string;
    fields: readonly (readonly [string, string])[];
    target: string;
    trailers: readonly (readonly [string, string])[];
    method: string;
  }) => void;
}

const HOST = `Host: ${DEMO}\r\n`;
const get = (fields: string, target = '/x'): string => `GET ${target} HTTP/1.1\r\n${HOST}${fields}\r\n`;
const post = (fields: string, body = ''): string => `POST /x HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);
const refused = (row: number, what: string, send: string, ...expected: number[]): Row => ({
  row,
  what,
  send,
  statuses: expected.length === 0 ? [400] : expected,
});
const passed = (row: Row['row'], what: string, send: string, check?: Row['check']): Row => ({
  row,
  what,
  send,
  statuses: [200],
  closes: false,
  upstream: 'whole',
  ...(check === undefined ? {} : { check }),
});
/** The fault shows after forwarding began. */
const broken = (row: number, what: string, send: string): Row => ({
  row,
  what,
  send,
  statuses: [400, 502],
  upstream: 'aborted',
});

const rows: Row[] = [
  refused(
    1,
    'Content-Length, then Transfer-Encoding',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ),
  refused(
    1,
    'Transfer-Encoding, then Content-Length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
  ),
  refused(2, 'two lengths', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello')),
  refused(2, 'a list of lengths', post('Content-Length: 5, 6\r\n', 'hello')),
  refused(3, 'the same length twice', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')),
  refused(3, 'the same length in a list', post('Content-Length: 5, 5\r\n', 'hello')),
  ...['+5', '-5', '0x5', '5.0', '1e1', '5_0', '5 5', '5a', '"5"', ''].map((value) =>
    refused(4, `Content-Length ${JSON.stringify(value)}`, post(`Content-Length: ${value}\r\n`, 'hello')),
  ),
  refused(5, 'a length above 2^53', post('Content-Length: 9007199254740993\r\n'), 400, 413),
  refused(5, 'a length above 2^64', post('Content-Length: 18446744073709551617\r\n'), 400, 413),
  passed(6, 'Content-Length 010 is ten', post('Content-Length: 010\r\n', '0123456789'), ({ body }) =>
    expect(body).toBe('0123456789'),
  ),
  ...['xchunked', 'identity', 'gzip'].map((coding) =>
    refused(7, `Transfer-Encoding ${coding}`, post(`Transfer-Encoding: ${coding}\r\n`, '0\r\n\r\n'), 400, 501),
  ),
  refused(8, 'chunked not last', post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n'), 400, 501),
  refused(8, 'chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n')),
  refused(
    8,
    'chunked in two fields',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ),
  ...['"chunked"', 'chunked;q=1', '\x0bchunked', 'chunked\x0c', '\xa0chunked', 'chunked\xff', 'chun\x00ked'].map(
    (coding) =>
      refused(
        9,
        `Transfer-Encoding ${JSON.stringify(coding)}`,
        post(`Transfer-Encoding: ${coding}\r\n`, '0\r\n\r\n'),
        400,
        501,
      ),
  ),
  refused(
    10,
    'Transfer-Encoding in HTTP/1.0',
    `POST /x HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ),
  refused(11, 'a space before the colon', get('X-A : b\r\n')),
  refused(11, 'a tab before the colon', get('X-A\t: b\r\n')),
  refused(12, 'a folded field', get('X-A: b\r\n c\r\n')),
  refused(12, 'a folded Transfer-Encoding', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n')),
  refused(12, 'a folded Host', `GET /x HTTP/1.1\r\nHost: a\r\n ${DEMO}\r\n\r\n`),
  refused(13, 'a first field line that is indented', `GET /x HTTP/1.1\r\n X-A: b\r\n${HOST}\r\n`),
  refused(14, 'a field line without a colon', get('nothing\r\n')),
  refused(14, 'an empty name', get(': b\r\n')),
  ...['X(A', 'X@A', 'X A', 'X\x01A', 'X\x80A'].map((name) =>
    refused(14, `the name ${JSON.stringify(name)}`, get(`${name}: b\r\n`)),
  ),
  refused(15, 'NUL in a value', get('X-A: b\x00c\r\n')),
  refused(15, 'a bare CR in a value', get('X-A: b\rc\r\n')),
  refused(16, 'a control character in a value', get('X-A: b\x08c\r\n')),
  refused(16, 'DEL in a value', get('X-A: b\x7fc\r\n')),
  passed(17, 'bytes above 0x7F in a value', get('X-A: \x80\xff\r\n'), ({ fields }) =>
    expect(fields.find(([name]) => name === 'X-A')?.[1]).toBe('\x80\xff'),
  ),
  refused(18, 'a bare LF after the request line', `GET /x HTTP/1.1\n${HOST}\r\n`),
  refused(18, 'a bare LF after a field', `GET /x HTTP/1.1\r\nHost: ${DEMO}\n\r\n`),
  refused(18, 'a bare LF as the empty line', `GET /x HTTP/1.1\r\n${HOST}\n`),
  refused(19, 'a head ended by CRLF CR X', `GET /x HTTP/1.1\r\n${HOST}\rX`),
  ...['+5', '-5', '0x5', '5_0', ' 5', '', 'g', '5 x', '5\tx', '00000000000000005'].map((size) =>
    broken(20, `the chunk size ${JSON.stringify(size)}`, chunked(`${size}\r\nhello\r\n0\r\n\r\n`)),
  ),
  broken(21, 'a bare LF after a chunk size', chunked('5\nhello\r\n0\r\n\r\n')),
  broken(21, 'a bare LF after chunk data', chunked('5\r\nhello\n0\r\n\r\n')),
  broken(21, 'a bare LF in an extension', chunked('5;a\nb\r\nhello\r\n0\r\n\r\n')),
  broken(21, 'a bare CR in an extension', chunked('5;a\rb\r\nhello\r\n0\r\n\r\n')),
  broken(21, 'a bare LF in a trailer', chunked('0\r\nX-A: b\n\r\n')),
  broken(22, 'a chunk that is longer than its size', chunked('5\r\nhello!\r\n0\r\n\r\n')),
  broken(22, 'a chunk that is shorter than its size', chunked('6\r\nhello\r\n0\r\n\r\n')),
  passed(23, 'a chunk extension', chunked('5;a=b;c="d e"\r\nhello\r\n0\r\n\r\n'), ({ body }) =>
    expect(body).toBe('hello'),
  ),
  passed(
    24,
    'forbidden trailers',
    chunked('5\r\nhello\r\n0\r\nContent-Length: 3\r\nHost: evil\r\nX-Forwarded-For: 1.1.1.1\r\nX-Sum: 7\r\n\r\n'),
    ({ trailers, fields }) => {
      expect(trailers).toEqual([['X-Sum', '7']]);
      expect(fields.some(([name]) => name === 'X-Sum')).toBe(false);
    },
  ),
  broken(25, 'a malformed trailer', chunked('5\r\nhello\r\n0\r\nX Sum: 7\r\n\r\n')),
  refused(27, 'no Host in HTTP/1.1', 'GET /x HTTP/1.1\r\n\r\n'),
  refused(28, 'Host twice', get(HOST)),
  ...[
    'a/b',
    'a?b',
    'a b',
    'a,b',
    'u@a',
    'a:b',
    'a:99999',
    '[::1',
    `${'a'.repeat(64)}.${'b'.repeat(200)}`,
    'a\x00b',
  ].map((host) => refused(29, `Host ${JSON.stringify(host.slice(0, 20))}`, `GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`)),
  refused(30, 'an empty Host', 'GET /x HTTP/1.1\r\nHost: \r\n\r\n', 400, 404, 421),
  {
    row: 30,
    what: 'an unknown Host',
    send: 'GET /x HTTP/1.1\r\nHost: unknown.base.test\r\n\r\n',
    statuses: [404, 421],
    closes: false,
  },
  passed(31, 'Host in capitals, with dot and port', `GET /x HTTP/1.1\r\nHost: ${DEMO.toUpperCase()}.:8080\r\n\r\n`),
  passed(
    33,
    'an absolute target over another Host',
    `GET http://${DEMO}/x HTTP/1.1\r\nHost: other.base.test\r\n\r\n`,
    ({ fields, target }) => {
      expect(target).toBe('/x');
      expect(fields.filter(([name]) => name.toLowerCase() === 'host')).toEqual([['Host', DEMO]]);
    },
  ),
  {
    row: 34,
    what: 'an absolute target to a foreign host',
    send: `GET http://other.test/x HTTP/1.1\r\n${HOST}\r\n`,
    statuses: [404, 421],
    closes: false,
  },
  refused(35, 'userinfo in the target', `GET http://u:p@${DEMO}/x HTTP/1.1\r\n${HOST}\r\n`),
  refused(35, 'a scheme that is not http', `GET ftp://${DEMO}/x HTTP/1.1\r\n${HOST}\r\n`),
  { row: 36, what: 'CONNECT', send: `CONNECT ${DEMO}:443 HTTP/1.1\r\n${HOST}\r\n`, statuses: [405], closes: false },
  { row: 37, what: 'TRACE', send: `TRACE /x HTTP/1.1\r\n${HOST}\r\n`, statuses: [405], closes: false },
  { row: 38, what: 'OPTIONS *', send: `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, statuses: [204], closes: false },
  { row: 38, what: 'GET *', send: `GET * HTTP/1.1\r\n${HOST}\r\n`, statuses: [400], closes: false },
  refused(39, 'a method that is no token', `G@T /x HTTP/1.1\r\n${HOST}\r\n`),
  refused(39, 'a method of 33 bytes', `${'M'.repeat(33)} /x HTTP/1.1\r\n${HOST}\r\n`, 501),
  passed(40, 'an unknown method', `BREW /x HTTP/1.1\r\n${HOST}\r\n`, ({ method }) => expect(method).toBe('BREW')),
  passed(41, 'HTTP/1.2', `GET /x HTTP/1.2\r\n${HOST}\r\n`),
  refused(42, 'HTTP/2.0', `GET /x HTTP/2.0\r\n${HOST}\r\n`, 505),
  refused(42, 'HTTP/9.9', `GET /x HTTP/9.9\r\n${HOST}\r\n`, 505),
  ...['HTTP/1.1x', 'http/1.1', 'HTTP/01.1', 'HTTP/1.32'].map((version) =>
    refused(43, version, `GET /x ${version}\r\n${HOST}\r\n`),
  ),
  refused(43, 'no version', `GET /x\r\n${HOST}\r\n`),
  refused(44, 'two spaces', `GET  /x HTTP/1.1\r\n${HOST}\r\n`),
  refused(44, 'a tab', `GET\t/x HTTP/1.1\r\n${HOST}\r\n`),
  refused(44, 'a leading space', ` GET /x HTTP/1.1\r\n${HOST}\r\n`),
  refused(44, 'a trailing space', `GET /x HTTP/1.1 \r\n${HOST}\r\n`),
  ...['/x y', '/x\ry', '/x\x00', '/x\x7f', '/x\xe9', 'x'].map((target) =>
    refused(45, `the target ${JSON.stringify(target)}`, `GET ${target} HTTP/1.1\r\n${HOST}\r\n`),
  ),
  ...['/a/../x', '//x', '/%2e%2e/x', '/a%2fx', '/a;b/x'].map((target) => ({
    ...passed(46, `the path ${target}`, get('', target)),
    target,
  })),
  passed(47, 'two empty lines before the request', `\r\n\r\n${get('')}`),
  refused(47, 'three empty lines', `\r\n\r\n\r\n${get('')}`),
  refused(48, 'TLS bytes inside the protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'),
  refused(48, 'binary garbage', '\x00\x01\x02\xff\xfe\r\n\r\n'),
  refused(48, 'the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505),
  refused(49, 'an unknown expectation', get('Expect: 200-ok\r\n'), 417),
  passed(
    52,
    'Upgrade: h2c',
    get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'),
    ({ fields }) => expect(fields.some(([name]) => /^(upgrade|connection|http2-settings)$/i.test(name))).toBe(false),
  ),
  passed(53, 'Upgrade without Connection', get('Upgrade: websocket\r\n'), ({ fields }) =>
    expect(fields.some(([name]) => /^upgrade$/i.test(name))).toBe(false),
  ),
  passed(
    'F1',
    'fields that concern one connection',
    get('Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Authorization: x\r\nTE: gzip\r\n'),
    ({ fields }) => expect(fields.some(([name]) => /^(x-hop|keep-alive|proxy-|te$)/i.test(name))).toBe(false),
  ),
  passed(
    'F2',
    'claims about where it came from',
    get(
      'X-Forwarded-For: 1.1.1.1\r\nX_Forwarded_For: 2.2.2.2\r\nForwarded: for=3.3.3.3\r\nX-Real-IP: 4.4.4.4\r\nngrok-error-code: ERR_NGROK_1\r\n',
    ),
    ({ fields }) => {
      const claims = fields.map(([name, value]) => `${name}: ${value}`).join('\n');
      expect(claims).not.toMatch(/1\.1\.1\.1|2\.2\.2\.2|3\.3\.3\.3|4\.4\.4\.4|ERR_NGROK/);
      expect(claims).toContain('X-Forwarded-For: 127.0.0.1');
    },
  ),
];

for (const over of ['plain', 'TLS'] as const) {
  for (const pace of ['in one piece', 'byte by byte'] as const) {
    describe(`over ${over}, ${pace}`, () => {
      it.each(rows.map((row) => [`${row.row}: ${row.what}`, row] as const))('row %s', async (_name, row) => {
        upstream.requests.length = 0;
        upstream.violations.length = 0;
        const visitor = await RawVisitor.connect(edge, over);
        if (pace === 'in one piece') visitor.write(row.send);
        else await visitor.drip(row.send);
        const closes = row.closes ?? true;
        const answer = closes ? await visitor.untilEnded() : await visitor.until((text) => text.includes('\r\n\r\n'));
        expect(row.statuses, answer.slice(0, 200)).toContain(statuses(answer)[0]);
        // Nothing behind a fault is read as another request.
        if (closes) expect(statuses(answer)).toHaveLength(1);
        visitor.destroy();

        const second = await RawVisitor.connect(edge, over);
        second.write(`GET /second HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
        const own = await second.untilEnded();
        expect(own).toMatch(/^HTTP\/1\.1 200 /);
        expect(own.endsWith('\r\n\r\nGET /second')).toBe(true);

        const seen = upstream.requests.filter((request) => request.target !== '/second');
        switch (row.upstream ?? 'nothing') {
          case 'nothing':
            expect(seen).toEqual([]);
            break;
          case 'aborted':
            await upstream.until(() => seen.every((request) => request.state !== 'open'));
            for (const request of seen) expect(request.state).toBe('aborted');
            break;
          case 'whole': {
            expect(seen).toHaveLength(1);
            const [request] = seen;
            expect(request?.state).toBe('whole');
            if (request !== undefined) row.check?.(request);
          }
        }
        expect(upstream.violations).toEqual([]);
      });
    });
  }
}

describe('mutated requests', () => {
  it('never make the upstream see what it would refuse, and never leave anything behind', async () => {
    upstream.requests.length = 0;
    upstream.violations.length = 0;
    const rounds = process.env.PORTICO_LONG === '1' ? 200_000 : Number(process.env.PORTICO_FUZZ_ROUNDS ?? 1_000);
    const seed = Number(process.env.PORTICO_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const random = seededRandom(seed);
    for (let done = 0; done < rounds; done += 25) {
      await Promise.all(
        Array.from({ length: 25 }, async () => {
          const row = rows[random(rows.length)]?.send ?? '';
          const bytes = mutated(`${row}${random(3) === 0 ? get('', '/x') : ''}`, random);
          const visitor = await RawVisitor.connect(edge, random(4) === 0 ? 'TLS' : 'plain');
          visitor.write(bytes);
          // A visitor who ends at once has left; one who stays has its request served as far as it is whole.
          if (random(2) === 0) visitor.socket.end();
          const timer = setTimeout(() => visitor.destroy(), 30);
          await visitor.untilEnded();
          clearTimeout(timer);
          visitor.destroy();
        }),
      );
    }
    expect(upstream.violations, `PORTICO_SEED=${seed}`).toEqual([]);
    const last = await RawVisitor.connect(edge);
    last.write(`GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    expect((await last.untilEnded()).endsWith('\r\n\r\nGET /last')).toBe(true);
    last.destroy();
    while (edge.connections() > 0 || edge.tunnel.edge.openStreams > 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }, 900_000);
});

/** Up to four changes: bytes flipped, put in, taken out, or a piece said twice. */
function mutated(text: string, random: (below: number) => number): Buffer {
  let bytes = Buffer.from(text, 'latin1');
  for (let change = random(4); change >= 0; change -= 1) {
    const at = random(bytes.length + 1);
    const odd = ODD_BYTES[random(ODD_BYTES.length)] ?? 0;
    const length = 1 + random(8);
    switch (random(4)) {
      case 0:
        bytes[Math.min(at, bytes.length - 1)] = odd;
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([odd]), bytes.subarray(at)]);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      default:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          bytes.subarray(Math.max(0, at - length * 4), at),
          bytes.subarray(at),
        ]);
    }
  }
  return bytes;
}

const ODD_BYTES = [0, 9, 10, 11, 12, 13, 32, 34, 44, 45, 47, 48, 53, 58, 59, 65, 95, 120, 127, 128, 160, 255];

/** mulberry32: small, and the same everywhere for a seed. */
function seededRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
