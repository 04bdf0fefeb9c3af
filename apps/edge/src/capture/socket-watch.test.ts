import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import { InflateBudget, MessageInflater } from '@portico/http1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { MessageQueue } from './message-queue.ts';
import { SocketWatch } from './socket-watch.ts';

const rich = () => new InflateBudget({ bytesASecond: 100_000_000, nowMs: () => 0 });

function queue(room = 10_000_000): MessageQueue {
  let left = room;
  return new MessageQueue({
    exchangeId: 'req_1',
    accountId: 'ac_1',
    now: () => 0,
    reserve: (bytes) => {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    release: (bytes) => {
      left += bytes;
    },
  });
}

const text = (payload: string): string => Buffer.from(payload, 'base64').toString();

/** A server that echoes, and every byte of a connection to it as it passed. */
class Wire {
  readonly server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: { threshold: 0, serverNoContextTakeover: false },
  });
  readonly #relay = createServer((visitor) => this.#join(visitor));
  watch: SocketWatch | null = null;
  queue: MessageQueue = queue();
  budget = rich();

  async open(): Promise<WebSocket> {
    this.server.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await new Promise<void>((resolve) => this.#relay.listen(0, '127.0.0.1', resolve));
    return this.connect();
  }

  connect(): WebSocket {
    return new WebSocket(`ws://127.0.0.1:${(this.#relay.address() as AddressInfo).port}`, {
      perMessageDeflate: { threshold: 0 },
    });
  }

  close(): void {
    this.#relay.close();
    this.server.close();
  }

  /** After the heads, all bytes are shown to the watch as the edge shows them. */
  #join(visitor: Socket): void {
    const upstream = this.#connectUpstream();
    let head = '';
    let asked = '';
    visitor.on('data', (chunk: Buffer) => {
      if (asked.includes('\r\n\r\n')) this.watch?.fromVisitor(chunk);
      else asked += chunk.toString('latin1');
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (this.watch !== null) this.watch.toVisitor(chunk);
      else {
        head += chunk.toString('latin1');
        const extensions = /sec-websocket-extensions: (.*)\r\n/i.exec(head)?.[1] ?? '';
        const fields = ['Sec-WebSocket-Extensions', extensions];
        this.watch = new SocketWatch({ queue: this.queue, fields, budget: this.budget, onOver: () => {} });
      }
      visitor.write(chunk);
    });
    visitor.on('error', () => {});
    upstream.on('error', () => {});
    visitor.on('close', () => upstream.destroy());
    upstream.on('close', () => visitor.destroy());
  }

  #connectUpstream(): Socket {
    const { port } = this.server.address() as AddressInfo;
    return connect(port, '127.0.0.1');
  }
}

let wire: Wire;
let client: WebSocket;
beforeAll(async () => {
  wire = new Wire();
  client = await wire.open();
  await new Promise((resolve) => client.once('open', resolve));
});
afterAll(() => {
  client.terminate();
  wire.close();
});

async function echoed(data: string | Buffer): Promise<void> {
  const answer = new Promise((resolve) => client.once('message', resolve));
  client.send(data);
  await answer;
}

describe('the messages of a WebSocket that passes', () => {
  it('are read though they are deflated and lean on those before them', async () => {
    expect(client.extensions).toContain('permessage-deflate');
    for (let at = 0; at < 20; at += 1) await echoed(`{"at":${at},"text":"always the same words"}`);
    const messages = wire.queue.take()?.messages ?? [];
    expect(messages).toHaveLength(40);
    expect(messages.every(({ compressed, kind }) => !compressed && kind === 'text')).toBe(true);
    expect(messages.filter(({ from }) => from === 'upstream').map(({ payload }) => text(payload))[19]).toBe(
      '{"at":19,"text":"always the same words"}',
    );
    // They travelled smaller than they are.
    expect(messages[39]?.bytes).toBeLessThan(40);
    expect(messages.map(({ number }) => number)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
  });

  it('are kept in their beginning, binary ones as bytes, and control frames as such', async () => {
    await echoed(Buffer.alloc(10_000, 7));
    const pong = new Promise((resolve) => client.once('pong', resolve));
    client.ping('are you there');
    await pong;
    const messages = wire.queue.take()?.messages ?? [];
    expect(messages.map(({ kind, from }) => `${from} ${kind}`)).toEqual([
      'visitor binary',
      'upstream binary',
      'visitor ping',
      'upstream pong',
    ]);
    expect(messages[0]).toMatchObject({ truncated: true, compressed: false });
    expect(Buffer.from(messages[0]?.payload ?? '', 'base64')).toEqual(Buffer.alloc(4_096, 7));
    expect(text(messages[2]?.payload ?? '')).toBe('are you there');
  });

  it('are shown as they travelled from the first on that is too long to be undone', async () => {
    await echoed(Buffer.alloc(10_000_000, 1));
    await echoed('after it');
    const messages = wire.queue.take()?.messages ?? [];
    expect(messages).toHaveLength(4);
    expect(messages.every(({ compressed }) => compressed)).toBe(true);
    expect(wire.watch?.bytesFromVisitor).toBeGreaterThan(0);
  });
});

describe('a message that is inflated', () => {
  const deflated = (plain: string | Buffer): Buffer => deflateRawSync(plain, { finishFlush: 2 }).subarray(0, -4);

  it('may be lost without harm where the sender begins anew with each', () => {
    const inflater = new MessageInflater({ startsAnew: true, budget: rich() });
    expect(inflater.inflate(deflated('one'))?.toString()).toBe('one');
    expect(inflater.inflate(Buffer.from('garbage'))).toBeNull();
    expect(inflater.inflate(deflated('two'))?.toString()).toBe('two');
  });

  it('costs a budget that all share, and nothing more once that is spent', () => {
    let nowMs = 0;
    const budget = new InflateBudget({ bytesASecond: 100_000, nowMs: () => nowMs });
    const bomb = deflated(Buffer.alloc(60_000));
    let inflated = 0;
    for (let at = 0; at < 1_000; at += 1) {
      const inflater = new MessageInflater({ startsAnew: true, budget });
      if (inflater.inflate(bomb) !== null) inflated += 1;
    }
    expect(inflated).toBeLessThanOrEqual(2);
    nowMs = 5_000;
    expect(new MessageInflater({ startsAnew: true, budget }).inflate(deflated('again'))?.toString()).toBe('again');
  });
});

describe('messages that wait for a batch', () => {
  const message = (payload: string) => ({
    from: 'visitor' as const,
    kind: 'text' as const,
    bytes: payload.length,
    payload: Buffer.from(payload),
    truncated: false,
    compressed: false,
  });

  it('are the newest when there are too many, and the numbers of the others are missing', () => {
    const waiting = queue();
    for (let at = 1; at <= 1_000; at += 1) waiting.add(message(String(at)));
    const taken = waiting.take()?.messages ?? [];
    expect(taken).toHaveLength(200);
    expect([taken[0]?.number, taken.at(-1)?.number]).toEqual([801, 1_000]);
    expect(waiting.take()).toBeNull();
    expect(waiting.bytes).toBe(0);
  });

  it('are counted and not kept where the edge has no room', () => {
    const waiting = queue(500);
    for (let at = 1; at <= 10; at += 1) waiting.add(message('x'.repeat(60)));
    expect(waiting.count).toBe(10);
    expect(waiting.take()?.messages).toHaveLength(1);
    waiting.add(message('later'));
    expect(waiting.take()?.messages[0]?.number).toBe(11);
  });
});
