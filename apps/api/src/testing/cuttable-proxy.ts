import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy for tests: a server behind it can be reached, is gone, or is there and says nothing. */
export interface CuttableProxy {
  readonly port: number;
  /** `gone`: connections are cut and refused. `silent`: they stay, and no byte passes. */
  set(state: 'open' | 'gone' | 'silent'): void;
  close(): Promise<void>;
}

export async function startCuttableProxy(target: { host: string; port: number }): Promise<CuttableProxy> {
  let state: 'open' | 'gone' | 'silent' = 'open';
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((visitor) => {
    keep(visitor);
    if (state === 'gone') {
      visitor.resetAndDestroy();
      return;
    }
    const upstream = keep(connect(target));
    visitor.once('close', () => upstream.destroy());
    upstream.once('close', () => visitor.destroy());
    visitor.pipe(upstream);
    upstream.pipe(visitor);
    if (state === 'silent') {
      visitor.pause();
      upstream.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    set: (next) => {
      state = next;
      for (const socket of sockets) {
        if (next === 'gone') socket.destroy();
        else if (next === 'silent') socket.unpipe().pause();
      }
      // A connection that was silent cannot be put together again.
      if (next === 'open') for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
