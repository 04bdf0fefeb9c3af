import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@portico/postgres';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployMigrations, MigrationError } from './deploy-migrations.ts';

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'portico-migrations-'));
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function migration(name: string, sql: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), sql);
}

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('deploying migrations', () => {
  it('applies ours to an empty database and finds nothing to do the second time', async () => {
    expect(await deployMigrations({ url: database.url })).toContain('0001_init');
    expect(await deployMigrations({ url: database.url })).toEqual([]);
  });

  it('applies each migration once when five start at once', async () => {
    await migration('0001_one', 'CREATE TABLE one (id int); SELECT pg_sleep(0.2);');
    await migration('0002_two', 'INSERT INTO one VALUES (1);');
    const done = await Promise.all(Array.from({ length: 5 }, () => deployMigrations({ url: database.url, folder })));
    expect(done.flat().sort()).toEqual(['0001_one', '0002_two']);
    expect(await query('SELECT id FROM one')).toEqual([{ id: 1 }]);
  });

  it('keeps functions with a semicolon of their own whole', async () => {
    await migration(
      '0001_function',
      `CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN n := n * 2; RETURN n; END; $$;`,
    );
    await deployMigrations({ url: database.url, folder });
    expect(await query('SELECT twice(21) AS n')).toEqual([{ n: 42 }]);
  });

  it('leaves nothing of a migration that fails, and can go on once it is mended', async () => {
    await migration('0001_good', 'CREATE TABLE good (id int);');
    await migration('0002_bad', 'CREATE TABLE bad (id int); SELECT 1/0;');
    await expect(deployMigrations({ url: database.url, folder })).rejects.toThrow('division by zero');
    expect(await query(`SELECT to_regclass('good') IS NOT NULL AS good, to_regclass('bad') AS bad`)).toEqual([
      { good: true, bad: null },
    ]);
    await migration('0002_bad', 'CREATE TABLE bad (id int);');
    expect(await deployMigrations({ url: database.url, folder })).toEqual(['0002_bad']);
  });

  it('refuses a migration that was changed after it was applied', async () => {
    await migration('0001_one', 'CREATE TABLE one (id int);');
    await deployMigrations({ url: database.url, folder });
    await migration('0001_one', 'CREATE TABLE one (id bigint);');
    await expect(deployMigrations({ url: database.url, folder })).rejects.toThrow(MigrationError);
  });

  it('refuses a database that a newer version has used', async () => {
    await migration('0001_one', 'CREATE TABLE one (id int);');
    await migration('0002_newer', 'CREATE TABLE two (id int);');
    await deployMigrations({ url: database.url, folder });
    await rm(join(folder, '0002_newer'), { recursive: true });
    await expect(deployMigrations({ url: database.url, folder })).rejects.toThrow('0002_newer');
  });
});
