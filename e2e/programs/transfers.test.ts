import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB, scale } from '../support/long.ts';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { type PorticoProcess, startPortico } from '../support/portico-cli.ts';
import { residentBytes } from '../support/process-memory.ts';
import { httpUpstream, patternHash, patternStream, type Upstream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';

/**
 * Exactness and flat memory of large and many transfers through the real platform and the real CLI.
 * `/down/<bytes>/<seed>` gives a pattern, `/up` answers with the hash of what came, `/echo` sends it back.
 */
describe('transfers', () => {
  let platform: PlatformProcess;
  let upstream: Upstream;
  let tunnel: PorticoProcess;
  const large = scale(64 * MiB, 1024 * MiB);

  beforeAll(async () => {
    platform = await startPlatformProcess();
    upstream = await httpUpstream((request, response) => {
      const [, kind, first, second] = (request.url ?? '').split('/');
      if (kind === 'down') {
        const bytes = Number(first);
        if (second === 'chunked') response.setHeader('x-chunked', '1');
        else response.setHeader('content-length', bytes);
        patternStream(bytes, bytes % 251).pipe(response);
      } else if (kind === 'up') {
        const hash = createHash('sha256');
        let bytes = 0;
        request.on('data', (chunk: Buffer) => {
          hash.update(chunk);
          bytes += chunk.length;
        });
        request.on('end', () => response.end(JSON.stringify({ bytes, hash: hash.digest('hex') })));
      } else {
        response.setHeader('x-id', String(request.headers['x-id']));
        request.pipe(response);
      }
    });
    tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'transfers']);
  });
  afterAll(async () => {
    await tunnel?.stop();
    await platform?.dispose();
    await upstream?.close();
  });

  const memory = () => ({
    edge: residentBytes(platform.ready.pids.edge),
    agent: residentBytes(tunnel.child.pid ?? 0),
  });
  /** Buffers of a warmed-up process are part of its normal size: measured after a first transfer. */
  const warmUp = async (): Promise<void> => {
    await download(Math.max(large / 2, 256 * MiB));
    await upload(Math.max(large / 2, 256 * MiB));
  };
  const download = async (bytes: number): Promise<string> => {
    const { hostname } = new URL(tunnel.url);
    const request = httpsRequest({
      host: '127.0.0.1',
      port: platform.ready.https.port,
      servername: hostname,
      ca: readFileSync(platform.ready.caFile),
      path: `/down/${bytes}`,
      headers: { host: hostname },
      agent: false,
    }).end();
    const [response] = await once(request, 'response');
    const hash = createHash('sha256');
    for await (const chunk of response) hash.update(chunk);
    return hash.digest('hex');
  };
  const upload = async (bytes: number): Promise<{ bytes: number; hash: string }> => {
    const answer = await visit(platform.ready, `${tunnel.url}/up`, {
      method: 'POST',
      headers: { 'content-length': String(bytes) },
      body: patternStream(bytes, bytes % 251),
      timeoutMs: 600_000,
    });
    return JSON.parse(answer.body.toString());
  };

  it('carries a large download and a large upload exactly, with flat memory in edge and agent', {
    timeout: 900_000,
  }, async () => {
    await warmUp();
    const before = memory();
    let peak = before;
    const watch = setInterval(() => {
      const now = memory();
      peak = { edge: Math.max(peak.edge, now.edge), agent: Math.max(peak.agent, now.agent) };
    }, 50);
    expect(await download(large)).toBe(patternHash(large, large % 251));
    expect(await upload(large)).toEqual({ bytes: large, hash: patternHash(large, large % 251) });
    clearInterval(watch);
    expect(peak.edge - before.edge).toBeLessThan(32 * MiB);
    expect(peak.agent - before.agent).toBeLessThan(32 * MiB);
  });

  it('carries 200 mixed requests at once, each with its own answer', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 64 });
    const tasks = Array.from({ length: 200 }, async (_unused, index) => {
      const bytes = [0, 1, 17, 1_000, 65_536, 300_001][index % 6] ?? 0;
      const id = `r${index}`;
      if (index % 3 === 0) {
        const chunked = index % 2 === 0 ? '/chunked' : '';
        const answer = await visit(platform.ready, `${tunnel.url}/down/${bytes}${chunked}`, { agent });
        expect(createHash('sha256').update(answer.body).digest('hex')).toBe(patternHash(bytes, bytes % 251));
      } else {
        const body = Buffer.alloc(bytes, id);
        const answer = await visit(platform.ready, `${tunnel.url}/echo`, {
          method: 'PUT',
          headers: {
            'x-id': id,
            ...(index % 3 === 1 ? { 'content-length': String(bytes) } : { 'transfer-encoding': 'chunked' }),
          },
          body,
          agent,
        });
        expect(answer.headers['x-id']).toBe(id);
        expect(answer.body.equals(body)).toBe(true);
      }
    });
    await Promise.all(tasks);
    agent.destroy();
  });

  it('carries 100 requests at once on one HTTP/2 connection', async () => {
    const { hostname } = new URL(tunnel.url);
    const session = connectHttp2(`https://${hostname}:${platform.ready.https.port}`, {
      host: '127.0.0.1',
      servername: hostname,
      ca: readFileSync(platform.ready.caFile),
      lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    await once(session, 'connect');
    await Promise.all(
      Array.from({ length: 100 }, async (_unused, index) => {
        const body = Buffer.alloc(10_000 + index, `h${index}`);
        const stream = session.request({ ':method': 'POST', ':path': '/echo', 'x-id': `h${index}` });
        stream.end(body);
        const [headers] = await once(stream, 'response');
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        expect(headers[':status']).toBe(200);
        expect(headers['x-id']).toBe(`h${index}`);
        expect(Buffer.concat(chunks).equals(body)).toBe(true);
      }),
    );
    session.close();
    await once(session, 'close');
  });
});
