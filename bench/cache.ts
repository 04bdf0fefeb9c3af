import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Builds and downloads; ignored by git. */
export const cacheFolder = join(import.meta.dirname, '.cache');

export function inCache(...parts: string[]): string {
  mkdirSync(cacheFolder, { recursive: true });
  return join(cacheFolder, ...parts);
}

/** Makes `path` unless it is there. @returns why that failed, or null */
export async function make(path: string, build: () => Promise<void>): Promise<string | null> {
  if (existsSync(path)) return null;
  try {
    await build();
    return existsSync(path) ? null : `the build did not make ${path}`;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.replaceAll(/\s+/g, ' ').slice(0, 200);
  }
}
