import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { forward, type Listener, SessionBuilder } from '@ngrok/ngrok';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The official npm package, unchanged, against the real edge and API. */
let env: DevEnv;
let upstream: Server;
let upstreamPort = 0;

beforeAll(async () => {
  env = await startDevEnv();
  upstream = createServer((incoming, outgoing) => {
    void readAll(incoming).then((body) => {
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(
        JSON.stringify({
          method: incoming.method,
          url: incoming.url,
          host: incoming.headers.host,
          forwardedFor: incoming.headers['x-forwarded-for'],
          bytes: body.length,
          sum: body.reduce((sum, byte) => (sum + byte) % 65_536, 0),
        }),
      );
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  upstreamPort = (upstream.address() as AddressInfo).port;
});
afterAll(async () => {
  await env.close();
  upstream.close();
});

function options(): { server_addr: string; session_ca_cert: string; authtoken: string; force_new_session: boolean } {
  return {
    server_addr: env.connectUrl,
    session_ca_cert: env.ca,
    authtoken: env.authtoken,
    force_new_session: true,
  };
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

interface Answer {
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly text: string;
}

function visit(host: string, { method = 'GET', path = '/', body = Buffer.alloc(0) } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: env.https.port,
        servername: host,
        ca: env.ca,
        method,
        path,
        headers: { host: `${host}:${env.https.port}`, ...(body.length > 0 ? { 'content-length': body.length } : {}) },
        agent: false,
      },
      (response) => {
        readAll(response).then((text) => {
          const code = response.headers['ngrok-error-code'];
          resolve({
            status: response.statusCode ?? 0,
            errorCode: Array.isArray(code) ? code[0] : code,
            text: text.toString(),
          });
        }, reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

function hostOf(listener: Listener): string {
  return new URL(listener.url() ?? '').hostname;
}

describe('the official JavaScript SDK', () => {
  it('forwards a GET and a POST to a local server, bytes intact', async () => {
    const listener = await forward({
      ...options(),
      addr: `http://127.0.0.1:${upstreamPort}`,
      domain: `sdk.${env.baseDomain}`,
    });
    expect(listener.url()).toBe(`https://sdk.${env.baseDomain}:${env.https.port}`);
    const got = await visit(`sdk.${env.baseDomain}`, { path: '/a?b=c' });
    expect(got.status).toBe(200);
    expect(JSON.parse(got.text)).toMatchObject({
      method: 'GET',
      url: '/a?b=c',
      host: `sdk.${env.baseDomain}:${env.https.port}`,
      forwardedFor: '127.0.0.1',
      bytes: 0,
    });
    // More than a window both ways, so that credit has to flow.
    const body = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251));
    const posted = await visit(`sdk.${env.baseDomain}`, { method: 'POST', path: '/up', body });
    expect(JSON.parse(posted.text)).toMatchObject({
      method: 'POST',
      url: '/up',
      bytes: body.length,
      sum: body.reduce((sum, byte) => (sum + byte) % 65_536, 0),
    });
    await listener.close();
    expect(await visit(`sdk.${env.baseDomain}`)).toMatchObject({ status: 404, errorCode: 'ERR_NGROK_3200' });
  });

  it('is told the code of a wrong token', async () => {
    // Well-formed, and of nobody.
    const unknown = await refusedCode({ ...options(), authtoken: otherToken(env.authtoken) });
    expect(unknown).toBe('ERR_NGROK_107');
    const malformed = await refusedCode({ ...options(), authtoken: 'nonsense' });
    expect(malformed).toBe('ERR_NGROK_105');
  });

  it('is told the code of a name that is in use', async () => {
    const held = await forward({ ...options(), addr: upstreamPort, domain: `held.${env.baseDomain}` });
    const second = forward({ ...options(), addr: upstreamPort, domain: `held.${env.baseDomain}` });
    await expect(second).rejects.toMatchObject({ errorCode: 'ERR_NGROK_334' });
    await held.close();
  });

  it('opens several endpoints on one session and closes one alone', async () => {
    const session = await new SessionBuilder()
      .authtoken(env.authtoken)
      .serverAddr(env.connectUrl)
      .caCert(Buffer.from(env.ca))
      .connect();
    const one = await session.httpEndpoint().domain(`one.${env.baseDomain}`).listen();
    const two = await session.httpEndpoint().listen();
    one.forward(`127.0.0.1:${upstreamPort}`);
    two.forward(`127.0.0.1:${upstreamPort}`);
    expect((await visit(hostOf(one))).status).toBe(200);
    expect((await visit(hostOf(two))).status).toBe(200);
    await one.close();
    expect((await visit(hostOf(one))).status).toBe(404);
    expect((await visit(hostOf(two))).status).toBe(200);
    await two.close();
    await session.close();
  });

  it('has its upstream down told apart from an endpoint that is offline', async () => {
    const listener = await forward({ ...options(), addr: 'http://127.0.0.1:1', domain: `down.${env.baseDomain}` });
    expect((await visit(`down.${env.baseDomain}`)).status).toBe(502);
    await listener.close();
  });

  it('comes back under the same URL after the edge restarts', async () => {
    const listener = await forward({ ...options(), addr: upstreamPort });
    const host = hostOf(listener);
    expect((await visit(host)).status).toBe(200);
    await env.restartEdge();
    for (;;) {
      const answer = await visit(host).catch(() => null);
      if (answer?.status === 200) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await listener.close();
  });
});

async function refusedCode(wanted: ReturnType<typeof options>): Promise<unknown> {
  try {
    await forward({ ...wanted, addr: upstreamPort });
  } catch (error) {
    return error instanceof Error && 'errorCode' in error ? error.errorCode : error;
  }
  return 'not refused';
}

/** The same form with other secrets: every letter of it one further. */
function otherToken(token: string): string {
  return token.slice(0, -8) + [...token.slice(-8)].map((letter) => (letter === 'a' ? 'b' : 'a')).join('');
}
