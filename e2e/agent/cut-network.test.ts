import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRelay } from '../support/relay.ts';
import { httpUpstream } from '../support/upstream.ts';
import { visit } from '../support/visit.ts';

const cuts = process.env.PORTICO_LONG === '1' ? 100 : 8;

/** A network that breaks again and again, at any moment, between the agent and the edge. */
describe(`${cuts} cuts of the network`, () => {
  let env: DevEnv;
  beforeAll(async () => {
    env = await startDevEnv({ edgeLimits: { loopDelayShedMs: 60_000 } });
  });
  afterAll(() => env.close());

  it('leave the URLs as they are, and lose or double no exchange but those in flight', async () => {
    const seen = new Map<string, number>();
    const upstream = await httpUpstream((request, response) => {
      const id = request.url ?? '';
      seen.set(id, (seen.get(id) ?? 0) + 1);
      setTimeout(() => response.end(`did ${id}`), 5);
    });
    const relay = await startRelay({ host: '127.0.0.1', port: Number(env.connectUrl.split(':').at(-1)) });
    const agent = env.agent({ connectUrl: `localhost:${relay.port}`, backoff: { firstMs: 20, capMs: 200 } });
    const endpoints = await Promise.all(
      ['one', 'two', 'three'].map((name) => agent.forward({ proto: 'http', name, upstream: String(upstream.port) })),
    );
    const urls = endpoints.map(({ url }) => url);

    // Broken from a cut until all are back, by the clock of this process.
    const broken: { from: number; to: number }[] = [];
    const results: { id: string; status: number; from: number; to: number }[] = [];
    let isOver = false;
    const visitors = urls.flatMap((url, at) =>
      [0, 1].map(async (lane) => {
        for (let n = 0; !isOver; n += 1) {
          const id = `/${at}-${lane}-${n}`;
          const from = performance.now();
          const answer = await visit(env, url + id, { method: 'POST', body: 'x' }).catch(() => null);
          if (answer?.status === 200) expect(answer.body.toString()).toBe(`did ${id}`);
          results.push({ id, status: answer?.status ?? 0, from, to: performance.now() });
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }),
    );
    // The same cuts each time: a linear congruence instead of chance.
    let dice = 12_345;
    for (let n = 0; n < cuts; n += 1) {
      dice = (dice * 1_103_515_245 + 12_345) % 2_147_483_648;
      await new Promise((resolve) => setTimeout(resolve, 20 + (dice % 130)));
      const back = allAgain(agent, endpoints.length);
      const from = performance.now();
      relay.cut();
      await back;
      broken.push({ from, to: performance.now() });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    isOver = true;
    await Promise.all(visitors);

    expect(endpoints.map(({ url }) => url)).toEqual(urls);
    expect(results.length).toBeGreaterThan(cuts);
    for (const { id, status, from, to } of results) {
      const times = seen.get(id) ?? 0;
      // What is not idempotent never happens twice, and an answer is the answer to this very request.
      expect({ id, times: Math.min(times, 2) }).not.toEqual({ id, times: 2 });
      if (status === 200) expect({ id, times }).toEqual({ id, times: 1 });
      const wasInFlight = broken.some((window) => from <= window.to + 50 && to >= window.from);
      if (!wasInFlight) expect({ id, status }).toEqual({ id, status: 200 });
    }
    // Nothing piles up in the agent.
    expect(agent.endpoints).toHaveLength(3);
    await expect.poll(() => agent.openStreams, { timeout: 10_000 }).toBe(0);
    await relay.close();
    await upstream.close();
  }, 900_000);
});

function allAgain(agent: ReturnType<DevEnv['agent']>, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const onOnline = (): void => {
      left -= 1;
      if (left > 0) return;
      agent.off('online', onOnline);
      resolve();
    };
    agent.on('online', onOnline);
  });
}
