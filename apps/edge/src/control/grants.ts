import { createHash } from 'node:crypto';
import {
  type AgentFacts,
  type Grant,
  InternalApiError,
  type InternalClient,
  type RefusalError,
} from '@portico/api-contract/internal';
import type { Logger } from '@portico/service';
import { Backoff, pause } from './backoff.ts';

/** As many as one reconciliation may name. */
const GRANTS_MAX = 10_000;

export type Authorization =
  | { readonly kind: 'granted'; readonly grant: Grant }
  | { readonly kind: 'refused'; readonly error: RefusalError };

/** What a grant does not say of its account. */
export interface GrantedAccounts {
  /** Rejects with InternalApiError. */
  ensure(accountId: string): Promise<void>;
  knows(accountId: string): boolean;
  judgeAgent(accountId: string, address: string): 'allowed' | 'denied' | 'not-allowed';
}

interface Kept {
  grant: Grant;
  /** Monotonic: when the API last said that it is good. */
  checkedAtMs: number;
}

/**
 * What the API allowed, kept in memory under the SHA-256 of the token, so that agents come back while the API is
 * away. The API is asked once a token; changes come by `reconcile`, which is the truth, and by hints on the
 * changes stream. A grant serves for `lifeMs` after the last time the API confirmed it.
 */
export class Grants {
  readonly #client: InternalClient;
  readonly #nodeId: string;
  readonly #lifeMs: number;
  readonly #nowMs: () => number;
  readonly #log: Logger;
  /** By token hash, least recently used first. */
  readonly #kept = new Map<string, Kept>();
  /** When credentials were revoked, monotonic; oldest first. */
  readonly #revoked = new Map<string, number>();
  readonly #asking = new Map<string, Promise<Authorization>>();
  readonly #onGone: (credentialId: string) => void;
  readonly #onChanged: (grant: Grant) => void;
  readonly #settings: GrantedAccounts;

  constructor(options: {
    client: InternalClient;
    nodeId: string;
    lifeMs: number;
    nowMs: () => number;
    log: Logger;
    /** The credential must lose its sessions at once. */
    onGone: (credentialId: string) => void;
    /** Its rules or limits are others now. */
    onChanged: (grant: Grant) => void;
    settings: GrantedAccounts;
  }) {
    this.#client = options.client;
    this.#nodeId = options.nodeId;
    this.#lifeMs = options.lifeMs;
    this.#nowMs = options.nowMs;
    this.#log = options.log;
    this.#onGone = options.onGone;
    this.#onChanged = options.onChanged;
    this.#settings = options.settings;
  }

  /**
   * May the holder of this token open a session? While the API is away and nothing is known of the token it
   * waits: an agent is refused only by an answer. Rejects only with the signal's reason.
   */
  async authorize(
    request: { token: string; clientIp: string; agent: AgentFacts },
    signal: AbortSignal,
  ): Promise<Authorization> {
    const tokenHash = createHash('sha256').update(request.token).digest('hex');
    const known = this.#find(tokenHash);
    // A grant alone would open what the account has closed to some addresses.
    if (known !== null && this.#settings.knows(known.account.id)) return this.#judged(known, request.clientIp);
    const backoff = new Backoff();
    for (;;) {
      signal.throwIfAborted();
      try {
        return await this.#ask(tokenHash, request);
      } catch (error) {
        if (!(error instanceof InternalApiError)) throw error;
        if (error.kind !== 'unavailable') this.#log.error({ err: error }, 'the API does not answer as it should');
        await pause(backoff.nextMs(), signal);
      }
      const learned = this.#find(tokenHash);
      if (learned !== null && this.#settings.knows(learned.account.id)) return this.#judged(learned, request.clientIp);
    }
  }

  /** A grant says what its token may do; from where, the account's restriction says, as long as that is known. */
  #judged(grant: Grant, address: string): Authorization {
    const judgement = this.#settings.judgeAgent(grant.account.id, address);
    if (judgement === 'allowed') return { kind: 'granted', grant };
    return { kind: 'refused', error: { code: judgement === 'denied' ? 116 : 115, details: { address } } };
  }

  /** The grant of a credential that has one here, or null. */
  byCredential(credentialId: string): Grant | null {
    for (const { grant } of this.#kept.values()) if (grant.credentialId === credentialId) return grant;
    return null;
  }

  /** Compares all grants with the API's. Rejects with InternalApiError; then they stay as they are. */
  async reconcile(): Promise<void> {
    const asked = [...this.#kept.values()];
    const answer = await this.#client.reconcile({
      nodeId: this.#nodeId,
      grants: asked.map(({ grant }) => ({ credentialId: grant.credentialId, version: grant.version })),
    });
    const nowMs = this.#nowMs();
    for (const kept of asked) kept.checkedAtMs = nowMs;
    for (const credentialId of answer.gone) this.revoke(credentialId);
    for (const grant of answer.changed) {
      const kept = this.#kept.get(grant.tokenHash);
      if (kept === undefined || kept.grant.version >= grant.version) continue;
      kept.grant = grant;
      this.#onChanged(grant);
    }
  }

  /** Forgets the credential's grants and says so, whether or not there were any. */
  revoke(credentialId: string): void {
    this.#revoked.delete(credentialId);
    this.#revoked.set(credentialId, this.#nowMs());
    for (const oldest of this.#revoked.keys()) {
      if (this.#revoked.size <= GRANTS_MAX) break;
      this.#revoked.delete(oldest);
    }
    for (const [hash, { grant }] of this.#kept) if (grant.credentialId === credentialId) this.#kept.delete(hash);
    this.#onGone(credentialId);
  }

  /** Whether it was revoked since then (monotonic): an answer that was on its way meanwhile is void. */
  isRevokedSince(credentialId: string, sinceMs: number): boolean {
    return (this.#revoked.get(credentialId) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
  }

  get size(): number {
    return this.#kept.size;
  }

  #find(tokenHash: string): Grant | null {
    const kept = this.#kept.get(tokenHash);
    if (kept === undefined) return null;
    this.#kept.delete(tokenHash);
    if (this.#nowMs() - kept.checkedAtMs > this.#lifeMs) return null;
    this.#kept.set(tokenHash, kept);
    return kept.grant;
  }

  /** One question a token at a time, however many agents come with it. */
  #ask(tokenHash: string, request: { token: string; clientIp: string; agent: AgentFacts }): Promise<Authorization> {
    const running = this.#asking.get(tokenHash);
    if (running !== undefined) return running;
    const askedAtMs = this.#nowMs();
    const asked = this.#client
      .authorizeSession({ nodeId: this.#nodeId, ...request })
      .then(async (answer): Promise<Authorization> => {
        if (answer.kind === 'refused') return answer;
        const { credentialId, account } = answer.grant;
        // Its endpoints go by them from the first visitor on.
        await this.#settings.ensure(account.id);
        if (!this.isRevokedSince(credentialId, askedAtMs)) this.#keep(tokenHash, answer.grant);
        return answer;
      })
      .finally(() => this.#asking.delete(tokenHash));
    this.#asking.set(tokenHash, asked);
    return asked;
  }

  #keep(tokenHash: string, grant: Grant): void {
    this.#kept.set(tokenHash, { grant, checkedAtMs: this.#nowMs() });
    for (const hash of this.#kept.keys()) {
      if (this.#kept.size <= GRANTS_MAX) break;
      this.#kept.delete(hash);
    }
  }
}
