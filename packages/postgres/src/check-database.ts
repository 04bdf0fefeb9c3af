import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { PostgresStartError } from './postgres-start-error.ts';

/** What trying again will not mend: wrong password, no such user or database, no right to connect. */
const PERMANENT = new Set(['28P01', '28000', '3D000', '42501']);

/**
 * Whether an operator's own database lets us in; waits a little for one that is only starting.
 * Throws PostgresStartError that names host and database, never the password.
 */
export async function checkDatabase(url: string, { patienceMs = 5_000 } = {}): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
    // A connection that breaks later must not end the process; there is nothing left to lose on it.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('select 1');
      return;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (PERMANENT.has(code) || performance.now() > deadline) {
        const { host, pathname } = new URL(url);
        const reason = error instanceof Error && error.message !== '' ? error.message : code;
        throw new PostgresStartError(
          'failed',
          `DATABASE_URL names ${host}${pathname}, which does not let us in: ${reason}`,
          {
            cause: error,
          },
        );
      }
    } finally {
      await client.end().catch(() => undefined);
    }
    await delay(200);
  }
}
