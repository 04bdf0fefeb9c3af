import { createTestDatabase, type TestDatabase } from '@portico/postgres';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlatformProcess, startPlatformProcess } from '../support/platform.ts';
import { type PorticoProcess, startPortico } from '../support/portico-cli.ts';
import { hasProgram, runProgram } from '../support/program.ts';

describe('a PostgreSQL client over a TCP endpoint', () => {
  let platform: PlatformProcess;
  let database: TestDatabase;
  let tunnel: PorticoProcess;
  let throughTunnel = '';

  beforeAll(async () => {
    [platform, database] = await Promise.all([startPlatformProcess(), createTestDatabase()]);
    const url = new URL(database.url);
    tunnel = await startPortico(platform.ready, ['tcp', `${url.hostname}:${url.port || '5432'}`]);
    const { hostname, port } = new URL(tunnel.url.replace('tcp:', 'http:'));
    expect(hostname).toBe('localhost');
    url.hostname = '127.0.0.1';
    url.port = port;
    throughTunnel = url.toString();
  });
  afterAll(async () => {
    await tunnel?.stop();
    await platform?.dispose();
    await database?.drop();
  });

  it('runs a session: schema, transaction, many rows, notification', async () => {
    const client = new pg.Client({ connectionString: throughTunnel });
    await client.connect();
    await client.query('create table t (id int primary key, body text)');
    await client.query('begin');
    await client.query('insert into t select n, repeat(md5(n::text), 100) from generate_series(1, 5000) n');
    await client.query('commit');
    const { rows } = await client.query('select id, body = repeat(md5(id::text), 100) as same from t order by id');
    expect(rows).toHaveLength(5_000);
    expect(rows.every(({ same }) => same === true)).toBe(true);
    const notified = new Promise((resolve) => client.once('notification', ({ payload }) => resolve(payload)));
    await client.query('listen news');
    await client.query("notify news, 'hello'");
    expect(await notified).toBe('hello');
    await client.end();
  });

  it('serves psql', async (context) => {
    if (!(await hasProgram('psql'))) return context.skip('psql is not installed');
    const answer = await runProgram('psql', [
      throughTunnel,
      '-X',
      '-A',
      '-t',
      '-c',
      'select sum(n) from generate_series(1, 1000) n',
    ]);
    expect(answer.trim()).toBe('500500');
  });
});
