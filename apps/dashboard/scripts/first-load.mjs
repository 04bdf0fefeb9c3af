import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The limit is 200 kB; this leaves room for what differs between two builds. */
export const firstLoadBytesMax = 195_000;

/**
 * The script that a browser needs before each page works, gzip, from the manifests of a finished build. A browser test holds
 * the figure against what a browser really loads.
 *
 * @returns {{page: string, bytes: number}[]}
 */
export function firstLoad(app) {
  const build = join(app, '.next');
  if (!existsSync(join(build, 'build-manifest.json'))) throw new Error(`${build} holds no finished build`);
  const { rootMainFiles } = JSON.parse(readFileSync(join(build, 'build-manifest.json'), 'utf8'));
  const sizes = new Map();
  const size = (file) => {
    if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(join(build, file))).length);
    return sizes.get(file);
  };
  const manifests = globSync('server/app/**/page_client-reference-manifest.js', { cwd: build });
  return manifests.sort().map((path) => {
    const files = new Set(rootMainFiles);
    for (const entry of Object.values(readManifest(join(build, path)).entryJSFiles))
      for (const file of entry) files.add(file);
    const page = path.split(sep).slice(2, -1).join('/');
    return { page: `/${page}`, bytes: [...files].reduce((sum, file) => sum + size(file), 0) };
  });
}

/** The file is script: `globalThis.__RSC_MANIFEST["/page"] = {…};`, the object being JSON. */
function readManifest(file) {
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf('= {', text.indexOf('__RSC_MANIFEST['));
  return JSON.parse(
    text
      .slice(from + 2)
      .trim()
      .replace(/;$/, ''),
  );
}
