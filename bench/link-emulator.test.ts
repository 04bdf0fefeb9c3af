import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Link, startLink } from './link-emulator.ts';

const open: { server: Server; link: Link }[] = [];

afterEach(async () => {
  for (const { server, link } of open.splice(0)) {
    await link.close();
    server.close();
  }
});

async function over(
  options: { delayMs: number; bitsPerSecond: number | null },
  serve: (socket: Socket) => void,
): Promise<Socket> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port }: AddressInfo = server.address() as AddressInfo;
  const link = await startLink({ ...options, to: port });
  open.push({ server, link });
  const socket = connect({ port: link.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

describe('a link', () => {
  it('adds its delay to each direction, and little more', async () => {
    const socket = await over({ delayMs: 25, bitsPerSecond: null }, (peer) => peer.pipe(peer));
    const tookMs: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      const beganMs = performance.now();
      socket.write('x');
      await once(socket, 'data');
      tookMs.push(performance.now() - beganMs);
    }
    tookMs.sort((a, b) => a - b);
    // Never sooner than it says; the median leaves a busy machine its outliers.
    expect(tookMs[0]).toBeGreaterThan(49);
    expect(tookMs[4]).toBeLessThan(150);
    socket.destroy();
  });

  it('carries its rate: not more, and nearly all of it', async () => {
    const bytes = 2_500_000;
    const socket = await over({ delayMs: 10, bitsPerSecond: 40e6 }, (peer) => peer.end(Buffer.alloc(bytes, 'r')));
    const beganMs = performance.now();
    let got = 0;
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    await once(socket, 'end');
    const seconds = (performance.now() - beganMs) / 1000;
    expect(got).toBe(bytes);
    // 20 Mbit at 40 Mbit/s are half a second.
    expect(seconds).toBeGreaterThan(0.49);
    expect(seconds).toBeLessThan(1.5);
    socket.destroy();
  });

  it('keeps every byte in order, and the end behind them', async () => {
    const socket = await over({ delayMs: 3, bitsPerSecond: 200e6 }, (peer) => peer.pipe(peer));
    const sent = Buffer.alloc(1_000_000);
    for (let i = 0; i < sent.length; i += 1) sent[i] = (i * 31 + (i >> 9)) & 255;
    for (let at = 0; at < sent.length; at += 77_777) socket.write(sent.subarray(at, at + 77_777));
    socket.end();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'end');
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
  });

  it('makes the sender wait when the receiver does not read', async () => {
    const socket = await over({ delayMs: 1, bitsPerSecond: 80e6 }, (peer) => peer.pause());
    let room = true;
    // Far more than the kernel's buffers and the link's queue together.
    for (let sent = 0; sent < 64_000_000 && room; sent += 65_536) {
      room = socket.write(Buffer.alloc(65_536));
      if (!room) {
        const drained = once(socket, 'drain').then(() => true);
        room = await Promise.race([drained, new Promise<false>((resolve) => setTimeout(resolve, 500, false))]);
      }
    }
    expect(room).toBe(false);
    socket.destroy();
  });

  it('passes a cut on', async () => {
    const cut = Promise.withResolvers<void>();
    const socket = await over({ delayMs: 5, bitsPerSecond: null }, (peer) => {
      peer.once('error', () => cut.resolve());
      peer.write('x');
    });
    await once(socket, 'data');
    socket.resetAndDestroy();
    await cut.promise;
  });
});
