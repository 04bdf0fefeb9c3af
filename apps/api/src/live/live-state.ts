import {
  type LiveClaim,
  type LiveNode,
  type LiveSession,
  liveClaim,
  liveNode,
  liveSession,
} from '@portico/api-contract/internal';
import { follow, type Registry } from '@portico/registry';
import type { Logger } from '@portico/service';
import type { PublicPorts } from '../endpoints/cloud-url.ts';
import { AccountListeners } from './account-listeners.ts';

export interface NameChange {
  /** A host name, or `tcp/` and a port. */
  readonly name: string;
  readonly accountId: string;
  readonly live: boolean;
}

export interface NodeView {
  readonly nodeId: string;
  readonly online: boolean;
  /** What it last said; null: nothing that this version understands. */
  readonly facts: LiveNode | null;
  readonly sessions: number;
  readonly endpoints: number;
}

/**
 * What is online, as the registry says: sessions, endpoints and edges, found by account. A mirror that follows the
 * registry by watching; it lists anew whenever the watch has lost its place.
 */
export class LiveState {
  readonly #registry: Registry;
  readonly #log: Logger;
  readonly #closing = new AbortController();
  readonly #sessions = new Mirror<LiveSession>((value) => liveSession.parse(value));
  readonly #claims = new Mirror<LiveClaim>((value) => liveClaim.parse(value));
  /** Nodes seen since the start: whether they are here now, and what they last said of themselves. */
  readonly #nodes = new Map<string, { readonly online: boolean; readonly facts: LiveNode | null }>();
  #publicPorts: PublicPorts | null = null;
  #visitorPorts: LiveNode['visitors'] | null = null;
  readonly #watchers = new AccountListeners<() => void>();
  readonly #nameListeners = new Set<(change: NameChange) => void>();
  #running: Promise<unknown> = Promise.resolve();

  constructor({ registry, log }: { registry: Registry; log: Logger }) {
    this.#registry = registry;
    this.#log = log;
  }

  start(): void {
    this.#running = Promise.all([
      this.#follow('sessions/', (key, value) => this.#put(this.#sessions, key, value)),
      this.#follow('claims/', (key, value) => this.#putClaim(key, value)),
      this.#follow('nodes/', (key, value) => this.#putNode(key, value)),
    ]);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  sessionsOf(accountId: string): LiveSession[] {
    return this.#sessions.of(accountId);
  }

  /** Endpoints online. */
  claimsOf(accountId: string): LiveClaim[] {
    return this.#claims.of(accountId);
  }

  sessionCount(accountId: string): number {
    return this.#sessions.count(accountId);
  }

  /** URL of what is online under this host, or null. */
  onlineAt(host: string): string | null {
    for (const scheme of ['https', 'http', 'tls']) {
      const claim = this.#claims.get(`claims/${scheme}/${host}`);
      if (claim !== null) return claim.url;
    }
    return null;
  }

  /** What is online at this key: scheme and host, `tcp/` and port, or `internal/…`. */
  claimsAt(name: string): LiveClaim[] {
    const claim = this.#claims.get(`claims/${name}`);
    return claim === null ? [] : [claim];
  }

  /** Ports of the public listeners, as the edge that spoke last has them; null before any has. */
  get publicPorts(): PublicPorts | null {
    return this.#publicPorts;
  }

  /** Where the edge that spoke last takes visitors; null before any has. */
  get visitorPorts(): NonNullable<LiveNode['visitors']> | null {
    return this.#visitorPorts ?? null;
  }

  edges(): { nodeId: string; online: boolean }[] {
    return [...this.#nodes].map(([nodeId, { online }]) => ({ nodeId, online }));
  }

  /** What the edges say of themselves, and how much each carries. */
  nodes(): NodeView[] {
    const sessions = tally(this.#sessions.all());
    const endpoints = tally(this.#claims.all());
    return [...this.#nodes].map(([nodeId, { online, facts }]) => ({
      nodeId,
      online,
      facts,
      sessions: sessions.get(nodeId) ?? 0,
      endpoints: endpoints.get(nodeId) ?? 0,
    }));
  }

  endpointCount(accountId: string): number {
    return this.#claims.count(accountId);
  }

  /** Calls back after every change of what the account has online, or of the edges. Returns how to stop. */
  watchAccount(accountId: string, listener: () => void): () => void {
    return this.#watchers.add(accountId, listener);
  }

  /** Calls back when a name comes online for an account or leaves it. */
  watchNames(listener: (change: NameChange) => void): () => void {
    this.#nameListeners.add(listener);
    return () => this.#nameListeners.delete(listener);
  }

  #follow(prefix: string, put: (key: string, value: string | null) => void): Promise<void> {
    return follow(this.#registry, prefix, {
      signal: this.#closing.signal,
      onListing: ({ kvs }) => {
        const present = new Set(kvs.map((kv) => kv.key));
        for (const key of this.#keysUnder(prefix)) if (!present.has(key)) put(key, null);
        for (const kv of kvs) put(kv.key, kv.value);
      },
      onEvents: (events) => {
        for (const event of events) {
          if (event.kind === 'put') put(event.kv.key, event.kv.value);
          else put(event.key, null);
        }
      },
      onTrouble: (error) => this.#log.error({ err: error, prefix }, 'following the registry failed'),
    });
  }

  #keysUnder(prefix: string): string[] {
    if (prefix === 'sessions/') return this.#sessions.keys();
    if (prefix === 'claims/') return this.#claims.keys();
    return [...this.#nodes.keys()].map((nodeId) => `nodes/${nodeId}`);
  }

  #put<T extends { accountId: string }>(mirror: Mirror<T>, key: string, value: string | null): void {
    for (const accountId of mirror.put(key, value === null ? null : this.#understood(mirror, key, value))) {
      this.#tell(accountId);
    }
  }

  /** A value of another shape, from an edge of another version say, is not shown at all. */
  #understood<T extends { accountId: string }>(mirror: Mirror<T>, key: string, value: string): T | null {
    try {
      return mirror.parse(JSON.parse(value));
    } catch (error) {
      this.#log.error({ err: error, key }, 'a value in the registry cannot be understood');
      return null;
    }
  }

  #putClaim(key: string, value: string | null): void {
    const before = this.#claims.get(key);
    this.#put(this.#claims, key, value);
    const after = this.#claims.get(key);
    // Internal names are nobody's: each account has its own.
    if (key.startsWith('claims/internal/')) return;
    const name = nameOf(key);
    if (before !== null && before.accountId !== after?.accountId && !this.#isOnlineFor(name, before.accountId)) {
      this.#tellName({ name, accountId: before.accountId, live: false });
    }
    if (after !== null) this.#tellName({ name, accountId: after.accountId, live: true });
  }

  /** The same host may be online as https and as http. */
  #isOnlineFor(name: string, accountId: string): boolean {
    if (name.startsWith('tcp/')) return this.#claims.get(`claims/${name}`)?.accountId === accountId;
    return ['https', 'http', 'tls'].some(
      (scheme) => this.#claims.get(`claims/${scheme}/${name}`)?.accountId === accountId,
    );
  }

  #putNode(key: string, value: string | null): void {
    const nodeId = key.slice('nodes/'.length);
    const node = value === null ? null : nodeOf(value);
    this.#nodes.set(nodeId, { online: value !== null, facts: node ?? this.#nodes.get(nodeId)?.facts ?? null });
    if (node?.publicPorts !== undefined) this.#publicPorts = node.publicPorts;
    if (node?.visitors !== undefined) this.#visitorPorts = node.visitors;
    for (const accountId of this.#watchers.accounts()) this.#tell(accountId);
  }

  #tell(accountId: string): void {
    for (const listener of this.#watchers.of(accountId)) listener();
  }

  #tellName(change: NameChange): void {
    for (const listener of this.#nameListeners) listener(change);
  }
}

function tally(items: Iterable<{ readonly nodeId: string }>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { nodeId } of items) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  return counts;
}

function nodeOf(value: string): LiveNode | null {
  try {
    return liveNode.safeParse(JSON.parse(value)).data ?? null;
  } catch {
    return null;
  }
}

/**
 * `claims/https/shop.base` → shop.base; `claims/tcp/20017` → tcp/20017. Those who share a name stand below it:
 * `claims/https/shop.base/<bind id>`.
 */
function nameOf(key: string): string {
  const [, scheme = '', ...rest] = key.split('/');
  if (scheme === 'internal') return rest.join('/');
  return scheme === 'tcp' ? `tcp/${rest[0] ?? ''}` : (rest[0] ?? '');
}

/** Entries by key and by account. */
class Mirror<T extends { accountId: string }> {
  /** Throws when the value has another shape. */
  readonly parse: (value: unknown) => T;
  readonly #byKey = new Map<string, T>();
  readonly #byAccount = new Map<string, Map<string, T>>();

  constructor(parse: (value: unknown) => T) {
    this.parse = parse;
  }

  get(key: string): T | null {
    return this.#byKey.get(key) ?? null;
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  all(): Iterable<T> {
    return this.#byKey.values();
  }

  of(accountId: string): T[] {
    return [...(this.#byAccount.get(accountId)?.values() ?? [])];
  }

  count(accountId: string): number {
    return this.#byAccount.get(accountId)?.size ?? 0;
  }

  /** Null removes. Returns the accounts that see a change. */
  put(key: string, after: T | null): Set<string> {
    const changed = new Set<string>();
    const before = this.#byKey.get(key);
    if (before !== undefined) {
      changed.add(before.accountId);
      this.#byKey.delete(key);
      const entries = this.#byAccount.get(before.accountId);
      entries?.delete(key);
      if (entries?.size === 0) this.#byAccount.delete(before.accountId);
    }
    if (after !== null) {
      changed.add(after.accountId);
      this.#byKey.set(key, after);
      const entries = this.#byAccount.get(after.accountId) ?? new Map<string, T>();
      this.#byAccount.set(after.accountId, entries);
      entries.set(key, after);
    }
    return changed;
  }
}
