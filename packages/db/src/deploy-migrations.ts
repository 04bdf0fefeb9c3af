import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** Prisma's own advisory lock, so that its tools and this runner wait for each other. */
const MIGRATION_LOCK = 72_707_369;
const defaultFolder = join(import.meta.dirname, '../../../prisma/migrations');

/** The database has a migration that this program does not know, or knows with another content, or that failed. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/**
 * Applies the migrations that the database has not got, in order, each in a transaction of its own, and returns
 * their names. Keeps Prisma's table `_prisma_migrations`. Any number of callers may start at once: one works, the
 * others wait and find nothing to do.
 *
 * Throws MigrationError when the history differs from the files, and what Postgres says when a migration fails
 * (nothing of that migration stays).
 *
 * @param options.folder default: prisma/migrations of this checkout.
 */
export async function deployMigrations({
  url,
  folder = defaultFolder,
  connectTimeoutMs = 5_000,
}: {
  url: string;
  folder?: string;
  connectTimeoutMs?: number;
}): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
  client.on('error', () => {
    // A lost connection is reported by the query that it breaks.
  });
  await client.connect();
  try {
    // Held by this connection, so it ends with it whatever happens.
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(historyTable);
    const { rows } = await client.query<HistoryRow>(
      'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
    );
    const applied = new Map(rows.map((row) => [row.migration_name, row]));
    checkHistory(applied, migrations);
    const done: string[] = [];
    for (const migration of migrations) {
      if (applied.has(migration.name)) continue;
      await apply(client, migration);
      done.push(migration.name);
    }
    return done;
  } finally {
    await client.end();
  }
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface HistoryRow {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
}

const historyTable = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id varchar(36) PRIMARY KEY,
  checksum varchar(64) NOT NULL,
  finished_at timestamptz,
  migration_name varchar(255) NOT NULL,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

function checkHistory(applied: ReadonlyMap<string, HistoryRow>, migrations: readonly Migration[]): void {
  for (const [name, row] of applied) {
    const migration = migrations.find((candidate) => candidate.name === name);
    if (migration === undefined) {
      throw new MigrationError(
        `the database has the migration ${name}, which this version does not know; it was used by a newer one`,
      );
    }
    if (migration.checksum !== row.checksum) {
      throw new MigrationError(`the migration ${name} was changed after it was applied to the database`);
    }
    if (row.finished_at === null) {
      throw new MigrationError(`the migration ${name} was begun on the database and did not finish`);
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    // One simple query: functions with a `;` of their own arrive whole.
    await client.query(migration.sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      // The connection is gone, and with it the transaction.
    });
    throw error;
  }
}
