// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policies hold such texts

import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { brotliDecompressSync, createGunzip, gunzipSync, gzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEMO } from '../testing/edge.util.ts';
import {
  type PolicyEdge,
  plainAnswer,
  type SeenRequest,
  SPEECHES,
  startPolicyEdge,
  type Visit,
} from '../testing/policy-edge.util.ts';
import { Policies } from './policies.ts';

const COMPRESS = { on_http_response: [{ actions: [{ type: 'compress-response' }] }] };
const compressBy = (...algorithms: string[]): object => ({
  on_http_response: [{ actions: [{ type: 'compress-response', config: { algorithms } }] }],
});
const TEXT = 'All work and no play makes a dull proxy. '.repeat(500);

let under: PolicyEdge;
beforeAll(async () => {
  under = await startPolicyEdge(new Policies({ bodyBytesMax: 200_000, compressorsMax: 4 }));
});
afterAll(() => under.close());
afterEach(() => {
  under.use(null);
  under.answer = plainAnswer;
});

function answerWith(body: string | Buffer, headers: Record<string, string> = {}, status = 200): void {
  under.answer = (_got: SeenRequest, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'text/plain', etag: '"abc"', ...headers });
    response.end(body);
  };
}

describe.each(SPEECHES)('compress-response over %s', (speech) => {
  const visit = (accept: string | null, more: Visit = {}) =>
    under.visit(speech, { headers: accept === null ? {} : { 'accept-encoding': accept }, ...more });

  it.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
    ['br', brotliDecompressSync],
    ['zstd', zstdDecompressSync],
  ] as const)('speaks %s', async (coding, decode) => {
    under.use(compressBy('gzip', 'deflate', 'br', 'zstd'));
    answerWith(TEXT, { 'content-length': String(TEXT.length), 'accept-ranges': 'bytes' });
    const visited = await visit(coding);
    expect(visited.headers['content-encoding']).toBe(coding);
    expect(decode(visited.body).toString()).toBe(TEXT);
    expect(visited.body.length).toBeLessThan(TEXT.length / 10);
    expect(visited.headers).toMatchObject({ vary: 'Accept-Encoding', etag: 'W/"abc"' });
    expect(visited.headers['content-length']).toBeUndefined();
    expect(visited.headers['accept-ranges']).toBeUndefined();
  });

  it.each([
    ['gzip;q=0.5, br', 'br'],
    ['gzip;q=0.9, br;q=0.8', 'gzip'],
    ['br, gzip', 'gzip'],
    ['*', 'gzip'],
    ['*;q=0.3, br', 'br'],
    ['GZIP', 'gzip'],
    ['gzip;q=0, deflate', 'deflate'],
  ])('understands Accept-Encoding: %s', async (accept, coding) => {
    under.use(COMPRESS);
    answerWith(TEXT);
    expect((await visit(accept)).headers['content-encoding']).toBe(coding);
  });

  it.each([
    ['nothing', null],
    ['identity alone', 'identity'],
    ['a coding that the policy does not have', 'zstd'],
    ['a refusal', 'gzip;q=0'],
    ['nonsense', ';;;q=,,,gzip;q=banana'],
  ])('leaves an answer alone for a visitor who accepts %s, and tells caches', async (_what, accept) => {
    under.use(COMPRESS);
    answerWith(TEXT, { 'content-length': String(TEXT.length), vary: 'Origin' });
    const visited = await visit(accept);
    expect(visited.text).toBe(TEXT);
    expect(visited.headers).toMatchObject({
      'content-length': String(TEXT.length),
      etag: '"abc"',
      vary: 'Origin, Accept-Encoding',
    });
    expect(visited.headers['content-encoding']).toBeUndefined();
  });

  it.each([
    ['is compressed already', gzipSync(TEXT), { 'content-encoding': 'gzip' }, 200],
    ['is part of a whole', TEXT, { 'content-range': 'bytes 0-99/100' }, 206],
    ['must not be transformed', TEXT, { 'cache-control': 'public, no-transform' }, 200],
    ['is a picture', TEXT, { 'content-type': 'image/png' }, 200],
    ['is empty', '', { 'content-length': '0' }, 200],
    ['has no content', '', {}, 204],
    ['was not modified', '', {}, 304],
  ] as const)('leaves an answer alone that %s', async (_what, body, headers, status) => {
    under.use(COMPRESS);
    answerWith(body as Buffer, { ...headers }, status);
    const visited = await visit('gzip, br');
    expect(visited.status).toBe(status);
    expect(visited.body.equals(Buffer.from(body as Buffer))).toBe(true);
    expect(visited.headers.vary).toBeUndefined();
    expect(visited.headers.etag).toBe('"abc"');
  });

  it('leaves an answer to HEAD alone', async () => {
    under.use(COMPRESS);
    answerWith('', { 'content-length': '10000' });
    const visited = await visit('gzip', { method: 'HEAD' });
    expect(visited.headers['content-length']).toBe('10000');
    expect(visited.headers['content-encoding']).toBeUndefined();
  });

  it('compresses what the policy itself answers', async () => {
    under.use({
      on_http_request: [{ actions: [{ type: 'custom-response', config: { body: TEXT } }] }],
      ...COMPRESS,
    });
    const visited = await visit('gzip');
    expect(gunzipSync(visited.body).toString()).toBe(TEXT);
  });

  it('tells later rules what it chose', async () => {
    under.use({
      on_http_response: [
        { actions: [{ type: 'compress-response' }] },
        {
          expressions: ["actions.ngrok.compress_response.negotiated_algorithm == 'br'"],
          actions: [
            { type: 'add-headers', config: { headers: { 'x-coding': "${res.headers['content-encoding'][0]}" } } },
          ],
        },
      ],
    });
    answerWith(TEXT);
    expect((await visit('br')).headers['x-coding']).toBe('br');
  });

  it('carries a large body through, byte for byte', async () => {
    under.use(COMPRESS);
    const big = Buffer.concat(
      Array.from({ length: 40 }, () => Buffer.concat([randomBytes(60_000), Buffer.alloc(60_000, 'a')])),
    );
    answerWith(big);
    const visited = await visit('gzip');
    expect(sha(gunzipSync(visited.body))).toBe(sha(big));
  });

  it('keeps trailers', async () => {
    under.use(COMPRESS);
    under.answer = (_got, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum' });
      response.write(TEXT);
      response.addTrailers({ 'x-sum': '42' });
      response.end();
    };
    const visited = await visit('gzip', { headers: { 'accept-encoding': 'gzip', te: 'trailers' } });
    expect(gunzipSync(visited.body).toString()).toBe(TEXT);
    expect(visited.trailers['x-sum']).toBe('42');
  });

  it('gives its seat back, whatever happens to the answer', async () => {
    under.use(COMPRESS);
    under.answer = (_got, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write(TEXT);
      setImmediate(() => response.destroy());
    };
    await visit('gzip');
    expect(under.policies.compressors.taken).toBe(0);
  });
});

describe('compress-response of event streams', () => {
  it('lets every event out as it comes', async () => {
    under.use(COMPRESS);
    let push: (text: string) => void = () => {};
    under.answer = (_got, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      push = (text) => void response.write(text);
      push('data: 1\n\n');
    };
    const gunzip = createGunzip();
    let text = '';
    gunzip.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (const wake of wakes.splice(0)) wake();
    });
    const wakes: (() => void)[] = [];
    const until = async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) await new Promise<void>((resolve) => wakes.push(resolve));
    };
    const socket = connect(under.edge.httpPort, '127.0.0.1');
    socket.write(`GET / HTTP/1.1\r\nHost: ${DEMO}\r\nAccept-Encoding: gzip\r\n\r\n`);
    let head = '';
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      if (head === '') {
        const end = rest.indexOf('\r\n\r\n');
        if (end === -1) return;
        head = rest.toString('latin1', 0, end);
        rest = rest.subarray(end + 4);
      }
      for (;;) {
        const line = rest.indexOf('\r\n');
        if (line === -1) return;
        const size = Number.parseInt(rest.toString('latin1', 0, line), 16);
        if (rest.length < line + 2 + size + 2) return;
        gunzip.write(rest.subarray(line + 2, line + 2 + size));
        rest = rest.subarray(line + 2 + size + 2);
      }
    });
    await until('data: 1\n\n');
    expect(head).toMatch(/content-encoding: gzip/i);
    for (const event of ['data: 2\n\n', 'data: three\n\n', 'data: 4\n\n']) {
      push(event);
      await until(event);
    }
    expect(under.policies.compressors.taken).toBe(1);
    socket.destroy();
    while (under.policies.compressors.taken > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    gunzip.destroy();
  });

  it('serves more visitors than it has seats, the rest uncompressed', async () => {
    under.use(COMPRESS);
    const waiting: ServerResponse[] = [];
    under.answer = (_got, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('first ');
      waiting.push(response);
      if (waiting.length === 6) for (const each of waiting) each.end('last');
    };
    const visits = await Promise.all(
      Array.from({ length: 6 }, () => under.visit('http', { headers: { 'accept-encoding': 'gzip' } })),
    );
    const texts = visits.map(({ headers, body }) =>
      headers['content-encoding'] === 'gzip' ? gunzipSync(body).toString() : body.toString(),
    );
    expect(texts).toEqual(Array.from({ length: 6 }, () => 'first last'));
    expect(visits.filter(({ headers }) => headers['content-encoding'] === 'gzip')).toHaveLength(4);
    expect(under.policies.compressors.taken).toBe(0);
  });
});

const replaceIn = (phase: 'request' | 'response', ...replacements: object[]): object => ({
  [`on_http_${phase}`]: [{ actions: [{ type: `${phase}-body-find-replace`, config: { replacements } }] }],
});

describe.each(SPEECHES)('body find-replace over %s', (speech) => {
  it('changes the body of a request, and its length', async () => {
    under.use(
      replaceIn('request', { from: 'secret=\\w+', to: 'secret=***' }, { from: 'a(.)c', to: '[$1] ${req.method}' }),
    );
    await under.visit(speech, { method: 'POST', body: 'x secret=hunter2 abc ümlaut' });
    const seen = under.seen.at(-1);
    expect(seen?.body.toString()).toBe('x secret=*** [b] POST ümlaut');
    expect(seen?.headers['content-length']).toBe(String(Buffer.byteLength('x secret=*** [b] POST ümlaut')));
  });

  it('leaves a request without match as it is, and one without body', async () => {
    under.use(replaceIn('request', { from: 'zzz', to: 'y' }));
    const body = randomBytes(5_000);
    await under.visit(speech, { method: 'PUT', body });
    expect(under.seen.at(-1)?.body.equals(body)).toBe(true);
    expect((await under.visit(speech)).status).toBe(200);
  });

  it('changes bytes that are no text without harm to the rest', async () => {
    under.use(replaceIn('request', { from: 'MARK', to: 'm' }));
    const body = Buffer.concat([Buffer.from([0xff, 0xfe, 0]), Buffer.from('MARK'), Buffer.from([0x80, 0xc3])]);
    await under.visit(speech, { method: 'PUT', body });
    expect(under.seen.at(-1)?.body.equals(Buffer.from([0xff, 0xfe, 0, 0x6d, 0x80, 0xc3]))).toBe(true);
  });

  it('refuses a request body that is larger than it keeps', async () => {
    under.use(replaceIn('request', { from: 'a', to: 'b' }));
    const before = under.seen.length;
    const visited = await under.visit(speech, { method: 'POST', body: 'a'.repeat(300_000) });
    if (visited.status !== 0)
      expect(visited).toMatchObject({ status: 413, headers: { 'ngrok-error-code': 'ERR_NGROK_3903' } });
    expect(under.seen.length).toBe(before);
    under.use(null);
    expect((await under.visit(speech)).status).toBe(200);
  });

  it('changes the body of an answer, its length and what described it', async () => {
    under.use(replaceIn('response', { from: 'http://internal', to: 'https://${endpoint.host}' }));
    const html = '<a href="http://internal/a">a</a>'.repeat(100);
    answerWith(html, { 'content-type': 'text/html', 'content-length': String(html.length), digest: 'x' });
    const visited = await under.visit(speech);
    const expected = html.replaceAll('http://internal', `https://${DEMO}`);
    expect(visited.text).toBe(expected);
    expect(visited.headers).toMatchObject({ 'content-length': String(expected.length), etag: 'W/"abc"' });
    expect(visited.headers.digest).toBeUndefined();
  });

  it('reads an answer that is compressed', async () => {
    under.use(replaceIn('response', { from: 'dull', to: 'bright' }));
    answerWith(gzipSync(TEXT), { 'content-encoding': 'gzip' });
    const visited = await under.visit(speech, { headers: { 'accept-encoding': 'gzip' } });
    expect(visited.headers['content-encoding']).toBeUndefined();
    expect(visited.text).toBe(TEXT.replaceAll('dull', 'bright'));
  });

  it('is followed by compression and headers where they are asked for', async () => {
    under.use({
      on_http_response: [
        {
          actions: [
            { type: 'response-body-find-replace', config: { replacements: [{ from: 'dull', to: 'bright' }] } },
            { type: 'compress-response' },
            {
              type: 'add-headers',
              config: { headers: { 'x-n': '${string(actions.ngrok.response_body_find_replace.replacements)}' } },
            },
          ],
        },
      ],
    });
    answerWith(TEXT);
    const visited = await under.visit(speech, { headers: { 'accept-encoding': 'br' } });
    expect(brotliDecompressSync(visited.body).toString()).toBe(TEXT.replaceAll('dull', 'bright'));
    expect(visited.headers['x-n']).toBe('1');
  });

  it('works on what compression has already been chosen for', async () => {
    under.use({
      on_http_response: [
        {
          actions: [
            { type: 'compress-response' },
            { type: 'response-body-find-replace', config: { replacements: [{ from: 'dull', to: 'bright' }] } },
          ],
        },
      ],
    });
    answerWith(TEXT);
    const visited = await under.visit(speech, { headers: { 'accept-encoding': 'gzip' } });
    expect(visited.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(visited.body).toString()).toBe(TEXT.replaceAll('dull', 'bright'));
  });

  it('does not give out an answer that is larger than it keeps', async () => {
    under.use(replaceIn('response', { from: 'a', to: 'b' }));
    answerWith('a'.repeat(300_000));
    expect(await under.visit(speech)).toMatchObject({ status: 502, headers: { 'ngrok-error-code': 'ERR_NGROK_3903' } });
    answerWith(gzipSync('a'.repeat(300_000)), { 'content-encoding': 'gzip' });
    expect(await under.visit(speech)).toMatchObject({ status: 502, headers: { 'ngrok-error-code': 'ERR_NGROK_3903' } });
    answerWith('not gzip', { 'content-encoding': 'gzip' });
    expect(await under.visit(speech)).toMatchObject({ status: 500, headers: { 'ngrok-error-code': 'ERR_NGROK_3904' } });
  });

  it('answers a cut upstream as it is: no half body', async () => {
    under.use(replaceIn('response', { from: 'a', to: 'b' }));
    under.answer = (_got, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('aaa');
      setImmediate(() => response.destroy());
    };
    expect(await under.visit(speech)).toMatchObject({ status: 502, headers: { 'ngrok-error-code': 'ERR_NGROK_3006' } });
  });
});

describe('a Host that the policy put there', () => {
  it.each(SPEECHES)(
    'comes back as the visitor knows it where the upstream sends elsewhere, over %s',
    async (speech) => {
      under.use({
        on_http_request: [{ actions: [{ type: 'add-headers', config: { headers: { host: 'app.internal:3000' } } }] }],
      });
      const location = async (sent: string): Promise<unknown> => {
        answerWith('', { location: sent }, 302);
        return (await under.visit(speech)).headers.location;
      };
      const scheme = speech === 'http' ? 'http' : 'https';
      expect(await location('http://app.internal:3000/login?x=1')).toBe(`${scheme}://${DEMO}/login?x=1`);
      expect(await location('https://elsewhere.test/a')).toBe('https://elsewhere.test/a');
      expect(await location('/relative')).toBe('/relative');
      under.use(null);
      expect(await location('http://app.internal:3000/login')).toBe('http://app.internal:3000/login');
    },
  );
});

describe('bodies that no action asks for', () => {
  it.each(SPEECHES)('stream both ways over %s, whatever rules there are for heads', async (speech) => {
    under.use({
      on_http_request: [{ actions: [{ type: 'add-headers', config: { headers: { 'x-a': '1' } } }] }],
      on_http_response: [{ actions: [{ type: 'add-headers', config: { headers: { 'x-b': '1' } } }] }],
    });
    const parts: string[] = [];
    under.answer = (_got, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      let sent = 0;
      const more = (): void => {
        parts.push('p');
        response.write(Buffer.alloc(10_000, String(sent)));
        sent += 1;
        if (sent < 5) setImmediate(more);
        else response.end();
      };
      more();
    };
    const body = randomBytes(2_000_000);
    const visited = await under.visit(speech, { method: 'POST', body });
    expect(sha(under.seen.at(-1)?.body ?? Buffer.alloc(0))).toBe(sha(body));
    expect(visited.body.length).toBe(50_000);
    expect(visited.headers['x-b']).toBe('1');
    expect(visited.headers['transfer-encoding'] ?? (speech === 'h2' ? 'chunked' : '')).toBe('chunked');
  });
});

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
