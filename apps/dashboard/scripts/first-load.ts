import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The limit is 200 kB; this leaves room for what differs between two builds. */
export const firstLoadBytesMax = 195_000;

/**
 * The script that a browser needs before each page works, gzip, from the manifests of the finished build in `app`. A browser
 * test holds the limit against what a browser really loads.
 */
export function firstLoad(app: string): { page: string; bytes: number }[] {
  const build = join(app, '.next');
  if (!existsSync(join(build, 'build-manifest.json'))) throw new Error(`${build} holds no finished build`);
  const main: { rootMainFiles: string[] } = JSON.parse(readFileSync(join(build, 'build-manifest.json'), 'utf8'));
  const sizes = new Map<string, number>();
  const sizeOf = (file: string): number => {
    const size = sizes.get(file) ?? gzipSync(readFileSync(join(build, file))).length;
    sizes.set(file, size);
    return size;
  };
  const manifests = globSync('server/app/**/page_client-reference-manifest.js', { cwd: build });
  return manifests.sort().map((path) => {
    const files = new Set([...main.rootMainFiles, ...scriptsOf(join(build, path))]);
    const page = path.split(sep).slice(2, -1).join('/');
    return { page: `/${page}`, bytes: [...files].reduce((sum, file) => sum + sizeOf(file), 0) };
  });
}

/** The file is script: `globalThis.__RSC_MANIFEST["/page"] = {…};`, the object being JSON. */
function scriptsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf('= {', text.indexOf('__RSC_MANIFEST['));
  const json = text
    .slice(from + 2)
    .trim()
    .replace(/;$/, '');
  const manifest: { entryJSFiles: Record<string, string[]> } = JSON.parse(json);
  return Object.values(manifest.entryJSFiles).flat();
}
