import { createServer } from 'node:http';
import { listen, type TunnelServer } from '@portico/agent';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** What a service elsewhere would do after it was given the URL. */
const send: (url: string) => Promise<void> = async (url) => {
  // `PORTICO_VISIT` is how the tests of this repository reach a server that is on this machine only.
  const { visit } = await import(process.env.PORTICO_VISIT ?? './visit.ts');
  await visit(`${url}/webhook`, { method: 'POST', body: '{"paid":true}' });
};

let tunnel: TunnelServer;
const received: string[] = [];

beforeAll(async () => {
  tunnel = await listen({ name: 'webhook-test' });
  tunnel.serve(
    createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        received.push(`${request.method} ${request.url} ${body}`);
        response.end('thanks');
      });
    }),
  );
});
afterAll(() => tunnel.close());

it('is told of a payment', async () => {
  await send(tunnel.url);
  expect(received).toEqual(['POST /webhook {"paid":true}']);
});
