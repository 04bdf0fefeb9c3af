import type { Session } from '@ngrok/ngrok';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EchoUpstream, echoUpstream } from '../../support/echo-upstream.ts';
import { scale } from '../../support/long.ts';
import { startRelay } from '../../support/relay.ts';
import { visit, visitUntil } from '../../support/visit.ts';
import { connectSdk, portOf, urlOf } from './sdk.ts';

/** A name that is taken over before their sum was taken over by asking the silent holder, not by its end. */
const heartbeat = scale({ intervalMs: 2_000, toleranceMs: 4_000 }, { intervalMs: 10_000, toleranceMs: 15_000 });

const toLabelled = JSON.stringify({
  on_http_request: [{ actions: [{ type: 'forward-internal', config: { url: 'https://app-kept.internal' } }] }],
});

/** What holds for both SDKs alike is in `both-sdks.test.ts`. */
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

  it('has its labelled listener where the labels say after the edge ended', async () => {
    const session = await connectSdk(env);
    const front = await session.httpEndpoint().trafficPolicy(toLabelled).listenAndForward('http://127.0.0.1:1');
    // It has no URL to ask for again.
    const labelled = await session.labeledListener().label('app', 'kept').listenAndForward(to);
    expect((await visit(env, urlOf(front), get)).status).toBe(200);
    await env.restartEdge();
    await visitUntil(env, urlOf(front), ({ status }) => status === 200);
    await labelled.close();
    await front.close();
  });

  it('has its own beats answered', async () => {
    const beaten = Promise.withResolvers<number>();
    await connectSdk(env, { heartbeatSeconds: 1, toleranceSeconds: 2, onHeartbeat: beaten.resolve });
    expect(await beaten.promise).toBeLessThan(5_000);
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
