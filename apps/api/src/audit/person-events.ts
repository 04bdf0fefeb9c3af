import { listMemberships, type Queries, type UserRow } from '@portico/db';
import type { Client } from '../accounts/sessions.ts';
import type { ApiContext } from '../context.ts';
import { type AuditedChange, recordChange } from './audit-log.ts';

/** Of a session, as the log names it: enough to tell two apart, and of no use to anybody. */
export function sessionName(sessionId: string): string {
  return `session_${sessionId.slice(0, 12)}`;
}

/** Notes what a person did to how they sign in, in the log of each account that they belong to. */
export async function recordForPerson(
  tx: Queries,
  user: Pick<UserRow, 'id'>,
  { client, sessionId }: { client: Client; sessionId: string | null },
  change: AuditedChange,
  at: Date,
): Promise<void> {
  const { ip: address, requestId } = client;
  const credentialId = sessionId === null ? 'none' : sessionName(sessionId);
  for (const { accountId } of await listMemberships(tx, user.id)) {
    await recordChange(tx, { accountId, actorId: user.id, credentialId, address, requestId }, change, at);
  }
}

const waitingMax = 200;

/**
 * Notes of sign-ins that failed, written behind the answer: how long it takes must not tell whether there is such a
 * person. Bounded; what comes faster is dropped, and the throttle keeps anybody from making it so.
 */
export class FailedSignIns {
  readonly #context: Pick<ApiContext, 'database' | 'log' | 'now'>;
  readonly #waiting = new Set<Promise<void>>();

  constructor(context: Pick<ApiContext, 'database' | 'log' | 'now'>) {
    this.#context = context;
  }

  /** @param user null: nobody has that name, so that only the server's own log hears of it. */
  note(user: UserRow | null, client: Client, reason: string): void {
    const { database, log, now } = this.#context;
    log.info({ address: client.ip, userId: user?.id ?? null, reason }, 'a sign-in failed');
    if (user === null || this.#waiting.size >= waitingMax) return;
    const at = now();
    const change = {
      object: 'login',
      what: 'failed',
      objectId: user.id,
      before: null,
      after: { id: user.id, reason, user_agent: client.userAgent.slice(0, 512) },
    } as const;
    const writing = database
      .transaction((tx) => recordForPerson(tx, user, { client, sessionId: null }, change, at))
      .catch((error: unknown) => log.warn({ err: error }, 'a failed sign-in was not written to the audit log'))
      .finally(() => this.#waiting.delete(writing));
    this.#waiting.add(writing);
  }

  async close(): Promise<void> {
    await Promise.all(this.#waiting);
  }
}
