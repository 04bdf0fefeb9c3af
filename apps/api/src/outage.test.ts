import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InternalApiError, InternalClient } from '@portico/api-contract/internal';
import { publicRoutes } from '@portico/api-contract/public';
import { createBoxKey } from '@portico/pki';
import { createTestDatabase, type TestDatabase } from '@portico/postgres';
import { RemoteRegistry } from '@portico/registry';
import { createLogger, type Logger, newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApi } from './api.ts';
import { type CuttableProxy, startCuttableProxy } from './testing/cuttable-proxy.ts';
import { claimOnline } from './testing/online.ts';
import { silent, TestApi, testConfig } from './testing/test-api.ts';

// reliability.md X10: the database is away, silent or read-only; the data plane must not notice.
const requestsAtOnce = process.env.PORTICO_LONG === '1' ? 500 : 50;
let test: TestApi;
let proxy: CuttableProxy;

beforeAll(async () => {
  const target = new URL(await serverUrl());
  proxy = await startCuttableProxy({ host: target.hostname, port: Number(target.port || 5432) });
  test = await TestApi.start({
    limits: { databaseConnectMs: 500, databaseStatementMs: 500, requestsAtOnce: requestsAtOnce },
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
    const box = createBoxKey().publicKey;
    expect(await fault(reconcile())).toBe('unavailable');
    expect(await fault(test.edge.certificate({ nodeId: 'edge-1', name: 'a.b', boxKey: box }))).toBe('unavailable');
    expect(await fault(test.edge.challenge({ nodeId: 'edge-1', kind: 'http-01', host: 'a.b' }))).toBe('unavailable');
    proxy.set('open');
    await vi.waitFor(async () => expect(await fault(reconcile())).toBe('answered'), 10_000);
  });

  it('every operation of the document is refused likewise, and none of them is half done', async () => {
    await vi.waitFor(async () => expect((await test.call('GET', '/credentials')).status).toBe(200), 10_000);
    const rows = () => test.database.queries.$queryRaw`
      SELECT (SELECT count(*) FROM audit_event)::int AS audited, (SELECT count(*) FROM outbox_event)::int AS queued,
        (SELECT count(*) FROM reserved_domain)::int AS domains, (SELECT count(*) FROM event_destination)::int AS sinks`;
    const before = await rows();
    proxy.set(state);
    // A part at once: more would be turned away for being many.
    const routes = [...publicRoutes];
    while (routes.length > 0) {
      const asked = routes.splice(0, 16).map(async ({ method, path, body }) => {
        const target = path.replace(/\{\w+\}/g, 'xx_0');
        const answer = await test.call(method, target, { body: body === null ? undefined : {} });
        expect([method, path, answer.status, answer.headers.get('retry-after')]).toEqual([method, path, 503, '1']);
      });
      await Promise.all(asked);
    }
    proxy.set('open');
    await vi.waitFor(async () => expect((await test.call('GET', '/credentials')).status).toBe(200), 10_000);
    expect(await rows()).toEqual(before);
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
    const answers = await Promise.all(
      Array.from({ length: requestsAtOnce * 1.4 }, () => test.call('GET', '/credentials')),
    );
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
  let folder: string;
  let database: TestDatabase;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portico-late-'));
    database = await createTestDatabase();
  });

  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const config = () =>
    testConfig(folder, through(database.url), { limits: { databaseConnectMs: 500, databaseStatementMs: 2_000 } });

  /** A logger, and a promise of the first line that says this. */
  function listening(text: string): { log: Logger; said: Promise<void> } {
    let log = silent;
    const said = new Promise<void>((resolve) => {
      const write = (line: string): void => {
        if (line.includes(text)) resolve();
      };
      log = createLogger({ name: 'test', destination: { write } });
    });
    return { log, said };
  }

  it('waits, and is ready when the database is', async () => {
    proxy.set('gone');
    const { log, said } = listening('waiting for the database');
    let ready = false;
    const starting = startApi(config(), { log }).then((api) => {
      ready = true;
      return api;
    });
    await said;
    expect(ready).toBe(false);
    proxy.set('open');
    const api = await starting;
    expect((await fetch(`${api.publicUrl}/healthz`)).status).toBe(200);
    await api.close();
  });

  it('serves the registry to the edges of this installation meanwhile, and nothing else', async () => {
    const before = await startApi(config(), { log: silent });
    const { internalPort, publicUrl } = before;
    await before.close();
    proxy.set('gone');
    const { log, said } = listening('waiting for the database');
    const starting = startApi({ ...config(), internalPort, publicPort: Number(new URL(publicUrl).port) }, { log });
    await said;
    const credential = (await readFile(join(folder, 'node-edge.credential'), 'utf8')).trim();
    const baseUrl = `http://127.0.0.1:${internalPort}`;
    const registry = new RemoteRegistry({ baseUrl, credential });
    const lease = await registry.lease(10);
    expect(lease.state).toBe('live');
    const edge = new InternalClient({ baseUrl, credential });
    expect(await fault(edge.reconcile({ nodeId: 'n', grants: [] }))).toBe('unavailable');
    expect((await fetch(`${publicUrl}/healthz`)).status).toBe(503);
    const { apiKey } = JSON.parse(await readFile(join(folder, 'first-account.json'), 'utf8'));
    const asked = await fetch(`${publicUrl}/credentials`, { headers: { authorization: `Bearer ${apiKey}` } });
    expect(asked.status).toBe(503);
    const stranger = new RemoteRegistry({
      baseUrl,
      credential: credential.replace(/.$/, (c) => (c === 'a' ? 'b' : 'a')),
    });
    await expect(stranger.list('sessions/')).rejects.toMatchObject({ fault: 'refused' });
    await stranger.close();
    proxy.set('open');
    const api = await starting;
    expect(await edge.reconcile({ nodeId: 'n', grants: [] })).toEqual({ gone: [], changed: [] });
    // What was claimed meanwhile is still there.
    expect(lease.state).toBe('live');
    edge.close();
    await registry.close();
    await api.close();
  });

  it('can be given up', async () => {
    proxy.set('gone');
    const { log, said } = listening('waiting for the database');
    const stopping = new AbortController();
    const starting = startApi(config(), { log, signal: stopping.signal });
    const refused = expect(starting).rejects.toThrow();
    await said;
    stopping.abort();
    await refused;
    proxy.set('open');
  });
});
