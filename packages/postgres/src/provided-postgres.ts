import { type EmbeddedPostgresOptions, type RunningPostgres, startPostgres } from './postgres-server.ts';

/** The database to use: the operator's own, which we never start or stop, or the embedded one. */
export type ProvidedPostgres =
  | { readonly kind: 'external'; readonly url: string; stop(): Promise<void> }
  | { readonly kind: 'embedded'; readonly url: string; readonly server: RunningPostgres; stop(): Promise<void> };

/** With a `databaseUrl` (the setting DATABASE_URL) nothing is started. Throws PostgresStartError. */
export async function providePostgres(
  options: EmbeddedPostgresOptions & { readonly databaseUrl: string | undefined },
): Promise<ProvidedPostgres> {
  if (options.databaseUrl !== undefined && options.databaseUrl !== '') {
    return { kind: 'external', url: options.databaseUrl, stop: async () => {} };
  }
  const server = await startPostgres(options);
  return { kind: 'embedded', url: server.url, server, stop: () => server.stop() };
}
