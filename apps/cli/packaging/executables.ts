import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assetFiles, bundleCli } from './bundle.ts';
import { hostTarget, runtimeFor, type Target } from './runtimes.ts';
import { writeZip } from './zip.ts';

const run = promisify(execFile);

/** What an operator puts into clients of their own. */
export interface Operator {
  readonly connectUrl: string;
  /** PEM. */
  readonly ca: string;
}

export interface BuildOptions {
  /** Results go here. */
  readonly folder: string;
  /** Fetched runtimes stay here. */
  readonly cache: string;
  readonly targets: readonly Target[];
  readonly operator: Operator | null;
  /** Name of the command. */
  readonly name: string;
  say(line: string): void;
}

/** Builds one file for each platform; resolves with their paths, in the order of the targets. */
export async function buildExecutables(options: BuildOptions): Promise<string[]> {
  const { folder, cache, name, say } = options;
  await mkdir(folder, { recursive: true });
  const work = join(folder, '.work');
  const bundle = await bundleCli(join(work, 'bundle'), { single: true });
  const assets: Record<string, string> = { ...assetFiles };
  if (options.operator !== null) {
    assets['operator.json'] = join(work, 'operator.json');
    await writeFile(assets['operator.json'], JSON.stringify(options.operator));
  }
  const built: string[] = [];
  try {
    for (const target of options.targets) {
      const runtime = await runtimeFor(target, cache);
      const out = target.startsWith('linux-')
        ? await singleFile({ target, runtime, bundle, assets, folder, work, cache, name })
        : await archive({ target, runtime, bundle, assets, folder, name });
      say(`${out}`);
      built.push(out);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return built;
}

interface Parts {
  readonly target: Target;
  readonly runtime: string;
  readonly bundle: string;
  readonly assets: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly name: string;
}

/** Node's own single executable application: the bundle and its files inside the runtime. */
async function singleFile(parts: Parts & { readonly work: string; readonly cache: string }): Promise<string> {
  const { target, runtime, bundle, assets, folder, work, cache, name } = parts;
  const host = hostTarget();
  if (host === null) throw new Error('Executables are built on Linux, macOS or Windows.');
  const builder = await runtimeFor(host, cache);
  const output = join(folder, `${name}-${target}`);
  const config = join(work, `${target}.json`);
  const settings = {
    main: bundle,
    output,
    executable: runtime,
    assets,
    disableExperimentalSEAWarning: true,
    // Both would tie the file to the builder's own platform.
    useCodeCache: false,
    useSnapshot: false,
  };
  await writeFile(config, JSON.stringify(settings));
  await run(builder, ['--build-sea', config]);
  await chmod(output, 0o755);
  return output;
}

const unixLauncher = `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=$(dirname "$self")/$target ;; esac
done
here=$(cd "$(dirname "$self")" && pwd -P)
exec "$here/node" "$here/portico.cjs" "$@"
`;

const windowsLauncher = '@echo off\r\n"%~dp0node.exe" "%~dp0portico.cjs" %*\r\n';

/** The runtime, the bundle and a launcher beside one another: what needs no signature of ours. */
async function archive(parts: Parts): Promise<string> {
  const { target, runtime, bundle, assets, folder, name } = parts;
  const isWindows = target === 'win-x64';
  const root = `${name}-${target}`;
  const files: { path: string; bytes: Buffer; mode: number }[] = [
    { path: isWindows ? 'node.exe' : 'node', bytes: await readFile(runtime), mode: 0o755 },
    { path: 'portico.cjs', bytes: await readFile(bundle), mode: 0o644 },
    isWindows
      ? { path: `${name}.cmd`, bytes: Buffer.from(windowsLauncher), mode: 0o644 }
      : { path: name, bytes: Buffer.from(unixLauncher), mode: 0o755 },
  ];
  for (const [asset, path] of Object.entries(assets)) {
    files.push({ path: `assets/${asset}`, bytes: await readFile(path), mode: 0o644 });
  }
  if (isWindows) {
    const out = join(folder, `${root}.zip`);
    await writeZip(
      out,
      files.map((file) => ({ ...file, path: `${root}/${file.path}` })),
    );
    return out;
  }
  const stage = join(folder, root);
  await rm(stage, { recursive: true, force: true });
  await mkdir(join(stage, 'assets'), { recursive: true });
  for (const { path, bytes, mode } of files) await writeFile(join(stage, path), bytes, { mode });
  const out = join(folder, `${root}.tar.gz`);
  await run('tar', ['-czf', out, '-C', folder, root]);
  await rm(stage, { recursive: true, force: true });
  return out;
}
