import { findMembership, findServiceUser, type Queries } from '@portico/db';
import { PorticoError } from '@portico/errors';
import { demand } from '../../memberships/permissions.ts';
import type { ApiCaller } from '../../plugins/api-caller.ts';

/**
 * Whom a new secret belongs to: the named member or service user of the caller's account, else who owns the caller's
 * key. 215 otherwise · 4006 for somebody else, if the caller's role does not allow it.
 */
export async function ownerFor(
  queries: Queries,
  caller: ApiCaller,
  wanted: string | null | undefined,
): Promise<string | null> {
  if (wanted === null || wanted === undefined || wanted === '' || wanted === caller.ownerId) return caller.ownerId;
  demand(caller.rights, 'keys.manage');
  const { accountId } = caller;
  const found = wanted.startsWith('usr_')
    ? await findMembership(queries, accountId, wanted)
    : await findServiceUser(queries, accountId, wanted);
  if (found === null) throw new PorticoError(215, { field: 'owner_id', reason: `there is no user ${wanted}` });
  return wanted;
}

/** 4006 when a secret is somebody else's and the caller's role leaves those alone. */
export function checkOwned(caller: ApiCaller, row: { readonly ownerId: string | null }): void {
  if (row.ownerId === null || row.ownerId !== caller.ownerId) demand(caller.rights, 'keys.manage');
}
