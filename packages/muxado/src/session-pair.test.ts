import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryPair } from './memory-pair.util.ts';
import { MuxSession } from './session.ts';
import type { MuxStream } from './stream.ts';
import { WireChecker } from './wire-checker.util.ts';

/** How one end of a stream behaves. */
interface Behaviour {
  /** Bytes that it sends, cut into writes of this size. */
  readonly bytes: number;
  readonly writeBytes: number;
  /** Whether it acks at once, in lots after some turns of the event loop, or never. */
  readonly reads: 'eagerly' | 'lazily' | 'never';
  readonly ends: 'fin' | 'reset' | 'abort';
}

interface Plan {
  readonly opener: Behaviour;
  readonly acceptor: Behaviour;
  readonly openedBy: 'client' | 'server';
}

const behaviour: fc.Arbitrary<Behaviour> = fc.record({
  bytes: fc.oneof(fc.nat(2_000), fc.nat(400_000)),
  writeBytes: fc.constantFrom(1_000, 16_384, 70_000, 300_000),
  reads: fc.constantFrom('eagerly', 'eagerly', 'lazily', 'never'),
  ends: fc.constantFrom('fin', 'fin', 'fin', 'reset', 'abort'),
});

const plan: fc.Arbitrary<Plan> = fc.record({
  opener: behaviour,
  acceptor: behaviour,
  openedBy: fc.constantFrom('client', 'server'),
});

const isLong = process.env.PORTICO_LONG === '1';
const numRuns = isLong ? 2_000 : 60;
const timeout = isLong ? 600_000 : 30_000;

describe('two sessions under random schedules', () => {
  it('lose, repeat and reorder nothing, keep to the windows, block no stream for another, and leave nothing behind', {
    timeout,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(plan, { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 10 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 10 }),
        fc.constantFrom(1_000, 65_536),
        async (plans, cuts, delays, highWaterMark) => {
          await run(plans, cuts, delays, highWaterMark);
        },
      ),
      { numRuns, seed: seedOf(process.env.PORTICO_SEED) },
    );
  });

  it('a stalled stream in each direction keeps no other from moving 4 MiB', async () => {
    const stalled: Behaviour = { bytes: 1_000_000, writeBytes: 65_536, reads: 'never', ends: 'fin' };
    const busy: Behaviour = { bytes: 4 * 1024 * 1024, writeBytes: 65_536, reads: 'eagerly', ends: 'fin' };
    const quiet: Behaviour = { bytes: 100, writeBytes: 1_000, reads: 'eagerly', ends: 'fin' };
    await run(
      [
        { opener: stalled, acceptor: stalled, openedBy: 'client' },
        { opener: stalled, acceptor: stalled, openedBy: 'server' },
        { opener: busy, acceptor: busy, openedBy: 'client' },
        { opener: busy, acceptor: quiet, openedBy: 'server' },
        { opener: quiet, acceptor: quiet, openedBy: 'server' },
      ],
      [16_384],
      [1],
      65_536,
    );
  });
});

async function run(
  plans: readonly Plan[],
  cuts: readonly number[],
  delays: readonly number[],
  highWaterMark: number,
): Promise<void> {
  let cutAt = 0;
  let delayAt = 0;
  const [left, right] = memoryPair({
    highWaterMark,
    delayTurns: () => delays[delayAt++ % delays.length] ?? 1,
    cut(chunk) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < chunk.length; ) {
        const size = cuts[cutAt++ % cuts.length] ?? 1;
        pieces.push(chunk.subarray(at, at + size));
        at += size;
      }
      return pieces;
    },
  });
  const faults: unknown[] = [];
  const checkers = { client: new WireChecker('client'), server: new WireChecker('server') };
  const watch = (from: WireChecker, to: WireChecker) => (bytes: Buffer) => {
    try {
      from.sent(bytes);
      to.received(bytes);
    } catch (error) {
      faults.push(error);
    }
  };
  left.onWrite = watch(checkers.client, checkers.server);
  right.onWrite = watch(checkers.server, checkers.client);

  const ends: StreamEnd[] = [];
  const accepted = (openedBy: 'client' | 'server') => (stream: MuxStream, type: number) => {
    const each = plans[type];
    if (each === undefined || each.openedBy !== openedBy) throw new Error(`a stream of type ${type} came by mistake`);
    ends.push(new StreamEnd(stream, each.acceptor, type * 2 + 1, type * 2, each));
  };
  const options = { onHandlerError: (error: unknown) => faults.push(error), onClose() {} };
  const server = new MuxSession({ transport: right, role: 'server', onStream: accepted('client'), ...options });
  server.setAuthenticated();
  const client = new MuxSession({ transport: left, role: 'client', onStream: accepted('server'), ...options });
  plans.forEach((each, type) => {
    const stream = (each.openedBy === 'client' ? client : server).open(type);
    ends.push(new StreamEnd(stream, each.opener, type * 2, type * 2 + 1, each));
  });

  // Each stream is done when both its ends are; a stalled one when as much came as a window holds, or all of it.
  let quietTurns = 0;
  for (let turn = 0; quietTurns < 200; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (faults.length > 0) throw faults[0];
    if (turn > 200_000) throw new Error('the streams never come to rest');
    const isMoving = ends.some((end) => end.step());
    quietTurns = isMoving ? 0 : quietTurns + 1;
  }
  expect(ends.length).toBe(plans.length * 2);
  for (const end of ends) end.check(ends);

  // Whoever still holds anything lets go of it: then nothing is left on either side.
  for (const end of ends) end.stream.reset(6);
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  if (faults.length > 0) throw faults[0];
  for (const session of [client, server]) {
    expect(session.openStreams).toBe(0);
    expect(session.bufferedBytes).toBe(0);
    expect(session.isClosed).toBe(false);
  }
  checkers.client.finish();
  checkers.server.finish();
  client.destroy();
  server.destroy();
}

/** One end of a stream: sends a pattern of its own and checks the pattern of the other. */
class StreamEnd {
  readonly stream: MuxStream;
  readonly mine: number;
  readonly theirs: number;
  readonly #behaviour: Behaviour;
  readonly #peer: Behaviour;
  received = 0;
  #sent = 0;
  #mayWrite = true;
  #isFinished = false;
  #sawEnd = false;
  #resetCode: number | null = null;
  #lazyTurns = 0;
  #moves = 0;

  constructor(stream: MuxStream, behaviour: Behaviour, mine: number, theirs: number, plan: Plan) {
    this.stream = stream;
    this.mine = mine;
    this.theirs = theirs;
    this.#behaviour = behaviour;
    this.#peer = behaviour === plan.opener ? plan.acceptor : plan.opener;
    stream.setHandler({
      onData: (chunk) => {
        if (this.#sawEnd || this.#resetCode !== null) throw new Error('data after the end');
        for (let at = 0; at < chunk.length; at += 1) {
          if (chunk[at] !== pattern(theirs, this.received + at)) throw new Error(`wrong byte ${this.received + at}`);
        }
        this.received += chunk.length;
        this.#moves += 1;
        if (behaviour.reads === 'eagerly') stream.ack(chunk.length);
      },
      onEnd: () => {
        if (this.#sawEnd || this.#resetCode !== null) throw new Error('a second end');
        this.#sawEnd = true;
        this.#moves += 1;
      },
      onReset: (code) => {
        if (this.#resetCode !== null) throw new Error('a second reset');
        this.#resetCode = code;
        this.#moves += 1;
      },
      onWritable: () => {
        if (this.#mayWrite) throw new Error('writable, though nobody was told to stop');
        this.#mayWrite = true;
        this.#moves += 1;
      },
    });
  }

  /** Does what is due; true when something happened since the last time. */
  step(): boolean {
    if (this.#behaviour.reads === 'lazily' && this.stream.unackedBytes > 0) {
      this.#lazyTurns += 1;
      if (this.#lazyTurns % 7 === 0) {
        this.stream.ack(Math.ceil(this.stream.unackedBytes / 2));
        this.#moves += 1;
      }
    }
    if (this.#mayWrite && !this.#isFinished && this.#resetCode === null) {
      const left = this.#behaviour.bytes - this.#sent;
      if (left > 0) {
        const bytes = Math.min(left, this.#behaviour.writeBytes);
        const chunk = Buffer.alloc(bytes);
        for (let at = 0; at < bytes; at += 1) chunk[at] = pattern(this.mine, this.#sent + at);
        this.#sent += bytes;
        this.#mayWrite = this.stream.write(chunk);
      } else {
        this.#isFinished = true;
        if (this.#behaviour.ends === 'fin') this.stream.end();
        else if (this.#behaviour.ends === 'reset') this.stream.reset(7);
        else this.stream.abort();
      }
      this.#moves += 1;
    }
    const moved = this.#moves > 0;
    this.#moves = 0;
    return moved;
  }

  check(all: readonly StreamEnd[]): void {
    const other = all.find((end) => end.mine === this.theirs);
    if (other === undefined) throw new Error('no other end');
    const isCut = this.#behaviour.ends !== 'fin' || this.#peer.ends !== 'fin';
    expect(this.stream.unackedBytes).toBeLessThanOrEqual(262_144);
    expect(this.received).toBeLessThanOrEqual(this.#peer.bytes);
    if (isCut) return;
    expect(this.#resetCode).toBeNull();
    if (this.#behaviour.reads === 'never') {
      // The opener's four type bytes are part of its window, and are credited.
      const window = 262_144;
      if (this.#peer.bytes <= window - 4) expect(this.received).toBe(this.#peer.bytes);
      else expect(this.received).toBeGreaterThanOrEqual(window - 4);
      return;
    }
    expect(this.received).toBe(this.#peer.bytes);
    expect(this.#sawEnd).toBe(true);
    expect(this.stream.unackedBytes).toBe(0);
    if (this.#peer.reads !== 'never') expect(this.stream.isLive).toBe(false);
  }
}

function pattern(stream: number, at: number): number {
  return (at * 7 + stream * 31 + (at >>> 8) * 13) & 0xff;
}

function seedOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
