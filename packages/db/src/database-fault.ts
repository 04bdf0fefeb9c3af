/**
 * What a failed query means for its caller.
 * - `unavailable`: the database is away, starting, read-only, overloaded or too slow. The same query may work soon.
 * - `conflict`: a unique name is taken.
 * - `missing`: the row to change is not there.
 * - `referenced`: other rows point to it, or the row it should point to is not there.
 */
export type DatabaseFault = 'unavailable' | 'conflict' | 'missing' | 'referenced';

/** Null: not an error of the database, or one that is a mistake of ours. Knows Prisma's codes, Postgres's and the socket's. */
export function databaseFault(error: unknown): DatabaseFault | null {
  for (const code of codesOf(error)) {
    if (code === 'P2002' || code === '23505') return 'conflict';
    if (code === 'P2025') return 'missing';
    if (code === 'P2003' || code === '23503' || code === '23001') return 'referenced';
    if (unavailable.has(code) || /^(08|57P|53)/.test(code)) return 'unavailable';
  }
  return null;
}

const unavailable = new Set([
  // Prisma: not reachable, timed out, connection closed, no free connection, transaction given up, conflict of writers
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  'P2028',
  'P2034',
  // The adapter's words for the same
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
  // Postgres: read-only, statement or lock timeout, deadlock, serialization
  '25006',
  '57014',
  '55P03',
  '40P01',
  '40001',
  '25P03',
  // Sockets
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/** node-postgres has no code for these. */
const unavailableTexts = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Query read timeout',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
];

function* codesOf(error: unknown, depth = 0): Generator<string, void, undefined> {
  if (typeof error !== 'object' || error === null || depth > 6) return;
  for (const name of ['code', 'originalCode', 'kind']) {
    const value: unknown = Reflect.get(error, name);
    if (typeof value === 'string') yield value;
  }
  const message: unknown = Reflect.get(error, 'message');
  if (typeof message === 'string' && unavailableTexts.some((text) => message.includes(text))) yield 'P1017';
  const originalMessage: unknown = Reflect.get(error, 'originalMessage');
  if (typeof originalMessage === 'string' && unavailableTexts.some((text) => originalMessage.includes(text))) {
    yield 'P1017';
  }
  for (const name of ['cause', 'meta', 'driverAdapterError', 'error']) {
    yield* codesOf(Reflect.get(error, name), depth + 1);
  }
  if (error instanceof AggregateError) for (const inner of error.errors) yield* codesOf(inner, depth + 1);
}
