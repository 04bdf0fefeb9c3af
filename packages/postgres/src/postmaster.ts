import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * What a running Postgres writes about itself into `postmaster.pid`, one fact a line: 1 pid, 2 data directory,
 * 3 start time, 4 port, 5 socket directory, 6 listen address, 7 shared memory key, 8 status
 * (`src/include/utils/pidfile.h` of Postgres).
 */
export interface PostmasterFile {
  readonly pid: number;
  /** 0 until the server has written that line. */
  readonly port: number;
  readonly status: 'starting' | 'stopping' | 'ready' | 'standby' | 'unknown';
}

/** The parsed `postmaster.pid`, or null when there is none or it does not begin with a process id. */
export async function readPostmasterFile(clusterDir: string): Promise<PostmasterFile | null> {
  let text: string;
  try {
    text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8');
  } catch {
    return null;
  }
  return parsePostmasterFile(text);
}

export function parsePostmasterFile(text: string): PostmasterFile | null {
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 1) {
    return null;
  }
  const port = Number(lines[3] ?? 0);
  const status = lines[7];
  return {
    pid,
    port: Number.isSafeInteger(port) && port > 0 && port < 65_536 ? port : 0,
    status:
      status === 'starting' || status === 'stopping' || status === 'ready' || status === 'standby' ? status : 'unknown',
  };
}

/**
 * Whether this process is the Postgres of this directory. The number alone proves nothing: after a restart of the
 * machine or container it can belong to anybody. A server that ended but was not reaped by its parent counts as gone.
 */
export async function isPostmasterOf(pid: number, clusterDir: string): Promise<boolean> {
  if (!(await isRunning(pid))) {
    return false;
  }
  try {
    const [cwd, command] = await Promise.all([readlink(`/proc/${pid}/cwd`), readFile(`/proc/${pid}/cmdline`, 'utf8')]);
    return cwd === clusterDir && basename(command.split('\0')[0] ?? '') === 'postgres';
  } catch {
    return false;
  }
}

export async function isRunning(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
    return state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

/** Processes that still work in this cluster, such as backends that outlive a killed postmaster for a moment. */
export async function processesIn(clusterDir: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) {
      continue;
    }
    const cwd = await readlink(`/proc/${name}/cwd`).catch(() => null);
    if (cwd === clusterDir && (await isRunning(Number(name)))) {
      found.push(Number(name));
    }
  }
  return found;
}
