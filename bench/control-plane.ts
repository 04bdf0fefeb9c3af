/**
 * How the control plane answers when there is much of everything: `node bench/control-plane.ts [--quick]`
 *
 * A Postgres of its own is filled by `scripts/seed.ts`; a real API answers over HTTP on loopback, one request after
 * another. Printed are the times of whole requests as the caller sees them, and the plans of the queries behind them.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { readConfig, startApi } from '../apps/api/src/index.ts';
import { TokenHasher } from '../apps/api/src/secrets/token.ts';
import { InternalClient } from '../packages/api-contract/src/internal.ts';
import { loadOrCreateMasterKey } from '../packages/pki/src/index.ts';
import { startPostgres } from '../packages/postgres/src/index.ts';
import { createLogger } from '../packages/service/src/index.ts';
import { bigAccount, fullSize, seed } from '../scripts/seed.ts';

const isQuick = process.argv.includes('--quick');
const counts = isQuick ? { accounts: 1_000, domains: 10_000, usage: 100_000 } : fullSize;
const rounds = isQuick ? 50 : 300;

interface Times {
  readonly name: string;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

async function measure(name: string, once: (round: number) => Promise<unknown>): Promise<Times> {
  for (let warm = 0; warm < 20; warm += 1) await once(warm);
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await once(round);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  const times_ = { name, p50: at(0.5), p95: at(0.95), max: at(1) };
  console.log(
    `${name.padEnd(58)} p50 ${times_.p50.toFixed(1)} ms   p95 ${times_.p95.toFixed(1)} ms   max ${times_.max.toFixed(1)} ms`,
  );
  return times_;
}

const folder = await mkdtemp(join(tmpdir(), 'portico-control-plane-'));
const log = createLogger({ name: 'bench', level: 'silent' });
const postgres = await startPostgres({
  dataDir: join(folder, 'postgres'),
  stateDir: folder,
  port: 0,
  log: { info: () => {}, warn: (fields, message) => console.error(message, fields) },
});
try {
  for (const { table, rows, ms } of await seed(postgres.url, counts)) {
    console.log(`${table.padEnd(16)} ${String(rows).padStart(9)} rows in ${ms} ms`);
  }
  const config = readConfig(
    {
      DATABASE_URL: postgres.url,
      PORTICO_DATA_DIR: folder,
      PORTICO_BOOTSTRAP_DIR: folder,
      PORTICO_API_PORT: '0',
      PORTICO_INTERNAL_PORT: '0',
      PORTICO_API_REQUESTS_PER_MINUTE: '10000000',
    },
    folder,
    '0.0.0-bench',
  );
  const api = await startApi(config, { log });
  const sql = new pg.Client({ connectionString: postgres.url });
  await sql.connect();
  const first: { apiKey: string; authtoken: string } = JSON.parse(
    await readFile(join(folder, 'first-account.json'), 'utf8'),
  );
  // The key and the token of the first start, now of the account that has the most.
  const keyId = await moveSecrets(sql, first, await loadOrCreateMasterKey(config.masterKeyFile));
  const credential = (await readFile(join(folder, 'node-edge.credential'), 'utf8')).trim();
  const edge = new InternalClient({ baseUrl: api.internalUrl, credential });
  const get = async (path: string): Promise<string> => {
    const response = await fetch(`${api.publicUrl}${path}`, { headers: { authorization: `Bearer ${first.apiKey}` } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${text}`);
    return text;
  };
  console.log('');
  const depths = await domainIds(sql);
  const lists: Times[] = [];
  for (const [depth, beforeId] of depths) {
    const before = beforeId === null ? '' : `&before_id=${beforeId}`;
    lists.push(
      await measure(`list of 100 reserved domains, ${depth}`, () => get(`/reserved_domains?limit=100${before}`)),
    );
    lists.push(
      await measure(`list of 100 audit events, ${depth}`, () =>
        get(`/audit_events?limit=100${before.replace('rd_', 'ev_')}`),
      ),
    );
  }
  const filter = encodeURIComponent('obj.domain == "seed-5.portico.localhost"');
  lists.push(
    await measure('filter by an exact domain, the oldest of all', () => get(`/reserved_domains?filter=${filter}`)),
  );
  lists.push(await measure('usage of 30 days by day', () => get('/usage')));
  const { rows } = await sql.query<{ id: string }>('SELECT id FROM credential WHERE account_id = $1 LIMIT 1', [
    bigAccount,
  ]);
  const credentialId = rows[0]?.id ?? '';
  const bind = (host: string) => ({
    nodeId: 'bench',
    accountId: bigAccount,
    credentialId,
    proto: 'https' as const,
    wanted: { kind: 'host' as const, host },
  });
  const binds = [
    await measure('bind of a reserved name', (round) =>
      edge.authorizeBind(bind(`seed-${(round + 1) * 5}.portico.localhost`)),
    ),
    await measure('bind of a free name', (round) => edge.authorizeBind(bind(`free-${round}.portico.localhost`))),
    await measure('bind of a name of another account', (round) =>
      edge.authorizeBind(bind(`seed-${round * 5 + 1}.portico.localhost`)),
    ),
  ];
  console.log('');
  await explain(sql, 'a page of domains, deep', [
    `SELECT * FROM reserved_domain WHERE account_id = '${bigAccount}' AND id < '${depths.at(-1)?.[1]}' ORDER BY id DESC LIMIT 101`,
  ]);
  await explain(sql, 'who has one of these names', [
    `SELECT * FROM reserved_domain WHERE domain IN ('a.seed-7.portico.localhost', '*.seed-7.portico.localhost', 'seed-7.portico.localhost') AND (next_check_at IS NULL OR proven_at IS NOT NULL)`,
  ]);
  await explain(sql, 'an exact domain of an account', [
    `SELECT * FROM reserved_domain WHERE account_id = '${bigAccount}' AND domain = 'seed-5.portico.localhost' ORDER BY id DESC LIMIT 501`,
  ]);
  await explain(sql, 'usage by day', [
    `SELECT date_trunc('day', minute), sum(requests) FROM usage WHERE account_id = '${bigAccount}' AND minute >= now() - interval '30 days' AND minute < now() GROUP BY 1 ORDER BY 1 DESC LIMIT 1000`,
  ]);
  const slowList = lists.filter(({ p95 }) => p95 >= 50);
  const slowBind = binds.filter(({ p50 }) => p50 >= 5);
  console.log(
    slowList.length + slowBind.length === 0
      ? 'lists stay under 50 ms (p95), binds under 5 ms (p50)'
      : `over the limit: ${[...slowList, ...slowBind].map(({ name }) => name).join('; ')}`,
  );
  await sql.end();
  edge.close();
  await api.close();
  if (keyId === '') process.exitCode = 1;
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

/** The newest page, and places further and further down the big account's list. */
async function domainIds(sql: pg.Client): Promise<[string, string | null][]> {
  const { rows } = await sql.query<{ id: string; place: string }>(
    `SELECT id, place FROM (
       SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM reserved_domain WHERE account_id = $1) AS ranked
     WHERE place IN (1000, 5000, 10000, 19000) ORDER BY place`,
    [bigAccount],
  );
  return [['newest', null], ...rows.map(({ id, place }): [string, string | null] => [`after ${place}`, id])];
}

/** What a plan does not say in words is left out. */
async function explain(sql: pg.Client, name: string, statements: string[]): Promise<void> {
  for (const statement of statements) {
    const { rows } = await sql.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${statement}`);
    console.log(`${name}:`);
    for (const row of rows) console.log(`  ${row['QUERY PLAN']}`);
  }
}

/** Gives the big account the key and token that the first start wrote down. The key's id. */
async function moveSecrets(sql: pg.Client, { apiKey }: { apiKey: string }, masterKey: Uint8Array): Promise<string> {
  const hash = Buffer.from(new TokenHasher(masterKey).hash(apiKey));
  const moved = await sql.query<{ id: string }>(
    'UPDATE api_key SET account_id = $1, owner_id = NULL WHERE key_hash = $2 RETURNING id',
    [bigAccount, hash],
  );
  return moved.rows[0]?.id ?? '';
}
