/**
 * Fills a database for measuring: `DATABASE_URL=… node scripts/seed.ts [--accounts N] [--domains N] [--usage N]`
 *
 * Default: 10,000 accounts with a credential and a key each, 100,000 domains of which the first account has a fifth,
 * and a million rows of usage. The rows are made by the database itself, so it takes seconds. The tokens that belong
 * to them are not known to anybody. Run it on a database of its own: nothing is removed.
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { deployMigrations } from '../packages/db/src/deploy-migrations.ts';

export interface SeedCounts {
  readonly accounts: number;
  readonly domains: number;
  readonly usage: number;
}

export const fullSize: SeedCounts = { accounts: 10_000, domains: 100_000, usage: 1_000_000 };

/** Ids as ours are: a prefix and 27 characters that sort by their number. */
const id = (prefix: string, number: string): string => `'${prefix}_2' || lpad((${number})::text, 26, '0')`;

/** The account that has more than any other. */
export const bigAccount = `ac_2${'1'.padStart(26, '0')}`;

/** How many rows each table got, and in how many ms. */
export async function seed(url: string, counts: SeedCounts): Promise<{ table: string; rows: number; ms: number }[]> {
  await deployMigrations({ url });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const done: { table: string; rows: number; ms: number }[] = [];
  const fill = async (table: string, sql: string): Promise<void> => {
    const began = performance.now();
    const { rowCount } = await client.query(sql);
    done.push({ table, rows: rowCount ?? 0, ms: Math.round(performance.now() - began) });
  };
  const { accounts, domains, usage } = counts;
  const owner = `CASE WHEN n % 5 = 0 THEN 1 ELSE 1 + n % ${accounts} END`;
  try {
    await fill(
      'account',
      `INSERT INTO account (id, name) SELECT ${id('ac', 'n')}, 'Account ' || n FROM generate_series(1, ${accounts}) AS n`,
    );
    await fill(
      'credential',
      `INSERT INTO credential (id, account_id, token_hash, token_digest, token_prefix, acl)
       SELECT ${id('cr', 'n')}, ${id('ac', 'n')}, sha256(n::text::bytea), sha256(('t' || n)::bytea), 'seed', '{}'
       FROM generate_series(1, ${accounts}) AS n`,
    );
    await fill(
      'api_key',
      `INSERT INTO api_key (id, account_id, key_hash, key_prefix)
       SELECT ${id('ak', 'n')}, ${id('ac', 'n')}, sha256(n::text::bytea), 'seed'
       FROM generate_series(1, ${accounts}) AS n`,
    );
    await fill(
      'reserved_domain',
      `INSERT INTO reserved_domain (id, account_id, domain, description)
       SELECT ${id('rd', 'n')}, ${id('ac', owner)}, 'seed-' || n || '.portico.localhost', 'seeded'
       FROM generate_series(1, ${domains}) AS n`,
    );
    await fill(
      'usage',
      `INSERT INTO usage (account_id, endpoint_id, minute, url, requests, connections, bytes_in, bytes_out, errors)
       SELECT ${id('ac', `CASE WHEN n % 40 = 0 THEN 1 ELSE 2 + (n / 100) % ${accounts - 1} END`)}, ${id('ep', 'n % 100')},
         date_trunc('minute', now()) - (n / 100) * interval '1 minute', 'https://seed.portico.localhost',
         n % 50, n % 7, n, n * 2, 0
       FROM generate_series(1, ${usage}) AS n
       ON CONFLICT DO NOTHING`,
    );
    await fill(
      'audit_event',
      `INSERT INTO audit_event (id, account_id, at, type, credential_id, address, request_id, object_id)
       SELECT ${id('ev', 'n')}, ${id('ac', owner)}, now(), 'domain_created.v0', 'ak_seed', '127.0.0.1', 'op_seed',
         ${id('rd', 'n')}
       FROM generate_series(1, ${domains}) AS n`,
    );
    await client.query('ANALYZE');
  } finally {
    await client.end();
  }
  return done;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { accounts: { type: 'string' }, domains: { type: 'string' }, usage: { type: 'string' } },
  });
  const count = (text: string | undefined, fallback: number): number => {
    const number = Number(text ?? fallback);
    if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${text} is not a number of rows`);
    return number;
  };
  const url = process.env.DATABASE_URL ?? '';
  if (url === '') throw new Error('DATABASE_URL names the database that is filled');
  const done = await seed(url, {
    accounts: count(values.accounts, fullSize.accounts),
    domains: count(values.domains, fullSize.domains),
    usage: count(values.usage, fullSize.usage),
  });
  for (const { table, rows, ms } of done) console.log(`${table.padEnd(16)} ${String(rows).padStart(9)} rows ${ms} ms`);
}
