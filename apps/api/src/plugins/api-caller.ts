import type { IncomingHttpHeaders } from 'node:http';
import { findApiKeyOfToken, inactiveOwners } from '@portico/db';
import { PorticoError } from '@portico/errors';
import type { ApiContext } from '../context.ts';
import { checkRestriction } from '../restrictions/check-restriction.ts';
import { parseToken } from '../secrets/token.ts';

/** Who calls: an API key or a signed-in person, for one account. Every query of the request is within that account. */
export interface ApiCaller {
  readonly accountId: string;
  /** `ak_…`, or `session_…` with the start of the session's id. */
  readonly keyId: string;
  readonly ownerId: string | null;
  readonly address: string;
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
  const { database, hasher, lastUses, now } = context;
  const key = keyOf(headers.authorization);
  const parsed = parseToken(key);
  if (parsed?.kind === 'authtoken' || /^cr_[0-9A-Za-z]{27}$/.test(key)) throw new PorticoError(206);
  if (/^ak_[0-9A-Za-z]{27}$/.test(key)) throw new PorticoError(208);
  if (parsed?.kind !== 'api-key') throw new PorticoError(202);
  const row = await findApiKeyOfToken(database.queries, parsed.id);
  if (row === null || !hasher.matches(key, row.keyHash) || row.revokedAt !== null) throw new PorticoError(203);
  if (row.account.suspendedAt !== null) throw new PorticoError(205);
  if ((await inactiveOwners(database.queries, [row.ownerId])).size > 0) throw new PorticoError(4005);
  const { accountId } = row;
  if ((await checkRestriction(context, { accountId, type: 'api', address: from })) !== 'allowed') {
    throw new PorticoError(220, { address: from });
  }
  lastUses.noteApiKey({ id: row.id, at: now(), from });
  return { accountId: row.accountId, keyId: row.id, ownerId: row.ownerId, address: from };
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
