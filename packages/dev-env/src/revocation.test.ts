import { type Database, openDatabase } from '@portico/db';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DevEnv, startDevEnv } from './dev-env.ts';
import { callApi, openUpstream, visit } from './testing/visit.ts';

const secondsMax = 5;
/** At once and in all a second: 200 of all kinds, on the machine where nothing else runs. */
const ratePerSecond = process.env.PORTICO_LONG === '1' ? 200 : 60;

let env: DevEnv;
let database: Database;
let upstream: Awaited<ReturnType<typeof openUpstream>>;

beforeAll(async () => {
  env = await startDevEnv();
  database = openDatabase({ url: env.databaseUrl, poolSize: 2 });
  upstream = await openUpstream('served');
});
afterAll(async () => {
  await env.close();
  await upstream.close();
  await database.close();
});

interface Seen {
  readonly atMs: number;
  readonly doneMs: number;
  readonly end: string;
}

/** Visits the host again and again until it is stopped; each visit with its moment and its end. */
function keepVisiting(host: string): { seen: Seen[]; stop: () => Promise<void> } {
  const seen: Seen[] = [];
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    if (open.size > 50) return;
    const atMs = performance.now();
    const one = visit(env, host).then(
      ({ status, text }) => {
        seen.push({ atMs, doneMs: performance.now(), end: status === 200 ? text : String(status) });
      },
      () => {
        seen.push({ atMs, doneMs: performance.now(), end: 'refused' });
      },
    );
    const done = one.finally(() => open.delete(done));
    open.add(done);
  }, 2_000 / ratePerSecond);
  return {
    seen,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}

/** Ends what the account or token had, under load, while somebody else's endpoint goes on. */
async function endUnderLoad(host: string, bystander: string, end: () => Promise<unknown>): Promise<void> {
  const [theirs, other] = [keepVisiting(host), keepVisiting(bystander)];
  await vi.waitFor(() => expect(theirs.seen.length).toBeGreaterThan(10), 20_000);
  const calledMs = performance.now();
  await end();
  const endedMs = performance.now();
  const over = () => theirs.seen.filter(({ atMs, end: how }) => atMs > endedMs && how !== 'served');
  await vi.waitFor(() => expect(over().length).toBeGreaterThan(10), 20_000);
  await Promise.all([theirs.stop(), other.stop()]);
  const before = theirs.seen.filter(({ doneMs }) => doneMs < calledMs);
  expect(before.length).toBeGreaterThan(10);
  expect(before.filter(({ end: how }) => how !== 'served')).toEqual([]);
  const served = theirs.seen.filter(({ end: how }) => how === 'served');
  const lastMs = Math.max(...served.map(({ atMs }) => atMs));
  expect(lastMs - endedMs).toBeLessThan(secondsMax * 1_000);
  expect(other.seen.length).toBeGreaterThan(10);
  expect(other.seen.filter(({ end: how }) => how !== 'served')).toEqual([]);
}

/** Another account with an agent and an endpoint. */
async function tenant(name: string): Promise<{ accountId: string; host: string }> {
  const token = await callApi(env, 'POST', '/credentials', {});
  const accountId = `ac_${name}${'0'.repeat(27 - name.length)}`;
  const { queries } = database;
  await queries.account.create({ data: { id: accountId, name } });
  await queries.credential.updateMany({ where: { id: String(token.id) }, data: { accountId, ownerId: null } });
  const agent = env.agent({ authtoken: String(token.token) });
  await agent.forward({ proto: 'http', subdomain: name, upstream: upstream.address });
  return { accountId, host: `${name}.portico.localhost` };
}

describe('what is revoked while visitors come', () => {
  it(`ends within ${secondsMax} s: a token, a suspended account and one that is deleted`, async () => {
    await env.agent().forward({ proto: 'http', subdomain: 'bystander', upstream: upstream.address });
    const bystander = 'bystander.portico.localhost';

    const token = await callApi(env, 'POST', '/credentials', {});
    const agent = env.agent({ authtoken: String(token.token) });
    await agent.forward({ proto: 'http', subdomain: 'by-token', upstream: upstream.address });
    await endUnderLoad('by-token.portico.localhost', bystander, () =>
      callApi(env, 'DELETE', `/credentials/${token.id}`),
    );

    const suspended = await tenant('suspended');
    await endUnderLoad(suspended.host, bystander, () =>
      database.queries.account.update({ where: { id: suspended.accountId }, data: { suspendedAt: new Date() } }),
    );

    const deleted = await tenant('deleted');
    await endUnderLoad(deleted.host, bystander, () =>
      database.queries.account.delete({ where: { id: deleted.accountId } }),
    );
  }, 120_000);
});
