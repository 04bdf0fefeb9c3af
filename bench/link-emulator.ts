import { connect, createServer, type Socket } from 'node:net';

export interface LinkOptions {
  /** Where its bytes go, on 127.0.0.1. */
  readonly to: number;
  /** Of one direction; the round trip is twice that. */
  readonly delayMs: number;
  /** Bits per second of each direction, shared by all connections; null: no limit. */
  readonly bitsPerSecond: number | null;
}

export interface Link {
  readonly port: number;
  close(): Promise<void>;
}

/** At most this much waits in one connection and direction beyond what the delay holds; then its sender waits. */
const QUEUE_BYTES = 262_144;

/**
 * A slow, long way between two programs on this machine: a TCP relay that hands on every byte `delayMs` after it could
 * have left at the given rate. No loss. It ends TCP on both sides, so it shows the windows of what runs above TCP, and
 * hides TCP's own.
 */
export async function startLink(options: LinkOptions): Promise<Link> {
  const lanes = { there: new Lane(options), back: new Lane(options) };
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port: options.to, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    for (const [from, to, lane] of [
      [near, far, lanes.there],
      [far, near, lanes.back],
    ] as const) {
      sockets.add(from);
      from.once('close', () => sockets.delete(from));
      // A cut is passed on at once. An end is not a cut: it lands behind the bytes that are on their way.
      from.on('error', () => to.resetAndDestroy());
      lane.carry(from, to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** One direction of the link. */
class Lane {
  readonly #delayMs: number;
  readonly #bytesPerMs: number;
  /** When the last byte so far has left the sender's end. */
  #busyUntilMs = 0;

  constructor({ delayMs, bitsPerSecond }: LinkOptions) {
    this.#delayMs = delayMs;
    this.#bytesPerMs = bitsPerSecond === null ? Number.POSITIVE_INFINITY : bitsPerSecond / 8_000;
  }

  carry(from: Socket, to: Socket): void {
    const flying: { atMs: number; chunk: Buffer | null }[] = [];
    let bytes = 0;
    let timer: NodeJS.Timeout | null = null;
    // What is on its way does not count against the queue: a long way holds much.
    const inFlight =
      this.#bytesPerMs === Number.POSITIVE_INFINITY ? 64 * QUEUE_BYTES : this.#bytesPerMs * this.#delayMs;
    const roomBytes = QUEUE_BYTES + inFlight;
    const land = (): void => {
      timer = null;
      const nowMs = performance.now();
      for (;;) {
        const next = flying[0];
        if (next === undefined || to.destroyed) return;
        // Timers come up to a millisecond late, and never early: half of one is given away for it.
        if (next.atMs > nowMs + 0.5) {
          timer = setTimeout(land, Math.max(0, next.atMs - nowMs - 0.5));
          return;
        }
        flying.shift();
        if (next.chunk === null) {
          to.end();
          return;
        }
        bytes -= next.chunk.length;
        const taken = to.write(next.chunk);
        if (from.isPaused() && bytes < roomBytes / 2) from.resume();
        if (!taken) {
          to.once('drain', land);
          return;
        }
      }
    };
    const send = (chunk: Buffer | null): void => {
      const nowMs = performance.now();
      this.#busyUntilMs = Math.max(nowMs, this.#busyUntilMs) + (chunk?.length ?? 0) / this.#bytesPerMs;
      flying.push({ atMs: this.#busyUntilMs + this.#delayMs, chunk });
      if (flying.length === 1 && timer === null && !to.writableNeedDrain) land();
    };
    from.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      send(chunk);
      if (bytes >= roomBytes) from.pause();
    });
    from.on('end', () => send(null));
    to.once('close', () => {
      if (timer !== null) clearTimeout(timer);
      flying.length = 0;
    });
  }
}
