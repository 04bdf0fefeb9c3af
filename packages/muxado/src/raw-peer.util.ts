import { decodeSlowly, encodeSlowly, uint32 } from './codec.util.ts';
import type { Frame } from './frame.ts';
import { ManualClock } from './manual-clock.util.ts';
import { type MemoryEnd, memoryPair } from './memory-pair.util.ts';
import { MuxSession, type MuxSessionOptions, type SessionEnd } from './session.ts';
import type { MuxStream } from './stream.ts';
import { WireChecker } from './wire-checker.util.ts';

/** A session and, at the other end of its connection, a peer that writes what it likes. For tests only. */
export class RawPeer {
  readonly session: MuxSession;
  readonly clock = new ManualClock();
  /** Streams that the session announced. */
  readonly streams: MuxStream[] = [];
  readonly checker: WireChecker;
  readonly ended: Promise<SessionEnd>;
  /** The session closed the connection. */
  readonly hungUp: Promise<void>;
  end: SessionEnd | null = null;
  readonly #end: MemoryEnd;
  #held = Buffer.alloc(0);
  #frames: Frame[] = [];
  #waiting: (() => void) | null = null;
  #fault: unknown = null;
  readonly #isClient: boolean;

  constructor(options: Partial<MuxSessionOptions> & { isAuthenticated?: boolean } = {}) {
    const { isAuthenticated = true, ...rest } = options;
    const [ours, theirs] = memoryPair();
    this.#end = theirs;
    const role = options.role ?? 'server';
    this.#isClient = role === 'server';
    this.checker = new WireChecker(role);
    const ended = Promise.withResolvers<SessionEnd>();
    const hungUp = Promise.withResolvers<void>();
    this.ended = ended.promise;
    this.hungUp = hungUp.promise;
    ours.onWrite = (bytes) => {
      try {
        this.checker.sent(bytes);
      } catch (error) {
        this.#fault ??= error;
      }
    };
    theirs.on('data', (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      this.#parse();
      this.#waiting?.();
    });
    theirs.on('end', () => {
      hungUp.resolve();
      this.#waiting?.();
    });
    theirs.on('error', () => {});
    this.session = new MuxSession({
      transport: ours,
      role,
      clock: this.clock,
      onStream: (stream) => this.streams.push(stream),
      onClose: (end) => {
        this.end = end;
        ended.resolve(end);
      },
      ...rest,
    });
    if (isAuthenticated) this.session.setAuthenticated();
  }

  /** All frames that came and that nobody asked for yet. */
  get frames(): Frame[] {
    return this.#frames;
  }

  send(...frames: (Frame | Buffer)[]): void {
    const bytes = Buffer.concat(frames.map((each) => (Buffer.isBuffer(each) ? each : encodeSlowly(each))));
    this.checker.received(bytes);
    this.#end.write(bytes);
  }

  /** SYN with the type, as the official clients send it. */
  open(id: number, type = 7): void {
    this.send({ kind: 'data', streamId: id, syn: true, fin: false, body: uint32(type) });
  }

  data(id: number, body: Buffer | string = '', fin = false): void {
    this.send({ kind: 'data', streamId: id, syn: false, fin, body: Buffer.from(body) });
  }

  /** The next frame that fits; those before it are dropped. */
  async next(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      this.throwFault();
      const at = this.#frames.findIndex(fits);
      const frame = this.#frames[at];
      if (frame !== undefined) {
        this.#frames.splice(0, at + 1);
        return frame;
      }
      if (this.#end.readableEnded) throw new Error(`the connection ended: ${JSON.stringify(this.end)}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting = resolve;
      await promise;
      this.#waiting = null;
    }
  }

  /** A round trip through the session: everything sent before was read, everything it provoked is here. */
  async settle(): Promise<void> {
    // Data on a stream that never was is answered with RST 4.
    const id = this.#isClient ? 0x7fff_fff1 : 0x7fff_fff2;
    this.send({ kind: 'data', streamId: id, syn: false, fin: false, body: Buffer.from('?') });
    const before: Frame[] = [];
    await this.next((frame) => {
      if (frame.kind === 'rst' && frame.streamId === id) return true;
      if (!before.includes(frame)) before.push(frame);
      return false;
    });
    this.#frames = [...before, ...this.#frames];
    this.throwFault();
  }

  /** The GOAWAY that ended the session, after the connection was closed. */
  async goAway(): Promise<Frame & { kind: 'go-away' }> {
    await this.hungUp;
    this.throwFault();
    this.checker.finish();
    const last = this.#frames.at(-1);
    if (last?.kind !== 'go-away') throw new Error(`no GOAWAY but ${JSON.stringify(last)}`);
    return last;
  }

  throwFault(): void {
    if (this.#fault !== null) throw this.#fault;
  }

  /** Reads nothing more, so that the connection fills up. */
  stopReading(): void {
    this.#end.pause();
  }

  hangUp(): void {
    this.#end.destroy();
  }

  #parse(): void {
    let end = 0;
    while (this.#held.length - end >= 8) {
      const length = this.#held.readUIntBE(end, 3);
      if (this.#held.length - end < 8 + length) break;
      end += 8 + length;
    }
    this.#frames.push(...decodeSlowly(this.#held.subarray(0, end)));
    this.#held = this.#held.subarray(end);
  }
}

/** What a handler was told, in order. */
export class Told {
  readonly events: string[] = [];
  bytes = 0;
  data: Buffer[] = [];
  writable = 0;
  readonly #stream: MuxStream;

  constructor(stream: MuxStream, acks = true) {
    this.#stream = stream;
    stream.setHandler({
      onAccepted: () => this.events.push('accepted'),
      onData: (chunk) => {
        this.bytes += chunk.length;
        this.data.push(chunk);
        this.events.push(`data ${chunk.length}`);
        if (acks) stream.ack(chunk.length);
      },
      onEnd: () => this.events.push('end'),
      onReset: (code) => this.events.push(`reset ${code}`),
      onWritable: () => {
        this.writable += 1;
        this.events.push('writable');
      },
    });
  }

  get text(): string {
    return Buffer.concat(this.data).toString();
  }

  ackAll(): void {
    this.#stream.ack(this.#stream.unackedBytes);
  }
}
