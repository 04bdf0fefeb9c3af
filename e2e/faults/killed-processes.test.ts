import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { SessionBuilder } from '@ngrok/ngrok';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EchoUpstream, echoUpstream } from '../support/echo-upstream.ts';
import { scale } from '../support/long.ts';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { startPortico } from '../support/portico-cli.ts';
import { openDescriptors } from '../support/process-memory.ts';
import { type LoadReport, startSteadyLoad } from '../support/steady-load.ts';
import { httpUpstream } from '../support/upstream.ts';
import { visit, visitUntil } from '../support/visit.ts';

/** `R` running, `S` sleeping, `Z` ended and not yet noticed by who started it. */
function processState(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
}

/** What holds in every row of the table of faults. */
function expectExact(report: LoadReport, upstream: EchoUpstream): void {
  expect(report.corrupt).toEqual([]);
  expect(report.hung).toBe(0);
  expect([...upstream.seen].filter(([, times]) => times > 1)).toEqual([]);
}

describe('faults', () => {
  let platform: PlatformProcess;
  let upstream: EchoUpstream;
  beforeAll(async () => {
    [platform, upstream] = await Promise.all([startPlatformProcess(), echoUpstream()]);
  });
  afterAll(async () => {
    await platform.dispose();
    await upstream.close();
  });

  it('gives an agent that is killed and started again the same URL every time, never 334', {
    timeout: 900_000,
  }, async () => {
    const times = scale(5, 100);
    let url: string | null = null;
    for (let i = 0; i < times; i += 1) {
      const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'phoenix']);
      url ??= tunnel.url;
      expect(tunnel.url).toBe(url);
      const answer = await visit(platform.ready, `${url}/${i}`, { headers: { 'x-id': `p${i}` } });
      expect(answer.body.toString()).toMatch(new RegExp(`^p${i} `));
      await tunnel.kill();
    }
  });

  it('X1: a killed agent costs the visitors an answer within a second, and its return is noticed within three', async () => {
    let tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'x1']);
    const load = startSteadyLoad(platform.ready, tunnel.url, { perSecond: scale(50, 200) });
    while (load.goodCount() < 20) await new Promise((resolve) => setTimeout(resolve, 20));
    const { url } = tunnel;
    await tunnel.kill();
    const killedMs = performance.now();
    await visitUntil(platform.ready, url, ({ status }) => status === 404, { withinMs: scale(5_000, 1_500) });
    expect(performance.now() - killedMs).toBeLessThan(scale(5_000, 1_500));
    tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'x1']);
    await visitUntil(platform.ready, url, ({ status }) => status === 200, { withinMs: scale(10_000, 3_000) });
    const goodAtReturn = load.goodCount();
    while (load.goodCount() < goodAtReturn + 20) await new Promise((resolve) => setTimeout(resolve, 20));
    expectExact(await load.stop(), upstream);
    await tunnel.stop();
  });

  it('X2: a politely stopped agent finishes what is in flight', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = await httpUpstream((_request, response) => {
      response.write('first ');
      void released.then(() => response.end('last'));
    });
    const tunnel = await startPortico(platform.ready, ['http', String(slow.port), '--subdomain', 'x2']);
    const inFlight = visit(platform.ready, tunnel.url);
    await new Promise((resolve) => slow.server.once('request', resolve));
    const stopped = tunnel.stop('SIGTERM');
    await visitUntil(platform.ready, tunnel.url, ({ status }) => status === 404);
    release();
    expect((await inFlight).body.toString()).toBe('first last');
    expect(await stopped).toBe(0);
    await slow.close();
  });

  it('X5: a killed edge has its agents back within ten seconds, under the same URLs', async () => {
    const tunnels = await Promise.all(
      Array.from({ length: 5 }, (_unused, index) =>
        startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', `x5-${index}`]),
      ),
    );
    const load = startSteadyLoad(platform.ready, tunnels[0]?.url ?? '', { perSecond: 50 });
    while (load.goodCount() < 10) await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill(platform.readReady().pids.edge, 'SIGKILL');
    const killedMs = performance.now();
    await Promise.all(
      tunnels.map(({ url }) =>
        visitUntil(platform.ready, `${url}/`, ({ status }) => status === 200, { withinMs: scale(30_000, 12_000) }),
      ),
    );
    expect(performance.now() - killedMs).toBeLessThan(scale(30_000, 12_000));
    expectExact(await load.stop(), upstream);
    for (const tunnel of tunnels) await tunnel.stop();
  });

  it('X5: nobody is refused while an edge that was killed under load is away, and an SDK with a steep back-off is back', async () => {
    const { ready } = platform;
    const session = await new SessionBuilder()
      .authtoken(ready.authtoken)
      .serverAddr(`${ready.connect.host}:${ready.connect.port}`)
      .caCert(readFileSync(ready.caFile))
      .connect();
    const listener = await session
      .httpEndpoint()
      .domain(`unrefused.${ready.baseDomain}`)
      .listenAndForward(`http://127.0.0.1:${upstream.port}`);
    const url = listener.url() ?? '';
    expect((await visit(ready, url)).status).toBe(200);
    const load = startSteadyLoad(ready, url, { perSecond: 30 });
    await vi.waitFor(() => expect(load.goodCount()).toBeGreaterThanOrEqual(10), { timeout: 30_000, interval: 20 });
    const { edge } = platform.readReady().pids;
    const ports = [ready.http.port, ready.https.port, ready.connect.port];
    // Paused, so that nobody starts the edge again before all of them are there.
    process.kill(ready.pid, 'SIGSTOP');
    const early = await (async () => {
      process.kill(edge, 'SIGKILL');
      await vi.waitFor(() => expect(processState(edge)).toBe('Z'), { timeout: 10_000, interval: 10 });
      const sockets = ports.map((port) => connect(port, '127.0.0.1'));
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      return sockets;
    })().finally(() => process.kill(ready.pid, 'SIGCONT'));
    const http = early[0] ?? connect(0);
    http.write('GET /.well-known/portico/ca.pem HTTP/1.1\r\nhost: anything\r\nconnection: close\r\n\r\n');
    expect(String((await once(http, 'data'))[0])).toMatch(/^HTTP\/1\.1 \d{3} /);
    for (const socket of early) socket.destroy();
    // Refused twice, it would be away for 125 s.
    await visitUntil(ready, url, ({ status }) => status === 200, { withinMs: 60_000 });
    expect(platform.readReady().pids.edge).not.toBe(edge);
    const goodAtReturn = load.goodCount();
    await vi.waitFor(() => expect(load.goodCount()).toBeGreaterThanOrEqual(goodAtReturn + 10), {
      timeout: 30_000,
      interval: 20,
    });
    expectExact(await load.stop(), upstream);
    await listener.close();
  });

  it('serves without a failed request while the API and the database are away', {
    timeout: 300_000,
  }, async (context) => {
    if (process.env.DATABASE_URL !== undefined) return context.skip('the database is not ours to stop');
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'alone']);
    const load = startSteadyLoad(platform.ready, tunnel.url, { perSecond: scale(50, 200) });
    while (load.goodCount() < 10) await new Promise((resolve) => setTimeout(resolve, 20));
    // The supervisor would start what is killed again; paused is worse: connections to them hang rather than fail.
    const { api, postgres } = platform.readReady().pids;
    process.kill(api, 'SIGSTOP');
    if (postgres !== null) process.kill(postgres, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, scale(15_000, 60_000)));
    if (postgres !== null) process.kill(postgres, 'SIGCONT');
    process.kill(api, 'SIGCONT');
    const report = await load.stop();
    expect(report.failed).toEqual([]);
    expectExact(report, upstream);
    // The control plane is whole again by itself.
    const next = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'after-outage']);
    expect((await visit(platform.ready, next.url)).status).toBe(200);
    await next.stop();
    await tunnel.stop();
  });

  it('serves a cloud endpoint by its last policy or not at all while edge or API are killed and come back', {
    timeout: 300_000,
  }, async () => {
    const policy = (body: string) =>
      JSON.stringify({ on_http_request: [{ actions: [{ type: 'custom-response', config: { body } }] }] });
    const call = async (method: string, path: string, body: object) => {
      const response = await fetch(`${platform.readReady().api.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${platform.ready.apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
      const made: unknown = await response.json();
      return typeof made === 'object' && made !== null && 'id' in made ? String(made.id) : '';
    };
    const url = `https://always.${platform.ready.baseDomain}`;
    const id = await call('POST', '/endpoints', { type: 'cloud', url, traffic_policy: policy('v1') });
    await visitUntil(platform.ready, url, ({ body }) => body.toString() === 'v1');
    const seen: string[] = [];
    const watching = new AbortController();
    const watch = (async () => {
      while (!watching.signal.aborted) {
        // Not reached is what a killed edge looks like; what is answered has to be right.
        const answer = await visit(platform.ready, url, { timeoutMs: 10_000 }).catch(() => null);
        if (answer !== null) seen.push(answer.status === 200 ? answer.body.toString() : String(answer.status));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    process.kill(platform.readReady().pids.api, 'SIGKILL');
    const killed = seen.length;
    while (seen.length < killed + 10) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(new Set(seen)).toEqual(new Set(['v1']));
    await vi.waitFor(() => call('PATCH', `/endpoints/${id}`, { traffic_policy: policy('v2') }), {
      timeout: 30_000,
      interval: 100,
    });
    const changedMs = performance.now();
    await visitUntil(platform.ready, url, ({ body }) => body.toString() === 'v2', { withinMs: 5_000 });
    expect(performance.now() - changedMs).toBeLessThan(5_000);
    seen.length = 0;
    process.kill(platform.readReady().pids.edge, 'SIGKILL');
    await call('PATCH', `/endpoints/${id}`, { traffic_policy: policy('v3') });
    await visitUntil(platform.ready, url, ({ body }) => body.toString() === 'v3', { withinMs: 15_000 });
    watching.abort();
    await watch;
    // A request may have been answered just before; after the start it is the new policy, or "not yet".
    expect(seen.filter((what) => !['v2', '503', 'v3'].includes(what))).toEqual([]);
    expect(seen.lastIndexOf('v2')).toBeLessThan(seen.indexOf('v3'));
  });

  it('X14: visitors that leave at any byte leave nothing behind', { timeout: 900_000 }, async () => {
    const tunnel = await startPortico(platform.ready, ['http', String(upstream.port), '--subdomain', 'x14']);
    const { hostname } = new URL(tunnel.url);
    const message = `POST /leave HTTP/1.1\r\nhost: ${hostname}\r\nx-id: leaver\r\ncontent-length: 4000\r\n\r\n${'b'.repeat(4_000)}`;
    const leave = (bytes: number): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect(platform.ready.http.port, '127.0.0.1', () => {
          socket.write(message.slice(0, bytes), () => setImmediate(() => socket.resetAndDestroy()));
        });
        socket.on('close', () => resolve());
        socket.on('error', () => undefined);
      });
    // A tunnel on plain http, so that the bytes that are cut are those of the request.
    const plain = await startPortico(platform.ready, ['http', String(upstream.port), '--url', `http://${hostname}`]);
    const settle = async (): Promise<number> => {
      let lowest = Number.POSITIVE_INFINITY;
      const deadline = performance.now() + 5_000;
      while (performance.now() < deadline) {
        lowest = Math.min(lowest, openDescriptors(platform.readReady().pids.edge));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return lowest;
    };
    for (let i = 0; i < 50; i += 1) await leave(i * 80);
    const before = await settle();
    const agentBefore = openDescriptors(plain.child.pid ?? 0);
    for (let i = 0; i < scale(500, 10_000); i += 10)
      await Promise.all(Array.from({ length: 10 }, (_unused, n) => leave((i * 37 + n * 411) % message.length)));
    expect(await settle()).toBeLessThanOrEqual(before + 3);
    expect(openDescriptors(plain.child.pid ?? 0)).toBeLessThanOrEqual(agentBefore + 3);
    expect((await visit(platform.ready, `http://${hostname}/`, { headers: { 'x-id': 'after' } })).status).toBe(200);
    await plain.stop();
    await tunnel.stop();
  });
});
