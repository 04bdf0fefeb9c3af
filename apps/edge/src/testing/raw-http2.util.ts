import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { DEMO, type EdgeUnderTest } from './edge.util.ts';

export const Frame = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const Flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Writes HTTP/2 frames by hand (RFC 9113 section 4.1) and keeps those that come back. */
export class RawHttp2 {
  readonly socket: TLSSocket;
  readonly frames: ReceivedFrame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #closed = false;
  readonly #waiters: (() => void)[] = [];

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    const changed = (): void => {
      for (const wake of this.#waiters.splice(0)) wake();
    };
    socket.on('data', (chunk) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 9 && this.#rest.length >= 9 + this.#rest.readUIntBE(0, 3)) {
        const length = this.#rest.readUIntBE(0, 3);
        this.frames.push({
          type: this.#rest.readUInt8(3),
          flags: this.#rest.readUInt8(4),
          stream: this.#rest.readUInt32BE(5) & 0x7fffffff,
          payload: this.#rest.subarray(9, 9 + length),
        });
        this.#rest = this.#rest.subarray(9 + length);
      }
      changed();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      changed();
    });
  }

  /** @param settings pairs of identifier and value */
  static async connect(edge: EdgeUnderTest, settings: readonly (readonly [number, number])[] = []): Promise<RawHttp2> {
    const socket = connect({
      port: edge.httpsPort,
      host: '127.0.0.1',
      servername: DEMO,
      ca: edge.rootPem,
      ALPNProtocols: ['h2'],
    });
    await once(socket, 'secureConnect');
    const client = new RawHttp2(socket);
    const payload = Buffer.alloc(settings.length * 6);
    settings.forEach(([id, value], at) => {
      payload.writeUInt16BE(id, at * 6);
      payload.writeUInt32BE(value, at * 6 + 2);
    });
    socket.write(
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(Frame.settings, 0, 0, payload)]),
    );
    return client;
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    if (!this.socket.destroyed) this.socket.write(frame(type, flags, stream, payload));
  }

  /** A request in one HEADERS frame. */
  request(stream: number, fields: readonly (readonly [string, string])[], endStream = true): void {
    this.send(Frame.headers, Flag.endHeaders | (endStream ? Flag.endStream : 0), stream, headerBlock(fields));
  }

  /** The first frame that fits; rejects if the connection closes before it. */
  async frame(fits: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      if (this.#closed)
        throw new Error(
          `closed without the frame; seen: ${this.frames.map(({ type, stream }) => `${type}@${stream}`).join(' ')}`,
        );
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.#closed) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal fields without indexing, names and values as plain bytes (RFC 7541 section 6.2.2). */
export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** A string of HPACK: length in 7 bits and more, then the bytes. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let rest = bytes.length - 127;
    while (rest >= 128) {
      length.push((rest & 127) | 128);
      rest >>= 7;
    }
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** `:status` of an answer: node's encoder writes it first, indexed or as a literal. */
export function statusOf({ payload }: ReceivedFrame): number {
  const indexed: Record<number, number> = { 136: 200, 137: 204, 138: 206, 139: 304, 140: 400, 141: 404, 142: 500 };
  const first = payload[0] ?? 0;
  if (indexed[first] !== undefined) return indexed[first] ?? 0;
  // A literal with the indexed name `:status`: three digits, plain or in Huffman code.
  const length = (payload[1] ?? 0) & 127;
  const raw = payload.subarray(2, 2 + length);
  return ((payload[1] ?? 0) & 128) === 0 ? Number(raw.toString('latin1')) : huffmanDigits(raw);
}

/** Digits 0, 1, 2 have codes of 5 bits, 3 to 9 of 6 (RFC 7541 appendix B). */
function huffmanDigits(bytes: Buffer): number {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const codes: Record<string, string> = {
    '00000': '0',
    '00001': '1',
    '00010': '2',
    '011001': '3',
    '011010': '4',
    '011011': '5',
    '011100': '6',
    '011101': '7',
    '011110': '8',
    '011111': '9',
  };
  let digits = '';
  for (let at = 0; digits.length < 3 && at < bits.length; ) {
    const length = codes[bits.slice(at, at + 5)] !== undefined ? 5 : 6;
    const digit = codes[bits.slice(at, at + length)];
    if (digit === undefined) return Number.NaN;
    digits += digit;
    at += length;
  }
  return Number(digits);
}
