import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP relay that can fall silent as a network does: connections stay open on both sides, bytes go nowhere. */
export interface Relay {
  readonly port: number;
  /** Nothing passes any more on the connections that are open now; new ones pass. */
  blackhole(): void;
  /** Cuts every connection that is open now; new ones pass. */
  cut(): void;
  close(): Promise<void>;
}

/** @param options.delayMs how long each byte is under way, each way; any number of bytes at once. */
export async function startRelay(
  target: { host: string; port: number },
  { delayMs = 0 }: { delayMs?: number } = {},
): Promise<Relay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((inbound) => {
    const outbound = connect(target);
    const pair = [inbound, outbound] as const;
    pairs.add(pair);
    if (delayMs === 0) {
      inbound.pipe(outbound);
      outbound.pipe(inbound);
    } else {
      later(inbound, outbound, delayMs);
      later(outbound, inbound, delayMs);
    }
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
    cut: () => {
      for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    },
    close: async () => {
      for (const pair of [...pairs, ...silent]) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function later(from: Socket, to: Socket, delayMs: number): void {
  from.on('data', (chunk: Buffer) => setTimeout(() => to.write(chunk), delayMs));
  from.on('end', () => setTimeout(() => to.end(), delayMs));
}
