import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@portico/postgres';
import { endWithTests } from './own-processes.ts';

/** `ready.json` as scripts read it. */
export interface Ready {
  pid: number;
  baseDomain: string;
  http: { port: number };
  https: { port: number };
  connect: { host: string; port: number };
  api: { url: string };
  dashboard: { url: string };
  caFile: string;
  agentConfigFile: string;
  account: { email: string; password: string };
  authtoken: string;
  apiKey: string;
  pids: { postgres: number | null; api: number; edge: number; dashboard: number; agent: number };
}

export interface PlatformProcess {
  readonly child: ChildProcess;
  readonly dataDir: string;
  readonly ready: Ready;
  /** What it printed so far. */
  output(): string;
  /** The ready file as it is now. */
  readReady(): Ready;
  /** SIGTERM; resolves with the exit code. Keeps the data directory. */
  stop(): Promise<number | null>;
  /** stop(), then removes the data directory if this call made it. */
  dispose(): Promise<void>;
}

export const checkout = join(import.meta.dirname, '../..');

export const freePorts: Readonly<Record<string, string>> = {
  PORTICO_HTTP_PORT: '0',
  PORTICO_HTTPS_PORT: '0',
  PORTICO_CONNECT_PORT: '0',
  PORTICO_API_PORT: '0',
  PORTICO_DASHBOARD_PORT: '0',
  PORTICO_INTERNAL_PORT: '0',
  PORTICO_TCP_PORTS: '0',
};

/** Starts the real platform as `npm start` does after the bootstrap, on free ports and a data directory of its own. */
export async function startPlatformProcess(
  options: { args?: readonly string[]; env?: NodeJS.ProcessEnv; dataDir?: string } = {},
): Promise<PlatformProcess> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'portico-e2e-'));
  const { child, output, exited } = await spawnPlatform({ ...options, dataDir });
  const readyFile = join(dataDir, 'ready.json');
  const readReady = (): Ready => JSON.parse(readFileSync(readyFile, 'utf8'));
  const deadline = performance.now() + 90_000;
  // A ready file of a platform that was killed may still lie there.
  const isReady = (): boolean => existsSync(readyFile) && readReady().pid === child.pid;
  while (!isReady()) {
    const ended = await Promise.race([exited, new Promise<false>((resolve) => setTimeout(resolve, 50, false))]);
    if (ended !== false) throw new Error(`the platform ended with ${ended.code ?? ended.signal}:\n${output()}`);
    if (performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the platform did not serve in time:\n${output()}`);
    }
  }
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return (await exited).code;
  };
  return {
    child,
    dataDir,
    ready: readReady(),
    output,
    readReady,
    stop,
    dispose: async () => {
      await stop();
      if (options.dataDir === undefined) await removeDataDir(dataDir);
    },
  };
}

/** With `DATABASE_URL` every data directory gets a database of its own on that server, as long as it exists. */
const databases = new Map<string, TestDatabase>();

async function databaseOf(dataDir: string): Promise<NodeJS.ProcessEnv> {
  if (process.env.DATABASE_URL === undefined) return {};
  const database = databases.get(dataDir) ?? (await createTestDatabase());
  databases.set(dataDir, database);
  return { DATABASE_URL: database.url };
}

/** Removes what platforms on this data directory have left, once the last one has ended. */
export async function removeDataDir(dataDir: string): Promise<void> {
  rmSync(dataDir, { recursive: true, force: true });
  await databases.get(dataDir)?.drop();
  databases.delete(dataDir);
}

/** The same without waiting; for starts that are meant to fail. */
export async function spawnPlatform(options: {
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  dataDir: string;
}): Promise<{
  child: ChildProcess;
  output(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}> {
  const database = await databaseOf(options.dataDir);
  const child = spawn(process.execPath, [join(checkout, 'apps/platform/src/main.ts'), ...(options.args ?? [])], {
    env: {
      ...process.env,
      ...freePorts,
      PORTICO_DATA_DIR: options.dataDir,
      NO_COLOR: '1',
      ...database,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithTests(child);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exited = once(child, 'exit').then(([code, signal]) => ({
    code: typeof code === 'number' ? code : null,
    signal: signal ?? null,
  }));
  return { child, output: () => text, exited };
}
