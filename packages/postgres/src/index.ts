export { checkDatabase } from './check-database.ts';
export {
  type EmbeddedPostgresOptions,
  type Log,
  type PostgresExit,
  type RunningPostgres,
  startPostgres,
} from './postgres-server.ts';
export { type PostgresFault, PostgresStartError } from './postgres-start-error.ts';
export { type ProvidedPostgres, providePostgres } from './provided-postgres.ts';
export { createTestDatabase, type TestDatabase, type TestDatabaseOptions, testServerUrl } from './test-database.ts';
