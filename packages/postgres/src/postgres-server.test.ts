import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findBinaries } from './binaries.ts';
import { type EmbeddedPostgresOptions, type RunningPostgres, startPostgres } from './postgres-server.ts';
import { PostgresStartError } from './postgres-start-error.ts';
import { isRunning, parsePostmasterFile, processesIn } from './postmaster.ts';
import { providePostgres } from './provided-postgres.ts';
import { chooseResidence } from './residence.ts';
import { takeStartLock } from './start-lock.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

/** A data directory that was used once: a copy of it saves a test the making of the cluster. */
let seed: string;
let folder: string;
let dataDir: string;
const servers: RunningPostgres[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  seed = await mkdtemp(join(tmpdir(), 'portico-postgres-'));
  dataDir = seed;
  await (await start()).stop();
});

afterAll(() => rm(seed, { recursive: true, force: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portico-postgres-'));
  dataDir = join(folder, 'data');
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
  }
  await rm(folder, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<RunningPostgres> {
  const server = await startPostgres({
    dataDir,
    port: 0,
    settings: { fsync: 'off' },
    log: { info: () => {}, warn: () => {} },
    ...options,
  });
  servers.push(server);
  return server;
}

/** For tests of a later start. */
async function useSeed(): Promise<void> {
  await promisify(execFile)('cp', ['-a', '--reflink=auto', seed, dataDir]);
}

describe('a started Postgres', () => {
  it('serves the database portico to whoever has its password, on loopback only', async () => {
    await useSeed();
    const server = await start();
    expect(server.attached).toBe(false);
    expect(await query(server.url, 'SELECT current_database() AS name')).toEqual([{ name: 'portico' }]);
    expect(await query(server.url, 'SHOW server_encoding; SHOW listen_addresses')).toBeDefined();

    const without = new URL(server.url);
    without.password = '';
    await expect(query(without.href, 'SELECT 1')).rejects.toThrow();
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');

    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    for (const { address } of addresses.filter(({ internal, family }) => !internal && family === 'IPv4')) {
      const outside = new URL(server.url);
      outside.hostname = address;
      await expect(query(outside.href, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    }
  });

  it('keeps its secrets to its owner', async () => {
    const server = await start();
    const password = (await readFile(join(dataDir, 'password'), 'utf8')).trim();
    expect(new URL(server.url).password).toBe(password);
    expect(password.length).toBeGreaterThanOrEqual(32);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dataDir, 'cluster', 'pg_hba.conf'), 'utf8')).not.toMatch(/^[^#]*\btrust\b/m);
    expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log', 'start.lock']);
  });

  it('has ended when stop returns, and has its data when it is started again', async () => {
    await useSeed();
    const first = await start();
    await query(first.url, 'CREATE TABLE thing AS SELECT 7 AS id');
    // An open connection does not hold it up.
    const open = new pg.Client({ connectionString: first.url });
    open.on('error', () => {});
    await open.connect();
    await Promise.all([first.stop(), first.stop()]);
    expect(await first.exited).toEqual({ expected: true });
    expect(await isRunning(first.pid)).toBe(false);
    expect(await processesIn(join(dataDir, 'cluster'))).toEqual([]);

    const second = await start({ port: first.port });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT id FROM thing')).toEqual([{ id: 7 }]);
  });

  it('is not ended by Ctrl-C at the terminal of its starter', async () => {
    await useSeed();
    const child = await startInProcess(dataDir, { detached: true });
    process.kill(-(child.process.pid ?? 0), 'SIGINT');
    await once(child.process, 'exit');
    expect(await isRunning(child.pid)).toBe(true);
    expect((await start()).pid).toBe(child.pid);
  });

  it('says when it ended by itself, and recovers what was committed', async () => {
    await useSeed();
    const server = await start();
    await query(server.url, 'CREATE TABLE thing AS SELECT 7 AS id');
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toEqual({ expected: false });
    const again = await start();
    expect(again).toMatchObject({ attached: false });
    expect(await query(again.url, 'SELECT id FROM thing')).toEqual([{ id: 7 }]);
  });
});

describe('a start', () => {
  it('attaches to the server whose starter was killed', async () => {
    await useSeed();
    const child = await startInProcess(dataDir);
    await query(child.url, 'CREATE TABLE thing AS SELECT 7 AS id');
    child.process.kill('SIGKILL');
    await once(child.process, 'exit');

    const server = await start();
    expect(server).toMatchObject({ attached: true, pid: child.pid, url: child.url });
    expect(await query(server.url, 'SELECT id FROM thing')).toEqual([{ id: 7 }]);
    await server.stop();
    expect(await server.exited).toEqual({ expected: true });
    expect(await isRunning(child.pid)).toBe(false);
    expect(await start()).toMatchObject({ attached: false });
  });

  it('at the same moment as others, also in other processes, gives all the same server', async () => {
    const [one, two, child] = await Promise.all([start(), start(), startInProcess(dataDir)]);
    expect(new Set([one.url, two.url, child.url]).size).toBe(1);
    expect([one.attached, two.attached, child.attached].filter((attached) => !attached)).toHaveLength(1);
  });

  it('is not fooled by a stale lock file whose number belongs to somebody else by now', async () => {
    await useSeed();
    const server = await start();
    const file = join(dataDir, 'cluster', 'postmaster.pid');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await server.stop();
    await writeFile(file, [String(process.pid), ...lines.slice(1)].join('\n'));
    expect(await start()).toMatchObject({ attached: false });
  });

  it('begins anew where an earlier one was interrupted in the middle of making the cluster', async () => {
    await mkdir(join(dataDir, 'cluster.unfinished', 'base'), { recursive: true });
    await writeFile(join(dataDir, 'cluster.unfinished', 'PG_VERSION'), '18\n');
    await writeFile(join(dataDir, 'initdb-password'), 'left over');
    await start();
    expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'password', 'postgres.log', 'start.lock']);
  });

  it('waits while another starts, and is let in when that one is killed', async () => {
    const holder = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { takeStartLock } from ${JSON.stringify(new URL('./start-lock.ts', import.meta.url).href)};
        await takeStartLock(process.argv[1], 1000); console.log('held'); setInterval(() => {}, 1000);`,
        join(folder, 'lock'),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(holder);
    await once(holder.stdout, 'data');
    await expect(takeStartLock(join(folder, 'lock'), 100)).rejects.toMatchObject({ fault: 'locked' });
    holder.kill('SIGKILL');
    const unlock = await takeStartLock(join(folder, 'lock'), 10_000);
    await expect(takeStartLock(join(folder, 'lock'), 100)).rejects.toThrow(PostgresStartError);
    unlock();
    (await takeStartLock(join(folder, 'lock'), 10_000))();
  });

  it.runIf(isRoot)('by a plain user works in place', async () => {
    await chmod(folder, 0o755);
    await mkdir(dataDir, { mode: 0o700 });
    await chown(dataDir, NOBODY, NOBODY);
    const child = await startInProcess(dataDir, { uid: NOBODY, gid: NOBODY });
    expect(await query(child.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect((await stat(join(dataDir, 'cluster'))).uid).toBe(NOBODY);
    child.process.stdin?.write('stop\n');
    await once(child.process, 'exit');
    // And root may take it over: it stays that user's.
    const server = await start();
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await uidOf(server.pid)).toBe(NOBODY);
  });
});

describe.runIf(isRoot)('a start by root where user namespaces are forbidden', () => {
  let stateDir: string;
  beforeEach(async () => {
    await chmod(folder, 0o755);
    stateDir = join(folder, 'state');
  });

  it('runs as nobody, with the cluster elsewhere, which is noted', async () => {
    const options = { allowNamespace: false, stateDir };
    const first = await start(options);
    expect(await uidOf(first.pid)).toBe(NOBODY);
    expect(await query(first.url, 'CREATE TABLE thing AS SELECT 7 AS id')).toEqual([]);
    const place: unknown = JSON.parse(await readFile(join(dataDir, 'place.json'), 'utf8'));
    expect(place).toMatchObject({
      clusterDir: expect.stringMatching(new RegExp(`^${stateDir}/[0-9a-f]{16}/cluster$`)),
    });
    expect(await readdir(dataDir)).not.toContain('cluster');

    // Another starter finds it there, also one that could use a namespace.
    expect(await start({ stateDir })).toMatchObject({ attached: true, pid: first.pid });
    await first.stop();
    const again = await start({ stateDir });
    expect(again.attached).toBe(false);
    expect(await query(again.url, 'SELECT id FROM thing')).toEqual([{ id: 7 }]);
  });

  it('takes a cluster along that was made in place', async () => {
    await useSeed();
    const before = await start();
    await query(before.url, 'CREATE TABLE thing AS SELECT 7 AS id');
    await before.stop();
    const after = await start({ allowNamespace: false, stateDir });
    expect(await query(after.url, 'SELECT id FROM thing')).toEqual([{ id: 7 }]);
    expect(await readdir(dataDir)).not.toContain('cluster');
  });

  it('copies the programs to where nobody can reach them', async () => {
    const { nativeDir, packageVersion } = await findBinaries();
    const hidden = join(folder, 'hidden');
    await mkdir(hidden, { mode: 0o700 });
    await cp(nativeDir, join(hidden, 'native'), { recursive: true, verbatimSymlinks: true });
    await mkdir(dataDir);
    const options = { allowNamespace: false, stateDir };
    const residence = await chooseResidence(dataDir, { nativeDir: join(hidden, 'native'), packageVersion }, options);
    expect(residence.nativeDir).toBe(join(stateDir, `postgres-${packageVersion}`));
    expect((await lstat(residence.nativeDir)).isDirectory()).toBe(true);
    expect(await chooseResidence(dataDir, { nativeDir: join(hidden, 'native'), packageVersion }, options)).toEqual(
      residence,
    );
  });
});

describe('a start that cannot be', () => {
  it('names the port that is taken', async () => {
    await useSeed();
    const { server, port } = await occupyPort();
    await expect(start({ port })).rejects.toMatchObject({
      fault: 'port-taken',
      message: `Postgres cannot listen on 127.0.0.1:${port}: the port is taken.`,
    });
    server.close();
    expect(await start({ port })).toMatchObject({ port });
  });

  it('names the directory that cannot be used', async () => {
    await writeFile(dataDir, 'a file');
    await expect(start()).rejects.toMatchObject({ fault: 'data-dir-unusable' });
    await expect(start()).rejects.toThrow(dataDir);
  });

  it.runIf(isRoot)('names the directory that a plain user may not write', async () => {
    await chmod(folder, 0o755);
    const refusal = await failInProcess(join(folder, 'not-mine'), { uid: NOBODY, gid: NOBODY });
    expect(refusal).toContain(`${join(folder, 'not-mine')} cannot be used for the database`);
  });

  it('says that the platform is not supported, and what to do', async () => {
    await expect(findBinaries('darwin', 'arm64')).rejects.toMatchObject({ fault: 'unsupported-platform' });
    await expect(findBinaries('linux', 'ppc64')).rejects.toThrow('Set DATABASE_URL');
  });

  it('does not touch a cluster of another version', async () => {
    await useSeed();
    await writeFile(join(dataDir, 'cluster', 'PG_VERSION'), '17\n');
    await expect(start()).rejects.toMatchObject({ fault: 'wrong-version' });
  });

  it('shows what Postgres said', async () => {
    await useSeed();
    await expect(start({ settings: { shared_buffers: 'much' } })).rejects.toThrow('invalid value for parameter');
    expect(await processesIn(join(dataDir, 'cluster'))).toEqual([]);
  });

  it('is told from the loss of the password', async () => {
    await useSeed();
    await rm(join(dataDir, 'password'));
    await expect(start()).rejects.toThrow('password of the database is lost');
  });
});

describe('with DATABASE_URL', () => {
  it('nothing is started or made', async () => {
    const url = 'postgresql://someone@db.example/portico';
    const log = { info: () => {}, warn: () => {} };
    const provided = await providePostgres({ databaseUrl: url, dataDir, port: 0, log });
    expect(provided).toMatchObject({ kind: 'external', url });
    await provided.stop();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a test run', () => {
  it.for(['killed', 'ended'] as const)('that is %s leaves no server and no files', async (end) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./testing/test-run.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, DATABASE_URL: '' },
    });
    children.push(child);
    const { url, broker } = await firstLine(child);
    const dir = dirname(String(broker));
    const postmaster = parsePostmasterFile(await readFile(join(dir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8'));
    expect(await query(String(url), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    if (end === 'killed') {
      child.kill('SIGKILL');
    } else {
      child.stdin.write('end\n');
    }
    while (
      (await isRunning(postmaster?.pid ?? 0)) ||
      (await stat(dir).then(
        () => true,
        () => false,
      ))
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

describe('a test run with DATABASE_URL', () => {
  it('makes its databases there and takes them away again', async () => {
    await useSeed();
    const server = await start();
    const names = () => query(server.url, "SELECT datname FROM pg_database WHERE datname LIKE 'portico_test_%'");
    const child = spawn(process.execPath, [fileURLToPath(new URL('./testing/test-run.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, DATABASE_URL: server.url },
    });
    children.push(child);
    expect(await firstLine(child)).toEqual({ url: server.url });
    expect(await names()).toHaveLength(1);
    child.stdin.write('end\n');
    await once(child, 'exit');
    expect(await names()).toEqual([]);
    expect(await isRunning(server.pid)).toBe(true);
  });
});

describe('postmaster.pid', () => {
  it('is read with care', () => {
    const text = '4711\n/data\n1700000000\n5433\n\n127.0.0.1\n  12345  7\nready   \n';
    expect(parsePostmasterFile(text)).toEqual({ pid: 4711, port: 5433, status: 'ready' });
    expect(parsePostmasterFile('4711\n/data\n')).toEqual({ pid: 4711, port: 0, status: 'unknown' });
    for (const bad of ['', '0', '1', '-4711\n', 'abc\n', '99999999999999999999\n']) {
      expect(parsePostmasterFile(bad)).toBeNull();
    }
  });
});

interface ForeignStart {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly url: string;
  readonly attached: boolean;
}

type Spawn = { uid?: number; gid?: number; detached?: boolean };

async function startInProcess(dir: string, options: Spawn = {}): Promise<ForeignStart> {
  const child = spawnStarter(dir, options);
  const { pid, url, attached, error } = await firstLine(child);
  if (typeof pid !== 'number' || typeof url !== 'string') {
    throw new Error(`the starter failed: ${String(error)}`);
  }
  return { process: child, pid, url, attached: attached === true };
}

async function failInProcess(dir: string, options: Spawn): Promise<string> {
  return String((await firstLine(spawnStarter(dir, options))).error);
}

function spawnStarter(dir: string, options: Spawn): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./testing/starter.ts', import.meta.url)), dir], {
    ...options,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<Record<string, unknown>> {
  if (child.stdout === null) {
    throw new Error('no output to read');
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const fields: unknown = JSON.parse(line);
    return Object.fromEntries(Object.entries(fields ?? {}));
  }
  throw new Error('the process ended without a word');
}

async function occupyPort(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

async function uidOf(pid: number): Promise<number> {
  return (await stat(`/proc/${pid}`)).uid;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query(sql);
    return Array.isArray(result) ? [] : result.rows;
  } finally {
    await client.end();
  }
}
