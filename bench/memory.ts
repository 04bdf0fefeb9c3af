import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../packages/postgres/src/index.ts';
import { createLogger } from '../packages/service/src/index.ts';
import type { RunningContestant } from './contestants/contestant.ts';
import { portico } from './contestants/portico.ts';
import { holdOpen } from './load/own.ts';
import { endLoad } from './load/under-way.ts';
import { memoryBytes, Program } from './process-group.ts';
import type { Upstream } from './upstream.ts';

/** What idle connections hold, in KiB each, after a forced collection on both sides, before and after. */
export interface MemoryFigures {
  readonly visitors: { readonly count: number; readonly serverKib: number; readonly clientKib: number } | null;
  readonly tunnels: { readonly count: number; readonly serverKib: number; readonly clientKib: number } | null;
  readonly faults: readonly string[];
}

/** For all of them to be there. */
const OPENING_MS = 180_000;

/** A Portico of its own: a collection on demand would tell on the speed of the one that is measured for speed. */
export async function measureMemory(
  upstream: Upstream,
  folder: string,
  options: { count: number; checkout?: string; progress(text: string): void },
): Promise<MemoryFigures> {
  const { count, checkout, progress } = options;
  const faults: string[] = [];
  mkdirSync(folder, { recursive: true });
  progress('memory: starting');
  // Its database is ours, to let the account run more agents than a new one may.
  const postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    port: 0,
    log: createLogger({ name: 'bench', level: 'error' }),
  });
  const running = await portico({
    tunnels: ['http'],
    nodeOptions: `--require=${join(import.meta.dirname, 'collect-on-signal.cjs')}`,
    databaseUrl: postgres.url,
    ...(checkout === undefined ? {} : { checkout }),
  }).start(upstream, folder, async (port) => port);
  try {
    return { visitors: await idleVisitors(), tunnels: await idleTunnels(), faults };
  } finally {
    await running.stop();
    await postgres.stop();
  }

  /** A new authtoken, which no edge has heard of with the old limit. */
  async function authtokenForMany(agents: NonNullable<RunningContestant['agents']>): Promise<string> {
    const database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
    await database.query('UPDATE account SET session_limit = $1, version = version + 1', [count * 2]);
    await database.end();
    const answer = await fetch(`${agents.apiUrl}/credentials`, {
      method: 'POST',
      headers: { authorization: `Bearer ${agents.apiKey}`, 'content-type': 'application/json' },
      body: '{}',
    });
    const made: { token?: string } = JSON.parse(await answer.text());
    if (made.token === undefined) throw new Error(`no authtoken: the API answered with ${answer.status}`);
    return made.token;
  }

  async function idleVisitors(): Promise<MemoryFigures['visitors']> {
    const { http } = running;
    if (http === null) return null;
    // The first ones pay for what all share: code that is compiled, tables, pools.
    for (let round = 0; round < 2; round += 1) (await holdOpen(http, Math.ceil(count / 10))).close();
    await settle(running);
    const before = await held(running);
    progress(`memory: ${count} idle visitors`);
    // What hangs is ended, and said to have been.
    const late = setTimeout(endLoad, OPENING_MS);
    const visitors = await holdOpen(http, count).finally(() => clearTimeout(late));
    faults.push(...visitors.faults);
    const after = await held(running);
    visitors.close();
    await settle(running);
    return {
      count,
      serverKib: (after.server - before.server) / count,
      clientKib: (after.client - before.client) / count,
    };
  }

  async function idleTunnels(): Promise<MemoryFigures['tunnels']> {
    const { agents } = running;
    if (agents === undefined) return null;
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, agents.ca);
    const authtoken = await authtokenForMany(agents);
    const open = async (many: number): Promise<Program> => {
      const program = new Program({
        name: 'idle tunnels',
        command: process.execPath,
        args: [
          `--require=${join(import.meta.dirname, 'collect-on-signal.cjs')}`,
          join(import.meta.dirname, 'load/idle-tunnels.ts'),
          agents.connectUrl,
          caFile,
          authtoken,
          String(many),
        ],
        logFile: join(folder, `tunnels-${many}.log`),
      });
      await program.whenUp(() => /^(open|failed)/m.test(program.output), OPENING_MS);
      const failed = /^failed.*$/m.exec(program.output);
      if (failed !== null) faults.push(failed[0]);
      return program;
    };
    await (await open(Math.ceil(count / 10))).stop();
    await settle(running);
    const before = await held(running);
    progress(`memory: ${count} idle tunnels`);
    const few = await open(1);
    const clientBefore = await heldBy(few.pids);
    const program = await open(count);
    const after = await held(running);
    const clientAfter = await heldBy(program.pids);
    await program.stop();
    await few.stop();
    return {
      count,
      serverKib: (after.server - before.server) / count,
      clientKib: (clientAfter - clientBefore) / count,
    };
  }
}

/** Until what was closed is forgotten. */
async function settle(running: RunningContestant): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await held(running);
}

/** KiB after a collection. */
async function held(running: RunningContestant): Promise<{ server: number; client: number }> {
  return { server: await heldBy(running.server()), client: await heldBy(running.client()) };
}

async function heldBy(pids: readonly number[]): Promise<number> {
  for (let round = 0; round < 2; round += 1) {
    for (const pid of pids) process.kill(pid, 'SIGUSR2');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  }
  return memoryBytes(pids) / 1024;
}
