import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PorticoError } from '@portico/errors';
import { MuxSession, type MuxStream } from '@portico/muxado';
import { encodeOpenErr, encodeOpenOk, OpenReplyReader } from '@portico/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import type { Refusal, UpstreamHandler, UpstreamStream } from '../endpoint/endpoint.ts';
import { StreamOpener, type StreamOpenerLimits } from './stream-opener.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A session to an agent whose handling of streams the test decides; nothing is read of a stream before `onStream` acts. */
async function setUp(
  options: Partial<StreamOpenerLimits & { cap: number }> = {},
  onStream: (stream: MuxStream) => void = () => {},
) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dialled = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  server.close();
  const streams: MuxStream[] = [];
  const waiters: (() => void)[] = [];
  const edge = new MuxSession({
    transport: accepted,
    role: 'server',
    limits: { localStreams: 2_000 },
    onStream: () => {},
    onClose: () => opener.close(),
    onRoom: () => opener.admitSoon(),
  });
  edge.setAuthenticated();
  const agent = new MuxSession({
    transport: dialled,
    role: 'client',
    onStream: (stream) => {
      streams.push(stream);
      onStream(stream);
      for (const wake of waiters.splice(0)) wake();
    },
    onClose: () => {},
  });
  const clock = { nowMs: performance.now() };
  const opener: StreamOpener = new StreamOpener({
    mux: edge,
    cap: options.cap ?? 480,
    limits: {
      acceptTimeoutMs: 10_000,
      untakenStreams: 256,
      untakenPatienceMs: 1_000,
      queuedStreams: 256,
      queueTimeoutMs: 10_000,
      ...options,
    },
    nowMs: () => clock.nowMs,
  });
  cleanups.push(() => {
    edge.destroy();
    agent.destroy();
  });
  return {
    edge,
    agent,
    opener,
    clock,
    streams,
    arrived: async (count: number) => {
      while (streams.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
    },
    open: (withReply = false, host = 'demo.test', head = 'head') =>
      opener.open({ type: 3, first: [Buffer.from(head)], reply: withReply ? new OpenReplyReader() : null }, host),
  };
}

/** Records what a stream tells its user, and wakes whoever waits for it. */
class Recorder implements UpstreamHandler {
  readonly calls: string[] = [];
  readonly #waiting: { readonly what: string; readonly resolve: () => void }[] = [];
  refusal: Refusal | null = null;
  readonly #stream: UpstreamStream;

  constructor(stream: UpstreamStream) {
    this.#stream = stream;
    stream.setHandler(this);
  }

  onAccepted = () => this.#note('accepted');
  onData = (chunk: Buffer) => {
    this.#stream.ack(chunk.length);
    this.#note(`data ${chunk.toString()}`);
  };
  onEnd = () => this.#note('end');
  onReset = (code: number) => this.#note(`reset ${code}`);
  onWritable = () => this.#note('writable');
  onRefused = (refusal: Refusal) => {
    this.refusal = refusal;
    this.#note(`refused ${refusal.code}`);
  };

  saw(what: string): Promise<void> {
    if (this.calls.includes(what)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ what, resolve }));
  }

  #note(call: string): void {
    this.calls.push(call);
    for (const { what, resolve } of this.#waiting) if (what === call) resolve();
  }
}

/** Takes a stream on: any frame back says so. SDKs credit what they read at once; our own credits half a window. */
const take = (stream: MuxStream) => {
  readAll(stream);
  stream.write(Buffer.from('taken'));
};

const readAll = (stream: MuxStream) => {
  stream.setHandler({
    onData: (chunk) => stream.ack(chunk.length),
    onEnd: () => stream.end(),
    onReset: () => {},
    onWritable: () => {},
  });
};

describe('a stream to a stock agent', () => {
  it('is accepted by the first frame back, and then talks to its user directly', async () => {
    const { open, arrived, streams } = await setUp();
    const stream = open();
    const seen = new Recorder(stream);
    await arrived(1);
    expect(stream.acceptedAtMs).toBeNull();
    streams[0]?.write(Buffer.from('hello'));
    streams[0]?.end();
    await seen.saw('end');
    expect(seen.calls).toEqual(['accepted', 'data hello', 'end']);
    expect(stream.acceptedAtMs).not.toBeNull();
  });

  it('is given up with ACCEPT_TIMEOUT when nothing comes back for 10 s, and the agent sees it end', async () => {
    const aborted = Promise.withResolvers<void>();
    const { open, arrived, opener, clock } = await setUp({}, (stream) => {
      // Its bytes stay unread, as with an agent that stands still, but the abort is seen.
      stream.setHandler({ onData: () => {}, onEnd: () => {}, onReset: () => aborted.resolve(), onWritable: () => {} });
    });
    const seen = new Recorder(open());
    await arrived(1);
    clock.nowMs += 9_900;
    opener.sweep();
    expect(seen.calls).toEqual([]);
    clock.nowMs += 200;
    opener.sweep();
    expect(seen.calls).toEqual(['refused ACCEPT_TIMEOUT']);
    await aborted.promise;
    expect(opener.openStreams).toBe(0);
  });

  it('hears of the end of the session once', async () => {
    const { open, arrived, agent } = await setUp({ untakenStreams: 1 });
    const sent = new Recorder(open());
    const held = new Recorder(open());
    await arrived(1);
    agent.destroy();
    await Promise.all([sent.saw('reset 14'), held.saw('reset 14')]);
    expect([sent.calls, held.calls]).toEqual([['reset 14'], ['reset 14']]);
  });
});

describe('the caps of a session', () => {
  it('lets streams above the cap wait until others are over, and refuses those above that with 734', async () => {
    const { open, opener, streams, arrived } = await setUp({ cap: 2, queuedStreams: 1 }, take);
    const first = [open(), open()];
    for (const stream of first) new Recorder(stream);
    const waiting = new Recorder(open());
    expect(() => open()).toThrow(expect.objectContaining({ code: 734 }));
    await arrived(2);
    expect(opener.openStreams).toBe(3);
    first[0]?.abort();
    await waiting.saw('accepted');
    expect(streams).toHaveLength(3);
    expect(opener.openStreams).toBe(2);
  });

  it('refuses with QUEUE_TIMEOUT who has waited too long while the agent works', async () => {
    const { open, opener, clock } = await setUp({ cap: 1, queueTimeoutMs: 5_000 }, take);
    await new Recorder(open()).saw('accepted');
    const waiting = new Recorder(open());
    clock.nowMs += 4_900;
    opener.sweep();
    expect(waiting.calls).toEqual([]);
    clock.nowMs += 200;
    opener.sweep();
    expect(waiting.calls).toEqual(['refused QUEUE_TIMEOUT']);
    expect(opener.openStreams).toBe(1);
  });

  it('gives a free place to the endpoints of the session in turn', async () => {
    const heads: string[] = [];
    const { open } = await setUp({ cap: 1 }, (stream) => {
      stream.setHandler({
        onData: (chunk) => {
          heads.push(chunk.toString());
          stream.ack(chunk.length);
          stream.end(Buffer.from('x'));
        },
        onEnd: () => {},
        onReset: () => {},
        onWritable: () => {},
      });
    });
    const streams = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((head) => open(false, `${head[0]}.test`, head));
    const seen = streams.map((stream) => {
      const recorder = new Recorder(stream);
      void recorder.saw('end').then(() => stream.end());
      return recorder.saw('end');
    });
    await Promise.all(seen);
    expect(heads).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  it('frees the place of a stream that is over', async () => {
    const { open, opener, streams, arrived } = await setUp({ cap: 1 });
    const stream = open();
    const seen = new Recorder(stream);
    await arrived(1);
    streams[0]?.end(Buffer.from('x'));
    await seen.saw('end');
    stream.end();
    expect(opener.openStreams).toBe(0);
    expect(() => open()).not.toThrow();
  });

  it('throws 742 while it drains and 3210 once the session is gone', async () => {
    const { open, opener, edge } = await setUp();
    opener.draining = true;
    expect(() => open()).toThrow(expect.objectContaining({ code: 742 }));
    opener.draining = false;
    edge.destroy();
    expect(() => open()).toThrow(expect.objectContaining({ code: 3210 }));
    expect(() => open()).toThrow(PorticoError);
  });
});

describe('many streams at once', () => {
  it('lets a burst wait for a working agent and serves all of it', async () => {
    const { open, arrived } = await setUp({ untakenStreams: 4 }, take);
    const seen = Array.from({ length: 40 }, () => {
      const stream = open();
      stream.write(Buffer.from('body'));
      return new Recorder(stream);
    });
    await Promise.all(seen.map((each) => each.saw('accepted')));
    await arrived(40);
    expect(seen.every(({ refusal }) => refusal === null)).toBe(true);
  });

  it('refuses the waiting ones with QUEUE_TIMEOUT when the agent takes nothing', async () => {
    const { open, arrived, opener, clock } = await setUp({ untakenStreams: 2 });
    const sent = [new Recorder(open()), new Recorder(open())];
    await arrived(2);
    const held = new Recorder(open());
    clock.nowMs += 900;
    opener.sweep();
    expect(held.calls).toEqual([]);
    clock.nowMs += 200;
    opener.sweep();
    expect(held.calls).toEqual(['refused QUEUE_TIMEOUT']);
    expect(sent.flatMap(({ calls }) => calls)).toEqual([]);
    expect(opener.openStreams).toBe(2);
  });

  it('delivers what was written while it waited, in order and with its end', async () => {
    const got = Promise.withResolvers<string>();
    let opened = 0;
    const { open, streams, arrived } = await setUp({ untakenStreams: 1 }, (stream) => {
      opened += 1;
      if (opened === 1) return;
      const chunks: Buffer[] = [];
      stream.setHandler({
        onData: (chunk) => {
          chunks.push(chunk);
          stream.ack(chunk.length);
        },
        onEnd: () => got.resolve(Buffer.concat(chunks).toString()),
        onReset: () => {},
        onWritable: () => {},
      });
    });
    const first = new Recorder(open());
    const second = open();
    const seen = new Recorder(second);
    second.write(Buffer.from(' one'));
    expect(second.write(Buffer.alloc(65_536, 'x'))).toBe(false);
    second.end(Buffer.from('two'));
    await arrived(1);
    streams[0]?.write(Buffer.from('taken'));
    await first.saw('accepted');
    expect(await got.promise).toBe(`head one${'x'.repeat(65_536)}two`);
    streams[1]?.write(Buffer.from('taken'));
    await seen.saw('accepted');
  });

  it('forgets a waiting stream that its visitor left', async () => {
    const { open, opener, streams, arrived } = await setUp({ untakenStreams: 1 });
    const first = new Recorder(open());
    const second = open();
    const seen = new Recorder(second);
    await arrived(1);
    second.abort();
    expect(opener.openStreams).toBe(1);
    streams[0]?.write(Buffer.from('taken'));
    await first.saw('accepted');
    expect(seen.calls).toEqual([]);
    expect(streams).toHaveLength(1);
  });
});

describe('an agent whose queue is full', () => {
  it('has not seen what it turns away unread with RST 5', async () => {
    const { open } = await setUp({}, (stream) => stream.reset(5));
    const seen = new Recorder(open());
    await seen.saw('refused NOT_TAKEN');
    expect(seen.calls).toEqual(['refused NOT_TAKEN']);
  });

  it.each([false, true])('gets the same stream again, with all that was written (replies: %s)', async (replies) => {
    const got = Promise.withResolvers<string>();
    const { open, opener, clock, streams, arrived } = await setUp({}, (stream) => {
      if (streams.length === 1) {
        stream.reset(9);
        return;
      }
      let text = '';
      stream.setHandler({
        onData: (chunk) => {
          text += chunk.toString();
          stream.ack(chunk.length);
        },
        onEnd: () => got.resolve(text),
        onReset: () => {},
        onWritable: () => {},
      });
      if (replies) stream.write(encodeOpenOk());
      stream.write(Buffer.from('taken'));
    });
    const stream = open(replies);
    const seen = new Recorder(stream);
    stream.write(Buffer.from(' one'));
    await arrived(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    stream.write(Buffer.from(' two'));
    clock.nowMs += 250;
    opener.sweep();
    await seen.saw('accepted');
    stream.end(Buffer.from(' three'));
    expect(await got.promise).toBe('head one two three');
    expect(seen.calls).toEqual(['accepted', 'data taken']);
  });

  it('has turned away for good what is too long to be at hand', async () => {
    const { open } = await setUp({}, (stream) => stream.reset(9));
    const stream = open();
    stream.write(Buffer.alloc(40_000));
    stream.write(Buffer.alloc(40_000));
    await new Recorder(stream).saw('refused NOT_TAKEN');
  });

  it('may have seen what it resets otherwise, or after a first frame', async () => {
    const { open, arrived, streams } = await setUp();
    const cut = new Recorder(open());
    const late = new Recorder(open());
    await arrived(2);
    streams[0]?.reset(6);
    streams[1]?.write(Buffer.from('x'));
    await late.saw('data x');
    streams[1]?.reset(9);
    await Promise.all([cut.saw('reset 6'), late.saw('reset 9')]);
  });

  it('gets the next stream once it has taken one', async () => {
    const { open, arrived, streams } = await setUp({}, (stream) => {
      if (streams.length === 2) stream.reset(9);
    });
    const first = new Recorder(open());
    const second = new Recorder(open());
    await arrived(2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const third = new Recorder(open());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(streams).toHaveLength(2);
    streams[0]?.write(Buffer.from('taken'));
    await first.saw('accepted');
    await arrived(4);
    expect([second.calls, third.calls]).toEqual([[], []]);
  });

  it('gets the next stream after a moment, when it says nothing', async () => {
    const { open, opener, clock, arrived, streams } = await setUp({}, (stream) => {
      if (streams.length === 1) stream.reset(9);
    });
    const stream = open();
    new Recorder(stream);
    await arrived(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    opener.sweep();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(streams).toHaveLength(1);
    clock.nowMs += 250;
    opener.sweep();
    await arrived(2);
  });
});

describe('a stream to an agent that replies', () => {
  it('is accepted by OpenOk, which the user never sees', async () => {
    const { open, arrived, streams } = await setUp();
    const stream = open(true);
    const seen = new Recorder(stream);
    await arrived(1);
    streams[0]?.write(Buffer.concat([encodeOpenOk(), Buffer.from('first')]));
    streams[0]?.end(Buffer.from('second'));
    await seen.saw('end');
    expect(seen.calls[0]).toBe('accepted');
    expect(seen.calls.slice(1, -1).join('')).toMatch(/^data first.*second$/);
  });

  it('says why the upstream was not reached', async () => {
    const { open, opener, arrived, streams } = await setUp();
    const seen = new Recorder(open(true));
    await arrived(1);
    const reply = encodeOpenErr({ code: 'DIAL_REFUSED', message: 'localhost:3000 refused', dialMs: 2 });
    // In pieces: the reader must wait for the whole of it.
    for (const byte of reply) streams[0]?.write(Buffer.from([byte]));
    await seen.saw('refused DIAL_REFUSED');
    expect(seen.refusal).toEqual({ code: 'DIAL_REFUSED', message: 'localhost:3000 refused', dialMs: 2 });
    expect(seen.calls).toEqual(['refused DIAL_REFUSED']);
    expect(opener.openStreams).toBe(0);
  });

  it.each([
    ['an end without a reply', (stream: MuxStream) => stream.end()],
    ['a reply that is none', (stream: MuxStream) => stream.end(Buffer.from('HTTP/1.1 200 OK\r\n'))],
  ])('takes %s for a failed dial', async (_what, act) => {
    const { open, arrived, streams } = await setUp();
    const seen = new Recorder(open(true));
    await arrived(1);
    const [stream] = streams;
    if (stream !== undefined) act(stream);
    await seen.saw('refused DIAL_FAILED');
    expect(seen.calls).toEqual(['refused DIAL_FAILED']);
  });

  it('counts as taken, but not as accepted, once the agent credits what it read', async () => {
    const { open, opener, arrived, clock } = await setUp({}, readAll);
    const stream = open(true);
    const seen = new Recorder(stream);
    // Half a window: enough for the agent to send credit while it still dials.
    stream.write(Buffer.alloc(200_000));
    await arrived(1);
    await new Promise<void>((resolve) => {
      const look = () => (stream.bufferedBytes === 0 ? resolve() : setTimeout(look, 5));
      look();
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.nowMs += 20_000;
    opener.sweep();
    expect(seen.calls.filter((call) => call !== 'writable')).toEqual([]);
    expect(stream.acceptedAtMs).toBeNull();
  });
});
