/**
 * CPU that a session costs, both ends and the kernel's socket work in this one process:
 *
 *     node packages/muxado/bench/throughput.ts [GiB] [tls]
 *
 * prints one line: CPU seconds per GiB in bulk over 4 streams, for bare sockets too as a yardstick, and per 100,000
 * messages of 100 bytes that go back and forth on 64 streams. Compare CPU only, and only lines of one run of both.
 */
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { MuxSession, type MuxStream } from '../src/index.ts';

const gib = Number(process.argv[2] ?? '1');
const isTls = process.argv.includes('tls');
const GIB = 1024 ** 3;
const CHUNK = Buffer.alloc(65_536, 7);

await bulk(0.2);
const bare = await cpuSeconds(() => bareBulk(gib));
const mux = await cpuSeconds(() => bulk(gib));
await messages(20_000);
const small = await cpuSeconds(() => messages(100_000));
console.log(
  [
    `muxado ${isTls ? 'tls' : 'tcp'}`,
    `bulk ${(mux.cpu / gib).toFixed(2)} CPU-s/GiB (${(gib / mux.wall).toFixed(2)} GiB/s)`,
    `bare sockets ${(bare.cpu / gib).toFixed(2)} CPU-s/GiB (${(gib / bare.wall).toFixed(2)} GiB/s)`,
    `small ${small.cpu.toFixed(2)} CPU-s/100k round trips (${(100 / small.wall).toFixed(0)}k/s)`,
  ].join(', '),
);

async function cpuSeconds(run: () => Promise<void>): Promise<{ cpu: number; wall: number }> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await run();
  const used = process.cpuUsage(cpu);
  return { cpu: (used.user + used.system) / 1e6, wall: (performance.now() - start) / 1e3 };
}

async function bulk(gib: number): Promise<void> {
  const { client, server, close } = await sessions((stream) => {
    let left = (gib * GIB) / 4;
    const send = (): void => {
      while (left > 0) {
        left -= CHUNK.length;
        if (!stream.write(CHUNK)) return;
      }
      stream.end();
    };
    stream.setHandler({ onData: (chunk) => stream.ack(chunk.length), onEnd() {}, onReset() {}, onWritable: send });
    send();
  });
  await Promise.all([1, 2, 3, 4].map(() => drain(client.open(1))));
  server.destroy();
  close();
}

async function messages(count: number): Promise<void> {
  const message = Buffer.alloc(100, 1);
  const { client, close } = await sessions((stream) => {
    stream.setHandler({
      onData(chunk) {
        stream.ack(chunk.length);
        stream.write(chunk);
      },
      onEnd: () => stream.end(),
      onReset() {},
      onWritable() {},
    });
  });
  let left = count;
  await Promise.all(
    Array.from({ length: 64 }, () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const stream = client.open(1, message);
      let got = 0;
      stream.setHandler({
        onData(chunk) {
          stream.ack(chunk.length);
          got += chunk.length;
          if (got < message.length) return;
          got -= message.length;
          left -= 1;
          if (left > 0) stream.write(message);
          else stream.end();
        },
        onEnd: resolve,
        onReset: () => resolve(),
        onWritable() {},
      });
      return promise;
    }),
  );
  close();
}

async function bareBulk(gib: number): Promise<void> {
  const [left, right, close] = await socketPair();
  let bytes = gib * GIB;
  const send = (): void => {
    while (bytes > 0) {
      bytes -= CHUNK.length;
      if (!right.write(CHUNK)) return;
    }
    right.end();
  };
  right.on('drain', send);
  right.resume();
  send();
  await new Promise<void>((resolve) => {
    left.on('data', () => {});
    left.on('end', () => resolve());
  });
  close();
}

function drain(stream: MuxStream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.setHandler({
    onData: (chunk) => stream.ack(chunk.length),
    onEnd() {
      stream.end();
      resolve();
    },
    onReset: () => resolve(),
    onWritable() {},
  });
  return promise;
}

async function sessions(
  onStream: (stream: MuxStream) => void,
): Promise<{ client: MuxSession; server: MuxSession; close: () => void }> {
  const [left, right, closeSockets] = await socketPair();
  const server = new MuxSession({ transport: right, role: 'server', onStream, onClose() {} });
  server.setAuthenticated();
  const client = new MuxSession({ transport: left, role: 'client', onStream() {}, onClose() {} });
  const close = (): void => {
    client.destroy();
    server.destroy();
    closeSockets();
  };
  return { client, server, close };
}

async function socketPair(): Promise<[Duplex, Duplex, () => void]> {
  const accepted = Promise.withResolvers<Duplex>();
  const psk = Buffer.alloc(32, 3);
  const options = { ciphers: 'PSK-AES256-GCM-SHA384', maxVersion: 'TLSv1.2' } as const;
  const server = isTls
    ? tls.createServer({ ...options, pskCallback: () => psk }, accepted.resolve)
    : net.createServer(accepted.resolve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  const left = isTls
    ? tls.connect({
        ...options,
        port: address.port,
        host: '127.0.0.1',
        pskCallback: () => ({ psk, identity: 'bench' }),
        checkServerIdentity: () => undefined,
      })
    : net.connect(address.port, '127.0.0.1');
  const right = await accepted.promise;
  return [left, right, () => server.close()];
}
