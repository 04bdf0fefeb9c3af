import type { AgentSession } from './agent-session.ts';

const SWEEP_MS = 250;

/** Who is connected. One timer serves all sessions. `close` ends the timer; sessions are closed by their owner. */
export class SessionTable {
  readonly #byId = new Map<string, AgentSession>();
  readonly #byAccount = new Map<string, Set<AgentSession>>();
  readonly #timer: NodeJS.Timeout;
  readonly #waiting = new Set<() => void>();

  constructor() {
    this.#timer = setInterval(() => {
      for (const session of this.#byId.values()) session.opener.sweep();
    }, SWEEP_MS);
    this.#timer.unref();
  }

  add(session: AgentSession): void {
    this.#byId.set(session.id, session);
    const ofAccount = this.#byAccount.get(session.accountId) ?? new Set();
    ofAccount.add(session);
    this.#byAccount.set(session.accountId, ofAccount);
  }

  remove(session: AgentSession): void {
    if (!this.#byId.delete(session.id)) return;
    const ofAccount = this.#byAccount.get(session.accountId);
    ofAccount?.delete(session);
    if (ofAccount?.size === 0) this.#byAccount.delete(session.accountId);
    if (this.#byId.size > 0) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  get(id: string): AgentSession | null {
    return this.#byId.get(id) ?? null;
  }

  /** Sessions of an account other than those of the client that is coming back. */
  countOthers(accountId: string, clientId: string): number {
    let count = 0;
    for (const session of this.#byAccount.get(accountId) ?? []) if (session.clientId !== clientId) count += 1;
    return count;
  }

  /** The sessions that this client left behind, perhaps half dead. */
  ofClient(accountId: string, clientId: string): AgentSession[] {
    return [...(this.#byAccount.get(accountId) ?? [])].filter((session) => session.clientId === clientId);
  }

  ofAccount(accountId: string): AgentSession[] {
    return [...(this.#byAccount.get(accountId) ?? [])];
  }

  ofCredential(credentialId: string): AgentSession[] {
    return [...this.#byId.values()].filter((session) => session.grant.credentialId === credentialId);
  }

  all(): AgentSession[] {
    return [...this.#byId.values()];
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Settles when no session is left. */
  whenEmpty(): Promise<void> {
    if (this.#byId.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
