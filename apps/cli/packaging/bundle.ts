import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

export const cliRoot = join(import.meta.dirname, '..');
const checkout = join(cliRoot, '../..');
const pageFolder = join(cliRoot, 'src/local-api/page');

/** Files that the program reads at run time, by the name that it asks for. */
export const assetFiles: Readonly<Record<string, string>> = Object.fromEntries(
  ['inspector.html', 'inspector.css', 'inspector.js', 'logo.svg'].map((name) => [name, join(pageFolder, name)]),
);

export async function productVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));
  return String(version);
}

/**
 * Writes the command line with everything that it needs as CommonJS into `folder`, which is emptied first: one file
 * for the executables, or several that are loaded when they are needed. The entry is `portico.cjs`.
 */
export async function bundleCli(folder: string, options: { readonly single: boolean }): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const version = await productVersion();
  const bundle = await rolldown({
    input: { portico: join(cliRoot, 'src/packaged-main.ts') },
    platform: 'node',
    // Only a checkout can build clients.
    external: [/packaging\/build-client/],
    transform: { define: { PORTICO_VERSION: JSON.stringify(version) } },
    logLevel: 'silent',
  });
  try {
    await bundle.write({
      dir: folder,
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: 'part-[hash].cjs',
      minify: true,
      ...(options.single ? { codeSplitting: false } : {}),
    });
  } finally {
    await bundle.close();
  }
  return join(folder, 'portico.cjs');
}

export async function copyAssets(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, path] of Object.entries(assetFiles)) await copyFile(path, join(folder, name));
}
