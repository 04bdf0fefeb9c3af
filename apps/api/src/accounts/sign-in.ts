import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import {
  changeThrottle,
  clearThrottle,
  createDashboardSession,
  type DashboardSessionRow,
  deleteDashboardSession,
  deleteOtherSessions,
  findDashboardSession,
  findUserByEmail,
  setPassword,
  type ThrottleState,
  touchDashboardSession,
  type UserRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { forgetFirstPassword } from '../bootstrap/bootstrap.ts';
import type { ApiContext } from '../context.ts';
import { type Passwords, passwordFault } from '../secrets/password.ts';

const touchMs = 60_000;
const blockMsMax = 15 * 60_000;
/** After so long without a try the waits begin small again. */
const forgetMs = 60 * 60_000;

export interface SignedIn {
  /** The cookie's value; stored as a hash only. */
  readonly reference: string;
  readonly session: { readonly id: string; readonly expiresAt: Date };
  readonly user: UserRow;
}

/** Signing in with e-mail and password, and the sessions of browsers that came of it. */
export class SignIns {
  readonly #context: Pick<ApiContext, 'config' | 'database' | 'now'> & { readonly passwords: Passwords };
  readonly #csrfKey: Buffer;
  readonly #endListeners = new Set<(sessionId: string) => void>();

  constructor(
    context: Pick<ApiContext, 'config' | 'database' | 'now'> & { readonly passwords: Passwords },
    masterKey: Uint8Array,
  ) {
    this.#context = context;
    this.#csrfKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'portico csrf token 1', 32));
  }

  /**
   * 4001 for a wrong pair, the same in words and time whether or not there is such a user; 4002 after too many tries
   * for that name or from that address. Every try counts before its password is looked at.
   */
  async signIn(credentials: { email: string; password: string }, client: ClientFacts): Promise<SignedIn> {
    const { config, database, now, passwords } = this.#context;
    const { signIn, sessionLifeMs } = config.limits;
    const email = credentials.email.trim().toLowerCase();
    const accountKey = `account:${sha256(email)}`;
    await this.#countTry(`address:${sha256(addressGroup(client.ip))}`, signIn.addressTries);
    await this.#countTry(accountKey, signIn.accountTries);
    const user = await findUserByEmail(database.queries, email);
    const usable = user !== null && user.disabledAt === null ? user : null;
    if (!(await passwords.verify(credentials.password, usable?.passwordHash ?? null)) || usable === null) {
      throw new PorticoError(4001);
    }
    await clearThrottle(database.queries, accountKey);
    const reference = randomBytes(32).toString('base64url');
    const createdAt = now();
    const session = { id: sha256(reference), expiresAt: new Date(createdAt.getTime() + sessionLifeMs) };
    await createDashboardSession(database.queries, {
      ...session,
      userId: usable.id,
      ip: client.ip.slice(0, 64),
      userAgent: client.userAgent.slice(0, 512),
      createdAt,
    });
    return { reference, session, user: usable };
  }

  /** The session of a cookie; null when there is none, or it has expired, idle or absolute. */
  async find(reference: string): Promise<DashboardSessionRow | null> {
    const { config, database, now } = this.#context;
    const session = await findDashboardSession(database.queries, sha256(reference));
    const at = now().getTime();
    if (session === null || session.user.disabledAt !== null) return null;
    if (at >= session.expiresAt.getTime()) return null;
    if (at - session.lastSeenAt.getTime() >= config.limits.sessionIdleMs) return null;
    if (at - session.lastSeenAt.getTime() >= touchMs) {
      await touchDashboardSession(database.queries, session.id, new Date(at));
    }
    return session;
  }

  async signOut(sessionId: string): Promise<void> {
    await deleteDashboardSession(this.#context.database.queries, sessionId);
    this.#tellEnded(sessionId);
  }

  /** 4001 wrong current password · 215 the new one is refused. Ends the user's other sessions. */
  async changePassword(session: DashboardSessionRow, current: string, next: string): Promise<void> {
    const { config, database, now, passwords } = this.#context;
    const { user } = session;
    await this.#countTry(`account:${sha256(user.email)}`, config.limits.signIn.accountTries);
    if (!(await passwords.verify(current, user.passwordHash))) throw new PorticoError(4001);
    const fault = passwordFault(next, user.email);
    if (fault !== null) throw new PorticoError(215, { field: 'password', reason: fault });
    const hash = await passwords.hash(next);
    const ended = await database.transaction(async (tx) => {
      await setPassword(tx, user.id, hash, now());
      return deleteOtherSessions(tx, user.id, session.id);
    });
    await clearThrottle(database.queries, `account:${sha256(user.email)}`);
    for (const id of ended) this.#tellEnded(id);
    if (config.bootstrapDir !== null) await forgetFirstPassword(config.bootstrapDir, user.email);
  }

  /** Belongs to one session and to nothing that a page of another site could read. */
  csrfToken(sessionId: string): string {
    return createHmac('sha256', this.#csrfKey).update(sessionId).digest('base64url');
  }

  isCsrfToken(sessionId: string, given: string | undefined): boolean {
    const expected = Buffer.from(this.csrfToken(sessionId));
    const actual = Buffer.from(given ?? '');
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }

  /** Calls back when a session was ended by somebody. Returns how to stop. */
  watchEnds(listener: (sessionId: string) => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  #tellEnded(sessionId: string): void {
    for (const listener of this.#endListeners) listener(sessionId);
  }

  async #countTry(key: string, triesMax: number): Promise<void> {
    const { config, database, now } = this.#context;
    const at = now();
    const waitMs = await database.transaction((tx) =>
      changeThrottle(tx, key, at, (state) => nextTry(state, at, triesMax, config.limits.signIn.windowMs)),
    );
    if (waitMs > 0) throw new PorticoError(4002, { seconds: Math.ceil(waitMs / 1_000) });
  }
}

export interface ClientFacts {
  readonly ip: string;
  readonly userAgent: string;
}

/**
 * One more try. The result is 0, or for how many ms nothing is tried: a window the first time, twice as long each
 * further time, a quarter of an hour at most.
 */
export function nextTry(
  state: ThrottleState,
  at: Date,
  triesMax: number,
  windowMs: number,
): { state: ThrottleState; result: number } {
  const now = at.getTime();
  if (state.blockedUntil !== null && state.blockedUntil.getTime() > now) {
    return { state, result: state.blockedUntil.getTime() - now };
  }
  const age = now - state.windowStart.getTime();
  const level = age >= forgetMs ? 0 : state.level;
  // After a wait the count begins anew, like after a window.
  const fresh = age >= windowMs || state.blockedUntil !== null;
  const tries = fresh ? 1 : state.tries + 1;
  if (tries <= triesMax) {
    return { state: { tries, level, windowStart: fresh ? at : state.windowStart, blockedUntil: null }, result: 0 };
  }
  const waitMs = Math.min(windowMs * 2 ** level, blockMsMax);
  return {
    state: { tries: 0, level: level + 1, windowStart: at, blockedUntil: new Date(now + waitMs) },
    result: waitMs,
  };
}

/** One IPv6 customer has a /64. */
function addressGroup(ip: string): string {
  if (!isIPv6(ip) || ip.includes('.')) return ip;
  const [head = '', tail = ''] = ip.split('%')[0]?.split('::') ?? [];
  const start = head.split(':').filter((part) => part !== '');
  const end = tail.split(':').filter((part) => part !== '');
  const zeros = ip.includes('::') ? Array.from({ length: 8 - start.length - end.length }, () => '0') : [];
  return [...start, ...zeros, ...end].slice(0, 4).join(':');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
