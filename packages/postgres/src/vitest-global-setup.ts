import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningPostgres, startPostgres } from './postgres-server.ts';
import { dropDatabasesOfRun, TEST_BROKER, TEST_RUN, TEST_URL } from './test-database.ts';

/**
 * Gives a test run its Postgres. Nothing starts until the first test asks by createTestDatabase(): the setup only
 * listens on a socket for that question. With DATABASE_URL the databases of the tests are made on that server.
 */
export default async function setup(): Promise<() => Promise<void>> {
  if (process.env[TEST_RUN] !== undefined) {
    // Another project of the same run has set it up.
    return async () => {};
  }
  const run = randomBytes(4).toString('hex');
  process.env[TEST_RUN] = run;
  const external = process.env.DATABASE_URL ?? '';
  if (external !== '') {
    process.env[TEST_URL] = external;
    return async () => {
      await dropDatabasesOfRun(external, run);
      forget();
    };
  }
  const dir = await mkdtemp(join(tmpdir(), 'portico-test-'));
  let cluster: Promise<TestCluster> | null = null;
  const broker = await listen(join(dir, 'broker'), () => {
    cluster ??= startCluster(dir);
    return cluster;
  });
  process.env[TEST_BROKER] = join(dir, 'broker');
  return async () => {
    forget();
    await new Promise((resolve) => broker.close(resolve));
    const started = await cluster?.catch(() => null);
    await started?.server.stop();
    started?.dismissUndertaker();
    await rm(dir, { recursive: true, force: true });
  };
}

interface TestCluster {
  readonly server: RunningPostgres;
  dismissUndertaker(): void;
}

async function startCluster(dir: string): Promise<TestCluster> {
  const server = await startPostgres({
    dataDir: join(dir, 'postgres'),
    // Where a cluster cannot stay in place it is removed with the rest all the same.
    stateDir: dir,
    port: 0,
    log: { info: () => {}, warn: (fields, message) => console.error(message, fields) },
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '300',
      shared_buffers: '64MB',
    },
  });
  // A test run that is killed has no teardown. This shell notices by the end of its input and does the work.
  const undertaker = spawn(
    '/bin/sh',
    ['-c', 'cat >/dev/null; kill -QUIT "$1" 2>/dev/null && sleep 1; rm -rf "$2"', 'sh', String(server.pid), dir],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true },
  );
  undertaker.unref();
  return { server, dismissUndertaker: () => void undertaker.kill('SIGKILL') };
}

function listen(path: string, ask: () => Promise<TestCluster>): Promise<Server> {
  const broker = createServer((socket) => {
    socket.on('error', () => {
      // The worker that asked is gone.
    });
    ask().then(
      ({ server }) => socket.end(JSON.stringify({ url: server.url })),
      (error: unknown) => socket.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) })),
    );
  });
  return new Promise((resolve, reject) => {
    broker.once('error', reject);
    broker.listen(path, () => resolve(broker.unref()));
  });
}

function forget(): void {
  for (const name of [TEST_URL, TEST_BROKER, TEST_RUN]) {
    delete process.env[name];
  }
}
