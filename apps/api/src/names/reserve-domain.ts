import {
  createReservedDomain,
  deleteReservedDomain,
  findHolds,
  findReservations,
  isClaimedByOther,
  type Queries,
  type ReservedDomainRow,
  removeUnproven,
  restName,
  takeHold,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { ApiContext } from '../context.ts';
import { checkDomain } from '../domains/check-domain.ts';
import { proofOf } from '../domains/own-domain.ts';
import { isUnder, labelUnderBase, namesAbove, parseHostName } from './host-name.ts';
import { isReservedLabel } from './reserved-label.ts';

type Context = Pick<ApiContext, 'config' | 'now' | 'hasher' | 'domainResolver'>;

/**
 * Keeps a name for an account, online or not; in the caller's transaction. 326, 328 not a name · 341 kept for the
 * operator · 320 of another account, or a name under one of another account, or it still rests for another account.
 * A conflict (see `databaseFault`) when the account has it already.
 *
 * A name that is not under the base is the account's once DNS proves it. Until then it keeps nobody else from it:
 * who has the proof takes it from who has not; 516 without.
 */
export async function reserveDomain(
  context: Context,
  tx: Queries,
  accountId: string,
  wanted: { domain: string; description: string; metadata: string },
): Promise<ReservedDomainRow> {
  const { config, now } = context;
  const host = checkedName(wanted.domain, config);
  const at = now();
  if (!isUnder(host, config.baseDomain)) return claimForeign(context, tx, accountId, { ...wanted, domain: host });
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
  { config, now }: Pick<ApiContext, 'config' | 'now'>,
  tx: Queries,
  accountId: string,
  id: string,
): Promise<boolean> {
  const heldUntil = new Date(now().getTime() + config.limits.reservedHoldMs);
  const deleted = await deleteReservedDomain(tx, accountId, id);
  if (deleted === null) return false;
  // Whoever proves a name of their own need not wait.
  if (!isUnder(deleted.domain, config.baseDomain)) return true;
  await restName(tx, { name: deleted.domain, accountId, heldUntil });
  return true;
}

async function claimForeign(
  { config, now, hasher, domainResolver }: Context,
  tx: Queries,
  accountId: string,
  { domain: host, description, metadata }: { domain: string; description: string; metadata: string },
): Promise<ReservedDomainRow> {
  const proven = await findReservations(tx, namesAbove(host, ''));
  if (proven.some((row) => row.accountId !== accountId)) throw new PorticoError(320, { host });
  if (await isClaimedByOther(tx, host, accountId)) {
    const proof = proofOf({ hasher, baseDomain: config.baseDomain }, accountId, host);
    const found = await checkDomain(domainResolver, proof, host, config.baseDomain).catch(() => null);
    if (found === null || found.proof === null) {
      const { txtName: name, txtValue: value, probe, cnameTarget: target } = proof;
      throw new PorticoError(516, { host, name, value, probe, target });
    }
    await removeUnproven(tx, host, accountId);
  }
  const at = now();
  const fields = { id: newId('rd', at.getTime()), domain: host, description, metadata, createdAt: at };
  return createReservedDomain(tx, accountId, { ...fields, nextCheckAt: at });
}

/** Names that are nobody's to prove: they mean something else everywhere, or are this installation's own. */
function isNobodys(host: string, config: ApiContext['config']): boolean {
  const apex = host.replace(/^\*\./, '');
  const labels = apex.split('.');
  const own = [...config.certificateNames.dns, config.baseDomain];
  if (own.some((name) => name === apex || name.endsWith(`.${apex}`))) return true;
  return labels.length < 2 || special.has(labels.at(-1) ?? '') || /^\d+$/.test(labels.at(-1) ?? '');
}

/** RFC 6761, RFC 6762, RFC 8375, RFC 9476, and ours. */
const special = new Set([
  'localhost',
  'local',
  'internal',
  'invalid',
  'onion',
  'arpa',
  'alt',
  'example',
  'lan',
  'home',
]);

function checkedName(text: string, config: ApiContext['config']): string {
  const { baseDomain } = config;
  const parsed = parseHostName(text);
  if (parsed.kind === 'invalid') {
    const host = text.toLowerCase().replace(/\.$/, '');
    if (!isUnder(host, baseDomain)) throw new PorticoError(326, { host: text, reason: parsed.reason });
    throw new PorticoError(328, { subdomain: host.slice(0, -(baseDomain.length + 1)), reason: parsed.reason });
  }
  const { host } = parsed;
  if (host === baseDomain || host === `*.${baseDomain}`) throw new PorticoError(341, { host });
  if (!isUnder(host, baseDomain)) {
    if (isNobodys(host, config)) throw new PorticoError(341, { host });
    return host;
  }
  if (isReservedLabel(labelUnderBase(host, baseDomain))) throw new PorticoError(341, { host });
  return host;
}
