import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Session } from '@ngrok/ngrok';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type BodiesUpstream, bodiesUpstream } from '../../support/bodies-upstream.ts';
import { MiB, scale } from '../../support/long.ts';
import { httpUpstream, patternHash, patternStream, tcpUpstream } from '../../support/upstream.ts';
import { visit } from '../../support/visit.ts';
import { connectSdk, portOf, urlOf } from './sdk.ts';

/** Either side of a frame, of the window (262,144 bytes, type and header included), and far beyond. */
const SIZES = [0, 1, 8_192, 262_143, 262_144, 262_145, 3_000_001, scale(64 * MiB, 1_024 * MiB)];

describe('what passes through the JavaScript SDK', () => {
  let env: DevEnv;
  let session: Session;
  let upstream: BodiesUpstream;
  let url = '';
  beforeAll(async () => {
    [env, upstream] = await Promise.all([startDevEnv(), bodiesUpstream()]);
    session = await connectSdk(env);
    const listener = await session
      .httpEndpoint()
      .domain(`bodies.${env.baseDomain}`)
      .listenAndForward(`http://127.0.0.1:${upstream.port}`);
    url = urlOf(listener);
  });
  afterAll(async () => {
    await env?.close();
    await upstream?.close();
  });

  it.each(SIZES)(
    'carries a body of %d bytes up and down, exact',
    { timeout: scale(60_000, 900_000) },
    async (bytes) => {
      const up = await visit(env, `${url}/up`, {
        method: 'POST',
        headers: { 'content-length': String(bytes) },
        body: patternStream(bytes, 7),
        timeoutMs: scale(50_000, 800_000),
      });
      expect(JSON.parse(up.body.toString())).toEqual({ bytes, hash: patternHash(bytes, 7), framing: 'length' });
      expect(await downloadHash(`/down/${bytes}/7`)).toEqual({ bytes, hash: patternHash(bytes, 7) });
    },
  );

  it('carries chunked bodies with their trailers, both ways', async () => {
    const request = httpsRequest({
      ...target('/trailers'),
      method: 'POST',
      headers: { host: new URL(url).host, trailer: 'x-sent-sum' },
    });
    request.write('first ');
    request.write('second');
    request.addTrailers({ 'x-sent-sum': 'twelve' });
    request.end();
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += String(chunk);
    expect(text).toBe('chunked: first second');
    expect(response.headers['transfer-encoding']).toBe('chunked');
    expect(response.trailers).toMatchObject({ 'x-seen-sum': 'twelve', 'x-answer-sum': '21' });
  });

  it('passes each server-sent event on before the next one is made', async () => {
    const request = httpsRequest({ ...target('/events'), headers: { host: new URL(url).host } }).end();
    const [response] = await once(request, 'response');
    let text = '';
    for (let event = 0; event < 5; event += 1) {
      upstream.sendEvent(`event ${event}`);
      while (!text.includes(`data: event ${event}\n\n`)) text += String((await once(response, 'data'))[0]);
    }
    request.destroy();
    // The visitor's leaving reaches the upstream.
    await upstream.eventsEnded();
  });

  it('carries WebSocket messages of every kind, and the code and reason of the close', async () => {
    const plain = await httpUpstream((_request, response) => response.end());
    const server = new WebSocketServer({ server: plain.server, maxPayload: 64 * MiB });
    server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.on('close', (code, reason) => server.emit('seen-close', code, reason.toString()));
    });
    const listener = await session.httpEndpoint().listenAndForward(`http://127.0.0.1:${plain.port}`);
    const { hostname } = new URL(urlOf(listener));
    const client = new WebSocket(`wss://${hostname}:${env.https.port}/`, {
      ca: env.ca,
      lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
      maxPayload: 64 * MiB,
    });
    await once(client, 'open');
    for (const body of [Buffer.from('text'), Buffer.alloc(0), Buffer.alloc(4 * MiB, 'x'), Buffer.from([0, 255, 1])]) {
      client.send(body);
      const [echo] = await once(client, 'message');
      expect(Buffer.compare(echo, body)).toBe(0);
    }
    const seen = once(server, 'seen-close');
    client.close(4_321, 'done');
    expect(await seen).toEqual([4_321, 'done']);
    await listener.close();
    server.close();
    await plain.close();
  });

  it('keeps the half-close of a TCP connection: the upstream answers after the visitor has ended', async () => {
    const echo = await tcpUpstream((socket) => {
      const hash = createHash('sha256');
      socket.on('data', (chunk) => hash.update(chunk));
      socket.on('end', () => socket.end(hash.digest('hex')));
    });
    const listener = await session.tcpEndpoint().listenAndForward(`tcp://127.0.0.1:${echo.port}`);
    const visitor = connect({ host: '127.0.0.1', port: portOf(urlOf(listener)), allowHalfOpen: true });
    patternStream(3 * MiB, 5).pipe(visitor);
    expect(await readText(visitor)).toBe(patternHash(3 * MiB, 5));
    await listener.close();
    await echo.close();
  });

  it.each([
    ['1', /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 (\d+) \d+\r\nhello$/],
    ['2', /^\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01(..)..hello$/s],
  ])('tells the upstream the visitor by PROXY protocol %s', async (version, expected) => {
    const upstreamOfProxy = await tcpUpstream((socket) => {
      void readText(socket).then((text) => socket.end(text, 'latin1'));
    });
    const listener = await session
      .tcpEndpoint()
      .proxyProto(version)
      .listenAndForward(`tcp://127.0.0.1:${upstreamOfProxy.port}`);
    const visitor = connect({ host: '127.0.0.1', port: portOf(urlOf(listener)), allowHalfOpen: true });
    await once(visitor, 'connect');
    const { localPort = 0 } = visitor;
    visitor.end('hello');
    const told = expected.exec(await readText(visitor))?.[1] ?? '';
    expect(version === '1' ? Number(told) : Buffer.from(told, 'latin1').readUInt16BE()).toBe(localPort);
    await listener.close();
    await upstreamOfProxy.close();
  });

  it('tells an http upstream the visitor by PROXY protocol too', async () => {
    const first: string[] = [];
    const proxied = await tcpUpstream((socket) => {
      socket.on('data', (chunk) => first.push(chunk.toString('latin1')));
      socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
    });
    const listener = await session.httpEndpoint().proxyProto('1').listenAndForward(`http://127.0.0.1:${proxied.port}`);
    expect((await visit(env, urlOf(listener))).status).toBe(204);
    expect(first.join('')).toMatch(/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nGET \/ HTTP\/1\.1\r\n/);
    await listener.close();
    await proxied.close();
  });

  it('serves 500 exchanges at once on one session: what its streams do not hold waits for room', async () => {
    upstream.holdUntil(470);
    const ids = Array.from({ length: 500 }, (_, index) => `at-once-${index}`);
    const answers = await Promise.all(
      ids.map((id) => visit(env, `${url}/held`, { headers: { 'x-id': id }, timeoutMs: 50_000 })),
    );
    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(ids.map((id) => `200 ${id}`));
    expect(upstream.mostHeld()).toBeGreaterThanOrEqual(470);
  });

  function target(path: string) {
    return {
      host: '127.0.0.1',
      port: env.https.port,
      servername: new URL(url).hostname,
      ca: env.ca,
      path,
      agent: false as const,
    };
  }

  async function downloadHash(path: string): Promise<{ bytes: number; hash: string }> {
    const request = httpsRequest({ ...target(path), headers: { host: new URL(url).host } }).end();
    const [response] = await once(request, 'response');
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of response) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { bytes, hash: hash.digest('hex') };
  }
});

async function readText(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString('latin1');
}
