import { once } from 'node:events';
import type { DevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { type EchoUpstream, echoUpstream } from '../support/echo-upstream.ts';
import { scale } from '../support/long.ts';
import { startRelay } from '../support/relay.ts';
import { startSteadyLoad } from '../support/steady-load.ts';
import { httpUpstream } from '../support/upstream.ts';
import { visit, visitUntil } from '../support/visit.ts';
import type { SdkAgent, SdkOptions } from './sdk-client.ts';

/** What an SDK does when its connection ends, whichever it is. To be called in a `describe`. */
export function connectionBehaviours(facts: { env(): DevEnv; start(options?: SdkOptions): Promise<SdkAgent> }): void {
  let env: DevEnv;
  let upstream: EchoUpstream;
  let to = '';
  const get = { headers: { 'x-id': 'one' } };
  beforeAll(async () => {
    env = facts.env();
    upstream = await echoUpstream();
    to = `http://127.0.0.1:${upstream.port}`;
  });
  afterAll(() => upstream?.close());

  const reach = (count: number, counted: () => number) =>
    vi.waitFor(() => expect(counted()).toBeGreaterThanOrEqual(count), { timeout: 30_000, interval: 20 });

  it('brings all its URLs back after the edge ended under load, and no answer went to a wrong visitor', async () => {
    const agent = await facts.start();
    const loaded = await agent.forward({ url: `https://loaded.${env.baseDomain}`, upstream: to });
    const random = await agent.forward({ url: 'https://', upstream: to });
    const tcp = await agent.forward({ url: 'tcp://', upstream: `tcp://127.0.0.1:${upstream.port}` });
    const load = startSteadyLoad(env, loaded.url, { perSecond: scale(30, 100) });
    await reach(20, load.goodCount);
    await env.restartEdge();
    await visitUntil(env, loaded.url, ({ status }) => status === 200);
    await reach(load.goodCount() + 20, load.goodCount);
    const { corrupt, hung } = await load.stop();
    expect(corrupt).toEqual([]);
    expect(hung).toBe(0);
    for (const [id, times] of upstream.seen) expect(times, `${id} was repeated`).toBe(1);
    await visitUntil(env, random.url, ({ status }) => status === 200);
    // The last of its binds may be on its way.
    await vi.waitFor(async () => expect((await fetch(tcp.url.replace('tcp:', 'http:'), get)).status).toBe(200), {
      timeout: 30_000,
      interval: 50,
    });
  });

  it('finishes what is under way when the edge drains, and is back under its URL', async () => {
    const slow = await httpUpstream((_request, response) => {
      response.write('first ');
      slow.server.once('release', () => response.end('second'));
    });
    const agent = await facts.start();
    const { url } = await agent.forward({ url: 'https://', upstream: `http://127.0.0.1:${slow.port}` });
    const asked = once(slow.server, 'request');
    const underWay = visit(env, url);
    await asked;
    const drained = env.edge.drain();
    slow.server.emit('release');
    expect((await underWay).body.toString()).toBe('first second');
    await drained;
    slow.server.removeAllListeners('request').on('request', (_request, response) => response.end());
    await env.restartEdge();
    await visitUntil(env, url, ({ status }) => status === 200);
    await slow.close();
  });

  it('is back when it is reset, again and again', async () => {
    const relay = await startRelay({ host: '127.0.0.1', port: Number(new URL(`tcp://${env.connectUrl}`).port) });
    // After the agent, which tells the edge that it ends.
    onTestFinished(() => relay.close());
    const agent = await facts.start({ server: `localhost:${relay.port}` });
    const { url } = await agent.forward({ url: 'https://', upstream: to });
    for (let round = 0; round < 2; round += 1) {
      const disconnected = agent.disconnected();
      relay.cut();
      await disconnected;
      await visitUntil(env, url, ({ status }) => status === 200);
    }
  });
}
