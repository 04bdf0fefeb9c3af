import { type LiveClaim, type LiveSession, liveClaim } from '@portico/api-contract/internal';
import {
  type Compare,
  type KeyValue,
  type Lease,
  type Operation,
  type Registry,
  RegistryError,
} from '@portico/registry';
import type { Logger } from '@portico/service';
import { Backoff, pause } from './backoff.ts';

/** Well under what one lease may carry: revoking it must not block the registry (cluster.md, leases). */
const KEYS_A_LEASE = 900;
/** Writes that travel in one transaction when much is to be written again. */
const KEYS_A_TRANSACTION = 100;

export type ClaimOutcome =
  /** The name is ours. `proven` false: the registry is away and will be asked once it is back. */
  | { readonly kind: 'held'; readonly proven: boolean }
  /** Somebody has it. */
  | { readonly kind: 'taken'; readonly by: LiveClaim }
  | { readonly kind: 'unavailable'; readonly retryAfterMs: number };

interface Entry {
  value: string;
  claim: boolean;
  /** What the registry has of ours; null: nothing that we know of. */
  written: { readonly modRev: bigint; readonly value: string; readonly shard: Shard } | null;
  /** Wanted no more: to be deleted. */
  gone: boolean;
}

interface Shard {
  readonly lease: Lease;
  keys: number;
}

/**
 * What this edge holds in the registry: its sessions and the names that they claim, under leases that it keeps alive.
 * What is held is remembered here, so that after the loss of a lease, or of the whole registry, everything is put
 * back. A name that somebody else has got meanwhile is given up by `onLost`.
 */
export class LiveState {
  readonly #registry: Registry;
  readonly #nodeId: string;
  readonly #ttlS: number;
  readonly #log: Logger;
  readonly #onLost: (key: string, by: LiveClaim | null) => void;
  readonly #entries = new Map<string, Entry>();
  readonly #dirty = new Set<string>();
  readonly #shards: Shard[] = [];
  readonly #closing = new AbortController();
  #newShard: Promise<Shard> | null = null;
  #settling: Promise<void> | null = null;

  constructor(options: {
    registry: Registry;
    nodeId: string;
    ttlS: number;
    log: Logger;
    /** A claim that was held belongs to somebody else now: stop serving it. */
    onLost: (key: string, by: LiveClaim | null) => void;
  }) {
    this.#registry = options.registry;
    this.#nodeId = options.nodeId;
    this.#ttlS = options.ttlS;
    this.#log = options.log;
    this.#onLost = options.onLost;
  }

  /** Shows this edge itself; never waits. */
  putNode(facts: {
    epoch: string;
    version: string;
    connectAddress: string;
    publicPorts: { http: number; https: number };
    visitors: { host: string; http: number; https: number };
    draining: boolean;
    startedAt: string;
    issuingNotAfter: string | null;
  }): void {
    this.#want(`nodes/${this.#nodeId}`, JSON.stringify({ nodeId: this.#nodeId, kind: 'edge', ...facts }), false);
  }

  /** Shows a session; never waits. */
  putSession(session: LiveSession): void {
    this.#want(`sessions/${session.sessionId}`, JSON.stringify(session), false);
  }

  removeSession(sessionId: string): void {
    this.release(`sessions/${sessionId}`);
  }

  /** Renews what a claim of ours says (another session, other metadata). */
  updateClaim(key: string, claim: LiveClaim): void {
    this.#want(key, JSON.stringify(claim), true);
  }

  /**
   * Claims a name for good: compare and swap.
   * @param options.mayTake whether the one who has it may be replaced.
   * @param options.reclaim the claimer has proved that it held the name: it has it even while the registry is away.
   */
  async claim(
    key: string,
    claim: LiveClaim,
    options: { mayTake: (by: LiveClaim) => boolean; reclaim: boolean },
  ): Promise<ClaimOutcome> {
    const value = JSON.stringify(claim);
    try {
      const shard = await this.#roomyShard();
      if (shard.lease.state !== 'live' && !options.reclaim) return { kind: 'unavailable', retryAfterMs: 1_000 };
      for (let tries = 0; tries < 5; tries += 1) {
        const current = await this.#registry.get(key);
        const by = current === null ? null : readClaim(current);
        if (by !== null && !options.mayTake(by)) return { kind: 'taken', by };
        const written = await this.#put(key, value, current, shard, options.reclaim);
        if (written === null) continue;
        const before = this.#entries.get(key);
        if (before !== undefined) this.#unwritten(before);
        this.#entries.set(key, { value, claim: true, written, gone: false });
        return { kind: 'held', proven: true };
      }
      return { kind: 'unavailable', retryAfterMs: 500 };
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      if (options.reclaim && error.fault !== 'invalid') {
        this.#want(key, value, true);
        return { kind: 'held', proven: false };
      }
      if (error.fault === 'invalid' || error.fault === 'refused') {
        this.#log.error({ err: error }, 'the registry refused a claim');
      }
      return { kind: 'unavailable', retryAfterMs: error.retryAfterMs ?? 1_000 };
    }
  }

  /** Gives a key up. Only what this edge still holds is deleted. */
  release(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.gone = true;
    this.#settleSoon(key);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether everything that is held here stands in the registry. */
  get settled(): boolean {
    return this.#dirty.size === 0;
  }

  /** Deletes all that is held, as far as the registry answers. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#settling;
    await Promise.allSettled(this.#shards.map(({ lease }) => lease.revoke()));
  }

  #want(key: string, value: string, claim: boolean): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { value, claim, written: null, gone: false });
    else {
      entry.value = value;
      entry.gone = false;
    }
    this.#settleSoon(key);
  }

  #settleSoon(key: string): void {
    this.#dirty.add(key);
    if (this.#closing.signal.aborted) return;
    // A microtask later: what one turn changes goes into one transaction.
    this.#settling ??= Promise.resolve()
      .then(() => this.#settle())
      .finally(() => {
        this.#settling = null;
        const [next] = this.#dirty;
        if (next !== undefined && !this.#closing.signal.aborted) this.#settleSoon(next);
      });
  }

  /** Works off what differs between here and the registry, for as long as it takes. */
  async #settle(): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff();
    while (this.#dirty.size > 0 && !signal.aborted) {
      try {
        const keys = [...this.#dirty].slice(0, KEYS_A_TRANSACTION);
        if (!(await this.#writeTogether(keys))) for (const key of keys) await this.#writeAlone(key);
        backoff.reset();
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        this.#log.debug({ err: error }, 'the registry is away');
        await pause(Math.max(backoff.nextMs(), error.fault === 'fresh-start' ? (error.retryAfterMs ?? 0) : 0), signal);
      }
    }
  }

  /** The usual case, nobody is in the way: one transaction. False: each key by itself. */
  async #writeTogether(keys: readonly string[]): Promise<boolean> {
    const shard = await this.#roomyShard();
    const compares: Compare[] = [];
    const operations: Operation[] = [];
    const puts: { key: string; entry: Entry; value: string }[] = [];
    const deletes: { key: string; entry: Entry }[] = [];
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined || this.#isRight(entry)) {
        this.#dirty.delete(key);
        continue;
      }
      if (entry.gone && entry.written === null) {
        this.#entries.delete(key);
        this.#dirty.delete(key);
        continue;
      }
      compares.push(
        entry.written === null ? { kind: 'absent', key } : { kind: 'mod-revision', key, modRev: entry.written.modRev },
      );
      if (entry.gone) {
        operations.push({ kind: 'delete', key });
        deletes.push({ key, entry });
      } else {
        const lease = (entry.written?.shard ?? shard).lease.id;
        operations.push({ kind: 'put', key, value: entry.value, lease });
        puts.push({ key, entry, value: entry.value });
      }
    }
    if (operations.length === 0) return true;
    const result = await this.#registry.txn({ if: compares, then: operations, reclaim: true });
    if (!result.ok) return false;
    for (const { key, entry, value } of puts) {
      entry.written = this.#wrote(entry.written, entry.written?.shard ?? shard, value, result.rev);
      this.#clean(key, entry);
    }
    for (const { key, entry } of deletes) this.#deleted(key, entry);
    return true;
  }

  async #writeAlone(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#isRight(entry)) {
      this.#dirty.delete(key);
      return;
    }
    const current = await this.#registry.get(key);
    if (entry.gone) {
      // Only what we wrote ourselves: a successor's claim is not ours to delete.
      if (current !== null && entry.written?.modRev === current.modRev) {
        const result = await this.#registry.txn({
          if: [{ kind: 'mod-revision', key, modRev: current.modRev }],
          then: [{ kind: 'delete', key }],
        });
        if (!result.ok) return;
      }
      this.#deleted(key, entry);
      return;
    }
    const by = current === null ? null : readClaim(current);
    const ours = JSON.parse(entry.value) as LiveClaim;
    if (entry.claim && by !== null && by.nodeId !== this.#nodeId && by.bindId !== ours.bindId) {
      this.#entries.delete(key);
      this.#dirty.delete(key);
      this.#log.warn({ key, nodeId: by.nodeId }, 'a name was taken by another node');
      this.#onLost(key, by);
      return;
    }
    const value = entry.value;
    const written = await this.#put(key, value, current, await this.#roomyShard(), true);
    if (written === null) return;
    this.#unwritten(entry);
    entry.written = written;
    this.#clean(key, entry);
  }

  async #put(
    key: string,
    value: string,
    current: KeyValue | null,
    shard: Shard,
    reclaim: boolean,
  ): Promise<Entry['written']> {
    const result = await this.#registry.txn({
      if: [current === null ? { kind: 'absent', key } : { kind: 'mod-revision', key, modRev: current.modRev }],
      then: [{ kind: 'put', key, value, lease: shard.lease.id }],
      reclaim,
    });
    return result.ok ? this.#wrote(null, shard, value, result.rev) : null;
  }

  #wrote(before: Entry['written'], shard: Shard, value: string, modRev: bigint): NonNullable<Entry['written']> {
    if (before === null) shard.keys += 1;
    return { modRev, value, shard };
  }

  #isRight(entry: Entry): boolean {
    return !entry.gone && entry.written?.value === entry.value;
  }

  /** What was written may have been overtaken by a newer wish. */
  #clean(key: string, entry: Entry): void {
    if (this.#isRight(entry)) this.#dirty.delete(key);
  }

  #deleted(key: string, entry: Entry): void {
    this.#unwritten(entry);
    // It may be wanted again, or have been claimed anew, since.
    if (!entry.gone || this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    this.#dirty.delete(key);
  }

  #unwritten(entry: Entry): void {
    if (entry.written !== null) entry.written.shard.keys -= 1;
    entry.written = null;
  }

  async #roomyShard(): Promise<Shard> {
    for (const shard of this.#shards) {
      if (shard.keys < KEYS_A_LEASE && shard.lease.state !== 'lost' && shard.lease.state !== 'ended') return shard;
    }
    this.#newShard ??= this.#openShard().finally(() => {
      this.#newShard = null;
    });
    return this.#newShard;
  }

  async #openShard(): Promise<Shard> {
    const lease = await this.#registry.lease(this.#ttlS);
    const shard: Shard = { lease, keys: 0 };
    this.#shards.push(shard);
    lease.on('lost', () => this.#shardLost(shard));
    return shard;
  }

  #shardLost(shard: Shard): void {
    this.#shards.splice(this.#shards.indexOf(shard), 1);
    if (this.#closing.signal.aborted) return;
    this.#log.warn({ keys: shard.keys }, 'a lease was lost; putting its keys back');
    for (const [key, entry] of this.#entries) {
      if (entry.written?.shard !== shard) continue;
      entry.written = null;
      this.#settleSoon(key);
    }
  }
}

function readClaim(kv: KeyValue): LiveClaim | null {
  try {
    const parsed = liveClaim.safeParse(JSON.parse(kv.value));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
