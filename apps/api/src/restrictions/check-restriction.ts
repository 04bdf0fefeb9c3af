import { type IpRestrictionType, restrictionOf } from '@portico/db';
import type { ApiContext } from '../context.ts';
import { judgeAddress } from './address-range.ts';

/**
 * Whether the account lets this address use one of its surfaces. A restriction that is not enforced lets everyone in
 * and says in the log whom it would have kept out.
 */
export async function checkRestriction(
  { database, log }: Pick<ApiContext, 'database' | 'log'>,
  { accountId, type, address }: { accountId: string; type: IpRestrictionType; address: string },
): Promise<'allowed' | 'denied' | 'not-allowed'> {
  const restriction = await restrictionOf(database.queries, accountId, type);
  if (restriction === null) return 'allowed';
  const judgement = judgeAddress(address, restriction.rules);
  if (judgement === 'allowed' || restriction.enforced) return judgement;
  log.info({ accountId, type, address }, 'an IP restriction that is not enforced would have refused this address');
  return 'allowed';
}
