import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './binaries.ts';
import { PostgresStartError } from './postgres-start-error.ts';

/**
 * As whom Postgres runs. It refuses to run as root, so root needs a way round:
 * - `self`: we are not root.
 * - `namespace`: root starts it in a user namespace where root looks like uid 1000; the files stay root's.
 * - `user`: root starts it as this user.
 */
export type RunAs =
  | { readonly kind: 'self' }
  | { readonly kind: 'namespace' }
  | { readonly kind: 'user'; readonly uid: number; readonly gid: number };

/** Where a cluster lives and how its programs are run there. */
export interface Residence {
  readonly clusterDir: string;
  readonly nativeDir: string;
  readonly runAs: RunAs;
}

export interface ResidenceOptions {
  /** Where clusters go that cannot stay in their data directory. */
  readonly stateDir?: string;
  /** For tests of the second way: do not even try a user namespace. */
  readonly allowNamespace?: boolean;
}

export const DEFAULT_STATE_DIR = '/var/lib/portico';
/** `nobody`: it exists in every passwd, which Postgres insists on. */
const NOBODY = 65_534;

/**
 * Decides where the cluster of this data directory lives. Root tries a user namespace first, because then nothing
 * moves; where that is forbidden, the cluster goes to `<stateDir>/<hash of the data directory>` and belongs to
 * nobody, who could not pass a 0700 directory above the data. The place is noted in `place.json` of the data
 * directory and is kept from then on.
 */
export async function chooseResidence(
  dataDir: string,
  binaries: Binaries,
  { stateDir = DEFAULT_STATE_DIR, allowNamespace = true }: ResidenceOptions = {},
): Promise<Residence> {
  const inPlace = join(dataDir, 'cluster');
  const self: RunAs = { kind: 'self' };
  if (process.getuid?.() !== 0) {
    await mustRun(binaries.nativeDir, self);
    return { clusterDir: inPlace, nativeDir: binaries.nativeDir, runAs: self };
  }
  const moved = await readPlace(dataDir);
  if (moved === null) {
    const owner = existsSync(inPlace) ? await stat(inPlace) : null;
    if (owner !== null && owner.uid !== 0) {
      // Made by a plain user, now started by root: it stays that user's.
      const runAs: RunAs = { kind: 'user', uid: owner.uid, gid: owner.gid };
      return { clusterDir: inPlace, nativeDir: await reachableBinaries(binaries, runAs, stateDir), runAs };
    }
    const namespace: RunAs = { kind: 'namespace' };
    if (allowNamespace && (await runs(binaries.nativeDir, namespace)) === null) {
      return { clusterDir: inPlace, nativeDir: binaries.nativeDir, runAs: namespace };
    }
  }
  const runAs: RunAs = { kind: 'user', uid: NOBODY, gid: NOBODY };
  const home = join(stateDir, createHash('sha256').update(dataDir).digest('hex').slice(0, 16));
  const clusterDir = moved ?? join(home, 'cluster');
  if (moved === null) {
    await makePassable(stateDir);
    await makePassable(home);
    await chown(home, runAs.uid, runAs.gid);
    if (existsSync(inPlace)) {
      await moveCluster(inPlace, clusterDir, runAs);
    }
    await writeFile(join(dataDir, 'place.json'), `${JSON.stringify({ clusterDir })}\n`, { mode: 0o600 });
    await rm(inPlace, { recursive: true, force: true });
  }
  return { clusterDir, nativeDir: await reachableBinaries(binaries, runAs, stateDir), runAs };
}

/** How a program of Postgres is started under this residence: the words, and the ids for `spawn`. */
export function commandFor(
  residence: Pick<Residence, 'nativeDir' | 'runAs'>,
  program: 'postgres' | 'initdb',
  args: readonly string[],
): { file: string; args: string[]; ids: { uid?: number; gid?: number } } {
  const file = join(residence.nativeDir, 'bin', program);
  const { runAs } = residence;
  switch (runAs.kind) {
    case 'self':
      return { file, args: [...args], ids: {} };
    case 'namespace':
      // unshare replaces itself by the program, so the pid that spawn gives is the program's own.
      return { file: 'unshare', args: ['--user', '--map-user=1000', '--map-group=1000', file, ...args], ids: {} };
    case 'user':
      return { file, args: [...args], ids: { uid: runAs.uid, gid: runAs.gid } };
  }
}

/** Nothing of our environment reaches Postgres: its PG* variables and locale would change how it behaves. */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** Makes the file belong to the user whom Postgres runs as, where that is another one. */
export async function giveTo(path: string, runAs: RunAs): Promise<void> {
  if (runAs.kind === 'user') {
    await chown(path, runAs.uid, runAs.gid);
  }
}

const execute = promisify(execFile);

/** Null when `postgres --version` works this way, else why not. */
async function runs(nativeDir: string, runAs: RunAs): Promise<unknown> {
  const { file, args, ids } = commandFor({ nativeDir, runAs }, 'postgres', ['--version']);
  try {
    await execute(file, args, { ...ids, cwd: '/', env: postgresEnvironment(), timeout: 20_000 });
    return null;
  } catch (error) {
    return error;
  }
}

async function mustRun(nativeDir: string, runAs: RunAs): Promise<void> {
  const fault = await runs(nativeDir, runAs);
  if (fault !== null) {
    throw new PostgresStartError(
      'unsupported-platform',
      `The embedded Postgres in ${nativeDir} does not run here (it needs glibc and libstdc++): ${textOf(fault)} Set DATABASE_URL to a Postgres of your own.`,
      { cause: fault },
    );
  }
}

/** The binaries where they are if that user can run them, else a copy that everybody can reach (60 MB). */
async function reachableBinaries(binaries: Binaries, runAs: RunAs, stateDir: string): Promise<string> {
  if ((await runs(binaries.nativeDir, runAs)) === null) {
    return binaries.nativeDir;
  }
  const copy = join(stateDir, `postgres-${binaries.packageVersion}`);
  if (!existsSync(copy)) {
    await makePassable(stateDir);
    const unfinished = `${copy}.${process.pid}`;
    await rm(unfinished, { recursive: true, force: true });
    await cp(binaries.nativeDir, unfinished, { recursive: true, verbatimSymlinks: true });
    await chmod(unfinished, 0o755);
    await rename(unfinished, copy).catch(async (error: unknown) => {
      // Another starter was first; its copy is as good.
      await rm(unfinished, { recursive: true, force: true });
      if (!existsSync(copy)) {
        throw error;
      }
    });
  }
  await mustRun(copy, runAs);
  return copy;
}

async function makePassable(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    await chmod(dir, 0o755);
  } catch (error) {
    throw new PostgresStartError(
      'data-dir-unusable',
      `As root, Postgres needs the directory ${dir}, which cannot be made: ${textOf(error)} Start as another user, or set DATABASE_URL.`,
      { cause: error },
    );
  }
}

async function moveCluster(from: string, to: string, runAs: RunAs & { kind: 'user' }): Promise<void> {
  const unfinished = `${to}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await cp(from, unfinished, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  await chownTree(unfinished, runAs.uid, runAs.gid);
  await rename(unfinished, to);
}

async function chownTree(path: string, uid: number, gid: number): Promise<void> {
  const kind = await lstat(path);
  if (kind.isSymbolicLink()) {
    return;
  }
  await chown(path, uid, gid);
  if (kind.isDirectory()) {
    for (const name of await readdir(path)) {
      await chownTree(join(path, name), uid, gid);
    }
  }
}

async function readPlace(dataDir: string): Promise<string | null> {
  const file = join(dataDir, 'place.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return null;
  }
  try {
    const place: unknown = JSON.parse(text);
    if (typeof place === 'object' && place !== null && 'clusterDir' in place && typeof place.clusterDir === 'string') {
      return place.clusterDir;
    }
  } catch {
    // Told below, as for any other content.
  }
  throw new PostgresStartError('data-dir-unusable', `${file} does not say where the database is.`);
}

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.endsWith('.') ? text : `${text}.`;
}
