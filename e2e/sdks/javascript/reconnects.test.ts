import { EventEmitter, once } from 'node:events';
import type { Session } from '@ngrok/ngrok';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EchoUpstream, echoUpstream } from '../../support/echo-upstream.ts';
import { scale } from '../../support/long.ts';
import { startRelay } from '../../support/relay.ts';
import { startSteadyLoad } from '../../support/steady-load.ts';
import { httpUpstream } from '../../support/upstream.ts';
import { visit, visitUntil } from '../../support/visit.ts';
import { connectSdk, portOf, urlOf } from './sdk.ts';

/** A name that is taken over before their sum was taken over by asking the silent holder, not by its end. */
const heartbeat = scale({ intervalMs: 2_000, toleranceMs: 4_000 }, { intervalMs: 10_000, toleranceMs: 15_000 });

const toLabelled = JSON.stringify({
  on_http_request: [{ actions: [{ type: 'forward-internal', config: { url: 'https://app-kept.internal' } }] }],
});

describe('a JavaScript SDK whose connection ends', () => {
  let env: DevEnv;
  let upstream: EchoUpstream;
  let to = '';
  const get = { headers: { 'x-id': 'one' } };
  beforeAll(async () => {
    [env, upstream] = await Promise.all([
      startDevEnv({
        edgeLimits: { heartbeatIntervalMs: heartbeat.intervalMs, heartbeatToleranceMs: heartbeat.toleranceMs },
      }),
      echoUpstream(),
    ]);
    to = `http://127.0.0.1:${upstream.port}`;
  });
  afterAll(async () => {
    await env?.close();
    await upstream?.close();
  });

  it('is back under all its URLs after the edge ended under load, and no answer went to a wrong visitor', async () => {
    const session = await connectSdk(env);
    const listeners = [
      await session.httpEndpoint().domain(`loaded.${env.baseDomain}`).listenAndForward(to),
      await session.httpEndpoint().listenAndForward(to),
      await session.tcpEndpoint().listenAndForward(`tcp://127.0.0.1:${upstream.port}`),
      await session.httpEndpoint().trafficPolicy(toLabelled).listenAndForward('http://127.0.0.1:1'),
    ];
    const [loaded = '', random = '', tcp = '', front = ''] = listeners.map(urlOf);
    const labelled = await session.labeledListener().label('app', 'kept').listenAndForward(to);
    const load = startSteadyLoad(env, loaded, { perSecond: scale(30, 100) });
    await until(() => load.goodCount() >= 20);
    await env.restartEdge();
    await visitUntil(env, loaded, ({ status }) => status === 200);
    const before = load.goodCount();
    await until(() => load.goodCount() >= before + 20);
    const { corrupt, hung } = await load.stop();
    expect(corrupt).toEqual([]);
    expect(hung).toBe(0);
    for (const [id, times] of upstream.seen) expect(times, `${id} was repeated`).toBe(1);
    await visitUntil(env, random, ({ status }) => status === 200);
    expect((await fetch(tcp.replace('tcp:', 'http:'), get)).status).toBe(200);
    // A labelled listener has no URL to ask for again; it is where its labels say.
    await visitUntil(env, front, ({ status }) => status === 200);
    for (const listener of [...listeners, labelled]) await listener.close();
  });

  it('finishes what is under way when the edge drains, and is back under its URL', async () => {
    const slow = await httpUpstream((_request, response) => {
      response.write('first ');
      slow.server.once('release', () => response.end('second'));
    });
    const session = await connectSdk(env);
    const listener = await session.httpEndpoint().listenAndForward(`http://127.0.0.1:${slow.port}`);
    const asked = once(slow.server, 'request');
    const underWay = visit(env, urlOf(listener));
    await asked;
    const drained = env.edge.drain();
    slow.server.emit('release');
    expect((await underWay).body.toString()).toBe('first second');
    await drained;
    await env.restartEdge();
    const again = visitUntil(env, urlOf(listener), ({ status }) => status === 200);
    slow.server.on('request', (_request, response) => response.end());
    await again;
    await listener.close();
    await slow.close();
  });

  it('has its own beats answered', async () => {
    const beaten = Promise.withResolvers<number>();
    await connectSdk(env, { heartbeatSeconds: 1, onHeartbeat: beaten.resolve });
    expect(await beaten.promise).toBeLessThan(5_000);
  });

  it('is back at once when its connection is reset, again and again', async () => {
    const relay = await startRelay({ host: '127.0.0.1', port: portOf(env.connectUrl) });
    const noticed = new EventEmitter();
    const session = await connectSdk(env, {
      port: relay.port,
      onDisconnected: () => void noticed.emit('disconnected'),
    });
    const listener = await session.httpEndpoint().listenAndForward(to);
    for (let round = 0; round < 3; round += 1) {
      const disconnected = once(noticed, 'disconnected');
      relay.cut();
      await disconnected;
      await visitUntil(env, urlOf(listener), ({ status }) => status === 200);
    }
    await listener.close();
    await relay.close();
  });

  it('is taken for gone after heartbeat and tolerance when the network falls silent', async () => {
    const relay = await startRelay({ host: '127.0.0.1', port: portOf(env.connectUrl) });
    const silent = await connectSdk(env, { port: relay.port });
    const listener = await silent.httpEndpoint().domain(`silent.${env.baseDomain}`).listenAndForward(to);
    const url = urlOf(listener);
    expect((await visit(env, url, get)).status).toBe(200);
    relay.blackhole();
    const beganMs = performance.now();
    // The SDK does not miss its beats: it stays where it is until its connection fails, and somebody else has the name.
    await visitUntil(env, url, ({ headers }) => headers['ngrok-error-code'] === 'ERR_NGROK_3200', {
      withinMs: heartbeat.intervalMs + heartbeat.toleranceMs + 10_000,
    });
    expect(performance.now() - beganMs).toBeLessThan(heartbeat.intervalMs + heartbeat.toleranceMs + 5_000);
    const second = await connectSdk(env);
    const taken = await second.httpEndpoint().domain(`silent.${env.baseDomain}`).listenAndForward(to);
    expect(taken.url()).toBe(url);
    expect((await visit(env, url, get)).status).toBe(200);
    await taken.close();
    await relay.close();
  });

  it('has its name taken over at once by a new session of its account while it is silent', async () => {
    const relay = await startRelay({ host: '127.0.0.1', port: portOf(env.connectUrl) });
    const silent: Session = await connectSdk(env, { port: relay.port });
    const listener = await silent
      .httpEndpoint()
      .domain(`replaced.${env.baseDomain}`)
      .listenAndForward('http://127.0.0.1:1');
    relay.blackhole();
    const beganMs = performance.now();
    const second = await connectSdk(env);
    const taken = await second.httpEndpoint().domain(`replaced.${env.baseDomain}`).listenAndForward(to);
    expect(taken.url()).toBe(listener.url());
    expect(performance.now() - beganMs).toBeLessThan(heartbeat.intervalMs + heartbeat.toleranceMs - 1_000);
    expect((await visit(env, urlOf(taken), get)).status).toBe(200);
    await taken.close();
    await relay.close();
  });
});

async function until(satisfied: () => boolean, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!satisfied()) {
    if (performance.now() > deadline) throw new Error(`did not come about within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
