import type { IncomingHttpHeaders } from 'node:http';
import {
  type AccountRow,
  findApiKeyOfToken,
  findMembership,
  findPersonalAccessTokenOf,
  findServiceUser,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { ApiContext } from '../context.ts';
import { machineRights, type Rights, rightsOf } from '../memberships/permissions.ts';
import { checkRestriction } from '../restrictions/check-restriction.ts';
import { type ParsedToken, parseToken } from '../secrets/token.ts';

/** Who calls: an API key or a signed-in person, for one account. Every query of the request is within that account. */
export interface ApiCaller {
  readonly accountId: string;
  /** `ak_…`, `pt_…`, or `session_…` with the start of the session's id. */
  readonly keyId: string;
  readonly ownerId: string | null;
  readonly address: string;
  /** What the owner may; everything, for a key that no person owns. */
  readonly rights: Rights;
}

/**
 * 200 no key · 201 neither Bearer nor Basic · 202 no key by its form · 203 nobody has it · 206 an authtoken ·
 * 208 the id of a key · 205 the account is suspended · 4005 its owner is not active · 220 not from this address.
 */
export async function authenticate(
  context: Pick<ApiContext, 'database' | 'hasher' | 'lastUses' | 'now' | 'log'>,
  headers: IncomingHttpHeaders,
  from: string,
): Promise<ApiCaller> {
  const key = keyOf(headers.authorization);
  const parsed = parseToken(key);
  if (parsed?.kind === 'authtoken' || /^cr_[0-9A-Za-z]{27}$/.test(key)) throw new PorticoError(206);
  if (/^ak_[0-9A-Za-z]{27}$/.test(key)) throw new PorticoError(208);
  if (parsed === null) throw new PorticoError(202);
  const found = await findKey(context, key, parsed);
  if (found === null) throw new PorticoError(203);
  const { accountId, ownerId } = found;
  if (found.account.suspendedAt !== null) throw new PorticoError(205);
  const rights = await ownerRights(context, accountId, ownerId);
  if (rights === null) throw new PorticoError(4005);
  if ((await checkRestriction(context, { accountId, type: 'api', address: from })) !== 'allowed') {
    throw new PorticoError(220, { address: from });
  }
  found.used(from);
  return { accountId, keyId: found.id, ownerId, address: from, rights };
}

interface FoundKey {
  readonly id: string;
  readonly accountId: string;
  readonly account: AccountRow;
  readonly ownerId: string | null;
  used(from: string): void;
}

/** Null: nobody has it, or it was revoked, or has expired. 202: it is no key of this API. */
async function findKey(
  { database, hasher, lastUses, now }: Pick<ApiContext, 'database' | 'hasher' | 'lastUses' | 'now'>,
  key: string,
  { kind, id }: ParsedToken,
): Promise<FoundKey | null> {
  if (kind === 'api-key') {
    const row = await findApiKeyOfToken(database.queries, id);
    if (row === null || !hasher.matches(key, row.keyHash) || row.revokedAt !== null) return null;
    return { ...row, used: (from) => lastUses.noteApiKey({ id, at: now(), from }) };
  }
  if (kind !== 'personal') throw new PorticoError(202);
  const row = await findPersonalAccessTokenOf(database.queries, id);
  if (row === null || !hasher.matches(key, row.tokenHash) || row.revokedAt !== null) return null;
  if (row.expiresAt !== null && row.expiresAt <= now()) return null;
  return { ...row, ownerId: row.userId, used: (from) => lastUses.notePersonalToken({ id, at: now(), from }) };
}

/** Null: the owner is not active in this account. */
async function ownerRights(
  { database }: Pick<ApiContext, 'database'>,
  accountId: string,
  ownerId: string | null,
): Promise<Rights | null> {
  if (ownerId === null) return machineRights;
  if (!ownerId.startsWith('usr_')) {
    const machine = await findServiceUser(database.queries, accountId, ownerId);
    return machine !== null && !machine.active ? null : machineRights;
  }
  const membership = await findMembership(database.queries, accountId, ownerId);
  const isActive = membership !== null && membership.disabledAt === null && membership.user.disabledAt === null;
  return isActive ? rightsOf(membership) : null;
}

function keyOf(authorization: string | undefined): string {
  if (authorization === undefined || authorization === '') throw new PorticoError(200);
  const [scheme = '', value = '', ...more] = authorization.trim().split(/\s+/);
  if (more.length > 0 || value === '') throw new PorticoError(201);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') throw new PorticoError(201);
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) throw new PorticoError(201);
  // The key stands in either place, depending on the client.
  return text.slice(colon + 1) || text.slice(0, colon);
}
