import { createHash, randomBytes } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { HttpTarget } from '../contestants/contestant.ts';
import { jain, quantile } from '../statistics.ts';
import { type BodyPath, bodies } from '../upstream.ts';
import { ask, open } from './raw-http.ts';
import type { LoadResult } from './result.ts';
import { underWay } from './under-way.ts';

/** Runs workers until the time is over; the units that they return are added up, their errors are faults. */
async function closedLoop(
  workers: number,
  seconds: number,
  work: (isOver: () => boolean) => Promise<number>,
): Promise<LoadResult> {
  const beganMs = performance.now();
  const isOver = (): boolean => performance.now() - beganMs >= seconds * 1000;
  const faults: string[] = [];
  const counts = await Promise.all(
    Array.from({ length: workers }, () =>
      work(isOver).catch((error: unknown) => {
        if (faults.length < 5) faults.push(error instanceof Error ? error.message : String(error));
        return 0;
      }),
    ),
  );
  return { units: counts.reduce((a, b) => a + b, 0), seconds: (performance.now() - beganMs) / 1000, faults };
}

function mustEqual(got: Buffer, wanted: Buffer): void {
  if (!got.equals(wanted))
    throw new Error(`a wrong body: ${got.length} bytes instead of ${wanted.length}, or other ones`);
}

/** A new connection for each request, every body compared. */
export function churn(
  target: HttpTarget,
  { workers, seconds, path }: { workers: number; seconds: number; path: BodyPath },
): Promise<LoadResult> {
  return closedLoop(workers, seconds, async (isOver) => {
    let units = 0;
    while (!isOver()) {
      const socket = await open(target);
      mustEqual(await ask(socket, target.host, { path, close: true }), bodies[path]);
      socket.destroy();
      units += 1;
    }
    return units;
  });
}

/** Keep-alive requests, every body compared; with a body of `uploadBytes` they are uploads. */
export function keepAlive(
  target: HttpTarget,
  options: { workers: number; seconds: number; path: BodyPath | '/up'; upload?: Buffer },
): Promise<LoadResult> {
  const { path, upload } = options;
  const wanted = path === '/up' ? Buffer.from('ok\n') : bodies[path];
  return closedLoop(options.workers, options.seconds, async (isOver) => {
    const socket = await open(target);
    let units = 0;
    while (!isOver()) {
      const request = upload === undefined ? { path } : { method: 'POST' as const, path, body: upload };
      mustEqual(await ask(socket, target.host, request), wanted);
      units += 1;
    }
    socket.destroy();
    return units;
  });
}

/** Whether an upload arrives as it was sent: the upstream hashes it. @returns the fault, or null */
export async function checkUpload(target: HttpTarget): Promise<string | null> {
  const body = randomBytes(3_000_001);
  const socket = await open(target);
  try {
    const got = await ask(socket, target.host, { method: 'POST', path: '/live/hash', body });
    return got.toString() === createHash('sha256').update(body).digest('hex') ? null : 'an upload arrived changed';
  } finally {
    socket.destroy();
  }
}

/**
 * Requests at a fixed rate, whatever the answers do: late ones count from when they were due. Connections that are
 * busy are not waited for, another one is opened.
 */
export async function openLoop(
  target: HttpTarget,
  { perSecond, seconds, path }: { perSecond: number; seconds: number; path: BodyPath },
): Promise<LoadResult> {
  const idle: Socket[] = [];
  const took: number[] = [];
  const faults: string[] = [];
  const underWay = new Set<Promise<void>>();
  const one = async (dueMs: number): Promise<void> => {
    const socket = idle.pop() ?? (await open(target));
    mustEqual(await ask(socket, target.host, { path }), bodies[path]);
    took.push(performance.now() - dueMs);
    idle.push(socket);
  };
  const beganMs = performance.now();
  for (let sent = 0; sent < perSecond * seconds; ) {
    const due = Math.min(perSecond * seconds, ((performance.now() - beganMs) / 1000) * perSecond);
    for (; sent < due; sent += 1) {
      const request = one(beganMs + (sent * 1000) / perSecond).catch((error: unknown) => {
        if (faults.length < 5) faults.push(String(error));
      });
      underWay.add(request);
      void request.finally(() => underWay.delete(request));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(underWay);
  const elapsed = (performance.now() - beganMs) / 1000;
  for (const socket of idle) socket.destroy();
  return { units: took.length, seconds: elapsed, faults, latency: latencies(took) };
}

/** Small requests, one after another, while other connections download without end. */
export async function besideBulk(
  target: HttpTarget,
  { downloads, seconds }: { downloads: number; seconds: number },
): Promise<LoadResult> {
  let over = false;
  let bulkBytes = 0;
  const bulk = closedLoop(downloads, 3_600, async () => {
    const socket = await open(target);
    for (; !over; bulkBytes += bodies['/1m'].length) {
      mustEqual(await ask(socket, target.host, { path: '/1m' }), bodies['/1m']);
    }
    socket.destroy();
    return 0;
  });
  const small = await openLoop(target, { perSecond: 100, seconds, path: '/1k' });
  over = true;
  const { faults } = await bulk;
  return {
    ...small,
    faults: [...small.faults, ...faults],
    note: `${(bulkBytes / small.seconds / 1e6).toFixed(0)} MB/s beside`,
  };
}

const OPENING_AT_ONCE = 16;

/** Connections that have asked once and stay. */
export async function holdOpen(
  target: HttpTarget,
  connections: number,
): Promise<{ faults: readonly string[]; close(): void }> {
  const sockets: Socket[] = [];
  const faults: string[] = [];
  let left = connections;
  const openSome = async (): Promise<void> => {
    for (; left > 0 && faults.length === 0; ) {
      left -= 1;
      const socket = await open(target);
      sockets.push(socket);
      mustEqual(await ask(socket, target.host, { path: '/1k' }), bodies['/1k']);
    }
  };
  const openers = Array.from({ length: OPENING_AT_ONCE }, () =>
    openSome().catch((error: unknown) => {
      faults.push(`after ${sockets.length}: ${error instanceof Error ? error.message : String(error)}`);
    }),
  );
  await Promise.all(openers);
  const closed = sockets.filter((socket) => socket.destroyed || socket.readableEnded).length;
  if (closed > 0) faults.push(`${closed} connections were closed meanwhile`);
  return {
    faults,
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Full TLS handshakes, no resumption, nothing sent inside. */
export function handshakes(
  target: HttpTarget,
  { workers, seconds }: { workers: number; seconds: number },
): Promise<LoadResult> {
  return closedLoop(workers, seconds, async (isOver) => {
    let units = 0;
    for (; !isOver(); units += 1) (await open(target)).destroy();
    return units;
  });
}

/** One HTTP/2 connection, so many requests at once on it. */
export async function http2(
  target: HttpTarget,
  { streams, seconds }: { streams: number; seconds: number },
): Promise<LoadResult> {
  const { host, port, ca } = target;
  const session = connectHttp2(`https://${host}:${port}`, {
    createConnection: () =>
      underWay(connectTls({ host: '127.0.0.1', port, servername: host, ca: ca ?? undefined, ALPNProtocols: ['h2'] })),
  });
  session.on('error', () => {});
  try {
    return await closedLoop(streams, seconds, async (isOver) => {
      let units = 0;
      for (; !isOver(); units += 1) {
        const stream = session.request({ ':path': '/1k' });
        const chunks: Buffer[] = [];
        await new Promise<void>((resolve, reject) => {
          stream.on('response', (fields) => {
            if (fields[':status'] !== 200) reject(new Error(`status ${fields[':status']}`));
          });
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.once('end', resolve);
          stream.once('error', reject);
          stream.once('close', () => reject(new Error('the stream was closed before its answer was whole')));
        });
        mustEqual(Buffer.concat(chunks), bodies['/1k']);
      }
      return units;
    });
  } finally {
    session.destroy();
  }
}

/** Messages of 125 bytes there and back, one under way on each connection. */
export function webSocketEcho(
  target: HttpTarget,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<LoadResult> {
  const message = randomBytes(125);
  const frame = Buffer.concat([Buffer.from([0x82, 0x80 | 125, 0, 0, 0, 0]), message]);
  const echo = Buffer.concat([Buffer.from([0x82, 125]), message]);
  return closedLoop(connections, seconds, async (isOver) => {
    const socket = await open(target);
    socket.write(
      `GET /live/ws HTTP/1.1\r\nHost: ${target.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    const reader = new Bytes(socket);
    const head = await reader.until('\r\n\r\n');
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(head.split('\r\n')[0]);
    let units = 0;
    for (; !isOver(); units += 1) {
      socket.write(frame);
      mustEqual(await reader.take(echo.length), echo);
    }
    socket.destroy();
    return units;
  });
}

/** Events to many listeners: each event that one listener gets is a unit. */
export async function eventFanOut(
  target: HttpTarget,
  { listeners, seconds }: { listeners: number; seconds: number },
): Promise<LoadResult> {
  const sockets: Socket[] = [];
  const counts: number[] = [];
  for (let i = 0; i < listeners; i += 1) {
    const socket = await open(target);
    sockets.push(socket);
    counts.push(0);
    let tail = '';
    socket.on('data', (chunk: Buffer) => {
      const text = tail + chunk.toString('latin1');
      counts[i] = (counts[i] ?? 0) + text.split('\nid: ').length - 1;
      tail = text.slice(-5);
    });
    socket.write(`GET /live/events HTTP/1.1\r\nHost: ${target.host}\r\n\r\n`);
  }
  if (!(await until(() => sockets.every((socket) => socket.bytesRead > 0)))) {
    throw new Error('not every listener was let in');
  }
  const asker = await open(target);
  const beganMs = performance.now();
  let events = 0;
  for (; performance.now() - beganMs < seconds * 1000; events += 1) {
    await ask(asker, target.host, { path: '/live/send-event' });
  }
  const all = (): number => counts.reduce((a, b) => a + b, 0);
  const whole = await until(() => all() >= events * listeners);
  const elapsed = (performance.now() - beganMs) / 1000;
  for (const socket of [...sockets, asker]) socket.destroy();
  return { units: all(), seconds: elapsed, faults: whole ? [] : [`${events * listeners - all()} events did not come`] };
}

/** One TCP connection; a unit is 1 MiB. */
export async function tcpBulk(
  port: number,
  { direction, bytes }: { direction: 'down' | 'up'; bytes: number },
): Promise<LoadResult> {
  const socket = underWay(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  const beganMs = performance.now();
  const got = await new Promise<number>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed before all bytes had come')));
    let received = 0;
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (direction === 'up') text += chunk.toString('latin1');
    });
    socket.once('end', () => {
      socket.end();
      resolve(direction === 'down' ? received : Number(text));
    });
    if (direction === 'down') {
      socket.write(`S${bytes}\n`);
      return;
    }
    socket.write(`U${bytes}\n`);
    const piece = randomBytes(65_536);
    let left = bytes;
    const more = (): void => {
      while (left > 0) {
        const next = piece.subarray(0, Math.min(left, piece.length));
        left -= next.length;
        if (!socket.write(next)) {
          socket.once('drain', more);
          return;
        }
      }
    };
    more();
  });
  const faults = got === bytes ? [] : [`${got} of ${bytes} bytes came`];
  return { units: got / 1_048_576, seconds: (performance.now() - beganMs) / 1000, faults };
}

/** Downloads side by side for a time; how evenly they got on is Jain's index. */
export async function parallelStreams(
  port: number,
  { streams, seconds }: { streams: number; seconds: number },
): Promise<LoadResult> {
  const sockets = Array.from({ length: streams }, () => underWay(connect(port, '127.0.0.1')));
  const faults: string[] = [];
  for (const socket of sockets) {
    socket.on('error', (error) => faults.push(error.message));
    socket.on('data', () => {});
    socket.write(`S${1e12}\n`);
  }
  if (!(await until(() => sockets.every((socket) => socket.bytesRead > 0)))) {
    faults.push(`${sockets.filter((socket) => socket.bytesRead === 0).length} streams did not begin`);
  }
  const before = sockets.map((socket) => socket.bytesRead);
  const beganMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const shares = sockets.map((socket, i) => socket.bytesRead - (before[i] ?? 0));
  const elapsed = (performance.now() - beganMs) / 1000;
  for (const socket of sockets) socket.destroy();
  const units = shares.reduce((a, b) => a + b, 0) / 1_048_576;
  return { units, seconds: elapsed, faults: faults.slice(0, 5), note: `Jain ${jain(shares).toFixed(3)}` };
}

function latencies(tookMs: number[]): { p50: number; p99: number; p999: number } {
  const sorted = tookMs.sort((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), p999: quantile(sorted, 0.999) };
}

/** @returns whether it became so within ten seconds */
async function until(isSo: () => boolean): Promise<boolean> {
  for (const endMs = performance.now() + 10_000; !isSo(); ) {
    if (performance.now() > endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return true;
}

/** What a socket gives, by length or up to a mark. */
class Bytes {
  #held: Buffer = Buffer.alloc(0);
  #wake: ((error: Error | null) => void) | null = null;
  #error: Error | null = null;

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      this.#wake?.(null);
    });
    const fail = (error: Error): void => {
      this.#error ??= error;
      this.#wake?.(error);
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
  }

  async take(bytes: number): Promise<Buffer> {
    while (this.#held.length < bytes) await this.#more();
    const taken = this.#held.subarray(0, bytes);
    this.#held = this.#held.subarray(bytes);
    return taken;
  }

  async until(mark: string): Promise<string> {
    while (!this.#held.includes(mark)) await this.#more();
    return (await this.take(this.#held.indexOf(mark) + mark.length)).toString('latin1');
  }

  #more(): Promise<void> {
    if (this.#error !== null) throw this.#error;
    return new Promise((resolve, reject) => {
      this.#wake = (error) => {
        this.#wake = null;
        if (error === null) resolve();
        else reject(error);
      };
    });
  }
}
