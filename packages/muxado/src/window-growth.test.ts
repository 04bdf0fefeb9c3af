import { describe, expect, it } from 'vitest';
import type { Frame } from './frame.ts';
import { RawPeer, Told } from './raw-peer.util.ts';

const KIB = 1024;
const HALF = 128 * KIB;

describe('the window of a stream', () => {
  it('doubles while its reader takes half of it within a round trip, up to 4 MiB', async () => {
    const peer = await afar(100);
    peer.session.allowWindowGrowth();
    const grants: number[] = [];
    peer.open(3);
    for (let half = HALF, n = 0; n < 8; n += 1) {
      peer.clock.advance(99);
      const granted = await consume(peer, 3, half);
      grants.push(granted - half);
      half += (granted - half) / 2;
    }
    expect(grants.map((bytes) => bytes / KIB)).toEqual([0, 256, 512, 1_024, 2_048, 0, 0, 0]);
    // It is really there: 4 MiB at once are taken.
    for (let n = 0; n < 64; n += 1) peer.send(data(3, 64 * KIB));
    await peer.settle();
    expect(peer.frames.filter((frame) => frame.kind === 'rst')).toEqual([]);
    expect(peer.session.isClosed).toBe(false);
  });

  it('stays as it is for a reader that is slower than the way, on a short way, and for peers that did not announce it', async () => {
    for (const [latencyMs, waitMs, isAllowed] of [
      [100, 100, true],
      [4, 1, true],
      [100, 1, false],
    ] as const) {
      const peer = await afar(latencyMs);
      if (isAllowed) peer.session.allowWindowGrowth();
      peer.open(3);
      for (let n = 0; n < 3; n += 1) {
        peer.clock.advance(waitMs);
        expect(await consume(peer, 3, HALF)).toBe(HALF);
      }
    }
  });

  it('grows by 16 MiB in all in a session, and gives back what closed streams had', async () => {
    const peer = await afar(100);
    peer.session.allowWindowGrowth();
    let grown = 0;
    const grow = async (id: number): Promise<void> => {
      peer.open(id);
      for (let half = HALF, n = 0; n < 6; n += 1) {
        const granted = await consume(peer, id, half);
        grown += granted - half;
        half += (granted - half) / 2;
      }
    };
    for (let id = 3; id < 23; id += 2) await grow(id);
    expect(grown).toBe(16 * KIB * KIB);
    at(peer, 3).reset(6);
    await grow(23);
    expect(grown).toBe(16 * KIB * KIB + 3.75 * KIB * KIB);
  });
});

/** A peer whose echo takes `latencyMs`. */
async function afar(latencyMs: number): Promise<RawPeer> {
  const peer = new RawPeer({ heartbeat: { intervalMs: 10_000, toleranceMs: 15_000 } });
  peer.session.startHeartbeat();
  const beat = await peer.next((frame) => frame.kind === 'data' && frame.body.length === 4 && !frame.syn);
  peer.clock.advance(latencyMs);
  peer.send(beat);
  await peer.settle();
  expect(peer.session.latencyMs).toBe(latencyMs);
  return peer;
}

/** Sends `bytes`, which the stream's reader takes at once; returns what is granted for them. */
async function consume(peer: RawPeer, id: number, bytes: number): Promise<number> {
  await peer.settle();
  const stream = at(peer, id);
  // The type is credited with the first bytes.
  const isFirst = stream.unackedBytes === 0 && !handled.has(stream);
  if (isFirst) {
    handled.add(stream);
    new Told(stream);
  }
  let left = isFirst ? bytes - 4 : bytes;
  for (; left > 0; left -= 64 * KIB) peer.send(data(id, Math.min(left, 64 * KIB)));
  const grant = await peer.next((frame) => frame.kind === 'window-increment' && frame.streamId === id);
  return grant.kind === 'window-increment' ? grant.increment : 0;
}

const handled = new WeakSet<object>();

function data(streamId: number, bytes: number): Frame {
  return { kind: 'data', streamId, syn: false, fin: false, body: Buffer.alloc(bytes) };
}

function at(peer: RawPeer, id: number): RawPeer['streams'][number] {
  const stream = peer.streams.find((each) => each.id === id);
  if (stream === undefined) throw new Error(`no stream ${id}`);
  return stream;
}
