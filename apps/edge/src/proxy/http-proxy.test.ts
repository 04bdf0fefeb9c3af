import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type EdgeUnderTest, startEdge } from '../testing/edge.util.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function upstream(handler: (req: IncomingMessage, res: ServerResponse) => void): Promise<Server> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return server;
}

async function edgeFor(server: Server): Promise<EdgeUnderTest> {
  const edge = await startEdge({ upstreamPort: () => (server.address() as AddressInfo).port });
  cleanups.push(() => edge.close());
  return edge;
}

async function ask(
  edge: EdgeUnderTest,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string },
) {
  const { method = 'GET', path = '/', headers = {}, body } = options;
  const req = request({
    port: edge.httpPort,
    host: '127.0.0.1',
    method,
    path,
    headers: { host: 'demo.base.test', ...headers },
    agent: false,
  });
  req.end(body);
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  return { status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks).toString() };
}

describe('a request through the edge', () => {
  it('reaches the upstream of the host and brings its answer back', async () => {
    const edge = await edgeFor(
      await upstream((req, res) =>
        res.end(`${req.method} ${req.url} ${req.headers.host} ${req.headers['x-forwarded-for']}`),
      ),
    );
    const answer = await ask(edge, { path: '/a?b=c' });
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('GET /a?b=c demo.base.test 127.0.0.1');
  });

  it('carries a request body', async () => {
    const edge = await edgeFor(await upstream((req, res) => req.pipe(res)));
    const answer = await ask(edge, { method: 'POST', body: 'x'.repeat(100_000) });
    expect(answer.body).toBe('x'.repeat(100_000));
  });

  it('says that nothing is online for a host without endpoint', async () => {
    const edge = await edgeFor(await upstream((_req, res) => res.end()));
    const answer = await ask(edge, { headers: { host: 'other.test' } });
    expect(answer.status).toBe(404);
    expect(answer.headers['ngrok-error-code']).toBe('ERR_NGROK_3200');
  });
});
