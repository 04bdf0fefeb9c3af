import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Agent, connectAgent } from '@portico/agent';
import { endWithTests } from './own-processes.ts';

/** Many agents in one process of their own, each with one http endpoint `<name>-<n>`. */
export interface ManyAgents {
  readonly urls: readonly string[];
  /** From now on returns are counted anew. */
  expectReturns(): void;
  /** Settles when every endpoint was online again since; rejects after `withinMs`. */
  allBack(withinMs: number): Promise<Returns>;
  stop(): Promise<void>;
}

export interface Returns {
  /** Of each endpoint, since `expectReturns`. */
  readonly afterMs: readonly number[];
  /** The most tries that one of them needed. */
  readonly triesMax: number;
}

export interface ManyAgentsOptions {
  readonly connectUrl: string;
  readonly caFile: string;
  readonly authtoken: string;
  readonly upstreamPort: number;
  readonly name: string;
  readonly count: number;
}

type Said =
  | { readonly kind: 'ready'; readonly urls: readonly string[] }
  | ({ readonly kind: 'returns' } & Returns)
  | { readonly kind: 'failed'; readonly message: string };

export async function startManyAgents(options: ManyAgentsOptions): Promise<ManyAgents> {
  const child = fork(import.meta.filename, [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  endWithTests(child);
  const exited = once(child, 'exit');
  let latest: Returns = { afterMs: [], triesMax: 0 };
  const heard = new Set<() => void>();
  const ready = Promise.withResolvers<readonly string[]>();
  child.on('message', (said: Said) => {
    if (said.kind === 'ready') ready.resolve(said.urls);
    else if (said.kind === 'failed') ready.reject(new Error(said.message));
    else latest = said;
    for (const wake of heard) wake();
  });
  void exited.then(([code]) => ready.reject(new Error(`the agents ended with ${code}`)));
  const urls = await ready.promise;
  return {
    urls,
    expectReturns: () => {
      latest = { afterMs: [], triesMax: 0 };
      child.send('expect');
    },
    allBack: (withinMs) =>
      new Promise((resolve, reject) => {
        const done = (): void => {
          clearTimeout(timer);
          heard.delete(look);
        };
        const timer = setTimeout(() => {
          done();
          reject(new Error(`${latest.afterMs.length} of ${urls.length} are back after ${withinMs} ms`));
        }, withinMs);
        const look = (): void => {
          if (latest.afterMs.length < urls.length) return;
          done();
          resolve(latest);
        };
        heard.add(look);
        look();
      }),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function run(options: ManyAgentsOptions): Promise<void> {
  const ca = readFileSync(options.caFile, 'utf8');
  const tell = (said: Said): void => void process.send?.(said);
  let sinceMs = performance.now();
  let afterMs: number[] = [];
  let triesMax = 0;
  process.on('message', () => {
    sinceMs = performance.now();
    afterMs = [];
    triesMax = 0;
  });
  const urls: string[] = [];
  const agents: Agent[] = [];
  const start = async (n: number): Promise<void> => {
    const agent = connectAgent({ connectUrl: options.connectUrl, ca, authtoken: options.authtoken });
    agents.push(agent);
    agent.on('state', (state) => {
      if (state.kind === 'reconnecting') triesMax = Math.max(triesMax, state.attempt);
    });
    agent.on('online', (_endpoint, again) => {
      if (!again) return;
      afterMs.push(performance.now() - sinceMs);
      tell({ kind: 'returns', afterMs, triesMax });
    });
    const upstream = String(options.upstreamPort);
    urls[n] = (await agent.forward({ proto: 'http', subdomain: `${options.name}-${n}`, upstream })).url;
  };
  try {
    for (let n = 0; n < options.count; n += 25) {
      const wave = Math.min(25, options.count - n);
      await Promise.all(Array.from({ length: wave }, (_unused, i) => start(n + i)));
    }
    tell({ kind: 'ready', urls });
  } catch (error) {
    tell({ kind: 'failed', message: String(error) });
  }
  process.on('SIGTERM', () => void Promise.all(agents.map((agent) => agent.close())).then(() => process.exit(0)));
  process.on('disconnect', () => process.exit(0));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run(JSON.parse(process.argv[2] ?? '{}'));
