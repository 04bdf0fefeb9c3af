import { randomBytes } from 'node:crypto';
import { EventLog } from './event-log.ts';
import { KeptLease } from './kept-lease.ts';
import { OrderedMap } from './ordered-map.ts';
import {
  type Compare,
  type KeyValue,
  type Lease,
  type Listing,
  type Operation,
  type Registry,
  type RegistryEvent,
  type RegistryStatus,
  registryLimits,
  type Transaction,
  type TransactionResult,
  type WatchBatch,
  type WatchOptions,
} from './registry.ts';
import { RegistryError } from './registry-error.ts';
import { checkKey, checkPrefix, checkTransaction, checkTtl } from './transaction-check.ts';

/**
 * For a while after a start the engine knows nothing, though names are held all the same: their edges are about to
 * claim them again. In that time a new key under `prefix` is taken only from a transaction with `reclaim`, which the
 * caller sets after it has checked the proof (the bind token); others get `fresh-start`.
 */
export interface FreshStart {
  readonly prefix: string;
  /** The life of a lease: whoever has not come back by then had lost his claims anyway. */
  readonly windowMs: number;
}

export interface EmbeddedRegistryOptions {
  readonly freshStart?: FreshStart;
  readonly limits?: Partial<EmbeddedRegistryLimits>;
  /** Monotonic. */
  readonly nowMs?: () => number;
  /** The revision to begin with; later starts must begin higher, so it comes from the wall clock. */
  readonly startRev?: bigint;
}

export interface EmbeddedRegistryLimits {
  readonly keys: number;
  readonly leases: number;
  readonly watchers: number;
  /** Changes kept for watchers that come or come back later. */
  readonly logEvents: number;
  readonly logBytes: number;
}

const defaultLimits: EmbeddedRegistryLimits = {
  keys: 200_000,
  leases: 10_000,
  watchers: 1_000,
  logEvents: 100_000,
  logBytes: 64 * 1024 * 1024,
};

const TICK_MS = 100;
/** Longer than this between two ticks and we were not running: the time does not count against any lease. */
const STALL_MS = 250;
const BATCH_EVENTS = 500;
const BATCH_BYTES = 512 * 1024;

/**
 * The engine that lives in one process and on no disk. All state is in memory, every call is done at once, so each
 * sees the whole of what came before (linearizable).
 */
export class EmbeddedRegistry implements Registry {
  readonly #limits: EmbeddedRegistryLimits;
  readonly #nowMs: () => number;
  readonly #freshStart: FreshStart | null;
  readonly #entries = new OrderedMap<KeyValue>();
  readonly #leases = new Map<string, GrantedLease>();
  readonly #kept = new Set<KeptLease>();
  readonly #log: EventLog;
  readonly #waiters = new Set<() => void>();
  readonly #ticker: NodeJS.Timeout;
  #freshUntilMs: number;
  #rev: bigint;
  #watchers = 0;
  #lastTickMs: number;
  /** No lease ends before this. */
  #nextDeadlineMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor({ freshStart, limits = {}, nowMs = () => performance.now(), startRev }: EmbeddedRegistryOptions = {}) {
    this.#limits = { ...defaultLimits, ...limits };
    this.#nowMs = nowMs;
    this.#freshStart = freshStart ?? null;
    this.#freshUntilMs = nowMs() + (freshStart?.windowMs ?? 0);
    // Microseconds: no engine makes a million changes a second, so a later start is always ahead.
    this.#rev = startRev ?? BigInt(Date.now()) * 1_000n;
    this.#log = new EventLog(this.#rev, { events: this.#limits.logEvents, bytes: this.#limits.logBytes });
    this.#lastTickMs = nowMs();
    this.#ticker = setInterval(() => this.#advance(), TICK_MS).unref();
  }

  async get(key: string): Promise<KeyValue | null> {
    this.#begin();
    checkKey(key);
    return this.#entries.get(key) ?? null;
  }

  async list(prefix: string): Promise<Listing> {
    this.#begin();
    checkPrefix(prefix);
    return { kvs: [...this.#entries.withPrefix(prefix)], rev: this.#rev };
  }

  async txn(transaction: Transaction): Promise<TransactionResult> {
    this.#begin();
    checkTransaction(transaction);
    const ok = transaction.if.every((compare) => this.#holds(compare));
    const operations = ok ? transaction.then : (transaction.else ?? []);
    this.#checkRoom(operations, transaction.reclaim === true);

    const rev = this.#rev + 1n;
    const events: RegistryEvent[] = [];
    const results = operations.map((operation) => this.#apply(operation, rev, events));
    this.#publish(rev, events);
    return { ok, rev: this.#rev, results };
  }

  async lease(ttlS: number): Promise<Lease> {
    const grantedAtMs = this.#nowMs();
    const id = this.grantLease(ttlS);
    const kept = new KeptLease({
      id,
      ttlS,
      grantedAtMs,
      nowMs: this.#nowMs,
      renew: async () => this.renewLease(id),
      revoke: async () => this.revokeLease(id),
      onEnd: () => this.#kept.delete(kept),
    });
    this.#kept.add(kept);
    return kept;
  }

  /** A lease that somebody else keeps: the far side of `RemoteRegistry.lease`. */
  grantLease(ttlS: number): string {
    this.#begin();
    checkTtl(ttlS);
    if (this.#leases.size >= this.#limits.leases) {
      throw new RegistryError('full', `The registry holds ${this.#limits.leases} leases already.`);
    }
    const id = randomBytes(16).toString('hex');
    const deadlineMs = this.#nowMs() + ttlS * 1000;
    this.#leases.set(id, { ttlMs: ttlS * 1000, deadlineMs, keys: new Set() });
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
    return id;
  }

  /** False when there is no such lease any more. */
  renewLease(id: string): boolean {
    this.#begin();
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      return false;
    }
    lease.deadlineMs = this.#nowMs() + lease.ttlMs;
    return true;
  }

  /** Deletes the keys of a lease at one revision. Nothing happens when it is gone already. */
  revokeLease(id: string): void {
    this.#begin();
    this.#drop(id);
  }

  async *watch(
    prefix: string,
    fromRev: bigint,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchBatch, void, undefined> {
    this.#begin();
    checkPrefix(prefix);
    if (this.#watchers >= this.#limits.watchers) {
      throw new RegistryError('full', `The registry has ${this.#limits.watchers} watchers already.`);
    }
    this.#watchers += 1;
    try {
      yield* this.#follow(prefix, fromRev, options);
    } finally {
      this.#watchers -= 1;
    }
  }

  status(): RegistryStatus & { keys: number; leases: number; watchers: number; freshStart: boolean } {
    return {
      engine: 'embedded',
      rev: this.#rev,
      healthy: !this.#closed,
      isolated: [...this.#kept].some((lease) => lease.state === 'late'),
      keys: this.#entries.size,
      leases: this.#leases.size,
      watchers: this.#watchers,
      freshStart: this.#isFresh(),
    };
  }

  /** Ends the fresh start early: whoever can tell has seen that nobody is left to come back. */
  endFreshStart(): void {
    this.#freshUntilMs = Number.NEGATIVE_INFINITY;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#ticker);
    for (const lease of [...this.#kept]) {
      lease.abandon();
    }
    this.#wake();
  }

  async *#follow(
    prefix: string,
    fromRev: bigint,
    { signal, progressMs }: WatchOptions,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    let next = fromRev;
    // A revision of the future is one of an engine before this one whose clock was ahead.
    let unknown = fromRev > this.#rev + 1n;
    while (!this.#closed && signal?.aborted !== true) {
      if (unknown || next <= this.#log.compactedRev) {
        yield { kind: 'compacted', rev: this.#log.compactedRev };
        return;
      }
      unknown = false;
      const { events, upTo } = this.#log.read(next, prefix, BATCH_EVENTS, BATCH_BYTES);
      if (upTo !== null) {
        next = upTo + 1n;
      }
      if (events.length > 0 && upTo !== null) {
        yield { kind: 'events', rev: upTo, events };
      } else if (next > this.#rev && (await this.#change(signal, progressMs)) === 'quiet') {
        yield { kind: 'progress', rev: next - 1n };
      }
    }
  }

  /** Waits for the next change, the end, or `quietMs` without either. */
  #change(signal: AbortSignal | undefined, quietMs: number | undefined): Promise<'changed' | 'quiet'> {
    return new Promise((resolve) => {
      const done = (outcome: 'changed' | 'quiet'): void => {
        this.#waiters.delete(changed);
        clearTimeout(timer);
        signal?.removeEventListener('abort', changed);
        resolve(outcome);
      };
      const changed = (): void => done('changed');
      const timer = quietMs === undefined ? undefined : setTimeout(() => done('quiet'), quietMs).unref();
      this.#waiters.add(changed);
      signal?.addEventListener('abort', changed);
    });
  }

  #begin(): void {
    if (this.#closed) {
      throw new RegistryError('closed', 'This registry is closed.');
    }
    this.#advance();
  }

  /** Lets time pass: the leases whose time is over end before anybody can see their keys again. */
  #advance(): void {
    const now = this.#nowMs();
    const gapMs = now - this.#lastTickMs;
    this.#lastTickMs = now;
    if (gapMs > STALL_MS) {
      // Renewals that came meanwhile are still waiting to be read.
      for (const lease of this.#leases.values()) {
        lease.deadlineMs += gapMs;
      }
      this.#nextDeadlineMs += gapMs;
    }
    if (now < this.#nextDeadlineMs) {
      return;
    }
    for (const [id, lease] of this.#leases) {
      if (lease.deadlineMs <= now) {
        this.#drop(id);
      }
    }
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#leases.values()) {
      this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
    }
  }

  #drop(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      return;
    }
    this.#leases.delete(id);
    const rev = this.#rev + 1n;
    const events: RegistryEvent[] = [];
    for (const key of lease.keys) {
      this.#entries.delete(key);
      events.push({ kind: 'delete', key, modRev: rev });
    }
    this.#publish(rev, events);
  }

  #holds(compare: Compare): boolean {
    const entry = this.#entries.get(compare.key);
    switch (compare.kind) {
      case 'absent':
        return entry === undefined;
      case 'present':
        return entry !== undefined;
      case 'mod-revision':
        return entry?.modRev === compare.modRev;
    }
  }

  /** Everything that could fail is looked at before anything is done. */
  #checkRoom(operations: readonly Operation[], reclaim: boolean): void {
    let newKeys = 0;
    const newKeysOf = new Map<string, number>();
    for (const operation of operations) {
      if (operation.kind !== 'put') {
        continue;
      }
      const entry = this.#entries.get(operation.key);
      if (entry === undefined) {
        newKeys += 1;
        if (!reclaim && this.#isFresh() && operation.key.startsWith(this.#freshStart?.prefix ?? '')) {
          throw new RegistryError('fresh-start', 'The registry has just started; names are given back first.', {
            retryAfterMs: Math.max(1, Math.ceil(this.#freshUntilMs - this.#nowMs())),
          });
        }
      }
      if (operation.lease !== null) {
        const lease = this.#leases.get(operation.lease);
        if (lease === undefined) {
          throw new RegistryError('lease-not-found', 'There is no such lease any more.');
        }
        if (entry?.lease !== operation.lease) {
          const more = (newKeysOf.get(operation.lease) ?? 0) + 1;
          newKeysOf.set(operation.lease, more);
          if (lease.keys.size + more > registryLimits.keysPerLease) {
            throw new RegistryError('full', `A lease holds at most ${registryLimits.keysPerLease} keys.`);
          }
        }
      }
    }
    if (this.#entries.size + newKeys > this.#limits.keys) {
      throw new RegistryError('full', `The registry holds at most ${this.#limits.keys} keys.`);
    }
  }

  #apply(operation: Operation, rev: bigint, events: RegistryEvent[]): KeyValue[] {
    switch (operation.kind) {
      case 'get': {
        const entry = this.#entries.get(operation.key);
        return entry === undefined ? [] : [entry];
      }
      case 'list':
        return [...this.#entries.withPrefix(operation.prefix)];
      case 'put': {
        const { key, value, lease } = operation;
        const before = this.#entries.get(key);
        const kv: KeyValue = {
          key,
          value,
          createRev: before?.createRev ?? rev,
          modRev: rev,
          version: (before?.version ?? 0) + 1,
          lease,
        };
        this.#detach(before);
        this.#entries.set(key, kv);
        if (lease !== null) {
          this.#leases.get(lease)?.keys.add(key);
        }
        events.push({ kind: 'put', kv });
        return [kv];
      }
      case 'delete': {
        const before = this.#entries.get(operation.key);
        if (before === undefined) {
          return [];
        }
        this.#detach(before);
        this.#entries.delete(operation.key);
        events.push({ kind: 'delete', key: operation.key, modRev: rev });
        return [before];
      }
    }
  }

  #detach(entry: KeyValue | undefined): void {
    if (entry !== undefined && entry.lease !== null) {
      this.#leases.get(entry.lease)?.keys.delete(entry.key);
    }
  }

  #publish(rev: bigint, events: readonly RegistryEvent[]): void {
    if (events.length === 0) {
      return;
    }
    this.#rev = rev;
    for (const event of events) {
      this.#log.append(rev, event);
    }
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) {
      waiter();
    }
  }

  #isFresh(): boolean {
    return this.#freshStart !== null && this.#nowMs() < this.#freshUntilMs;
  }
}

interface GrantedLease {
  readonly ttlMs: number;
  deadlineMs: number;
  readonly keys: Set<string>;
}
