/**
 * Migrations during development: `node scripts/db-dev.ts`
 * - `new NAME`  writes prisma/migrations/<number>_NAME with the SQL that leads from the migrations to the schema
 * - `drift`     exit code 2 and the difference if the migrations do not lead to the schema
 * - `deploy`    applies what is missing to DATABASE_URL, as the API does at its start
 *
 * Uses DATABASE_URL if set (it must be allowed to make databases), else a throw-away Postgres.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deployMigrations } from '../packages/db/src/deploy-migrations.ts';
import { startPostgres } from '../packages/postgres/src/index.ts';
import { openSchemaEngine, type SchemaEngine, schemaFile } from './schema-engine.ts';

const migrationsFolder = join(import.meta.dirname, '../prisma/migrations');

/** The SQL that is missing between the migrations and the schema; null when nothing is. */
export async function findDrift(databaseUrl: string): Promise<string | null> {
  const engine = await openSchemaEngine(databaseUrl);
  const difference = await diff(engine, { tag: 'migrations', ...migrationList() }, true);
  return difference.exitCode === 0 ? null : (difference.stdout ?? 'the schema differs');
}

async function writeMigration(databaseUrl: string, name: string): Promise<string | null> {
  const folders = migrationFolders();
  const engine = await openSchemaEngine(databaseUrl);
  // The first one needs no working database.
  const from = folders.length === 0 ? ({ tag: 'empty' } as const) : { tag: 'migrations' as const, ...migrationList() };
  const { stdout } = await diff(engine, from, false);
  if (stdout === null || /^\s*(-- This is an empty migration\.)?\s*$/.test(stdout)) return null;
  const folder = join(migrationsFolder, `${String(folders.length + 1).padStart(4, '0')}_${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'migration.sql'), stdout);
  writeFileSync(join(migrationsFolder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  return folder;
}

function diff(engine: SchemaEngine, from: Parameters<SchemaEngine['diff']>[0]['from'], exitCode: boolean) {
  return engine.diff({
    from,
    to: { tag: 'schemaDatamodel', files: [{ path: schemaFile, content: readFileSync(schemaFile, 'utf8') }] },
    script: true,
    exitCode,
    filters: { externalTables: [], externalEnums: [] },
  });
}

function migrationFolders(): string[] {
  return readdirSync(migrationsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function migrationList() {
  const lockfile = join(migrationsFolder, 'migration_lock.toml');
  return {
    baseDir: migrationsFolder,
    lockfile: { path: 'migration_lock.toml', content: existsSync(lockfile) ? readFileSync(lockfile, 'utf8') : null },
    shadowDbInitScript: '',
    migrationDirectories: migrationFolders().map((path) => ({
      path,
      migrationFile: {
        path: 'migration.sql',
        content: {
          tag: 'ok' as const,
          value: readFileSync(join(migrationsFolder, path, 'migration.sql'), 'utf8'),
        },
      },
    })),
  };
}

async function withDatabase<T>(use: (url: string) => Promise<T>): Promise<T> {
  const given = process.env.DATABASE_URL ?? '';
  if (given !== '') return use(given);
  const folder = mkdtempSync(join(tmpdir(), 'portico-db-dev-'));
  const server = await startPostgres({
    dataDir: join(folder, 'postgres'),
    stateDir: folder,
    port: 0,
    log: { info: () => {}, warn: (fields, message) => console.error(message, fields) },
    settings: { fsync: 'off', synchronous_commit: 'off' },
  });
  try {
    return await use(server.url);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main([command, name]: string[]): Promise<number> {
  if (command === 'new' && name !== undefined && /^[a-z0-9_]+$/.test(name)) {
    const folder = await withDatabase((url) => writeMigration(url, name));
    process.stdout.write(folder === null ? 'The migrations lead to the schema already.\n' : `${folder}\n`);
    return 0;
  }
  if (command === 'drift') {
    const drift = await withDatabase(findDrift);
    if (drift === null) return 0;
    process.stdout.write(
      `prisma/schema.prisma is ahead of prisma/migrations; run: node scripts/db-dev.ts new NAME\n\n${drift}\n`,
    );
    return 2;
  }
  if (command === 'deploy') {
    for (const applied of await withDatabase((url) => deployMigrations({ url }))) process.stdout.write(`${applied}\n`);
    return 0;
  }
  process.stderr.write('usage: node scripts/db-dev.ts new NAME | drift | deploy\n');
  return 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exit(await main(process.argv.slice(2)));
