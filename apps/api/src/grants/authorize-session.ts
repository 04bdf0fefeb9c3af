import type { AuthorizeSessionRequest, AuthorizeSessionResponse, RefusalError } from '@portico/api-contract/internal';
import { type CredentialWithAccount, findCredentialOfToken, inactiveOwners } from '@portico/db';
import { type ErrorCode, type ErrorDetails, PorticoError, shortened } from '@portico/errors';
import type { ApiContext } from '../context.ts';
import { checkRestriction } from '../restrictions/check-restriction.ts';
import { parseToken } from '../secrets/token.ts';
import { grantOf } from './grant.ts';

export interface SessionFacts {
  sessionsOnline(accountId: string): number;
  /** The token is of an account, and was refused all the same. */
  onRefused(credential: CredentialWithAccount, error: PorticoError): void;
}

/**
 * May the holder of this authtoken open a session? 105 no authtoken at all · 207 an API key · 107 nobody has it ·
 * 300 it was revoked · 205 its account is suspended · 4005 its owner is not active · 115, 116 not from this address ·
 * 108 the account has as many sessions as it may.
 */
export async function authorizeSession(
  context: Pick<ApiContext, 'database' | 'hasher' | 'lastUses' | 'now' | 'log' | 'plans'>,
  request: AuthorizeSessionRequest,
  { sessionsOnline, onRefused }: SessionFacts,
): Promise<AuthorizeSessionResponse> {
  const { database, hasher, lastUses, now } = context;
  const { token, clientIp: address } = request;
  const parsed = parseToken(token);
  if (parsed?.kind === 'api-key' || /^ak_[0-9A-Za-z]{27}$/.test(token)) return refused(207);
  if (parsed?.kind !== 'authtoken') return refused(105, { token: shortened(token) });
  const credential = await findCredentialOfToken(database.queries, parsed.id);
  if (credential === null || !hasher.matches(token, credential.tokenHash)) {
    return refused(107, { token: shortened(token) });
  }
  const { account } = credential;
  const refuse = (code: ErrorCode, details: ErrorDetails = {}): AuthorizeSessionResponse => {
    onRefused(credential, new PorticoError(code, details));
    return refused(code, details);
  };
  if (credential.revokedAt !== null) return refuse(300, { token: shortened(token) });
  if (account.suspendedAt !== null) return refuse(205);
  if ((await inactiveOwners(database.queries, [credential])).size > 0) return refuse(4005);
  const judgement = await checkRestriction(context, { accountId: account.id, type: 'agent', address });
  if (judgement !== 'allowed') return refuse(judgement === 'denied' ? 116 : 115, { address });
  const count = sessionsOnline(account.id);
  const grant = grantOf(credential, context.plans.of(account.plan));
  const limit = grant.limits.sessions;
  if (count >= limit) return refuse(108, { limit, count });
  lastUses.noteCredential({ id: credential.id, at: now(), from: request.clientIp });
  return { kind: 'granted', grant };
}

function refused(code: ErrorCode, details: ErrorDetails = {}): { kind: 'refused'; error: RefusalError } {
  return { kind: 'refused', error: { code, details: { ...details } } };
}
