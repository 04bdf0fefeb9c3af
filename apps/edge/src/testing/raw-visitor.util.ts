import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DEMO, type EdgeUnderTest } from './edge.util.ts';

/** A visitor that writes what it likes and keeps all that comes back. */
export class RawVisitor {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #closed = false;
  readonly #waiters: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const changed = (): void => {
      for (const wake of this.#waiters.splice(0)) wake();
    };
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      changed();
    });
    socket.on('error', () => {});
    socket.on('end', () => {
      this.#ended = true;
      changed();
    });
    socket.on('close', () => {
      this.#closed = true;
      changed();
    });
  }

  static async connect(edge: EdgeUnderTest, over: 'plain' | 'TLS' = 'plain', serverName = DEMO): Promise<RawVisitor> {
    if (over === 'plain') {
      const socket = connect({ port: edge.httpPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      await once(socket, 'connect');
      return new RawVisitor(socket);
    }
    const raw = connect({ port: edge.httpsPort, host: '127.0.0.1', allowHalfOpen: true });
    const socket = connectTls({ socket: raw, servername: serverName, ca: edge.rootPem, ALPNProtocols: ['http/1.1'] });
    socket.setNoDelay(true);
    await once(socket, 'secureConnect');
    return new RawVisitor(socket);
  }

  get text(): string {
    return this.#received.toString('latin1');
  }

  get bytes(): Buffer {
    return this.#received;
  }

  /** Either side of the connection has come to its end. */
  get ended(): boolean {
    return this.#ended || this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  write(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** One byte a turn of the event loop, so that each comes to the edge by itself. */
  async drip(text: string): Promise<void> {
    for (const byte of Buffer.from(text, 'latin1')) {
      if (this.socket.destroyed || this.socket.writableEnded) return;
      this.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async until(condition: (text: string) => boolean): Promise<string> {
    while (!condition(this.text) && !this.ended) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.text;
  }

  async untilEnded(): Promise<string> {
    while (!this.ended) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.text;
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Answers in what was received, by their status lines and lengths; enough for answers of known framing. */
export function statuses(text: string): number[] {
  return [...text.matchAll(/(?:^|\r\n|[^\r\n])HTTP\/1\.1 ([0-9]{3}) [^\r\n]*\r\n/g)].map((match) => Number(match[1]));
}
