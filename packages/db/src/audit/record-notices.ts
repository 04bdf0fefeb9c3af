import type { Queries } from '../database.ts';

/** On this channel processes tell each other which lists of an account have changed. */
export const RECORDS_CHANNEL = 'portico_records';

/** Names are those of the REST API's collections, such as `reserved_domains`. */
export interface RecordNotice {
  readonly accountId: string;
  readonly collections: readonly string[];
  /** Who changed them; what is a person's own is told to nobody else. */
  readonly userId: string | null;
}

/** Tells every process, when the transaction is committed. It is a hint: what it is about has to be read. */
export async function tellRecordsChanged(db: Queries, { accountId, collections, userId }: RecordNotice): Promise<void> {
  const payload = JSON.stringify({ accountId, collections, userId });
  await db.$executeRaw`SELECT pg_notify(${RECORDS_CHANNEL}, ${payload})`;
}
