import { findMembership, findServiceUser, type Queries } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { ApiCaller } from '../../plugins/api-caller.ts';

/**
 * Whom a new secret belongs to: the named member or service user of the caller's account, else who owns the caller's
 * key. 215 otherwise.
 */
export async function ownerFor(
  queries: Queries,
  caller: ApiCaller,
  wanted: string | null | undefined,
): Promise<string | null> {
  if (wanted === null || wanted === undefined || wanted === '') return caller.ownerId;
  const { accountId } = caller;
  const found = wanted.startsWith('usr_')
    ? await findMembership(queries, accountId, wanted)
    : await findServiceUser(queries, accountId, wanted);
  if (found === null) throw new PorticoError(215, { field: 'owner_id', reason: `there is no user ${wanted}` });
  return wanted;
}
