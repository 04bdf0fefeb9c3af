// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { once } from 'node:events';
import { request, type ServerResponse } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Readable } from 'node:stream';
import {
  brotliCompressSync,
  createBrotliDecompress,
  createGunzip,
  createGzip,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import type { PlainValue } from '@portico/traffic-policy';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEMO } from '../testing/edge.util.ts';
import {
  openHttp2,
  type PolicyEdge,
  plainAnswer,
  SPEECHES,
  type Speech,
  startPolicyEdge,
} from '../testing/policy-edge.util.ts';
import { Policies } from './policies.ts';

const logs: PlainValue[] = [];
let under: PolicyEdge;
beforeAll(async () => {
  under = await startPolicyEdge(
    new Policies({ compressorsMax: 4, onLog: (_endpoint, metadata) => void logs.push(metadata) }),
  );
});
afterAll(() => under.close());
afterEach(() => {
  under.use(null);
  under.answer = plainAnswer;
  logs.length = 0;
});

const replace = (...replacements: object[]): object => ({ type: 'sse-find-replace', config: { replacements } });
const SECRET = replace({ field: 'data', from: 'secret-(\\w+)', to: '[$1 of ${req.method}]' });
const onMessage = (...rules: object[]): object => ({ on_event_stream_message: rules });
const MASK = onMessage({ actions: [SECRET] });
const STREAM = { 'content-type': 'text/event-stream; charset=utf-8' };

function answerWith(body: string | Buffer, headers: Record<string, string> = STREAM): void {
  under.answer = (_got, response) => {
    response.writeHead(200, headers);
    response.end(body);
  };
}

/** A stream that the test writes to, message by message. */
function openAnswer(headers: Record<string, string> = STREAM): Promise<ServerResponse> {
  return new Promise((resolve) => {
    under.answer = (_got, response) => {
      response.writeHead(200, headers);
      response.flushHeaders();
      resolve(response);
    };
  });
}

interface Listener {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Readable;
  leave(): void;
}

/** A visitor who reads while the answer comes. */
async function listen(speech: Speech, headers: Record<string, string> = {}): Promise<Listener> {
  const { edge } = under;
  if (speech === 'h2') {
    const session = await openHttp2(edge);
    const body = session.request({ ':path': '/', ':authority': DEMO, ...headers });
    body.on('error', () => {});
    const [received] = await once(body, 'response');
    const leave = (): void => {
      body.once('close', () => session.close());
      body.destroy();
    };
    return { headers: received, body, leave };
  }
  const common = { host: '127.0.0.1', path: '/', headers: { host: DEMO, ...headers }, agent: false };
  const sent =
    speech === 'http'
      ? request({ ...common, port: edge.httpPort })
      : requestTls({ ...common, port: edge.httpsPort, servername: DEMO, ca: edge.rootPem });
  sent.end();
  sent.on('error', () => {});
  const [response] = await once(sent, 'response');
  response.on('error', () => {});
  return { headers: response.headers, body: response, leave: () => sent.destroy() };
}

/** Collects a body; `until` waits for a text in it. */
function reader(body: Readable): { text: () => string; until: (wanted: string) => Promise<void> } {
  let text = '';
  const wakes: (() => void)[] = [];
  body.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    for (const wake of wakes.splice(0)) wake();
  });
  return {
    text: () => text,
    until: async (wanted) => {
      while (!text.includes(wanted)) await new Promise<void>((resolve) => wakes.push(resolve));
    },
  };
}

describe.each(SPEECHES)('messages of event streams over %s', (speech) => {
  it('are changed one by one, each as soon as it is whole', async () => {
    under.use(MASK);
    const answering = openAnswer();
    const listening = listen(speech);
    const upstream = await answering;
    upstream.write('data: secret-one\n\ndata: sec');
    const { headers, body, leave } = await listening;
    const { text, until } = reader(body);
    await until('[one of GET]\n\n');
    expect(text()).toBe('data: [one of GET]\n\n');
    upstream.write('ret-two\nid: 2\n\n');
    await until('id: 2\n\n');
    upstream.write(': ping\n\n');
    await until(': ping\n\n');
    expect(text()).toBe('data: [one of GET]\n\ndata: [two of GET]\nid: 2\n\n: ping\n\n');
    expect(headers['content-type']).toBe(STREAM['content-type']);
    upstream.end();
    await once(body, 'end');
    leave();
  });

  it('come without the length and the digests of the stream before', async () => {
    under.use(MASK);
    const text = 'data: secret-a\r\n\r\n';
    const described = { 'content-length': String(text.length), digest: 'x', 'content-digest': 'y', etag: '"1"' };
    answerWith(text, { ...STREAM, ...described });
    const visited = await under.visit(speech);
    expect(visited.text).toBe('data: [a of GET]\r\n\r\n');
    expect(visited.headers.etag).toBe('W/"1"');
    for (const name of ['content-length', 'digest', 'content-digest']) expect(visited.headers[name]).toBeUndefined();
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('are read out of %s', async (coding, encode) => {
    under.use(MASK);
    answerWith(encode(Buffer.from('data: secret-a\n\n'.repeat(2_000))), { ...STREAM, 'content-encoding': coding });
    const visited = await under.visit(speech, { headers: { 'accept-encoding': coding } });
    expect(visited.headers['content-encoding']).toBeUndefined();
    expect(visited.text).toBe('data: [a of GET]\n\n'.repeat(2_000));
    expect(under.policies.compressors.taken).toBe(0);
  });

  it('are compressed after they were changed', async () => {
    under.use({ ...MASK, on_http_response: [{ actions: [{ type: 'compress-response' }] }] });
    const answering = openAnswer();
    const listening = listen(speech, { 'accept-encoding': 'br' });
    const upstream = await answering;
    upstream.write('data: secret-one\n\n');
    const { headers, body, leave } = await listening;
    expect(headers['content-encoding']).toBe('br');
    const { text, until } = reader(body.pipe(createBrotliDecompress()));
    await until('[one of GET]\n\n');
    upstream.end('data: secret-two\n\n');
    await until('[two of GET]\n\n');
    expect(text()).toBe('data: [one of GET]\n\ndata: [two of GET]\n\n');
    leave();
  });

  it('keep a slow visitor from filling the edge', async () => {
    under.use(MASK);
    const upstream = openAnswer();
    const listening = listen(speech);
    const answer = await upstream;
    const message = `data: secret-a ${'x'.repeat(8_000)}\n\n`;
    const { body, leave } = await listening;
    let sent = 0;
    const write = (): boolean => {
      sent += 1;
      return answer.write(message);
    };
    // Nobody reads: what is on the way fills up, and the upstream is told to stop.
    while (sent < 10_000 && (write() || (await drains(answer))));
    expect(sent).toBeLessThan(10_000);
    const drained = once(answer, 'drain');
    let received = 0;
    body.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await drained;
    answer.end();
    await once(body, 'end');
    const changed = Buffer.byteLength(message.replace('secret-a', '[a of GET]'));
    expect(received).toBe(sent * changed);
    leave();
  });
});

/** Whether the upstream may write again within a moment. */
function drains(answer: ServerResponse): Promise<boolean> {
  return Promise.race([
    once(answer, 'drain').then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 300)),
  ]);
}

describe('rules for messages', () => {
  it('see the message, the request and the answer, and run in their order', async () => {
    under.use(
      onMessage(
        {
          expressions: ["sse.event == 'price'", 'has(sse.retry)'],
          actions: [replace({ field: 'retry', from: '.+', to: '9' })],
        },
        {
          expressions: ["sse.event == 'price' && res.status_code == 200 && endpoint.protocol == 'http'"],
          actions: [
            { type: 'set-vars', config: { vars: [{ before: '${sse.data}' }] } },
            replace({ field: 'data', from: '^', to: "${req.headers['x-from'][0]} " }),
            { type: 'log', config: { metadata: { was: '${vars.before}', is: '${sse.data}', id: '${sse.id}' } } },
          ],
        },
      ),
    );
    answerWith('event: price\nid: 7\nretry: 5\ndata: 10\n\ndata: 11\n\n');
    const visited = await under.visit('http', { headers: { 'x-from': 'shop' } });
    expect(visited.text).toBe('event: price\nid: 7\nretry: 9\ndata: shop 10\n\ndata: 11\n\n');
    expect(logs).toEqual([{ was: '10', is: 'shop 10', id: '7' }]);
  });

  it('that fail leave the message, and are told once', async () => {
    under.use(
      onMessage(
        { expressions: ["req.headers['nobody'][0] == 'x'"], actions: [replace({ field: 'data', from: 'a', to: 'b' })] },
        { actions: [SECRET] },
      ),
    );
    answerWith('data: a secret-1\n\ndata: a secret-2\n\n');
    expect((await under.visit('http')).text).toBe('data: a [1 of GET]\n\ndata: a [2 of GET]\n\n');
    expect(logs).toEqual([{ error: 'ERR_NGROK_2254', reason: expect.stringContaining('nobody') }]);
  });

  it('do not write more than a hundred logs for one answer', async () => {
    under.use(onMessage({ actions: [{ type: 'log', config: { metadata: { data: '${sse.data}' } } }] }));
    answerWith('data: 1\n\n'.repeat(150));
    await under.visit('http');
    expect(logs).toHaveLength(100);
  });

  it('leave a message alone that is too long, and say so', async () => {
    under.use(MASK);
    const long = `data: secret-a${' '.repeat(70_000)}\n\n`;
    answerWith(`${long}data: secret-b\n\n`);
    expect((await under.visit('http')).text).toBe(`${long}data: [b of GET]\n\n`);
    expect(logs).toEqual([{ reason: expect.stringContaining('65536 bytes') }]);
  });

  it.each([
    ['of another type', 'data: secret-a\n\n', { 'content-type': 'text/plain' }],
    ['with a coding that nobody knows', 'data: secret-a\n\n', { ...STREAM, 'content-encoding': 'lzma' }],
  ])('do not run on an answer %s', async (_what, body, headers) => {
    under.use(MASK);
    answerWith(body, { ...headers, 'content-length': String(body.length) });
    const visited = await under.visit('http');
    expect(visited.text).toBe(body);
    expect(visited.headers['content-length']).toBe(String(body.length));
  });

  it('run on a stream that the policy itself answers with', async () => {
    const config = { body: 'data: secret-a\n\n', headers: { 'content-type': 'text/event-stream' } };
    under.use({ ...MASK, on_http_request: [{ actions: [{ type: 'custom-response', config }] }] });
    expect((await under.visit('https')).text).toBe('data: [a of GET]\n\n');
  });

  it('read a compressed stream as it comes, and end a broken one', async () => {
    under.use(MASK);
    const answering = openAnswer({ ...STREAM, 'content-encoding': 'gzip' });
    const listening = listen('http');
    const upstream = await answering;
    const gzip = createGzip();
    gzip.on('data', (chunk: Buffer) => upstream.write(chunk));
    gzip.write('data: secret-a\n\n');
    gzip.flush();
    const { body } = await listening;
    const { until } = reader(body);
    await until('[a of GET]\n\n');
    expect(under.policies.compressors.taken).toBe(1);
    const closed = new Promise((resolve) => body.once('close', resolve));
    upstream.write('this is not gzip at all');
    await closed;
    expect(under.policies.compressors.taken).toBe(0);
    gzip.destroy();
  });

  it.each(SPEECHES)('give everything back when the visitor leaves, over %s', async (speech) => {
    under.use({ ...MASK, on_http_response: [{ actions: [{ type: 'compress-response' }] }] });
    const answering = openAnswer();
    const listening = listen(speech, { 'accept-encoding': 'gzip' });
    const upstream = await answering;
    upstream.write('data: secret-one\n\n');
    const { body, leave } = await listening;
    const gunzip = createGunzip().on('error', () => {});
    await reader(body.pipe(gunzip)).until('[one of GET]');
    expect(under.policies.compressors.taken).toBe(1);
    leave();
    while (under.policies.compressors.taken > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    upstream.destroy();
  });
});
