import { copyFileSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, inCache, make } from './cache.ts';
import { find, run } from './process-group.ts';

const BUILD_MS = 1_800_000;

type Prepared = { readonly version: string } | { readonly missing: string };

/** Builds programs out of a Go module, inside the downloaded module: frp's go.mod has replace directives. */
export async function buildGo(
  module: string,
  version: string,
  programs: Readonly<Record<string, string>>,
  tags = '',
): Promise<Prepared> {
  const go = find('go');
  mkdirSync(inCache('bin'), { recursive: true });
  for (const [name, path] of Object.entries(programs)) {
    const binary = inCache('bin', name);
    const failure = await make(binary, async () => {
      if (go === null) throw new Error('Go is not installed');
      const told: { Dir?: string } = JSON.parse(
        await run(go, ['mod', 'download', '-json', `${module}@${version}`], { cwd: cacheFolder, timeoutMs: BUILD_MS }),
      );
      const source = inCache(`src-${name}`);
      rmSync(source, { recursive: true, force: true });
      cpSync(told.Dir ?? '', source, { recursive: true });
      await run('chmod', ['-R', 'u+w', source]);
      await run('nice', ['-n', '19', go, 'build', '-p', '1', '-tags', tags, '-o', binary, path], {
        cwd: source,
        timeoutMs: BUILD_MS,
      });
    });
    if (failure !== null) return { missing: failure };
  }
  return { version };
}

/** Builds a crate with the dependencies of its own lock file, but for those in `precise`. */
export async function buildRust(
  crate: string,
  version: string,
  binary: string,
  precise: Readonly<Record<string, string>> = {},
): Promise<Prepared> {
  const cargo = find('cargo');
  mkdirSync(inCache('bin'), { recursive: true });
  const built = inCache('bin', binary);
  const failure = await make(built, async () => {
    if (cargo === null) throw new Error('Rust is not installed');
    const { source } = await crateSource(cargo, crate, version);
    const copy = inCache(`src-${crate}`);
    rmSync(copy, { recursive: true, force: true });
    cpSync(source, copy, { recursive: true });
    for (const [name, wanted] of Object.entries(precise)) {
      await run(cargo, ['update', '-p', name, '--precise', wanted], { cwd: copy, timeoutMs: BUILD_MS });
    }
    await run('nice', ['-n', '19', cargo, 'build', '--release', '--locked', '-j', '1', '--bin', binary], {
      cwd: copy,
      timeoutMs: BUILD_MS,
    });
    copyFileSync(join(copy, 'target/release', binary), built);
    await run('chmod', ['755', built]);
  });
  return failure === null ? { version } : { missing: failure };
}

/** Where cargo unpacked the crate, as a dependency of an empty package. */
async function crateSource(cargo: string, crate: string, version: string): Promise<{ source: string }> {
  const told = await run(cargo, ['info', '--color', 'never', `${crate}@${version}`], { timeoutMs: BUILD_MS });
  if (!told.includes(version)) throw new Error(`${crate} ${version} is not in the registry`);
  const home = process.env.CARGO_HOME ?? join(process.env.HOME ?? '/root', '.cargo');
  const found = await run('sh', ['-c', `ls -d "${home}"/registry/src/*/${crate}-${version} | head -1`]);
  if (found.trim() === '') throw new Error(`cargo did not unpack ${crate} ${version}`);
  return { source: found.trim() };
}

/** Installs npm packages into a folder of their own. */
export async function installNpm(folder: string, packages: readonly string[], proof: string): Promise<Prepared> {
  const failure = await make(inCache(folder, proof), async () => {
    mkdirSync(inCache(folder), { recursive: true });
    await run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', inCache(folder), ...packages],
      {
        timeoutMs: BUILD_MS,
      },
    );
  });
  return failure === null
    ? { version: packages.map((name) => name.replace(/^.*@/, '')).join(', ') }
    : { missing: failure };
}
