import { describe, expect, it } from 'vitest';
import type { Frame } from './frame.ts';
import { RawPeer } from './raw-peer.util.ts';

const heartbeat = { intervalMs: 10_000, toleranceMs: 15_000 };

describe('our heartbeat', () => {
  it('of a client is its first stream, and beats at once, each beat one frame of four bytes', async () => {
    const peer = new RawPeer({ role: 'client', heartbeat, random: () => Buffer.from('9561459c', 'hex') });
    expect(await peer.next(() => true)).toEqual(data(3, 'ffffffff', true));
    expect(await peer.next(() => true)).toEqual(data(3, '9561459c'));
    expect(peer.session.openStreams).toBe(0);
    expect(peer.session.open(0).id).toBe(5);
  });

  it('of a server begins when it is told to', async () => {
    const peer = new RawPeer({ heartbeat });
    await peer.settle();
    peer.clock.advance(60_000);
    await peer.settle();
    expect(peer.frames).toEqual([]);
    peer.session.startHeartbeat();
    peer.session.startHeartbeat();
    expect(await peer.next(() => true)).toEqual(data(2, 'ffffffff', true));
    await nextBeat(peer);
    await peer.settle();
    expect(peer.frames).toEqual([]);
  });

  it('measures the time to the echo and beats again one interval after the last', async () => {
    const latencies: number[] = [];
    const peer = beating({ onLatency: (ms) => latencies.push(ms) });
    expect(peer.session.latencyMs).toBeNull();
    const first = await nextBeat(peer);
    peer.clock.advance(120);
    peer.send(first);
    await peer.settle();
    expect(peer.session.latencyMs).toBe(120);
    peer.clock.advance(9_879);
    await peer.settle();
    expect(peer.frames).toEqual([]);
    peer.clock.advance(1);
    const second = await nextBeat(peer);
    peer.clock.advance(30);
    peer.send(second);
    await peer.settle();
    expect(latencies).toEqual([120, 30]);
  });

  it('has one beat outstanding, and ends the session after interval and tolerance without an echo', async () => {
    const peer = beating();
    const first = await nextBeat(peer);
    peer.send(first);
    await peer.settle();
    peer.clock.advance(10_000);
    await nextBeat(peer);
    peer.clock.advance(14_999);
    await peer.settle();
    expect(peer.frames).toEqual([]);
    expect(peer.end).toBeNull();
    peer.clock.advance(1);
    expect(await peer.ended).toMatchObject({ kind: 'heartbeat-lost' });
    expect(await peer.goAway()).toMatchObject({ code: 0 });
    expect(peer.clock.armed).toBe(0);
  });

  it('is lost even if the peer sends other things: what it owes is the echo', async () => {
    const peer = beating();
    await nextBeat(peer);
    peer.open(3);
    for (let n = 0; n < 24; n += 1) {
      peer.clock.advance(1_000);
      peer.data(3, 'alive?');
      await peer.settle();
    }
    expect(peer.end).toBeNull();
    peer.clock.advance(1_000);
    expect(await peer.ended).toMatchObject({ kind: 'heartbeat-lost' });
  });

  it('takes any echo, right or wrong, whole or in parts', async () => {
    const peer = beating();
    for (const parts of [['xxxx'], ['a', 'bc', 'd'], ['1234']]) {
      await nextBeat(peer);
      for (const part of parts) peer.data(2, part);
      await peer.settle();
      peer.clock.advance(10_000);
    }
    await nextBeat(peer);
    peer.clock.advance(14_999);
    await peer.settle();
    expect(peer.end).toBeNull();
  });

  it('believes an echo that was waiting while the process stood still', async () => {
    const peer = beating();
    const beat = await nextBeat(peer);
    peer.send(beat);
    // The timer fires before the connection was read.
    peer.clock.advance(30_000);
    await peer.settle();
    expect(peer.end).toBeNull();
    expect(peer.session.latencyMs).toBe(30_000);
    peer.clock.advance(0);
    await nextBeat(peer);
  });

  it('waits twice as long while the connection is full and the peer is heard', async () => {
    const peer = beating();
    await nextBeat(peer);
    peer.open(3);
    await peer.settle();
    peer.stopReading();
    const stream = peer.session.open(3);
    for (let n = 0; n < 30; n += 1) stream.write(Buffer.alloc(10_000));
    await turns(20);
    for (let ms = 0; ms < 49_000; ms += 1_000) {
      peer.data(3, 'alive');
      await turns(5);
      peer.clock.advance(1_000);
    }
    await turns(5);
    expect(peer.end).toBeNull();
    peer.clock.advance(1_000);
    expect(await peer.ended).toMatchObject({ kind: 'heartbeat-lost' });
  });

  it('but not while nothing is heard', async () => {
    const peer = beating();
    await nextBeat(peer);
    peer.stopReading();
    const stream = peer.session.open(3);
    for (let n = 0; n < 30; n += 1) stream.write(Buffer.alloc(10_000));
    await turns(20);
    peer.clock.advance(25_000);
    expect(await peer.ended).toMatchObject({ kind: 'heartbeat-lost' });
  });

  it('beats at once when it is asked to, if no beat is outstanding', async () => {
    const peer = beating();
    const first = await nextBeat(peer);
    peer.session.beatNow();
    await peer.settle();
    expect(peer.frames).toEqual([]);
    peer.send(first);
    await peer.settle();
    peer.session.beatNow();
    peer.send(await nextBeat(peer));
    await peer.settle();
    peer.clock.advance(9_999);
    await peer.settle();
    expect(peer.frames).toEqual([]);
    peer.clock.advance(1);
    await nextBeat(peer);
  });

  it('is neither counted nor ended with a FIN', async () => {
    const peer = beating();
    peer.send(await nextBeat(peer));
    peer.data(2, '', true);
    await peer.settle();
    expect(peer.session.openStreams).toBe(0);
    peer.clock.advance(10_000);
    await nextBeat(peer);
    // An echo that cannot come any more.
    peer.clock.advance(15_000);
    expect(await peer.ended).toMatchObject({ kind: 'heartbeat-lost' });
    await peer.hungUp;
    peer.throwFault();
  });
});

function beating(options: ConstructorParameters<typeof RawPeer>[0] = {}): RawPeer {
  const peer = new RawPeer({ heartbeat, ...options });
  peer.session.startHeartbeat();
  return peer;
}

async function nextBeat(peer: RawPeer): Promise<Frame> {
  const beat = await peer.next((frame) => frame.kind === 'data' && frame.streamId === 2 && !frame.syn);
  expect(beat).toMatchObject({ fin: false, body: { length: 4 } });
  return beat;
}

function data(streamId: number, hex: string, syn = false): Frame {
  return { kind: 'data', streamId, syn, fin: false, body: Buffer.from(hex, 'hex') };
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
}
