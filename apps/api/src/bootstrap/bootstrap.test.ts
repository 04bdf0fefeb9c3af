import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { helloResponse } from '@portico/api-contract/internal';
import { openDatabase } from '@portico/db';
import { createTestDatabase, type TestDatabase } from '@portico/postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RunningApi, startApi } from '../api.ts';
import { silent, testConfig } from '../testing/test-api.ts';
import { type FirstAccount, firstAccountFile } from './bootstrap.ts';

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'portico-bootstrap-'));
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const start = (): Promise<RunningApi> => startApi(testConfig(folder, database.url), { log: silent });

async function startAndStop(): Promise<void> {
  await (await start()).close();
}

async function account(): Promise<FirstAccount> {
  return firstAccountFile.parse(JSON.parse(await readFile(join(folder, 'first-account.json'), 'utf8')));
}

async function files(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])),
  );
}

async function counts() {
  const { queries, close } = openDatabase({ url: database.url, poolSize: 1 });
  const found = {
    accounts: await queries.account.count(),
    users: await queries.user.count(),
    credentials: await queries.credential.count(),
    apiKeys: await queries.apiKey.count(),
    nodes: await queries.nodeCredential.count(),
    cas: await queries.caKey.count(),
    bindKeys: await queries.bindKey.count(),
  };
  await close();
  return found;
}

const one = { accounts: 1, users: 1, credentials: 1, apiKeys: 1, nodes: 2, cas: 1, bindKeys: 1 };

describe('the first start', () => {
  it('makes an account that works, and files that only their owner can read', async () => {
    const api = await start();
    expect(Object.keys(await files())).toEqual([
      'ca.pem',
      'first-account.json',
      'master.key',
      'node-dashboard.credential',
      'node-edge.credential',
    ]);
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    const { apiKey, authtoken, password, accountId } = await account();
    expect(authtoken).toMatch(/^pat_/);
    expect(password?.length).toBeGreaterThan(20);
    expect(accountId).toMatch(/^ac_/);
    const answer = await fetch(`${api.publicUrl}/credentials`, { headers: { authorization: `Bearer ${apiKey}` } });
    expect(answer.status).toBe(200);
    const domains = await fetch(`${api.publicUrl}/reserved_domains`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    expect(await domains.text()).toContain('welcome.portico.localhost');
    expect(await counts()).toEqual(one);
    await api.close();
  });

  it('by two processes at once makes one of everything, and both work', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    expect(await counts()).toEqual(one);
    const { apiKey } = await account();
    const edge = (await readFile(join(folder, 'node-edge.credential'), 'utf8')).trim();
    for (const api of [first, second]) {
      const answer = await fetch(`${api.publicUrl}/`, { headers: { authorization: `Bearer ${apiKey}` } });
      expect(answer.status).toBe(200);
      const hello = await fetch(`${api.internalUrl}/internal/v1/nodes/hello`, {
        method: 'POST',
        headers: { authorization: `Bearer ${edge}`, 'content-type': 'application/json' },
        body: JSON.stringify({ nodeId: 'n', epoch: 'e', kind: 'edge', version: '1' }),
      });
      expect(hello.status).toBe(200);
    }
    await first.close();
    await second.close();
  });
});

describe('a later start', () => {
  it('leaves everything as it is', async () => {
    await startAndStop();
    const before = await files();
    await startAndStop();
    expect(await files()).toEqual(before);
    expect(await counts()).toEqual(one);
  });

  it('replaces secrets that were revoked, and keeps the others', async () => {
    const api = await start();
    const before = await account();
    const [, id] = before.authtoken.split('_');
    await fetch(`${api.publicUrl}/credentials/cr_${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${before.apiKey}` },
    });
    await api.close();
    await startAndStop();
    const after = await account();
    expect(after.authtoken).not.toBe(before.authtoken);
    expect({ ...after, authtoken: '' }).toEqual({ ...before, authtoken: '' });
  });

  it('makes secrets anew when the files are lost or damaged, and lets nobody be locked out', async () => {
    await startAndStop();
    const before = await account();
    await rm(join(folder, 'first-account.json'));
    await rm(join(folder, 'node-edge.credential'));
    await writeFile(join(folder, 'node-dashboard.credential'), 'nonsense', { mode: 0o600 });
    await startAndStop();
    const after = await account();
    expect(after.accountId).toBe(before.accountId);
    expect(after.password).not.toBe(before.password);
    expect(after.password).toBeDefined();
    await writeFile(join(folder, 'first-account.json'), '{"email":', { mode: 0o600 });
    await startAndStop();
    expect((await account()).accountId).toBe(before.accountId);
    expect(await counts()).toMatchObject({ accounts: 1, users: 1, cas: 1 });
  });

  it('with another master key says so, instead of making new keys over the old', async () => {
    await startAndStop();
    await rm(join(folder, 'master.key'));
    await expect(start()).rejects.toThrow(/another master key/);
    expect(await counts()).toEqual(one);
  });
});

describe('a dump of the database', () => {
  it('holds no secret that works, and no private key', async () => {
    const api = await start();
    const { apiKey, authtoken, password = 'x' } = await account();
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const made: string[] = [];
    for (const path of ['/credentials', '/api_keys']) {
      const answer = await fetch(`${api.publicUrl}${path}`, { method: 'POST', headers, body: '{}' });
      made.push(z.object({ token: z.string() }).parse(await answer.json()).token);
    }
    const dashboard = (await readFile(join(folder, 'node-dashboard.credential'), 'utf8')).trim();
    const edge = (await readFile(join(folder, 'node-edge.credential'), 'utf8')).trim();
    const hello = await fetch(`${api.internalUrl}/internal/v1/nodes/hello`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${edge}` },
      body: JSON.stringify({ nodeId: 'n', epoch: 'e', kind: 'edge', version: '1' }),
    });
    const { bindKeys } = helloResponse.parse(await hello.json());
    const session = await fetch(`${api.internalUrl}/dashboard/v1/session`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${dashboard}`, origin: 'http://h', 'x-forwarded-host': 'h' },
      body: JSON.stringify({ email: 'owner@portico.localhost', password }),
    });
    const cookie = session.headers.getSetCookie()[0]?.split(';')[0]?.split('=')[1] ?? '';
    expect(cookie).toHaveLength(43);
    const dump = await dumpOf(database.url);
    expect(dump).toContain('owner@portico.localhost');
    const secrets = [apiKey, authtoken, password, edge, dashboard, cookie, ...made];
    for (const secret of [...secrets, ...bindKeys.map((key) => key.secret)]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(dump).not.toContain(secret);
      // Nor the part of it that is secret, nor the same bytes written otherwise.
      expect(dump).not.toContain(secret.split('_').at(-1) ?? secret);
      expect(dump).not.toContain(Buffer.from(secret).toString('hex'));
      expect(dump).not.toContain(Buffer.from(secret).toString('base64'));
    }
    expect(dump).not.toContain(Buffer.from(bindKeys[0]?.secret ?? '', 'base64').toString('hex'));
    expect(dump).not.toMatch(/PRIVATE KEY/);
    expect(dump).not.toContain(Buffer.from('PRIVATE KEY').toString('hex'));
    await api.close();
  });
});

/** Every row of every table as text. */
async function dumpOf(url: string): Promise<string> {
  const { queries, close } = openDatabase({ url, poolSize: 1 });
  const tables = await queries.$queryRaw<{ name: string }[]>`
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`;
  expect(tables.length).toBeGreaterThan(10);
  const texts: string[] = [];
  for (const { name } of tables) {
    const rows = await queries.$queryRawUnsafe<{ row: string }[]>(`SELECT t::text AS row FROM ${name} AS t`);
    texts.push(...rows.map(({ row }) => row));
  }
  await close();
  return texts.join('\n');
}
