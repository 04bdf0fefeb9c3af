import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';

/** CPU time of every thread of the given processes, in nanoseconds. Ticks of `/proc/PID/stat` would be too coarse. */
export function cpuNanoseconds(pids: Iterable<number>): number {
  let sum = 0;
  for (const pid of pids) {
    for (const thread of list(`/proc/${pid}/task`)) {
      sum += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0);
    }
  }
  return sum;
}

/** Memory of the given processes, in bytes: their own pages, and their share of those that they share. */
export function memoryBytes(pids: Iterable<number>): number {
  let kib = 0;
  for (const pid of pids) kib += Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
  return kib * 1024;
}

/** The process and all that descend from it. */
export function processTree(pid: number): number[] {
  const found = [pid];
  for (const thread of list(`/proc/${pid}/task`)) {
    for (const child of read(`/proc/${pid}/task/${thread}/children`).trim().split(' ')) {
      if (child !== '') found.push(...processTree(Number(child)));
    }
  }
  return found;
}

/** A program that runs until it is stopped. Its output goes to a file, whose end is shown if it fails. */
export class Program {
  readonly child: ChildProcess;
  readonly #name: string;
  readonly #logFile: string;
  readonly #exited: Promise<void>;
  #ended = false;

  constructor({
    name,
    command,
    args,
    logFile,
    cwd,
    env,
  }: {
    name: string;
    command: string;
    args: readonly string[];
    logFile: string;
    cwd?: string;
    env?: NodeJS.ProcessEnv;
  }) {
    this.#name = name;
    this.#logFile = logFile;
    this.child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      // Ctrl-C is for the bench alone, which stops each once: Portico takes a second signal for impatience.
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
    });
    const log = createWriteStream(logFile);
    log.on('error', () => {});
    this.child.stdout?.pipe(log, { end: false });
    this.child.stderr?.pipe(log, { end: false });
    running.add(this);
    this.#exited = new Promise((resolve) => {
      const over = (): void => {
        this.#ended = true;
        running.delete(this);
        log.end();
        resolve();
      };
      this.child.once('exit', over);
      this.child.once('error', over);
    });
  }

  get pids(): number[] {
    return this.child.pid === undefined || this.#ended ? [] : processTree(this.child.pid);
  }

  /** Resolves when `isUp` says so; fails when the program ends or after `ms`. */
  async whenUp(isUp: () => Promise<boolean> | boolean, ms = 30_000): Promise<void> {
    const deadline = performance.now() + ms;
    while (!(await isUp())) {
      if (this.#ended) throw new Error(`${this.#name} ended:\n${read(this.#logFile).slice(-2_000)}`);
      if (performance.now() > deadline) {
        throw new Error(`${this.#name} was not up in ${ms / 1000} s:\n${read(this.#logFile).slice(-2_000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  get output(): string {
    return read(this.#logFile);
  }

  /** SIGTERM, and SIGKILL after 20 s: Portico may be in the middle of its start, with a database of its own. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 20_000);
    await this.#exited;
    clearTimeout(timer);
  }
}

const running = new Set<Program>();
/** Ends everything that runs; for Ctrl-C. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((program) => program.stop()));
}

// Faults leave nothing behind either.
process.once('exit', () => {
  for (const program of running) program.child.kill('SIGTERM');
});

/** Runs a program to its end. @returns what it wrote to stdout. @throws with the end of its stderr */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<string> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err = (err + chunk.toString()).slice(-4_000);
  });
  const kill = (): void => void child.kill();
  process.once('exit', kill);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.off('exit', kill);
      if (code === 0) resolve(out);
      else
        reject(
          new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}: ${err.trim() || out.slice(-2_000)}`),
        );
    });
  });
}

/** Whether something accepts connections there. */
export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Where the program lies on this machine, or null. */
export function find(name: string): string | null {
  for (const folder of `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`.split(':')) {
    if (folder !== '' && list(folder).includes(name)) return `${folder}/${name}`;
  }
  return null;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
