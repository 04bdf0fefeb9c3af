import type { TestDatabase } from '@portico/postgres';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addUsage,
  changeThrottle,
  clearThrottle,
  createAccount,
  createCredential,
  createReservedDomain,
  type Database,
  databaseFault,
  deleteReservedDomain,
  findCredential,
  findHolds,
  listCredentials,
  markLive,
  markReleased,
  openDatabase,
  receiveBatch,
  releaseAllLive,
  revokeCredential,
  takeHold,
  totalUsage,
  updateCredential,
  usageOfEndpoints,
} from './index.ts';
import { createMigratedDatabase } from './testing/migrated-database.ts';

let testDatabase: TestDatabase;
let database: Database;
const now = new Date('2026-03-01T10:00:00.000Z');
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1_000);

beforeAll(async () => {
  testDatabase = await createMigratedDatabase();
  database = openDatabase({ url: testDatabase.url });
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

async function account(): Promise<string> {
  const id = newId('ac');
  await createAccount(database.queries, { id, name: 'Test', createdAt: now });
  return id;
}

function token(id: string, createdAt = now) {
  return {
    id,
    ownerId: null,
    description: '',
    metadata: '',
    acl: [],
    tokenHash: new Uint8Array(32),
    tokenDigest: new Uint8Array(32),
    tokenPrefix: 'pat_x',
    createdAt,
  };
}

describe('queries of a tenant', () => {
  it('list newest first by pages, also when the row named by before_id is gone', async () => {
    const accountId = await account();
    const ids = [1, 2, 3, 4, 5].map((second) => newId('cr', now.getTime() + second * 1_000));
    for (const id of ids) await createCredential(database.queries, accountId, token(id));
    const [, , , fourth] = ids;
    const first = await listCredentials(database.queries, accountId, { limit: 2, beforeId: null });
    expect(first.items.map((row) => row.id)).toEqual([ids[4], ids[3]]);
    expect(first.hasMore).toBe(true);
    await revokeCredential(database.queries, accountId, fourth ?? '', now);
    const second = await listCredentials(database.queries, accountId, { limit: 3, beforeId: fourth ?? '' });
    expect(second.items.map((row) => row.id)).toEqual([ids[2], ids[1], ids[0]]);
    expect(second.hasMore).toBe(false);
  });

  it('never see or change what is of another account', async () => {
    const [mine, other] = [await account(), await account()];
    const id = newId('cr');
    await createCredential(database.queries, mine, token(id));
    expect(await findCredential(database.queries, other, id)).toBeNull();
    expect(await updateCredential(database.queries, other, id, { description: 'stolen' })).toBeNull();
    expect(await revokeCredential(database.queries, other, id, now)).toBe(false);
    expect((await findCredential(database.queries, mine, id))?.description).toBe('');
    const domain = { id: newId('rd'), domain: `${id}.x`, description: '', metadata: '', createdAt: now };
    await createReservedDomain(database.queries, mine, domain);
    expect(await deleteReservedDomain(database.queries, other, domain.id)).toBeNull();
    expect((await deleteReservedDomain(database.queries, mine, domain.id))?.domain).toBe(domain.domain);
  });

  it('tell a taken name as a conflict', async () => {
    const [mine, other] = [await account(), await account()];
    const fields = { domain: 'taken.example', description: '', metadata: '', createdAt: now };
    await createReservedDomain(database.queries, mine, { id: newId('rd'), ...fields });
    const second = createReservedDomain(database.queries, other, { id: newId('rd'), ...fields });
    await expect(second.catch((error: unknown) => databaseFault(error))).resolves.toBe('conflict');
  });
});

describe('name holds', () => {
  const take = (accountId: string, name: string, at: Date) =>
    takeHold(database.queries, { name, accountId, heldUntil: new Date(at.getTime() + 600_000) }, at);

  it('keep a name for its account for the agreed time after it went offline', async () => {
    const [mine, other] = [await account(), await account()];
    expect(await take(mine, 'a.test', now)).toBe(true);
    await markLive(database.queries, [{ name: 'a.test', accountId: mine }]);
    expect(await take(other, 'a.test', later(86_400))).toBe(false);
    await markReleased(database.queries, [{ name: 'a.test', accountId: mine, heldUntil: later(90_000) }]);
    expect(await take(other, 'a.test', later(89_999))).toBe(false);
    expect(await take(mine, 'a.test', later(89_999))).toBe(true);
    expect(await take(other, 'a.test', later(100_000))).toBe(true);
  });

  it('give a name to exactly one of many accounts that want it at once', async () => {
    const accounts = await Promise.all(Array.from({ length: 8 }, account));
    const taken = await Promise.all(accounts.map((id) => take(id, 'race.test', now)));
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  it('give what was online before a restart time to come back', async () => {
    const mine = await account();
    await take(mine, 'restart.test', now);
    await markLive(database.queries, [{ name: 'restart.test', accountId: mine }]);
    await releaseAllLive(database.queries, later(7_200));
    expect(await findHolds(database.queries, ['restart.test'], later(7_199))).toHaveLength(1);
    expect(await findHolds(database.queries, ['restart.test'], later(7_201))).toHaveLength(0);
  });
});

describe('usage', () => {
  it('adds rows of one minute, in one report and over several', async () => {
    const accountId = await account();
    const endpointId = newId('ep');
    const row = {
      accountId,
      endpointId,
      url: 'https://a.test',
      minute: now.toISOString(),
      requests: 1,
      connections: 1,
      bytesIn: 5_000_000_000,
      bytesOut: 20,
      errors: 0,
    };
    await addUsage(database.queries, [row, row, { ...row, minute: later(60).toISOString() }]);
    await addUsage(database.queries, [row]);
    expect(await totalUsage(database.queries, accountId, now)).toEqual({
      requests: 4,
      connections: 4,
      bytesIn: 20_000_000_000,
      bytesOut: 80,
      errors: 0,
    });
    expect((await totalUsage(database.queries, accountId, later(60))).requests).toBe(1);
    const byEndpoint = await usageOfEndpoints(database.queries, accountId, [endpointId, 'ep_none']);
    expect(byEndpoint.get(endpointId)?.requests).toBe(4);
    expect(byEndpoint.size).toBe(1);
  });

  it('accepts each batch once, also when it comes twice at the same time', async () => {
    const batch = { nodeId: 'nd_1', epoch: 'e', kind: 'usage' as const, seq: 7 };
    const received = await Promise.all(
      Array.from({ length: 4 }, () => database.transaction((tx) => receiveBatch(tx, batch))),
    );
    expect(received.filter(Boolean)).toHaveLength(1);
    expect(await receiveBatch(database.queries, { ...batch, kind: 'events' })).toBe(true);
  });
});

describe('tries to sign in', () => {
  it('are counted one by one, also while a success makes their number be forgotten', async () => {
    const count = () =>
      database.transaction((tx) =>
        changeThrottle(tx, 'account:x', now, (state) => ({ state: { ...state, tries: state.tries + 1 }, result: 0 })),
      );
    const rounds = Array.from({ length: 40 }, async (_, n) => {
      await count();
      if (n % 2 === 0) await clearThrottle(database.queries, 'account:x');
    });
    await Promise.all(rounds);
    await clearThrottle(database.queries, 'account:x');
    await Promise.all([count(), count(), count()]);
    const row = await database.queries.signInThrottle.findUnique({ where: { key: 'account:x' } });
    expect(row?.tries).toBe(3);
  });
});

describe('a database that is away', () => {
  it('is told from a mistake of ours', async () => {
    const away = openDatabase({ url: 'postgresql://x@127.0.0.1:1/x', connectTimeoutMs: 500 });
    const fault = await findCredential(away.queries, 'ac_x', 'cr_x').catch(databaseFault);
    expect(fault).toBe('unavailable');
    const inTransaction = await away.transaction(async () => 1).catch(databaseFault);
    expect(inTransaction).toBe('unavailable');
    await away.close();
    expect(databaseFault(new TypeError('x'))).toBeNull();
  });

  it('does not hold a caller longer than the statement timeout when it is slow', async () => {
    const slow = openDatabase({ url: testDatabase.url, statementTimeoutMs: 200 });
    const started = performance.now();
    const fault = await slow.queries.$queryRaw`SELECT pg_sleep(5)`.catch(databaseFault);
    expect(fault).toBe('unavailable');
    expect(performance.now() - started).toBeLessThan(3_000);
    await slow.close();
  });

  it('bounds the wait for a free connection', async () => {
    const small = openDatabase({
      url: testDatabase.url,
      poolSize: 1,
      connectTimeoutMs: 1_000,
      statementTimeoutMs: 6_000,
    });
    // The one connection is open before the clock of those who wait for it runs.
    await small.queries.$queryRaw`SELECT 1`;
    // A query of Prisma starts when somebody waits for it.
    const holder = small.queries.$queryRaw`SELECT pg_sleep(3)::text`.then((rows) => rows);
    const waiting = await small.queries.$queryRaw`SELECT 1`.catch(databaseFault);
    expect(waiting).toBe('unavailable');
    await holder;
    expect(await small.queries.$queryRaw`SELECT 1 AS one`).toEqual([{ one: 1 }]);
    await small.close();
  });

  it('works again by itself after its connections were cut', async () => {
    const cut = openDatabase({ url: testDatabase.url, poolSize: 2 });
    await cut.queries.$queryRaw`SELECT 1`;
    await database.queries.$queryRaw`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    const attempt = (): Promise<unknown> => cut.queries.$queryRaw`SELECT 1 AS one`.catch(databaseFault);
    const first = await attempt();
    expect([JSON.stringify([{ one: 1 }]), '"unavailable"']).toContain(JSON.stringify(first));
    expect(await attempt()).toEqual([{ one: 1 }]);
    await cut.close();
  });
});
