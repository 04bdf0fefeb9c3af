import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP relay that can fall silent as a network does: connections stay open on both sides, bytes go nowhere. */
export interface Relay {
  readonly port: number;
  /** Nothing passes any more on the connections that are open now; new ones pass. */
  blackhole(): void;
  close(): Promise<void>;
}

export async function startRelay(target: { host: string; port: number }): Promise<Relay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((inbound) => {
    const outbound = connect(target);
    const pair = [inbound, outbound] as const;
    pairs.add(pair);
    inbound.pipe(outbound);
    outbound.pipe(inbound);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        if (!pairs.has(pair)) return;
        pairs.delete(pair);
        inbound.destroy();
        outbound.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const silent: (readonly [Socket, Socket])[] = [];
  return {
    port: (server.address() as AddressInfo).port,
    blackhole: () => {
      for (const pair of pairs) {
        pairs.delete(pair);
        silent.push(pair);
        for (const socket of pair) {
          socket.unpipe();
          // Read on and thrown away, so that nobody's send buffer tells that the other side is gone.
          socket.resume();
        }
      }
    },
    close: async () => {
      for (const pair of [...pairs, ...silent]) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
