import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { isPackaged } from './packaged.ts';

/**
 * A file that belongs to the program: from inside a single-file executable, from beside the bundle, or from the
 * source. Throws when there is none of this name.
 */
export async function readAsset(name: string): Promise<string> {
  const text = await readAssetIfThere(name);
  if (text === null) throw new Error(`there is no asset ${name}`);
  return text;
}

export async function readAssetIfThere(name: string): Promise<string | null> {
  try {
    if (isSea()) return getAsset(name, 'utf8');
    return await readFile(join(import.meta.dirname, isPackaged ? 'assets' : 'local-api/page', name), 'utf8');
  } catch {
    return null;
  }
}
