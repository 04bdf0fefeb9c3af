import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEMO, type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';
import { Flag, Frame, headerBlock, RawHttp2, statusOf } from '../testing/raw-http2.util.ts';
import { RawVisitor, statuses } from '../testing/raw-visitor.util.ts';
import { RecordingUpstream } from '../testing/recording-upstream.util.ts';

/** "HTTP/2 in" of the reliability page, and its limits L15 to L18, frame by frame. */
let upstream: RecordingUpstream;
let edge: EdgeUnderTest;
let visitor: RawHttp2;

beforeAll(async () => {
  upstream = await new RecordingUpstream().listen();
  edge = await startEdge({ upstreamPort: () => upstream.port, limits: { http2StallMs: 300, requestBodyGapMs: 300 } });
});
afterAll(async () => {
  await edge.close();
  await upstream.close();
});
beforeEach(async () => {
  upstream.requests.length = 0;
  upstream.violations.length = 0;
  visitor = await RawHttp2.connect(edge);
});
afterEach(async () => {
  visitor.destroy();
  // Whatever happened, a visitor on a connection of its own is served.
  const second = await RawVisitor.connect(edge, 'TLS');
  second.write(`GET /second HTTP/1.1\r\nHost: ${DEMO}\r\nConnection: close\r\n\r\n`);
  expect(statuses(await second.untilEnded())).toEqual([200]);
  second.destroy();
  expect(upstream.violations).toEqual([]);
});

const START = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', DEMO],
  [':path', '/x'],
] as const;
const POST = [[':method', 'POST'], ...START.slice(1)] as const;
const seen = () => upstream.requests.filter((request) => request.target !== '/second');

/** How a stream was refused: the reset's code, or the answer's status. */
async function refusal(stream: number): Promise<string> {
  const frame = await visitor.frame(
    (found) =>
      (found.stream === stream && (found.type === Frame.rstStream || found.type === Frame.headers)) ||
      found.type === Frame.goAway,
  );
  if (frame.type === Frame.headers) return `status ${statusOf(frame)}`;
  return frame.type === Frame.goAway
    ? `go-away ${frame.payload.readUInt32BE(4)}`
    : `reset ${frame.payload.readUInt32BE(0)}`;
}

describe('a malformed HTTP/2 request', () => {
  it.each<[string, readonly (readonly [string, string])[]]>([
    ['connection', [...START, ['connection', 'close']]],
    ['transfer-encoding', [...POST, ['transfer-encoding', 'chunked']]],
    ['upgrade', [...START, ['upgrade', 'websocket']]],
    ['keep-alive', [...START, ['keep-alive', '5']]],
    ['proxy-connection', [...START, ['proxy-connection', 'close']]],
    ['te: gzip', [...START, ['te', 'gzip']]],
    ['capitals in a name', [...START, ['X-A', 'b']]],
    ['no :method', START.slice(1)],
    ['no :scheme', START.filter(([name]) => name !== ':scheme')],
    ['no :path', START.slice(0, 3)],
    ['neither :authority nor host', START.filter(([name]) => name !== ':authority')],
    [':path twice', [...START, [':path', '/y']]],
    ['an unknown pseudo-field', [...START, [':x', 'y']]],
    ['a late pseudo-field', [...START.slice(0, 3), ['x-a', 'b'], [':path', '/x']]],
    [':path empty', [...START.slice(0, 3), [':path', '']]],
    [':path without a slash', [...START.slice(0, 3), [':path', 'x']]],
    [':path with a space', [...START.slice(0, 3), [':path', '/x y']]],
    [':path with a line end', [...START.slice(0, 3), [':path', '/x\r\nx: y']]],
    [':path with a fragment', [...START.slice(0, 3), [':path', '/x#y']]],
    [':method that is no token', [[':method', 'G T'], ...START.slice(1)]],
    [':authority with userinfo', [START[0], START[1], [':authority', `u@${DEMO}`], START[3]]],
    [':authority unlike host', [...START, ['host', 'other.base.test']]],
    ['content-length twice', [...POST, ['content-length', '3'], ['content-length', '3']]],
    ['content-length that is no number', [...POST, ['content-length', '+3']]],
    ['content-length without DATA', [...POST, ['content-length', '3']]],
    ['an unknown expectation', [...START, ['expect', 'x']]],
    [
      'CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', DEMO],
      ],
    ],
    ['TRACE', [[':method', 'TRACE'], ...START.slice(1)]],
    ['a hundred and one fields', [...START, ...Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'y'] as const)]],
  ])('%s: refused, nothing forwarded', async (_name, fields) => {
    visitor.request(1, fields);
    expect(await refusal(1)).toMatch(/^(reset [1-9]\d*|status (400|405|417|431)|go-away [1-9]\d*)$/);
    expect(seen()).toEqual([]);
  });

  it.each<[string, readonly [string, string]]>([
    ['LF in a value', ['x-a', 'b\nc']],
    ['CR in a value', ['x-a', 'b\rc']],
    ['NUL in a value', ['x-a', 'b\0c']],
    ['a colon in a name', ['x:a', 'b']],
    ['a space in a name', ['x a', 'b']],
  ])('%s: refused, or the field is dropped', async (_name, field) => {
    visitor.request(1, [...START, field]);
    const outcome = await refusal(1);
    if (outcome !== 'status 200') expect(outcome).toMatch(/^(reset [1-9]|status 400)/);
    for (const request of seen()) expect(request.fields.some(([name]) => /^x.?a/.test(name))).toBe(false);
  });

  it.each([
    ['more', 'abcd'],
    ['less', 'ab'],
  ])('with %s DATA than its content-length is aborted upstream', async (_name, body) => {
    visitor.request(1, [...POST, ['content-length', '3']], false);
    visitor.send(Frame.data, Flag.endStream, 1, Buffer.from(body));
    // node:http2 answers more DATA than announced by closing the whole connection.
    expect(await refusal(1)).toMatch(/^(reset|go-away)/);
    await upstream.until(() => seen().every((request) => request.state !== 'open'));
    for (const request of seen()) expect(request.state).toBe('aborted');
  });

  it('with a pseudo-field in its trailers is aborted upstream', async () => {
    visitor.request(1, POST, false);
    visitor.send(Frame.data, 0, 1, Buffer.from('abc'));
    visitor.send(Frame.headers, Flag.endStream | Flag.endHeaders, 1, headerBlock([[':path', '/evil']]));
    expect(await refusal(1)).toMatch(/^(reset|go-away)/);
    await upstream.until(() => seen().every((request) => request.state !== 'open'));
    for (const request of seen()) expect(request.state).toBe('aborted');
  });

  it('leaves the requests beside it alone', async () => {
    visitor.request(1, [...START, ['connection', 'close']]);
    visitor.request(3, START);
    expect(await refusal(3)).toBe('status 200');
  });
});

describe('an HTTP/2 connection', () => {
  it('announces its limits', async () => {
    const settings = await visitor.frame((found) => found.type === Frame.settings && found.flags === 0);
    const values = new Map<number, number>();
    for (let at = 0; at < settings.payload.length; at += 6)
      values.set(settings.payload.readUInt16BE(at), settings.payload.readUInt32BE(at + 2));
    expect(values.get(3)).toBe(100);
    expect(values.get(6)).toBe(65_536);
    expect(values.get(8) ?? 0).toBe(0);
    const update = await visitor.frame((found) => found.type === Frame.windowUpdate && found.stream === 0);
    expect(update.payload.readUInt32BE(0)).toBe(1_048_576 - 65_535);
  });

  it('refuses the stream beyond the hundredth', async () => {
    upstream.answer = () => null;
    for (let i = 0; i <= 100; i += 1) visitor.request(1 + 2 * i, POST, false);
    const refused = await visitor.frame((found) => found.type === Frame.rstStream && found.stream === 201);
    expect(refused.payload.readUInt32BE(0)).toBe(7);
    upstream.answer = DEFAULT_ANSWER;
  });

  it.each<[string, () => void]>([
    ['PING', () => visitor.send(Frame.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', () => visitor.send(Frame.settings, 0, 0)],
  ])('is closed by a flood of %s', async (_name, send) => {
    for (let i = 0; i < 2_000; i += 1) send();
    const goAway = await visitor.frame((found) => found.type === Frame.goAway);
    expect(goAway.payload.readUInt32BE(4)).toBe(11);
    await visitor.untilClosed();
  });

  it('takes pings at an ordinary pace', async () => {
    for (let i = 0; i < 20; i += 1) visitor.send(Frame.ping, 0, 0, Buffer.alloc(8, i));
    await visitor.frame((found) => found.type === Frame.ping && found.flags === Flag.ack && found.payload[0] === 19);
  });

  it('is closed by opening and resetting', async () => {
    for (let i = 0; i < 2_000; i += 1) {
      visitor.request(1 + 2 * i, START);
      visitor.send(Frame.rstStream, 0, 1 + 2 * i, Buffer.from([0, 0, 0, 8]));
    }
    await visitor.frame((found) => found.type === Frame.goAway);
    await visitor.untilClosed();
    expect(seen().length).toBeLessThan(1_000);
  });

  it('is closed by header blocks without an end', async () => {
    visitor.send(Frame.headers, Flag.endStream, 1, headerBlock(START));
    for (let i = 0; i < 1_000 && !visitor.closed; i += 1)
      visitor.send(Frame.continuation, 0, 1, headerBlock([['x-a', 'b'.repeat(100)]]));
    await visitor.untilClosed();
    expect(seen()).toEqual([]);
  });

  it('does not unpack a small header block into a large list', async () => {
    // One entry of nearly 4 KiB goes into the table, then is named four thousand times, a byte each.
    const entry = Buffer.concat([
      Buffer.from([0x40, 3]),
      Buffer.from('x-a'),
      Buffer.from([127, ...[0x81 + 0, 0x1e]]),
      Buffer.alloc(127 + 1 + 0x1e * 128, 'y'),
    ]);
    const block = Buffer.concat([headerBlock(START), entry, Buffer.alloc(4_000, 0xbe)]);
    visitor.send(Frame.headers, Flag.endStream | Flag.endHeaders, 1, block);
    expect(await refusal(1)).toMatch(/^(reset|go-away|status 431)/);
    expect(seen()).toEqual([]);
  });

  it('resets an answer that the visitor does not take', async () => {
    upstream.answer = () => `HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`;
    const stalled = await RawHttp2.connect(edge, [[4, 0]]);
    stalled.request(1, START);
    await stalled.frame((found) => found.type === Frame.rstStream && found.stream === 1);
    stalled.destroy();
    upstream.answer = DEFAULT_ANSWER;
  });

  it('answers 408 to a body that does not come', async () => {
    visitor.request(1, POST, false);
    expect(await refusal(1)).toBe('status 408');
    await upstream.until(() => seen()[0]?.state === 'aborted');
  });

  it('gives page 3200 for a host of its own name that went offline', async () => {
    edge.router.remove(edge.https);
    visitor.request(1, START);
    const outcome = await refusal(1);
    edge.router.add(edge.https);
    expect(outcome).toBe('status 404');
  });

  it('drains: two GOAWAYs, open requests finish', async () => {
    const own = await startEdge({ upstreamPort: () => upstream.port });
    const answer = Promise.withResolvers<void>();
    upstream.answer = (request, socket) => {
      if (request.target !== '/x') return DEFAULT_ANSWER(request);
      void answer.promise.then(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
      return null;
    };
    const client = await RawHttp2.connect(own);
    client.request(1, START);
    await upstream.until(() => seen().length === 1);
    own.drain();
    const notice = await client.frame((found) => found.type === Frame.goAway);
    expect(notice.payload.readUInt32BE(0)).toBe(2 ** 31 - 1);
    await client.frame((found) => found.type === Frame.goAway && found.payload.readUInt32BE(0) === 1);
    answer.resolve();
    const data = await client.frame(
      (found) => found.type === Frame.data && found.stream === 1 && found.payload.length > 0,
    );
    expect(String(data.payload)).toBe('ok');
    await client.untilClosed();
    upstream.answer = DEFAULT_ANSWER;
    await own.close();
  });
});

const DEFAULT_ANSWER = new RecordingUpstream().answer as (
  request: Parameters<RecordingUpstream['answer']>[0],
) => string;
