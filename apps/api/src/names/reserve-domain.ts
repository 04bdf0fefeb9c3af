import {
  createReservedDomain,
  deleteReservedDomain,
  findHolds,
  findReservations,
  type Queries,
  type ReservedDomainRow,
  restName,
  takeHold,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { ApiContext } from '../context.ts';
import { isUnder, labelUnderBase, namesAbove, parseHostName } from './host-name.ts';
import { isReservedLabel } from './reserved-label.ts';

type Context = Pick<ApiContext, 'config' | 'now'>;

/**
 * Keeps a name for an account, online or not; in the caller's transaction. 326, 328 not a name · 341 kept for the
 * operator · 319 not under the base (names of one's own need a proof that this server cannot take yet) · 320 of
 * another account, or a name under one of another account, or it still rests for another account. A conflict (see
 * `databaseFault`) when the account has it already.
 */
export async function reserveDomain(
  { config, now }: Context,
  tx: Queries,
  accountId: string,
  wanted: { domain: string; description: string; metadata: string },
): Promise<ReservedDomainRow> {
  const host = checkedName(wanted.domain, config.baseDomain);
  const at = now();
  const names = namesAbove(host, config.baseDomain);
  const others = (rows: readonly { accountId: string }[]) => rows.some((found) => found.accountId !== accountId);
  if (others(await findReservations(tx, names)) || others(await findHolds(tx, names, at))) {
    throw new PorticoError(320, { host });
  }
  // The hold is what two accounts that want the name at the same moment are told apart by.
  const heldUntil = new Date(at.getTime() + config.limits.nameHoldMs);
  if (!(await takeHold(tx, { name: host, accountId, heldUntil }, at))) throw new PorticoError(320, { host });
  return createReservedDomain(tx, accountId, {
    id: newId('rd', at.getTime()),
    domain: host,
    description: wanted.description,
    metadata: wanted.metadata,
    createdAt: at,
  });
}

/** Gives a name up; it rests for its old account for `reservedHoldMs`. False when the account has no such row. */
export async function releaseDomain(
  { config, now }: Context,
  tx: Queries,
  accountId: string,
  id: string,
): Promise<boolean> {
  const heldUntil = new Date(now().getTime() + config.limits.reservedHoldMs);
  const deleted = await deleteReservedDomain(tx, accountId, id);
  if (deleted === null) return false;
  await restName(tx, { name: deleted.domain, accountId, heldUntil });
  return true;
}

function checkedName(text: string, baseDomain: string): string {
  const parsed = parseHostName(text);
  if (parsed.kind === 'invalid') {
    const host = text.toLowerCase().replace(/\.$/, '');
    if (!isUnder(host, baseDomain)) throw new PorticoError(326, { host: text, reason: parsed.reason });
    throw new PorticoError(328, { subdomain: host.slice(0, -(baseDomain.length + 1)), reason: parsed.reason });
  }
  const { host } = parsed;
  if (host === baseDomain || host === `*.${baseDomain}`) throw new PorticoError(341, { host });
  if (!isUnder(host, baseDomain)) throw new PorticoError(319, { host, base: baseDomain });
  if (isReservedLabel(labelUnderBase(host, baseDomain))) throw new PorticoError(341, { host });
  return host;
}
