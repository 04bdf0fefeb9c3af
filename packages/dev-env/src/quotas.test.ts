import { connect } from 'node:net';
import { type Database, openDatabase, savePlan, setPlan } from '@portico/db';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DevEnv, startDevEnv } from './dev-env.ts';
import { callApi, openUpstream, visit } from './testing/visit.ts';

let env: DevEnv;
let database: Database;
let upstream: Awaited<ReturnType<typeof openUpstream>>;
const host = 'limited.portico.localhost';

beforeAll(async () => {
  env = await startDevEnv({ edgeLimits: { usageReportMs: 50 } });
  database = openDatabase({ url: env.databaseUrl, poolSize: 2 });
  upstream = await openUpstream('0123456789');
  await env.agent().forward({ proto: 'http', subdomain: 'limited', upstream: upstream.address });
});
afterEach(async () => {
  await database.queries.usageMonth.deleteMany();
  await setPlan(database.queries, env.accountId, 'self-hosted');
  await vi.waitFor(async () => expect((await visit(env, host)).status).toBe(200), 5_000);
});
afterAll(async () => {
  await env.close();
  await upstream.close();
  await database.close();
});

async function plan(id: string, limits: Parameters<typeof savePlan>[2]): Promise<void> {
  await savePlan(database.queries, id, limits);
  await setPlan(database.queries, env.accountId, id);
}

describe('the limits of a plan', () => {
  it.each([
    ['requests', { requestsPerMonth: 5n }, 'ERR_NGROK_727'],
    ['bytes', { bytesPerMonth: 2_000n }, 'ERR_NGROK_725'],
    ['connections', { connectionsPerMonth: 5n }, 'ERR_NGROK_726'],
  ])(
    'of %s a month: used up, visitors get 403 with its code, until the plan is another',
    async (name, limits, code) => {
      await plan(`few-${name}`, limits);
      await vi.waitFor(async () => {
        const answer = await visit(env, host);
        expect([answer.status, answer.code]).toEqual([403, code]);
      }, 10_000);
      await plan('more', { requestsPerMonth: 1_000_000n });
      await vi.waitFor(async () => expect((await visit(env, host)).status).toBe(200), 5_000);
    },
  );

  it('are good again when the month is over', async () => {
    await plan('month', { requestsPerMonth: 3n });
    await vi.waitFor(async () => expect((await visit(env, host)).code).toBe('ERR_NGROK_727'), 10_000);
    // As if what was used had been used last month.
    await database.queries.$executeRaw`UPDATE usage_month SET month = month - interval '1 month'`;
    await database.queries.$executeRaw`UPDATE account SET settings_revision = settings_revision + 1`;
    await vi.waitFor(async () => expect((await visit(env, host)).status).toBe(200), 5_000);
  });

  it('of requests a second: the rest gets 429 and is told when to come again', async () => {
    await plan('slow', { requestsPerSecond: 5 });
    let answers: Awaited<ReturnType<typeof visit>>[] = [];
    await vi.waitFor(async () => {
      answers = await Promise.all(Array.from({ length: 20 }, () => visit(env, host)));
      expect(answers.some(({ status }) => status === 429)).toBe(true);
    }, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    answers = await Promise.all(Array.from({ length: 20 }, () => visit(env, host)));
    const served = answers.filter(({ status }) => status === 200).length;
    expect(served).toBeGreaterThanOrEqual(5);
    expect(served).toBeLessThanOrEqual(12);
    const refused = answers.find(({ status }) => status === 429);
    expect([refused?.code, refused?.retryAfter]).toEqual(['ERR_NGROK_703', '1']);
  });

  it('of connections a second hold for TCP too: what is too much is reset', async () => {
    const tcp = await env.agent().forward({ proto: 'tcp', upstream: upstream.address });
    await plan('narrow', { connectionsPerSecond: 3 });
    const dial = () =>
      new Promise<string>((resolve) => {
        const socket = connect({ port: Number(new URL(tcp.url).port), host: '127.0.0.1' });
        socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
        socket.on('data', () => {
          resolve('served');
          socket.destroy();
        });
        socket.on('error', () => resolve('reset'));
        socket.on('close', () => resolve('reset'));
      });
    await vi.waitFor(async () => {
      const ends = await Promise.all(Array.from({ length: 12 }, dial));
      expect(ends).toContain('reset');
    }, 5_000);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const ends = await Promise.all(Array.from({ length: 12 }, dial));
    expect(ends.filter((end) => end === 'served').length).toBeGreaterThanOrEqual(3);
    expect(ends.filter((end) => end === 'reset').length).toBeGreaterThanOrEqual(4);
  });

  it('of endpoints online: one more is refused with 351, and those that are stay', async () => {
    const agent = env.agent();
    await plan('one', { endpoints: 1 });
    await vi.waitFor(async () => {
      const asked = agent.forward({ proto: 'http', subdomain: `more-${Date.now()}`, upstream: upstream.address });
      await expect(asked).rejects.toThrow('allows 1 endpoints online');
    }, 5_000);
    expect((await visit(env, host)).status).toBe(200);
  });

  it('of reserved domains: one more is refused', async () => {
    await plan('names', { reservedDomains: 1 });
    await vi.waitFor(async () => {
      await callApi(env, 'POST', '/reserved_domains', { domain: 'first.portico.localhost' }).catch(() => {});
      const second = callApi(env, 'POST', '/reserved_domains', { domain: `n${Date.now()}.portico.localhost` });
      await expect(second).rejects.toThrow('allows 1 reserved domains');
    }, 5_000);
  });
});
