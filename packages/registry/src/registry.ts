/**
 * Live, leased state that edges and the API share: who is online, who holds which name. Every engine (`embedded`,
 * later `etcd`) and the client of a far engine implement this interface and pass the suite in `conformance.ts`.
 *
 * One counter, the revision, counts all changes. Whatever is written hangs on a lease and goes with it: losing the
 * whole registry loses nothing durable.
 */
export interface Registry {
  /** The value of a key now, or null. */
  get(key: string, options?: CallOptions): Promise<KeyValue | null>;
  /** All keys that begin with the prefix, in order, as they were together at revision `rev`. */
  list(prefix: string, options?: CallOptions): Promise<Listing>;
  /**
   * All or nothing, at one revision. There is no blind write: each key that is written must be compared in `if`, so
   * that a request which arrives late, after its sender gave up, cannot undo what came after it.
   */
  txn(transaction: Transaction, options?: CallOptions): Promise<TransactionResult>;
  /** A new lease, renewed by itself every third of its time until it is revoked, abandoned or lost. */
  lease(ttlS: number, options?: CallOptions): Promise<Lease>;
  /**
   * The changes under a prefix from revision `fromRev` on (usually `listing.rev + 1n`), in order and without gaps.
   * Changes of one transaction come in one batch. `compacted` comes when some of them are no longer known, also to a
   * watcher that reads too slowly, and is the last: list again and watch from there. Ends by `signal` or close().
   */
  watch(prefix: string, fromRev: bigint, options?: WatchOptions): AsyncIterable<WatchBatch>;
  /** What is known here and now, without asking anybody. */
  status(): RegistryStatus;
  /** Ends watches and renewals. Leases are not revoked: their keys stay until the time runs out. */
  close(): Promise<void>;
}

export interface CallOptions {
  /** Reads only: false permits an answer that may be slightly old. Default true. */
  readonly linearizable?: boolean;
  readonly signal?: AbortSignal;
}

export interface WatchOptions {
  readonly signal?: AbortSignal;
  /** After this time without a change a `progress` batch says up to which revision all has been seen. */
  readonly progressMs?: number;
}

export interface KeyValue {
  readonly key: string;
  /** JSON text. */
  readonly value: string;
  /** Revision at which the key came into being; a key that was deleted and written again is a new one. */
  readonly createRev: bigint;
  /** Revision of the last write: what `mod-revision` compares, and the fence of a claim. */
  readonly modRev: bigint;
  /** 1 when created, one more at each write. */
  readonly version: number;
  readonly lease: string | null;
}

export interface Listing {
  readonly kvs: readonly KeyValue[];
  readonly rev: bigint;
}

export type Compare =
  | { readonly kind: 'absent'; readonly key: string }
  | { readonly kind: 'present'; readonly key: string }
  | { readonly kind: 'mod-revision'; readonly key: string; readonly modRev: bigint };

export type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease: string | null }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'list'; readonly prefix: string };

export interface Transaction {
  readonly if: readonly Compare[];
  readonly then: readonly Operation[];
  readonly else?: readonly Operation[];
  /** Says that the claims made here were held before and proved it; see `FreshStart`. */
  readonly reclaim?: boolean;
}

export interface TransactionResult {
  /** Whether all comparisons held and `then` was done. */
  readonly ok: boolean;
  readonly rev: bigint;
  /** For each operation done: the written, deleted or read entries. A delete of nothing gives an empty list. */
  readonly results: readonly (readonly KeyValue[])[];
}

export type RegistryEvent =
  | { readonly kind: 'put'; readonly kv: KeyValue }
  | { readonly kind: 'delete'; readonly key: string; readonly modRev: bigint };

export type WatchBatch =
  | { readonly kind: 'events'; readonly rev: bigint; readonly events: readonly RegistryEvent[] }
  | { readonly kind: 'progress'; readonly rev: bigint }
  | { readonly kind: 'compacted'; readonly rev: bigint };

/**
 * - `late`: not renewed for 4/5 of its time. Claim nothing new; what is claimed still stands.
 * - `renewed`: no longer late.
 * - `lost`: its time is over or the registry no longer knows it. Its keys are gone or about to go. Final.
 */
export type LeaseEvent = 'late' | 'renewed' | 'lost';

export interface Lease {
  readonly id: string;
  readonly ttlS: number;
  readonly state: 'live' | 'late' | 'lost' | 'ended';
  /** Calls back at each such event; `lost` also when it has happened already. Gives back what ends that. */
  on(event: LeaseEvent, listener: () => void): () => void;
  /** Deletes all its keys now. */
  revoke(): Promise<void>;
  /** Stops renewing: the keys stay until the time runs out. */
  abandon(): void;
}

export interface RegistryStatus {
  readonly engine: string;
  readonly rev: bigint;
  readonly healthy: boolean;
  /** A lease of this client could not be renewed lately. */
  readonly isolated: boolean;
  readonly leader?: string;
}

export const registryLimits = {
  /** Comparisons, and operations on each side, of one transaction. */
  operations: 128,
  keyBytes: 512,
  valueBytes: 16 * 1024,
  /** One lease with more keys would block everybody while it is revoked. */
  keysPerLease: 1_000,
  ttlSMin: 0.1,
  ttlSMax: 3_600,
} as const;
