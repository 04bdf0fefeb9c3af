import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  confirmDashboardSession,
  createDashboardSession,
  type DashboardSessionRow,
  deleteDashboardSession,
  deleteOtherSessions,
  findDashboardSession,
  type Queries,
  touchDashboardSession,
  type UserRow,
} from '@portico/db';
import type { ApiContext } from '../context.ts';
import { sha256 } from './throttle.ts';

const touchMs = 60_000;

/** The browser that asks. */
export interface Client {
  readonly ip: string;
  readonly userAgent: string;
  readonly requestId: string;
  /** As the browser has it in its address bar, such as `https://dash.example`. */
  readonly origin: string;
  /** The same, unless somebody could have made it up: then the configured one. What links in mails begin with. */
  readonly trustedOrigin: string;
}

/** How somebody proved who they are. */
export type SignInMethod = 'password' | 'passkey' | 'link' | `oidc:${string}`;

export interface SignedIn {
  /** The cookie's value; stored as a hash only. */
  readonly reference: string;
  readonly session: { readonly id: string; readonly expiresAt: Date; readonly isStrong: boolean };
  readonly user: UserRow;
}

/** The sessions of browsers, and the token that each of their changes must carry. */
export class Sessions {
  readonly #context: Pick<ApiContext, 'config' | 'database' | 'now'>;
  readonly #csrfKey: Buffer;
  readonly #endListeners = new Set<(sessionId: string) => void>();

  constructor(context: Pick<ApiContext, 'config' | 'database' | 'now'>, masterKey: Uint8Array) {
    this.#context = context;
    this.#csrfKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'portico csrf token 1', 32));
  }

  /** A new one each time. */
  async open(
    tx: Queries,
    user: UserRow,
    { method, isStrong, client }: { method: SignInMethod; isStrong: boolean; client: Client },
  ): Promise<SignedIn> {
    const reference = randomBytes(32).toString('base64url');
    const createdAt = this.#context.now();
    const expiresAt = new Date(createdAt.getTime() + this.#context.config.limits.sessionLifeMs);
    const session = { id: sha256(reference), expiresAt, isStrong };
    await createDashboardSession(tx, {
      ...session,
      userId: user.id,
      ip: client.ip.slice(0, 64),
      userAgent: client.userAgent.slice(0, 512),
      method,
      createdAt,
    });
    return { reference, session, user };
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
      await touchDashboardSession(database.queries, session, new Date(at));
    }
    return session;
  }

  async end(sessionId: string): Promise<void> {
    await deleteDashboardSession(this.#context.database.queries, sessionId);
    this.tellEnded([sessionId]);
  }

  /** Ends a person's sessions but for one; call `tellEnded` with the result once that is committed. */
  endOthers(tx: Queries, userId: string, exceptId: string | null): Promise<readonly string[]> {
    return deleteOtherSessions(tx, userId, exceptId);
  }

  tellEnded(sessionIds: readonly string[]): void {
    for (const id of sessionIds) for (const listener of this.#endListeners) listener(id);
  }

  /** The person of this session has just proved anew who they are. */
  confirm(tx: Queries, sessionId: string, { isStrong }: { isStrong: boolean }): Promise<void> {
    return confirmDashboardSession(tx, sessionId, { at: this.#context.now(), isStrong });
  }

  /** Until when changes that want a confirmation are open; null: not now. */
  confirmedUntil(session: DashboardSessionRow): Date | null {
    const { config, now } = this.#context;
    const until = new Date(session.confirmedAt.getTime() + config.limits.confirmedMs);
    return until > now() ? until : null;
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
}
