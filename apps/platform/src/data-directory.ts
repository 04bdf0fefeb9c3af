import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A start that cannot go on, with a sentence for the person at the terminal. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/**
 * The folder that holds all state of one platform. One running platform owns it at a time: `claim` refuses while
 * another one is alive, and takes over after a `kill -9`.
 */
export class DataDirectory {
  readonly path: string;

  /** @throws StartError when the folder cannot be made or written. */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700);
      const probe = join(path, `.probe-${process.pid}`);
      writeFileSync(probe, '');
      rmSync(probe);
    } catch (error) {
      throw new StartError(
        `the data directory ${path} cannot be written by this user (${codeOf(error)}). Set PORTICO_DATA_DIR to a folder of your own.`,
      );
    }
  }

  file(name: string): string {
    return join(this.path, name);
  }

  get readyFile(): string {
    return this.file('ready.json');
  }

  /** Removes a stale ready file, then makes this process the owner. @throws StartError naming the running pid. */
  claim(): void {
    const ownerFile = this.file('platform.pid');
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        writeFileSync(ownerFile, describeProcess(process.pid), { flag: 'wx', mode: 0o600 });
        rmSync(this.readyFile, { force: true });
        return;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        const owner = readFileSync(ownerFile, 'utf8');
        const pid = Number(owner.split(' ')[0]);
        if (isSameProcess(owner)) {
          throw new StartError(
            `Portico already runs on ${this.path} as process ${pid}. Stop it first (kill ${pid}), or set PORTICO_DATA_DIR to another folder.`,
          );
        }
        rmSync(ownerFile, { force: true });
      }
    }
    throw new StartError(`another start on ${this.path} is under way. Try again.`);
  }

  release(): void {
    rmSync(this.readyFile, { force: true });
    rmSync(this.file('children.json'), { force: true });
    rmSync(this.file('platform.pid'), { force: true });
  }

  /** Written whole or not at all, readable by the owner only. */
  writeSecret(name: string, content: string): void {
    const path = this.file(name);
    const draft = `${path}.${process.pid}.draft`;
    writeFileSync(draft, content, { mode: 0o600 });
    renameSync(draft, path);
  }

  /** Notes the processes that this platform started, so that the next one can end what a `kill -9` left behind. */
  recordChildren(pids: readonly number[]): void {
    this.writeSecret('children.json', JSON.stringify(pids.map(describeProcess)));
  }

  /** Ends processes of an earlier platform that was killed; returns once they are gone. */
  async endLeftovers(): Promise<void> {
    const path = this.file('children.json');
    if (!existsSync(path)) return;
    const recorded: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const left = (Array.isArray(recorded) ? recorded : []).filter(
      (text): text is string => typeof text === 'string' && isSameProcess(text),
    );
    for (const text of left) process.kill(Number(text.split(' ')[0]), 'SIGKILL');
    const deadline = performance.now() + 5_000;
    while (left.some(isSameProcess) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    rmSync(path, { force: true });
  }
}

/** `pid starttime`: a pid alone may by now belong to another program. */
function describeProcess(pid: number): string {
  return `${pid} ${startTicks(pid) ?? '?'}`;
}

function isSameProcess(description: string): boolean {
  const [pid, ticks] = description.split(' ');
  const now = startTicks(Number(pid));
  return now !== null && now === ticks;
}

/** Field 22 of /proc/PID/stat, after the parenthesised command name, which may hold spaces; null: no such process. */
function startTicks(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
