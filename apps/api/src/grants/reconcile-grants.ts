import type { ReconcileRequest, ReconcileResponse } from '@portico/api-contract/internal';
import { type Database, findLiveCredentials } from '@portico/db';
import type { Plans } from '../plans/plans.ts';
import { grantOf } from './grant.ts';

/** Which of an edge's grants are gone, and which are newer than the edge's. A suspended account's are gone. */
export async function reconcileGrants(
  { database, plans }: { database: Database; plans: Plans },
  request: ReconcileRequest,
): Promise<ReconcileResponse> {
  if (request.grants.length === 0) return { gone: [], changed: [] };
  const ids = [...new Set(request.grants.map((grant) => grant.credentialId))];
  const live = new Map((await findLiveCredentials(database.queries, ids)).map((row) => [row.id, row]));
  const usable = (id: string) => {
    const row = live.get(id);
    return row === undefined || row.account.suspendedAt !== null ? null : row;
  };
  const changed = request.grants.flatMap(({ credentialId, version }) => {
    const row = usable(credentialId);
    const grant = row === null ? null : grantOf(row, plans.of(row.account.plan));
    return grant === null || grant.version <= version ? [] : [grant];
  });
  return { gone: ids.filter((id) => usable(id) === null), changed };
}
