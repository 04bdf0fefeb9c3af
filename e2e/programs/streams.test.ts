import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { createRoot, LeafIssuer } from '@portico/pki';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { MiB } from '../support/long.ts';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { startPortico } from '../support/portico-cli.ts';
import { httpUpstream, tcpUpstream } from '../support/upstream.ts';

describe('streams through the real platform', () => {
  let platform: PlatformProcess;
  beforeAll(async () => {
    platform = await startPlatformProcess();
  });
  afterAll(() => platform.dispose());

  it('passes each server-sent event on at once', async () => {
    const upstream = await httpUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(`data: ${process.hrtime.bigint()}\n\n`);
        sent += 1;
        if (sent === 10) {
          clearInterval(timer);
          response.end();
        }
      }, 100);
    });
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'events']);
    const { hostname } = new URL(tunnel.url);
    const request = httpsRequest({
      host: '127.0.0.1',
      port: platform.ready.https.port,
      servername: hostname,
      ca: readFileSync(platform.ready.caFile),
      path: '/',
      headers: { host: hostname },
      agent: false,
    }).end();
    const [response] = await once(request, 'response');
    const delaysMs: number[] = [];
    for await (const chunk of response) {
      const now = process.hrtime.bigint();
      for (const [, at = '0'] of String(chunk).matchAll(/data: (\d+)/g)) delaysMs.push(Number(now - BigInt(at)) / 1e6);
    }
    expect(delaysMs).toHaveLength(10);
    // Events are 100 ms apart: one that was held for the next, or for a full buffer, is later than that.
    const sorted = delaysMs.toSorted((a, b) => a - b);
    expect(sorted[5]).toBeLessThan(95);
    await tunnel.stop();
    await upstream.close();
  });

  it('carries WebSocket messages of every kind and closes with the code that was sent', async () => {
    const upstream = await httpUpstream((_request, response) => response.end());
    const server = new WebSocketServer({ server: upstream.server, maxPayload: 64 * MiB });
    server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.on('close', (code, reason) => server.emit('seen-close', code, reason.toString()));
    });
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'socket']);
    const { hostname } = new URL(tunnel.url);
    const client = new WebSocket(`wss://${hostname}:${platform.ready.https.port}/`, {
      ca: readFileSync(platform.ready.caFile),
      lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
      maxPayload: 64 * MiB,
    });
    await once(client, 'open');
    const bodies = [Buffer.from('text'), Buffer.alloc(0), Buffer.alloc(16 * MiB, 'x'), Buffer.from([0, 255, 1])];
    for (const body of bodies) {
      client.send(body);
      const [echo] = await once(client, 'message');
      expect(Buffer.compare(echo, body)).toBe(0);
    }
    client.ping('are you there');
    const [pong] = await once(client, 'pong');
    expect(String(pong)).toBe('are you there');
    const seen = once(server, 'seen-close');
    client.close(4_321, 'done');
    expect(await seen).toEqual([4_321, 'done']);
    await tunnel.stop();
    server.close();
    await upstream.close();
  });

  it('passes half-close on in both directions of a TCP endpoint', async () => {
    const upstream = await tcpUpstream((socket) => {
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk;
      });
      // Answers only after the visitor has said that it is done.
      socket.on('end', () => socket.end(`got ${received}`));
    });
    const tunnel = await startPortico(platform.ready, ['tcp', String(upstream.port)]);
    const socket = connect({ host: '127.0.0.1', port: Number(tunnel.url.split(':').at(-1)), allowHalfOpen: true });
    socket.end('all of it');
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toBe('got all of it');
    await tunnel.stop();
    await upstream.close();
  });

  it('shows a TLS service its visitor, and the visitor the certificate of the service', async () => {
    const root = await createRoot({ name: 'Somebody else', now: new Date() });
    const issuer = new LeafIssuer({ certificatePem: root.certificatePem, privateKeyPem: root.privateKeyPem });
    const host = `own.${platform.ready.baseDomain}`;
    const leaf = await issuer.issue({ dns: [host], ips: [] });
    const server = createTlsServer({ cert: leaf.certificatePem, key: leaf.privateKeyPem }, (socket) =>
      socket.end('from behind TLS'),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const tunnel = await startPortico(platform.ready, [
      'tls',
      String((server.address() as AddressInfo).port),
      '--url',
      `tls://${host}`,
    ]);
    const visitor = tlsConnect({
      host: '127.0.0.1',
      port: platform.ready.https.port,
      servername: host,
      ca: root.certificatePem,
    });
    await once(visitor, 'secureConnect');
    expect(visitor.authorized).toBe(true);
    expect(visitor.getPeerX509Certificate()?.fingerprint256).toBe(
      new X509Certificate(leaf.certificatePem).fingerprint256,
    );
    let answer = '';
    for await (const chunk of visitor) answer += chunk;
    expect(answer).toBe('from behind TLS');
    await tunnel.stop();
    await new Promise((resolve) => server.close(resolve));
  });
});
