import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';

const inSource: Readonly<Record<string, string>> = {
  'inspector.html': 'local-api/page',
  'inspector.css': 'local-api/page',
  'inspector.js': 'local-api/page',
  'logo.svg': 'local-api/page',
};

/**
 * A file that belongs to the program: from inside a single-file executable, from beside the bundle, or from the
 * source. Throws when there is none of this name.
 */
export async function readAsset(name: string): Promise<string> {
  if (isSea()) return getAsset(name, 'utf8');
  const folder = inSource[name];
  if (folder === undefined) throw new Error(`there is no asset ${name}`);
  const bundled = join(import.meta.dirname, 'assets', name);
  try {
    return await readFile(bundled, 'utf8');
  } catch {
    return readFile(join(import.meta.dirname, folder, name), 'utf8');
  }
}
