import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { DevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type BodiesUpstream, bodiesUpstream } from '../support/bodies-upstream.ts';
import { MiB, scale } from '../support/long.ts';
import { httpUpstream, patternHash, patternStream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';
import type { SdkAgent } from './sdk-client.ts';

/** Either side of a frame, of the window (262,144 bytes, type and header included), and far beyond. */
const SIZES = [0, 1, 8_192, 262_143, 262_144, 262_145, 3_000_001, scale(64 * MiB, 1_024 * MiB)];

/** What a visitor's exchanges with an app behind an SDK must be like. To be called in a `describe`. */
export function exchangeBehaviours(facts: { env(): DevEnv; start(): Promise<SdkAgent> }): void {
  let upstream: BodiesUpstream;
  let agent: SdkAgent;
  let env: DevEnv;
  let url = '';

  beforeAll(async () => {
    env = facts.env();
    [upstream, agent] = await Promise.all([bodiesUpstream(), facts.start()]);
    ({ url } = await agent.forward({ url: 'https://', upstream: `http://127.0.0.1:${upstream.port}` }));
  });
  afterAll(async () => {
    await agent?.stop();
    await upstream?.close();
  });

  const begin = (path: string, options: { method?: string; headers?: Record<string, string> } = {}) => {
    const { hostname, host } = new URL(url);
    return httpsRequest({
      host: '127.0.0.1',
      port: env.https.port,
      servername: hostname,
      ca: env.ca,
      path,
      agent: false,
      method: options.method ?? 'GET',
      headers: { host, ...options.headers },
    });
  };

  it.each(SIZES)('carry a body of %d bytes up and down, exact', { timeout: scale(60_000, 900_000) }, async (bytes) => {
    const up = await visit(env, `${url}/up`, {
      method: 'POST',
      headers: { 'content-length': String(bytes) },
      body: patternStream(bytes, 7),
      timeoutMs: scale(50_000, 800_000),
    });
    expect(JSON.parse(up.body.toString())).toEqual({ bytes, hash: patternHash(bytes, 7), framing: 'length' });
    const [response]: IncomingMessage[] = await once(begin(`/down/${bytes}/7`).end(), 'response');
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of response ?? []) {
      hash.update(chunk);
      length += chunk.length;
    }
    expect([length, hash.digest('hex')]).toEqual([bytes, patternHash(bytes, 7)]);
  });

  it('carry chunked bodies with their trailers, both ways', async () => {
    const request = begin('/trailers', { method: 'POST', headers: { trailer: 'x-sent-sum' } });
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

  it('pass each server-sent event on before the next one is made, and the end of the visitor', async () => {
    const request = begin('/events').end();
    const [response] = await once(request, 'response');
    let text = '';
    for (let event = 0; event < 5; event += 1) {
      upstream.sendEvent(`event ${event}`);
      while (!text.includes(`data: event ${event}\n\n`)) text += String((await once(response, 'data'))[0]);
    }
    request.destroy();
    await upstream.eventsEnded();
  });

  it('carry WebSocket messages of every kind, and the code and reason of the close', async () => {
    const plain = await httpUpstream((_request, response) => response.end());
    const server = new WebSocketServer({ server: plain.server, maxPayload: 64 * MiB });
    server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.on('close', (code, reason) => server.emit('seen-close', code, reason.toString()));
    });
    const endpoint = await agent.forward({ url: 'https://', upstream: `http://127.0.0.1:${plain.port}` });
    const client = new WebSocket(`wss://${new URL(endpoint.url).host}/`, {
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
    await endpoint.close();
    server.close();
    await plain.close();
  });

  it('are 500 at once on one session: what its streams do not hold waits for room', async () => {
    upstream.holdUntil(470);
    const ids = Array.from({ length: 500 }, (_, index) => `at-once-${index}`);
    const answers = await Promise.all(
      ids.map((id) => visit(env, `${url}/held`, { headers: { 'x-id': id }, timeoutMs: 50_000 })),
    );
    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(ids.map((id) => `200 ${id}`));
    expect(upstream.mostHeld()).toBeGreaterThanOrEqual(470);
  });
}
