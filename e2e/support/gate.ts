import { connect, createServer, type Socket } from 'node:net';

/** A stretch of network that can be cut: connections to `url` go on to the target while it is open. */
export interface Gate {
  readonly url: string;
  /** Breaks every connection and takes no new one. */
  cut(): void;
  /** Lets connections through again. */
  open(): void;
  /** How many connections pass through now. */
  readonly connections: number;
  close(): Promise<void>;
}

export async function openGate(targetUrl: string): Promise<Gate> {
  const target = new URL(targetUrl);
  const inside = new Set<Socket>();
  let isOpen = true;
  const server = createServer((near) => {
    near.on('error', () => {});
    if (!isOpen) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(Number(target.port), target.hostname);
    far.on('error', () => {});
    inside.add(near);
    near.on('close', () => {
      inside.delete(near);
      far.destroy();
    });
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  const cut = (): void => {
    isOpen = false;
    for (const socket of inside) socket.resetAndDestroy();
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    open: () => {
      isOpen = true;
    },
    get connections() {
      return inside.size;
    },
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
