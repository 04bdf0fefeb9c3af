import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  access,
  constants,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { findBinaries } from './binaries.ts';
import { PostgresStartError } from './postgres-start-error.ts';
import { isPostmasterOf, isRunning, processesIn, readPostmasterFile } from './postmaster.ts';
import {
  chooseResidence,
  commandFor,
  giveTo,
  postgresEnvironment,
  type Residence,
  type ResidenceOptions,
} from './residence.ts';
import { takeStartLock } from './start-lock.ts';

/** The part of a logger that is used here; a pino logger fits. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface EmbeddedPostgresOptions extends ResidenceOptions {
  /** A directory for Postgres alone, made if missing: the cluster, its password and its log lie in it, mode 0700. */
  readonly dataDir: string;
  /** 0 takes any free port. A server that runs already is taken over on the port that it has. */
  readonly port: number;
  readonly log: Log;
  /** Settings of the server itself, as for `postgres -c name=value`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Recovery after a crash counts in. */
  readonly startTimeoutMs?: number;
}

export interface PostgresExit {
  /** Whether stop() brought it about. */
  readonly expected: boolean;
}

export interface RunningPostgres {
  /** Connection string of the database `portico`, password included: a secret. */
  readonly url: string;
  readonly pid: number;
  readonly port: number;
  /** True when it ran already, because whoever had started it was killed. */
  readonly attached: boolean;
  /** Settles when the server has ended, for whatever reason. Never rejects. */
  readonly exited: Promise<PostgresExit>;
  /** Ends all connections and the server (SIGINT, a fast shutdown) and waits for it. Can be called again. */
  stop(): Promise<void>;
}

const DATABASE = 'portico';
const SUPERUSER = 'postgres';
const MAJOR_VERSION = '18';
const LOG_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Starts the embedded Postgres of a data directory, or attaches to the one that runs there already. Listens on
 * 127.0.0.1 only and asks for a password (scram-sha-256), because other users of the machine reach that port too.
 *
 * The server is a process group of its own: Ctrl-C at the terminal does not reach it, and a killed starter leaves it
 * running. The caller ends it by stop(). Throws PostgresStartError.
 */
export async function startPostgres(options: EmbeddedPostgresOptions): Promise<RunningPostgres> {
  const { log, startTimeoutMs = 120_000 } = options;
  const binaries = await findBinaries();
  const dataDir = await prepareDataDir(options.dataDir);
  const unlock = await takeStartLock(join(dataDir, 'start.lock'), startTimeoutMs);
  try {
    const residence = await chooseResidence(dataDir, binaries, options);
    const password = await loadOrCreatePassword(dataDir, residence);
    const cluster: Cluster = {
      dataDir,
      residence,
      password,
      logFile: join(dirname(residence.clusterDir), 'postgres.log'),
    };
    const deadline = performance.now() + startTimeoutMs;

    const running = await findRunning(cluster, deadline);
    if (running !== null) {
      const server = new Server(cluster, running, null, log);
      try {
        await ensureDatabase(server.url);
      } catch (error) {
        throw new PostgresStartError(
          'not-ours',
          `A Postgres (pid ${running.pid}) runs in ${residence.clusterDir} but does not let us in: ${textOf(error)}`,
          { cause: error },
        );
      }
      log.info({ pid: running.pid, port: running.port }, 'attached to the Postgres that was running');
      return server;
    }

    await createCluster(cluster, log);
    await waitForLeftovers(residence.clusterDir, deadline);
    const { child, postmaster } = await launch(cluster, options, deadline);
    const server = new Server(cluster, postmaster, child, log);
    try {
      await ensureDatabase(server.url);
    } catch (error) {
      await server.stop();
      throw new PostgresStartError('failed', `Postgres started but cannot be used: ${textOf(error)}`, { cause: error });
    }
    log.info({ pid: server.pid, port: server.port, runAs: residence.runAs.kind }, 'Postgres started');
    return server;
  } finally {
    unlock();
  }
}

interface Cluster {
  readonly dataDir: string;
  readonly residence: Residence;
  readonly password: string;
  readonly logFile: string;
}

interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

class Server implements RunningPostgres {
  readonly url: string;
  readonly pid: number;
  readonly port: number;
  readonly attached: boolean;
  readonly exited: Promise<PostgresExit>;
  readonly #log: Log;
  readonly #logTrimmer: NodeJS.Timeout;
  #stopping: Promise<void> | null = null;

  constructor(cluster: Cluster, { pid, port }: Postmaster, child: ChildProcess | null, log: Log) {
    this.pid = pid;
    this.port = port;
    this.attached = child === null;
    this.url = connectionString(cluster.password, port, DATABASE);
    this.#log = log;
    const gone = child === null ? untilGone(pid) : untilExit(child);
    this.exited = gone.then(() => {
      clearInterval(this.#logTrimmer);
      const expected = this.#stopping !== null;
      if (!expected) {
        log.warn({ pid }, 'Postgres ended by itself');
      }
      return { expected };
    });
    // The server appends, so cutting its file short under it is safe.
    this.#logTrimmer = setInterval(() => void trimLog(cluster.logFile), 60_000).unref();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    // Fast; then without a checkpoint; then by force. A crash recovery at the next start repairs the last two.
    for (const [signal, patienceMs] of [
      ['SIGINT', 30_000],
      ['SIGQUIT', 10_000],
      ['SIGKILL', 10_000],
    ] as const) {
      if (signal !== 'SIGINT') {
        this.#log.warn({ pid: this.pid, signal }, 'Postgres does not stop');
      }
      sendSignal(this.pid, signal);
      const timer = new AbortController();
      const late = delay(patienceMs, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
      const outcome = await Promise.race([this.exited, late]);
      timer.abort();
      if (outcome !== 'late') {
        return;
      }
    }
    throw new Error(`Postgres (pid ${this.pid}) does not end`);
  }
}

async function prepareDataDir(given: string): Promise<string> {
  try {
    await mkdir(given, { recursive: true, mode: 0o700 });
    const dataDir = await realpath(given);
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return dataDir;
  } catch (error) {
    throw new PostgresStartError(
      'data-dir-unusable',
      `The directory ${given} cannot be used for the database: ${textOf(error)}`,
      { cause: error },
    );
  }
}

async function loadOrCreatePassword(dataDir: string, residence: Residence): Promise<string> {
  const file = join(dataDir, 'password');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (existsSync(join(residence.clusterDir, 'PG_VERSION'))) {
      throw new PostgresStartError('data-dir-unusable', `The password of the database is lost: ${textOf(error)}`, {
        cause: error,
      });
    }
  }
  const password = randomBytes(24).toString('base64url');
  await writeFile(`${file}.new`, `${password}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return password;
}

/** The server that runs in this cluster, once it is ready; null when there is none, or it was just ending. */
async function findRunning({ residence }: Cluster, deadline: number): Promise<Postmaster | null> {
  for (;;) {
    const found = await readPostmasterFile(residence.clusterDir);
    if (found === null) {
      return null;
    }
    if (!(await isPostmasterOf(found.pid, residence.clusterDir))) {
      // Postgres judges by the number alone and would refuse to start if some other program has it by now.
      await waitForLeftovers(residence.clusterDir, deadline);
      await rm(join(residence.clusterDir, 'postmaster.pid'), { force: true });
      return null;
    }
    if (found.status === 'ready' && found.port > 0) {
      return { pid: found.pid, port: found.port };
    }
    if (performance.now() >= deadline) {
      throw new PostgresStartError('failed', `The Postgres with pid ${found.pid} does not become ready.`);
    }
    await delay(25);
  }
}

/** Backends of a killed postmaster notice within moments; a new server must not share the files with them. */
async function waitForLeftovers(clusterDir: string, deadline: number): Promise<void> {
  for (;;) {
    const left = await processesIn(clusterDir);
    if (left.length === 0) {
      return;
    }
    if (performance.now() >= deadline) {
      throw new PostgresStartError('failed', `Processes of an earlier Postgres still run: ${left.join(', ')}.`);
    }
    await delay(50);
  }
}

async function createCluster({ dataDir, residence, password }: Cluster, log: Log): Promise<void> {
  const { clusterDir, runAs } = residence;
  const version = await readFile(join(clusterDir, 'PG_VERSION'), 'utf8').catch(() => null);
  if (version !== null) {
    if (version.trim() !== MAJOR_VERSION) {
      throw new PostgresStartError(
        'wrong-version',
        `The database in ${clusterDir} is of Postgres ${version.trim()}; this is ${MAJOR_VERSION}. Dump it with the old one and load it into a new data directory.`,
      );
    }
    return;
  }
  // Made aside and renamed, so that an interrupted initdb leaves nothing that looks like a cluster.
  const unfinished = `${clusterDir}.unfinished`;
  const passwordFile = join(dirname(clusterDir), 'initdb-password');
  await rm(unfinished, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
    await giveTo(passwordFile, runAs);
    const startedAt = performance.now();
    const { file, args, ids } = commandFor(residence, 'initdb', [
      `--pgdata=${unfinished}`,
      `--username=${SUPERUSER}`,
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-instructions',
      // The rename below is not synced either; a cluster that a power cut spoils this early holds nothing yet.
      '--no-sync',
    ]);
    await runToEnd(file, args, ids);
    await rename(unfinished, clusterDir);
    log.info({ dataDir, ms: Math.round(performance.now() - startedAt) }, 'made a new database cluster');
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function runToEnd(file: string, args: readonly string[], ids: { uid?: number; gid?: number }): Promise<void> {
  const child = spawn(file, args, { ...ids, cwd: '/', env: postgresEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) {
    throw new PostgresStartError('failed', `initdb failed:\n${output.trim()}`);
  }
}

async function launch(
  cluster: Cluster,
  { port: wantedPort, settings = {} }: EmbeddedPostgresOptions,
  deadline: number,
): Promise<{ child: ChildProcess; postmaster: Postmaster }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = wantedPort === 0 ? await freePort() : wantedPort;
    if (wantedPort !== 0 && !(await isFree(port))) {
      throw portTaken(port);
    }
    const outcome = await launchOnce(cluster, port, settings, deadline);
    if (outcome.kind === 'ready') {
      return outcome;
    }
    if (!/could not bind|could not create any TCP\/IP sockets/.test(outcome.logText)) {
      throw new PostgresStartError('failed', `Postgres did not start:\n${outcome.logText.trim()}`);
    }
    // Between our look and its bind somebody else took the port.
    if (wantedPort !== 0 || attempt === 5) {
      throw portTaken(port);
    }
  }
}

type Launch =
  | { readonly kind: 'ready'; readonly child: ChildProcess; readonly postmaster: Postmaster }
  | { readonly kind: 'failed'; readonly logText: string };

async function launchOnce(
  { residence, logFile }: Cluster,
  port: number,
  settings: Readonly<Record<string, string>>,
  deadline: number,
): Promise<Launch> {
  const { clusterDir } = residence;
  const all: Record<string, string> = {
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Errors of statements go to the client that made them; here they would only fill the disk.
    log_min_messages: 'log',
    log_checkpoints: 'off',
    ...settings,
  };
  const { file, args, ids } = commandFor(residence, 'postgres', [
    '-D',
    clusterDir,
    '-p',
    String(port),
    '-h',
    '127.0.0.1',
    '-k',
    '',
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  await trimLog(logFile);
  const log = await open(logFile, 'a', 0o600);
  await giveTo(logFile, residence.runAs);
  const logStart = (await log.stat()).size;
  let child: ChildProcess;
  try {
    child = spawn(file, args, {
      ...ids,
      cwd: '/',
      env: postgresEnvironment(),
      detached: true,
      // A file, not a pipe: it outlives us, and a pipe that nobody reads would stop the server.
      stdio: ['ignore', log.fd, log.fd],
    });
  } finally {
    await log.close();
  }
  child.unref();
  const exit = untilExit(child);
  let exited = false;
  void exit.then(() => {
    exited = true;
  });
  for (;;) {
    const found = await readPostmasterFile(clusterDir);
    if (found !== null && found.pid === child.pid && found.status === 'ready') {
      return { kind: 'ready', child, postmaster: { pid: found.pid, port } };
    }
    if (exited) {
      return { kind: 'failed', logText: (await readFile(logFile, 'utf8')).slice(logStart) };
    }
    if (performance.now() >= deadline) {
      child.kill('SIGQUIT');
      await exit;
      throw new PostgresStartError('failed', `Postgres did not become ready in time. Its log is ${logFile}.`);
    }
    await Promise.race([exit, delay(25)]);
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const client = new pg.Client({ connectionString: admin.href, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {
    // Reported by the query that it breaks.
  });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) {
      await client.query(`CREATE DATABASE ${DATABASE}`);
    }
  } finally {
    await client.end();
  }
}

function connectionString(password: string, port: number, database: string): string {
  return `postgresql://${SUPERUSER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

function untilExit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

async function untilGone(pid: number): Promise<void> {
  while (await isRunning(pid)) {
    await delay(50, undefined, { ref: false });
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended; the caller waits for that anyway.
  }
}

async function trimLog(file: string): Promise<void> {
  try {
    if ((await stat(file)).size > LOG_BYTES_MAX) {
      await truncate(file);
    }
  } catch {
    // No log yet, or a full disk: neither stops the server.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

function portTaken(port: number): PostgresStartError {
  return new PostgresStartError('port-taken', `Postgres cannot listen on 127.0.0.1:${port}: the port is taken.`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
