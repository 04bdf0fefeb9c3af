import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from './platform.ts';

export interface DashboardProcess {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  /** What it printed so far. */
  output(): string;
  /** SIGTERM; resolves with the exit code and how long it took. */
  stop(): Promise<{ code: number | null; tookMs: number }>;
}

/** The built dashboard as a process of its own on a free port, asking `internalUrl` as its API. */
export async function startDashboard(options: {
  internalUrl: string;
  credential: string;
  env?: NodeJS.ProcessEnv;
}): Promise<DashboardProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'portico-dashboard-'));
  const credentialFile = join(folder, 'node-dashboard.credential');
  writeFileSync(credentialFile, `${options.credential}\n`, { mode: 0o600 });
  const child = fork(join(checkout, 'apps/dashboard/launch.mjs'), [], {
    env: {
      ...process.env,
      PORTICO_DASHBOARD_PORT: '0',
      PORTICO_INTERNAL_URL: options.internalUrl,
      PORTICO_NODE_CREDENTIAL_FILE: credentialFile,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exited = once(child, 'exit').then(([code]) => {
    rmSync(folder, { recursive: true, force: true });
    return typeof code === 'number' ? code : null;
  });
  const message: unknown = await Promise.race([
    once(child, 'message').then(([first]: unknown[]) => first),
    exited.then(() => ({ kind: 'exited' })),
  ]);
  const port = portOf(message);
  if (port === null) {
    child.kill('SIGKILL');
    throw new Error(`the dashboard does not start: ${JSON.stringify(message)}\n${text}`);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    child,
    output: () => text,
    stop: async () => {
      const beganMs = performance.now();
      child.kill('SIGTERM');
      return { code: await exited, tookMs: performance.now() - beganMs };
    },
  };
}

function portOf(message: unknown): number | null {
  if (typeof message !== 'object' || message === null || !('kind' in message) || !('port' in message)) return null;
  return message.kind === 'ready' && typeof message.port === 'number' ? message.port : null;
}
