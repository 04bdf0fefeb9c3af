import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { isPackaged } from '../packaged.ts';

export interface LocationInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** Root of the checkout that this runs from; null in a package. */
  readonly checkout: string | null;
}

export function ownLocation(): LocationInput {
  return { env: process.env, platform: process.platform, home: homedir(), checkout: checkoutRoot() };
}

/** Where this system keeps a person's configuration of `portico`; `config add-…` writes it unless told otherwise. */
export function defaultConfigPath({ env, platform, home }: LocationInput): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'portico', 'portico.yml');
  if (platform === 'win32') return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'portico', 'portico.yml');
  return join(env.XDG_CONFIG_HOME || join(home, '.config'), 'portico', 'portico.yml');
}

/**
 * The files to look for when no file was named, first come first served: the person's own, then those that a running
 * platform writes, in its data directory and in the checkout's.
 */
export function searchPaths(input: LocationInput): string[] {
  const dataDir = input.env.PORTICO_DATA_DIR;
  const paths = [defaultConfigPath(input)];
  if (dataDir !== undefined && dataDir !== '') paths.push(resolve(dataDir, 'agent.yml'));
  if (input.checkout !== null) paths.push(join(input.checkout, '.data', 'agent.yml'));
  return [...new Set(paths)];
}

/** The files named by `--config` (repeated or with commas), else by PORTICO_CONFIG; empty if neither. */
export function namedPaths(flags: readonly string[], env: LocationInput['env']): string[] {
  const split = (text: string): string[] =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  const fromFlags = flags.flatMap(split);
  return (fromFlags.length > 0 ? fromFlags : split(env.PORTICO_CONFIG ?? '')).map((path) => resolve(path));
}

function checkoutRoot(): string | null {
  if (isPackaged) return null;
  return resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
}
