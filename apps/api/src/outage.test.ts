import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InternalApiError } from '@portico/api-contract/internal';
import { createTestDatabase } from '@portico/postgres';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApi } from './api.ts';
import { type CuttableProxy, startCuttableProxy } from './testing/cuttable-proxy.ts';
import { claimOnline } from './testing/online.ts';
import { silent, TestApi, testConfig } from './testing/test-api.ts';

// reliability.md X10: the database is away, silent or read-only; the data plane must not notice.
let test: TestApi;
let proxy: CuttableProxy;

beforeAll(async () => {
  const target = new URL(await serverUrl());
  proxy = await startCuttableProxy({ host: target.hostname, port: Number(target.port || 5432) });
  test = await TestApi.start({
    limits: { databaseConnectMs: 500, databaseStatementMs: 500 },
    databaseUrl: through,
  });
});

afterAll(async () => {
  proxy.set('open');
  await test.close();
  await proxy.close();
});

function through(url: string): string {
  const proxied = new URL(url);
  proxied.hostname = '127.0.0.1';
  proxied.port = String(proxy.port);
  return proxied.href;
}

async function serverUrl(): Promise<string> {
  const { url, drop } = await createTestDatabase();
  await drop();
  return url;
}

const fault = (asked: Promise<unknown>) =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error instanceof InternalApiError ? error.kind : String(error)),
  );

const reconcile = () => test.edge.reconcile({ nodeId: 'edge-1', grants: [{ credentialId: 'cr_x', version: 1 }] });

describe.each(['gone', 'silent'] as const)('while the database is %s', (state) => {
  it('every route that needs it says 503 and when to try again, soon', async () => {
    proxy.set(state);
    const asked = [
      test.call('GET', '/credentials'),
      test.call('POST', '/credentials', { body: {} }),
      test.browse('POST', '/dashboard/v1/session', { body: { email: 'a@b', password: 'x' } }),
    ];
    for (const answer of await Promise.all(asked)) {
      expect(answer).toMatchObject({ status: 503, body: { error_code: 'ERR_NGROK_503', status_code: 503 } });
      const seconds = Number(answer.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(2);
    }
    expect(await fault(reconcile())).toBe('unavailable');
    proxy.set('open');
    await vi.waitFor(async () => expect(await fault(reconcile())).toBe('answered'), 10_000);
  });

  it('edges keep their registry, their changes and their certificates', async () => {
    await vi.waitFor(async () => expect((await test.call('GET', '/endpoints')).status).toBe(200), 10_000);
    proxy.set(state);
    const { accountId } = test.first;
    const endpointId = newId('ep');
    const url = `https://kept-${state}.portico.localhost`;
    const lease = await claimOnline(test.registry(), { sessionId: newId('ts'), accountId, endpointId, url });
    const hello = await test.edge.hello({ nodeId: 'edge-1', epoch: 'e', kind: 'edge', version: '1' });
    expect(hello.bindKeys.length).toBeGreaterThan(0);
    const stopping = new AbortController();
    await new Promise<void>((opened, failed) => {
      void (async () => {
        const options = { nodeId: 'edge-1', epoch: 'e', signal: stopping.signal, onOpen: opened };
        for await (const _ of test.edge.changes(options)) {
          // Nothing comes.
        }
      })().catch(failed);
    });
    stopping.abort();
    proxy.set('open');
    // What came online meanwhile is written down afterwards.
    const hold = () =>
      test.database.queries.nameHold.findUnique({ where: { name: `kept-${state}.portico.localhost` } });
    await vi.waitFor(async () => expect((await hold())?.live).toBe(true), 15_000);
    await vi.waitFor(async () => expect((await test.call('GET', `/endpoints/${endpointId}`)).status).toBe(200), 10_000);
    await lease.revoke();
  });

  it('nothing piles up: a flood is refused in bounded time, and served right afterwards', async () => {
    proxy.set(state);
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 700 }, () => test.call('GET', '/credentials')));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([503]));
    expect(performance.now() - began).toBeLessThan(15_000);
    proxy.set('open');
    await vi.waitFor(async () => expect((await test.call('GET', '/credentials')).status).toBe(200), 10_000);
  });

  it('a usage report that failed is counted when it comes again', async () => {
    const { accountId } = await test.newAccount();
    const minute = test.now().toISOString();
    const report = {
      nodeId: 'edge-1',
      epoch: newId('nd'),
      seq: 1,
      rows: [
        {
          accountId,
          endpointId: 'ep_x',
          url: 'https://x',
          minute,
          requests: 1,
          connections: 1,
          bytesIn: 1,
          bytesOut: 1,
          errors: 0,
        },
      ],
    };
    proxy.set(state);
    expect(await fault(test.edge.reportUsage(report))).toBe('unavailable');
    proxy.set('open');
    await vi.waitFor(async () => expect(await fault(test.edge.reportUsage(report))).toBe('answered'), 10_000);
    const [stored] = await test.database.queries.usage.findMany({ where: { accountId } });
    expect(Number(stored?.requests)).toBe(1);
  });
});

describe('a read-only database', () => {
  it('answers reads, and 503 to changes', async () => {
    const name = new URL(test.databaseUrl).pathname.slice(1);
    const setReadOnly = (value: string) =>
      test.database.queries.$executeRawUnsafe(`ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`);
    await setReadOnly('on');
    proxy.set('gone');
    proxy.set('open');
    await vi.waitFor(async () => expect((await test.call('GET', '/credentials')).status).toBe(200), 10_000);
    expect((await test.call('POST', '/credentials', { body: {} })).status).toBe(503);
    await test.database.queries.$transaction(async (tx) => {
      await tx.$executeRaw`SET TRANSACTION READ WRITE`;
      await tx.$executeRawUnsafe(`ALTER DATABASE ${name} SET default_transaction_read_only = off`);
    });
    proxy.set('gone');
    proxy.set('open');
    await vi.waitFor(
      async () => expect((await test.call('POST', '/credentials', { body: {} })).status).toBe(201),
      10_000,
    );
  });
});

describe('a start while the database is away', () => {
  it('waits, serves the registry to its own edges meanwhile, and is ready when the database is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'portico-late-'));
    const database = await createTestDatabase();
    const config = testConfig(folder, through(database.url), {
      limits: { databaseConnectMs: 500, databaseStatementMs: 2_000 },
    });
    proxy.set('gone');
    let api: Awaited<ReturnType<typeof startApi>> | null = null;
    const starting = startApi(config, { log: silent }).then((running) => {
      api = running;
    });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(api).toBeNull();
    proxy.set('open');
    await starting;
    await vi.waitFor(() => expect(api).not.toBeNull());
    await closeIt(api);
    // A second time, with its credential files there: edges are known before the database is.
    proxy.set('gone');
    const stopping = new AbortController();
    const again = startApi(config, { log: silent, signal: stopping.signal });
    const refused = expect(again).rejects.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 300));
    stopping.abort();
    await refused;
    proxy.set('open');
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });
});

async function closeIt(api: { close(): Promise<void> } | null): Promise<void> {
  await api?.close();
}
