import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { type Prisma, PrismaClient } from './generated/client.ts';

/** The client itself or one inside a transaction: what every query takes. */
export type Queries = Prisma.TransactionClient;

export interface Database {
  readonly queries: PrismaClient;
  /** One transaction: `work` commits when it resolves. It is given up after a few seconds. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  /** Whoever opened it closes it; open queries finish first. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections at once. */
  readonly poolSize?: number;
  /** For a free connection, be it a new one or one given back. */
  readonly connectTimeoutMs?: number;
  /** For one statement; the server gives up first, the client right after. */
  readonly statementTimeoutMs?: number;
  /** A connection that broke while nobody used it. */
  onIdleError?(error: Error): void;
}

/**
 * The database through a bounded pool. Nothing is connected before the first query, and a server that is away or
 * slow costs a query at most `connectTimeoutMs + statementTimeoutMs`; after it is back the next query works.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? 2_500;
  const connectTimeoutMs = options.connectTimeoutMs ?? 1_500;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementTimeoutMs,
    lock_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: 10_000,
    query_timeout: statementTimeoutMs + 500,
    keepAlive: true,
    application_name: 'portico',
    // Raw queries send times without a zone.
    options: '-c timezone=UTC',
  });
  pool.on('error', (error) => options.onIdleError?.(error));
  const queries = new PrismaClient({
    adapter: new PrismaPg(pool),
    transactionOptions: { maxWait: connectTimeoutMs, timeout: statementTimeoutMs * 2 },
  });
  return {
    queries,
    transaction: (work) => queries.$transaction(work),
    close: async () => {
      await queries.$disconnect();
      await pool.end();
    },
  };
}
