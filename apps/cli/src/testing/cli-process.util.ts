import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

/** The command line as a person has it: a real process with an empty home. */
export class CliHome {
  readonly path: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<CliHome> {
    return new CliHome(await mkdtemp(join(tmpdir(), 'portico-cli-')));
  }

  /** Nothing of the surrounding environment but what a process needs. */
  env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { PATH: process.env.PATH ?? '', HOME: this.path, LANG: 'C.UTF-8', TZ: 'UTC', ...more };
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): CliProcess {
    const child = spawn(process.execPath, [main, ...args], { env: this.env(env), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return new CliProcess(child);
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
    return this.start(args, env).exited;
  }

  async remove(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await rm(this.path, { recursive: true, force: true });
  }
}

export const mainPath = main;

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class CliProcess {
  readonly exited: Promise<CliResult>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly #looks = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (bytes: Buffer) => {
      this.#stdout += bytes.toString();
      for (const look of [...this.#looks]) look();
    });
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#stderr += bytes.toString();
    });
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout: this.#stdout, stderr: this.#stderr }));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first match in stdout; rejects when the process exits without it. */
  async saw(pattern: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      const look = (): void => {
        const match = pattern.exec(this.#stdout);
        if (match === null) return;
        this.#looks.delete(look);
        resolve(match);
      };
      this.#looks.add(look);
      look();
    });
    const ended = this.exited.then((result) => {
      const match = pattern.exec(result.stdout);
      if (match !== null) return match;
      throw new Error(`exited with ${result.code} and no ${pattern}:\n${result.stdout}\n${result.stderr}`);
    });
    return Promise.race([found, ended]);
  }
}
