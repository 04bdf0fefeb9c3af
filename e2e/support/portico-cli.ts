import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithTests } from './own-processes.ts';
import { checkout } from './platform.ts';

export interface PorticoProcess {
  readonly child: ChildProcess;
  /** The public address of its (first) endpoint. */
  readonly url: string;
  output(): string;
  /** Ctrl-C, which leaves visitors that are silent for two seconds, or what a service manager sends; resolves with the exit code. */
  stop(signal?: 'SIGINT' | 'SIGTERM'): Promise<number | null>;
  /** kill -9. */
  kill(): Promise<void>;
}

export interface PorticoRun {
  readonly code: number | null;
  readonly output: string;
}

const script = join(checkout, 'apps/cli/src/main.ts');

/** Runs the real `portico` command and waits until its endpoint is online. */
export async function startPortico(
  platform: { agentConfigFile: string },
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<PorticoProcess> {
  const child = spawn(
    process.execPath,
    [script, ...args, '--config', platform.agentConfigFile, '--log', 'stdout', '--log-format', 'json'],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  );
  endWithTests(child);
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      text = `${text}${line}\n`.slice(-100_000);
      const started = /"msg":"started tunnel"/.test(line) ? /"url":"([^"]+)"/.exec(line)?.[1] : undefined;
      if (started !== undefined) resolve(started);
    });
    void exited.then(([code]) => reject(new Error(`portico ${args.join(' ')} ended with ${code}:\n${text}`)));
  });
  return {
    child,
    url,
    output: () => text,
    stop: async (signal = 'SIGINT') => {
      child.kill(signal);
      const [code] = await exited;
      return typeof code === 'number' ? code : null;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Runs `portico` to its end. */
export async function runPortico(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<PorticoRun> {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, output };
}
