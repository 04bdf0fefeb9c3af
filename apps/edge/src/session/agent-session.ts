import type { Grant } from '@portico/api-contract/internal';
import type { MuxSession } from '@portico/muxado';
import type { SessionId } from '../endpoint/endpoint.ts';
import type { AgentCommands } from './session-commands.ts';
import type { StreamOpener } from './stream-opener.ts';

/** What an agent said of itself in Auth; shown to its owner, trusted for nothing. */
export interface AgentDescription {
  readonly version: string;
  readonly os: string;
  readonly arch: string;
  readonly clientType: string;
  readonly userAgent: string;
  readonly metadata: string;
  /** Of its machine; '' if it does not say. */
  readonly hostname: string;
  /** It announced the extension that opens streams with a reply (design D12). */
  readonly opensWithReply: boolean;
  readonly commands: AgentCommands;
}

export interface AgentSessionOptions {
  readonly id: SessionId;
  readonly clientId: string;
  /** It has shown that it is the client of an earlier session. */
  readonly comesBack: boolean;
  readonly grant: Grant;
  readonly agent: AgentDescription;
  readonly ip: string;
  readonly startedAt: Date;
  /** Grows from session to session; an agent drops streams of a session that is older than the newest it saw. */
  readonly fence: number;
  readonly mux: MuxSession;
  readonly opener: StreamOpener;
  /** L21: new binds at once, and a second. */
  readonly bindRate: { readonly burst: number; readonly perSecond: number };
}

/** One authenticated connection from an agent. Which endpoints it serves is the bindings' to know. */
export class AgentSession {
  readonly id: SessionId;
  readonly clientId: string;
  readonly comesBack: boolean;
  readonly agent: AgentDescription;
  readonly ip: string;
  readonly startedAt: Date;
  readonly fence: number;
  readonly mux: MuxSession;
  readonly opener: StreamOpener;
  /** The newest that the API gave. */
  grant: Grant;
  /** Set by whoever decides to end it; otherwise the end is the peer's or the network's. */
  endReason: string | null = null;
  readonly bindRate: { readonly burst: number; readonly perSecond: number };
  #bindPermits: number;
  #bindPermitsAtMs = performance.now();

  constructor(options: AgentSessionOptions) {
    this.id = options.id;
    this.clientId = options.clientId;
    this.comesBack = options.comesBack;
    this.grant = options.grant;
    this.agent = options.agent;
    this.ip = options.ip;
    this.startedAt = options.startedAt;
    this.fence = options.fence;
    this.mux = options.mux;
    this.opener = options.opener;
    this.bindRate = options.bindRate;
    this.#bindPermits = options.bindRate.burst;
  }

  /** Whether one more new endpoint may be opened now. */
  takeBindPermit(): boolean {
    const nowMs = performance.now();
    const earned = ((nowMs - this.#bindPermitsAtMs) * this.bindRate.perSecond) / 1_000;
    this.#bindPermits = Math.min(this.bindRate.burst, this.#bindPermits + earned);
    this.#bindPermitsAtMs = nowMs;
    if (this.#bindPermits < 1) return false;
    this.#bindPermits -= 1;
    return true;
  }

  get accountId(): string {
    return this.grant.account.id;
  }

  get isClosed(): boolean {
    return this.mux.isClosed;
  }

  /** `portico/0.1.0 (linux)` */
  get agentName(): string {
    const { clientType, version, os } = this.agent;
    return `${clientType || 'agent'}/${version || '?'} (${os || '?'})`;
  }

  /** What its owner knows it by: the machine's name, else a short description it gave itself, else what it is. */
  get displayName(): string {
    const { hostname, metadata, clientType } = this.agent;
    if (hostname !== '') return hostname;
    return /^[^{[\n]{1,64}$/.test(metadata) ? metadata : clientType;
  }

  /** Beats at once and says whether any byte came back in time; a session that ends meanwhile is not there. */
  isAlive(timeoutMs: number): Promise<boolean> {
    const { mux } = this;
    const heardMs = mux.lastHeardMs;
    const deadlineMs = performance.now() + timeoutMs;
    mux.beatNow();
    return new Promise((resolve) => {
      const look = setInterval(() => {
        const heard = mux.lastHeardMs > heardMs;
        if (!mux.isClosed && !heard && performance.now() < deadlineMs) return;
        clearInterval(look);
        resolve(!mux.isClosed && heard);
      }, 20);
    });
  }

  /** Ends it politely; nothing may be sent afterwards. The reason is for logs and for the agent. */
  close(reason: string): void {
    this.endReason ??= reason;
    this.mux.goAwayAndClose(0, reason);
  }
}
