import { once } from 'node:events';
import { request } from 'node:https';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterEach, describe, expect, it } from 'vitest';
import { scale } from '../support/long.ts';
import { type Relay, startRelay } from '../support/relay.ts';
import { httpUpstream, tcpUpstream, type Upstream } from '../support/upstream.ts';
import { visit, visitUntil } from '../support/visit.ts';

/** Heartbeats and accept times: short in CI, as shipped in the long run. */
const heartbeat = scale({ intervalMs: 2_000, toleranceMs: 2_000 }, { intervalMs: 10_000, toleranceMs: 15_000 });
const deadMs = heartbeat.intervalMs + heartbeat.toleranceMs;
const acceptTimeoutMs = scale(700, 10_000);

describe('a network that drops everything without a word', () => {
  let env: DevEnv;
  const open: (Relay | Upstream)[] = [];
  const start = async (): Promise<Relay> => {
    env = await startDevEnv({
      edgeLimits: {
        heartbeatIntervalMs: heartbeat.intervalMs,
        heartbeatToleranceMs: heartbeat.toleranceMs,
        acceptTimeoutMs,
      },
    });
    const relay = await startRelay({ host: '127.0.0.1', port: Number(env.connectUrl.split(':')[1]) });
    open.push(relay);
    return relay;
  };
  afterEach(async () => {
    await env.close();
    for (const thing of open.splice(0)) await thing.close();
  });

  it('X3: is noticed by both sides in heartbeat plus tolerance, and the endpoint comes back under its URL', {
    timeout: 120_000,
  }, async () => {
    const relay = await start();
    const upstream = await httpUpstream((_request, response) => response.end('here'));
    open.push(upstream);
    const agent = env.agent({ connectUrl: `localhost:${relay.port}`, heartbeat });
    const endpoint = await agent.forward({
      proto: 'http',
      subdomain: 'silent',
      upstream: `http://127.0.0.1:${upstream.port}`,
    });
    expect((await visit(env, endpoint.url)).body.toString()).toBe('here');
    const { url } = endpoint;
    const again = once(agent, 'online');
    relay.blackhole();
    const silentMs = performance.now();
    await again;
    expect(performance.now() - silentMs).toBeLessThan(deadMs + 5_000);
    expect(endpoint.url).toBe(url);
    await visitUntil(env, url, ({ status }) => status === 200);
  });

  it('X3: a new agent of the account replaces the dead session at once, with no word of a taken name', {
    timeout: 120_000,
  }, async () => {
    const relay = await start();
    const upstream = await httpUpstream((_request, response) => response.end('new'));
    open.push(upstream);
    // The first agent is told to be patient: only the edge can find out that it is gone.
    const first = env.agent({
      connectUrl: `localhost:${relay.port}`,
      heartbeat: { intervalMs: 60_000, toleranceMs: 60_000 },
    });
    const endpoint = await first.forward({ proto: 'http', subdomain: 'taken', upstream: 'http://127.0.0.1:1' });
    relay.blackhole();
    const second = env.agent({ heartbeat });
    const beganMs = performance.now();
    const replaced = await second.forward({
      proto: 'http',
      subdomain: 'taken',
      upstream: `http://127.0.0.1:${upstream.port}`,
    });
    expect(replaced.url).toBe(endpoint.url);
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    expect((await visit(env, replaced.url)).body.toString()).toBe('new');
  });

  it('X4: an exchange that the agent has not taken ends with 504, one that it has is cut when the session is', {
    timeout: 120_000,
  }, async () => {
    const relay = await start();
    const upstream = await tcpUpstream((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthe first part'));
    });
    open.push(upstream);
    const agent = env.agent({ connectUrl: `localhost:${relay.port}`, heartbeat });
    const endpoint = await agent.forward({
      proto: 'http',
      subdomain: 'paused',
      upstream: `http://127.0.0.1:${upstream.port}`,
    });
    const taken = request({
      host: '127.0.0.1',
      port: env.https.port,
      servername: `paused.${env.baseDomain}`,
      ca: env.ca,
      headers: { host: `paused.${env.baseDomain}` },
      agent: false,
    }).end();
    const [answer] = await once(taken, 'response');
    const cut = once(answer, 'end').then(
      () => 'whole',
      () => 'cut',
    );
    answer.resume();
    relay.blackhole();
    const beganMs = performance.now();
    const untaken = await visit(env, `${endpoint.url}/untaken`, { timeoutMs: deadMs + 10_000 });
    expect(untaken.status).toBe(504);
    expect(untaken.headers['ngrok-error-code']).toBe('ERR_NGROK_3210');
    expect(performance.now() - beganMs).toBeLessThan(acceptTimeoutMs + 3_000);
    expect(await cut).toBe('cut');
    expect(performance.now() - beganMs).toBeLessThan(deadMs + 8_000);
  });
});
