import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Session } from '@ngrok/ngrok';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB } from '../../support/long.ts';
import { patternHash, patternStream, tcpUpstream } from '../../support/upstream.ts';
import { visit } from '../../support/visit.ts';
import { connectSdk, portOf, urlOf } from './sdk.ts';

/** What holds for both SDKs alike is in `both-sdks.test.ts`. */
describe('what passes through the JavaScript SDK', () => {
  let env: DevEnv;
  let session: Session;
  beforeAll(async () => {
    env = await startDevEnv();
    session = await connectSdk(env);
  });
  afterAll(() => env?.close());

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
});

async function readText(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString('latin1');
}
