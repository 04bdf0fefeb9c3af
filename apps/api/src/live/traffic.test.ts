import { type Database, openDatabase } from '@portico/db';
import { createMigratedDatabase } from '@portico/db/testing';
import type { TestDatabase } from '@portico/postgres';
import { newId } from '@portico/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Plans } from '../plans/plans.ts';
import { Traffic } from './traffic.ts';

let testDatabase: TestDatabase;
let database: Database;
const now = () => new Date('2026-03-01T10:00:30.000Z');

beforeAll(async () => {
  testDatabase = await createMigratedDatabase();
  database = openDatabase({ url: testDatabase.url, poolSize: 3 });
});

afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const row = (accountId: string, endpointId: string, more: object = {}) => ({
  accountId,
  endpointId,
  url: 'https://x',
  minute: '2026-03-01T10:00:00.000Z',
  requests: 1,
  connections: 1,
  bytesIn: 1,
  bytesOut: 1,
  errors: 0,
  ...more,
});

describe('the traffic of endpoints', () => {
  it('in memory equals what is stored, also across a restart between two reports', async () => {
    const [accountId, endpointId, epoch] = [newId('ac'), newId('ep'), newId('nd')];
    const report = (seq: number) => ({ nodeId: 'n', epoch, seq, rows: [row(accountId, endpointId)] });
    const before = new Traffic({ database, now, plans: new Plans({ database }) });
    await Promise.all([1, 2, 2, 3].map((seq) => before.report(report(seq))));
    expect(before.of(endpointId).requests).toBe(3);
    const after = new Traffic({ database, now, plans: new Plans({ database }) });
    expect(after.of(endpointId).requests).toBe(0);
    await after.report(report(4));
    expect(after.of(endpointId).requests).toBe(4);
    await after.report(report(5));
    await after.load(accountId, [endpointId]);
    expect(after.of(endpointId).requests).toBe(5);
    const third = new Traffic({ database, now, plans: new Plans({ database }) });
    await third.load(accountId, [endpointId]);
    expect(third.of(endpointId).requests).toBe(5);
  });

  it('tells whether the upstream answers', async () => {
    const [accountId, endpointId, epoch] = [newId('ac'), newId('ep'), newId('nd')];
    const traffic = new Traffic({ database, now, plans: new Plans({ database }) });
    const state = () => traffic.of(endpointId).upstream;
    expect(state()).toEqual({ kind: 'unknown' });
    let seq = 0;
    const report = (more: object) => {
      seq += 1;
      return traffic.report({ nodeId: 'n', epoch, seq, rows: [row(accountId, endpointId, more)] });
    };
    await report({ requests: 2, errors: 0 });
    expect(state().kind).toBe('answers');
    await report({ requests: 2, errors: 2, lastErrorCode: 8012 });
    expect(state()).toEqual({ kind: 'fails', since: now().toISOString(), code: 8012 });
    await report({ requests: 0, errors: 0 });
    expect(state().kind).toBe('fails');
    await report({ requests: 2, errors: 1 });
    expect(state().kind).toBe('answers');
  });
});
