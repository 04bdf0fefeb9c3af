/** One WebSocket frame or one server-sent event. */
export interface StreamMessage {
  /** From the visitor or from the upstream. */
  readonly from: 'visitor' | 'upstream';
  readonly at: Date;
  readonly kind: 'text' | 'binary' | 'close' | 'ping' | 'pong' | 'continuation' | 'event';
  readonly bytes: number;
  /** At most `messageBytesMax` of it. */
  readonly payload: Buffer;
  /** Deflated, as agreed by the extension: the payload is shown as bytes. */
  readonly isCompressed: boolean;
  /** Nothing of the same message follows in frames of its own. */
  readonly isFinal: boolean;
}

/** What a reader saw, without who sent it and when. */
export type ReadMessage = Omit<StreamMessage, 'from' | 'at'>;

/** Kept of one message, unless the reader is told otherwise. */
export const messageBytesMax = 4096;

type Take = (message: ReadMessage) => void;

const opcodes: Readonly<Record<number, StreamMessage['kind']>> = {
  0: 'continuation',
  1: 'text',
  2: 'binary',
  8: 'close',
  9: 'ping',
  10: 'pong',
};

/** Reads WebSocket frames (RFC 6455 section 5.2) off one direction; it goes blind at the first that cannot be one. */
export class FrameReader {
  readonly #take: Take;
  readonly #keepBytes: number;
  #head: Buffer = Buffer.alloc(0);
  #frame: FrameHead | null = null;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #seen = 0;
  #isBlind = false;

  /** @param keepBytes of one frame's payload; the rest is only counted */
  constructor(take: Take, keepBytes: number = messageBytesMax) {
    this.#take = take;
    this.#keepBytes = keepBytes;
  }

  /** What was sent is not what this reader reads: it gives nothing more. */
  get isBlind(): boolean {
    return this.#isBlind;
  }

  push(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0 && !this.#isBlind) rest = this.#frame === null ? this.#readHead(rest) : this.#readBody(rest);
  }

  #readHead(bytes: Buffer): Buffer {
    const all = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const head = parseFrameHead(all);
    if (head === 'more') {
      this.#head = Buffer.from(all);
      return Buffer.alloc(0);
    }
    this.#head = Buffer.alloc(0);
    if (head === 'wrong') {
      this.#isBlind = true;
      return Buffer.alloc(0);
    }
    this.#frame = { ...head, mask: head.mask === null ? null : Buffer.from(head.mask) };
    this.#seen = 0;
    if (head.bytes === 0) this.#end();
    return all.subarray(head.size);
  }

  #readBody(bytes: Buffer): Buffer {
    const frame = this.#frame;
    if (frame === null) return bytes;
    const part = bytes.subarray(0, frame.bytes - this.#seen);
    const room = this.#keepBytes - this.#keptBytes;
    if (room > 0) {
      const kept = Buffer.from(part.subarray(0, room));
      if (frame.mask !== null)
        for (let i = 0; i < kept.length; i += 1) kept[i] = (kept[i] ?? 0) ^ (frame.mask[(this.#seen + i) % 4] ?? 0);
      this.#kept.push(kept);
      this.#keptBytes += kept.length;
    }
    this.#seen += part.length;
    if (this.#seen === frame.bytes) this.#end();
    return bytes.subarray(part.length);
  }

  #end(): void {
    const frame = this.#frame;
    if (frame === null) return;
    const { kind, bytes, isCompressed, isFinal } = frame;
    const payload = Buffer.concat(this.#kept);
    this.#frame = null;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#take({ kind, bytes, payload, isCompressed, isFinal });
  }
}

interface FrameHead {
  readonly kind: StreamMessage['kind'];
  readonly isCompressed: boolean;
  readonly isFinal: boolean;
  readonly bytes: number;
  readonly mask: Buffer | null;
  readonly size: number;
}

function parseFrameHead(all: Buffer): FrameHead | 'more' | 'wrong' {
  if (all.length < 2) return 'more';
  const [first = 0, second = 0] = all;
  const kind = opcodes[first & 0x0f];
  if (kind === undefined || (first & 0x30) !== 0) return 'wrong';
  const isMasked = (second & 0x80) !== 0;
  const short = second & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const size = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (all.length < size) return 'more';
  const bytes = lengthBytes === 0 ? short : lengthBytes === 2 ? all.readUInt16BE(2) : Number(all.readBigUInt64BE(2));
  if (!Number.isSafeInteger(bytes)) return 'wrong';
  const mask = isMasked ? all.subarray(size - 4, size) : null;
  return { kind, isCompressed: (first & 0x40) !== 0, isFinal: (first & 0x80) !== 0, bytes, mask, size };
}

/** Reads server-sent events (HTML standard, section 9.2): each block between empty lines, as it is written. */
export class EventReader {
  readonly #take: Take;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #bytes = 0;
  /** The line that is being read has no character yet. */
  #atLineStart = true;
  #sawCr = false;

  constructor(take: Take) {
    this.#take = take;
  }

  push(bytes: Buffer): void {
    let from = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      const wasCr = this.#sawCr;
      this.#sawCr = byte === 13;
      if (byte === 10 && wasCr) continue;
      if (byte !== 10 && byte !== 13) {
        this.#atLineStart = false;
        continue;
      }
      if (this.#atLineStart) {
        this.#keep(bytes.subarray(from, at));
        this.#end();
        from = at + 1;
      }
      this.#atLineStart = true;
    }
    this.#keep(bytes.subarray(from));
  }

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    const kept = Buffer.from(bytes.subarray(0, Math.max(0, messageBytesMax - this.#keptBytes)));
    if (kept.length === 0) return;
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
  }

  #end(): void {
    const text = Buffer.concat(this.#kept).toString('utf8').trim();
    const bytes = this.#bytes;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#bytes = 0;
    if (text !== '')
      this.#take({ kind: 'event', bytes, payload: Buffer.from(text), isCompressed: false, isFinal: true });
  }
}
