import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { Readable } from 'node:stream';

export interface Upstream {
  readonly port: number;
  close(): Promise<void>;
}

/** A real HTTP service on a free loopback port. */
export async function httpUpstream(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Upstream & { readonly server: Server }> {
  const server = createServer(handle);
  server.keepAliveTimeout = 60_000;
  await listen(server);
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A real TCP service on a free loopback port; ends its connections when it is closed. */
export async function tcpUpstream(
  handle: (socket: Socket) => void,
): Promise<Upstream & { readonly server: TcpServer }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    handle(socket);
  });
  await listen(server);
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `bytes` of data that differ from place to place and depend on `seed`, with back-pressure. */
export function patternStream(bytes: number, seed: number): Readable {
  const block = patternBlock(seed);
  let sent = 0;
  return new Readable({
    read() {
      if (sent >= bytes) {
        this.push(null);
        return;
      }
      const size = Math.min(block.length, bytes - sent);
      sent += size;
      this.push(block.subarray(0, size));
    },
  });
}

/** SHA-256 of what `patternStream` gives. */
export function patternHash(bytes: number, seed: number): string {
  const block = patternBlock(seed);
  const hash = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += block.length)
    hash.update(block.subarray(0, Math.min(block.length, bytes - sent)));
  return hash.digest('hex');
}

/** A prime number of bytes, so that no frame or chunk size divides it. */
function patternBlock(seed: number): Buffer {
  const block = Buffer.alloc(65_537);
  let state = seed + 1;
  for (let i = 0; i < block.length; i += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    block[i] = state >>> 24;
  }
  return block;
}

function listen(server: Server | TcpServer): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}
