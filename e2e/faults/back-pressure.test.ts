import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MiB, scale } from '../support/long.ts';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { startPortico } from '../support/portico-cli.ts';
import { residentBytes } from '../support/process-memory.ts';
import { httpUpstream, patternStream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';

describe('back-pressure', () => {
  let platform: PlatformProcess;
  beforeAll(async () => {
    platform = await startPlatformProcess();
  });
  afterAll(() => platform.dispose());

  it('L24: stalled readers of a large body cost the edge little, and a bystander on the same session is served at once', {
    timeout: 300_000,
  }, async () => {
    const readers = scale(50, 200);
    const upstream = await httpUpstream((request, response) => {
      if (request.url === '/small') return void response.end('small');
      response.setHeader('content-length', 64 * MiB);
      patternStream(64 * MiB, 7).pipe(response);
    });
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'stalled']);
    const { hostname } = new URL(tunnel.url);
    // A young process grows by what passes it, read or not: that is not what is measured.
    for (let round = 0; round < 2; round += 1) {
      await Promise.all(Array.from({ length: 8 }, () => visit(platform.ready, `${tunnel.url}/large`)));
    }
    const { edge } = platform.ready.pids;
    const before = residentBytes(edge);
    const ca = readFileSync(platform.ready.caFile);
    const sockets: TLSSocket[] = [];
    for (let i = 0; i < readers; i += 1) {
      const socket = tlsConnect({ host: '127.0.0.1', port: platform.ready.https.port, servername: hostname, ca });
      sockets.push(socket);
      await once(socket, 'secureConnect');
      socket.write(`GET /large HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
      // Reads the beginning, and then no more.
      await once(socket, 'data');
      socket.pause();
    }
    // All of them are full when memory stands still.
    let last = 0;
    for (let now = residentBytes(edge); Math.abs(now - last) > MiB; now = residentBytes(edge)) {
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const beganMs = performance.now();
    expect((await visit(platform.ready, `${tunnel.url}/small`)).body.toString()).toBe('small');
    expect(performance.now() - beganMs).toBeLessThan(scale(5_000, 1_000));
    expect(residentBytes(edge) - before).toBeLessThan(100 * MiB);
    // One of them reads on and gets everything.
    const [first, ...others] = sockets;
    let received = 0;
    first?.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    first?.resume();
    while (received < 60 * MiB) await once(first as TLSSocket, 'data');
    for (const socket of [...others, first]) socket?.destroy();
    expect((await visit(platform.ready, `${tunnel.url}/small`)).status).toBe(200);
    await tunnel.stop();
    await upstream.close();
  });

  it('L24: an upstream that does not read stalls its visitors, and nobody else', { timeout: 300_000 }, async () => {
    const upstream = await httpUpstream((request, response) => {
      if (request.url === '/small') response.end('small');
      else request.pause();
    });
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'unread']);
    const { hostname } = new URL(tunnel.url);
    await visit(platform.ready, `${tunnel.url}/small`);
    const { edge } = platform.ready.pids;
    const agentPid = tunnel.child.pid ?? 0;
    const before = { edge: residentBytes(edge), agent: residentBytes(agentPid) };
    const ca = readFileSync(platform.ready.caFile);
    const sockets: TLSSocket[] = [];
    const block = Buffer.alloc(64 * 1024);
    for (let i = 0; i < scale(20, 200); i += 1) {
      const socket = tlsConnect({ host: '127.0.0.1', port: platform.ready.https.port, servername: hostname, ca });
      sockets.push(socket);
      await once(socket, 'secureConnect');
      socket.on('error', () => undefined);
      socket.write(`POST /unread HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: ${64 * MiB}\r\n\r\n`);
      const pump = (): void => {
        while (socket.writable && socket.write(block));
        socket.once('drain', pump);
      };
      pump();
    }
    // They send until everything between them and the upstream is full.
    const sentBytes = (): number => sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0);
    for (let last = -1, now = sentBytes(); now !== last; now = sentBytes()) {
      last = now;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(sentBytes()).toBeGreaterThan(sockets.length * block.length);
    const beganMs = performance.now();
    expect((await visit(platform.ready, `${tunnel.url}/small`)).body.toString()).toBe('small');
    expect(performance.now() - beganMs).toBeLessThan(scale(5_000, 1_000));
    expect(residentBytes(edge) - before.edge).toBeLessThan(100 * MiB);
    expect(residentBytes(agentPid) - before.agent).toBeLessThan(100 * MiB);
    for (const socket of sockets) socket.destroy();
    await tunnel.stop();
    await upstream.close();
  });
});
