import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import pg from 'pg';

export interface TestDatabase {
  readonly url: string;
  /** Removes the database, open connections and all. Call it after closing your own pool. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /**
   * What every copy starts with, such as the migrated schema: `prepare` runs once in a test run for each `key` and
   * must leave no connection open. Put the hash of the migrations into the key.
   */
  readonly template?: { readonly key: string; prepare(url: string): Promise<void> };
}

/** Environment variables by which the global setup tells the test workers where the database is. */
export const TEST_URL = 'PORTICO_TEST_POSTGRES_URL';
export const TEST_BROKER = 'PORTICO_TEST_POSTGRES_BROKER';
export const TEST_RUN = 'PORTICO_TEST_POSTGRES_RUN';

/** An empty database, or a copy of a template (about 40 ms), on the Postgres of this test run. */
export async function createTestDatabase({ template }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const serverUrl = await testServerUrl();
  const name = `${databasePrefix()}${randomBytes(6).toString('hex')}`;
  await withAdmin(serverUrl, async (admin) => {
    const source = template === undefined ? 'template0' : await ensureTemplate(admin, serverUrl, template);
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${source} STRATEGY file_copy`);
  });
  return {
    url: databaseUrl(serverUrl, name),
    drop: () => withAdmin(serverUrl, async (admin) => void (await admin.query(`DROP DATABASE ${name} WITH (FORCE)`))),
  };
}

/** Connection string of the server of this test run. The first one to ask makes the global setup start it. */
export async function testServerUrl(): Promise<string> {
  const url = process.env[TEST_URL] ?? '';
  if (url !== '') {
    return url;
  }
  const broker = process.env[TEST_BROKER] ?? '';
  if (broker === '') {
    throw new Error(
      'No test database: list packages/postgres/src/vitest-global-setup.ts as globalSetup of this project',
    );
  }
  const answer: unknown = JSON.parse(await readAll(broker));
  if (typeof answer !== 'object' || answer === null || !('url' in answer) || typeof answer.url !== 'string') {
    const reason = typeof answer === 'object' && answer !== null && 'error' in answer ? String(answer.error) : '';
    throw new Error(`The test database did not start: ${reason}`);
  }
  process.env[TEST_URL] = answer.url;
  return answer.url;
}

/** Removes what the run with this id left on a server that goes on living. */
export async function dropDatabasesOfRun(serverUrl: string, run: string): Promise<void> {
  await withAdmin(serverUrl, async (admin) => {
    const { rows } = await admin.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [prefixOf(run)],
    );
    for (const { datname } of rows) {
      await admin.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
    }
  });
}

async function ensureTemplate(
  admin: pg.Client,
  serverUrl: string,
  { key, prepare }: { key: string; prepare(url: string): Promise<void> },
): Promise<string> {
  const name = `${databasePrefix()}t_${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
  const exists = async (): Promise<boolean> =>
    (await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])).rowCount === 1;
  if (await exists()) {
    return name;
  }
  // Test workers are processes: the lock is in the server. It is given back with the admin connection.
  await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  if (!(await exists())) {
    const unfinished = `${name}_new`;
    await admin.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
    await admin.query(`CREATE DATABASE ${unfinished} TEMPLATE template0`);
    await prepare(databaseUrl(serverUrl, unfinished));
    await admin.query(`ALTER DATABASE ${unfinished} RENAME TO ${name}`);
  }
  await admin.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  return name;
}

const TEMPLATE_LOCK = 7_205_414;

async function withAdmin<T>(serverUrl: string, use: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({
    connectionString: databaseUrl(serverUrl, 'postgres'),
    connectionTimeoutMillis: 20_000,
  });
  admin.on('error', () => {
    // Reported by the query that it breaks.
  });
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.end();
  }
}

function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function databasePrefix(): string {
  return prefixOf(process.env[TEST_RUN] ?? 'x');
}

function prefixOf(run: string): string {
  return `portico_test_${run}_`;
}

function readAll(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(socketPath);
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
    });
    socket.once('end', () => resolve(text));
    socket.once('error', reject);
  });
}
