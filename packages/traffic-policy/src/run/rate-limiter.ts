import { createHash } from 'node:crypto';

export interface RateLimitRule {
  /** Names the bucket family: endpoint and the `name` of the action. */
  readonly family: string;
  readonly capacity: number;
  readonly windowMs: number;
}

export interface RateLimitVerdict {
  readonly limited: boolean;
  /** Whole seconds until a request would pass again; 0 when this one passes. */
  readonly retryAfterSeconds: number;
}

/**
 * A sliding window for any number of keys in bounded memory. Each family counts by key in the window that runs and
 * remembers the one before; the estimate for now is the share of the old window that still reaches into the last
 * `windowMs`, plus the running count. Old windows are dropped whole, so nothing is ever searched for to be removed.
 *
 * With `maxKeys` in use, further keys share counters by hash: some strangers then share a limit, nobody escapes it.
 */
export class RateLimiter {
  readonly #maxKeys: number;
  readonly #nowMs: () => number;
  readonly #families = new Map<string, Family>();
  #keys = 0;

  /** `nowMs` is monotonic. A million keys take about 100 MB. */
  constructor(options: { readonly maxKeys?: number; readonly nowMs?: () => number } = {}) {
    this.#maxKeys = options.maxKeys ?? 1_000_000;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Keys that are counted one by one now. */
  get keys(): number {
    return this.#keys;
  }

  /** Asks for one request and counts it when it passes. */
  hit(rule: RateLimitRule, key: string): RateLimitVerdict {
    return this.#decide(rule, key, true);
  }

  /** The same answer, without counting. */
  peek(rule: RateLimitRule, key: string): RateLimitVerdict {
    return this.#decide(rule, key, false);
  }

  #decide(rule: RateLimitRule, longKey: string, count: boolean): RateLimitVerdict {
    const now = this.#nowMs();
    const key = shortKey(longKey);
    const family = this.#family(rule, now);
    const elapsed = now - family.startedMs;
    const before = family.before.get(key);
    const running = family.running.get(key);
    const estimate = before * (1 - elapsed / rule.windowMs) + running;
    if (estimate + 1 <= rule.capacity + 1e-9) {
      if (count && family.running.add(key, this.#keys < this.#maxKeys)) this.#keys += 1;
      return { limited: false, retryAfterSeconds: 0 };
    }
    const waitMs = waitFor(rule, before, running, elapsed);
    return { limited: true, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) };
  }

  #family(rule: RateLimitRule, now: number): Family {
    const known = this.#families.get(rule.family);
    if (known === undefined || known.windowMs !== rule.windowMs) {
      if (known !== undefined) this.#drop(rule.family, known);
      if (this.#families.size >= FAMILIES_BEFORE_SWEEP) this.#sweep(now);
      const family = new Family(rule.windowMs, now);
      this.#families.set(rule.family, family);
      return family;
    }
    const passed = Math.floor((now - known.startedMs) / known.windowMs);
    if (passed > 0) {
      this.#keys -= known.before.size + (passed > 1 ? known.running.size : 0);
      known.before = passed > 1 ? new Counters() : known.running;
      known.running = new Counters();
      known.startedMs += passed * known.windowMs;
    }
    return known;
  }

  /** Forgets families that counted nothing for two windows: endpoints that are gone. */
  #sweep(now: number): void {
    for (const [name, family] of this.#families) {
      if (now - family.startedMs > 2 * family.windowMs) this.#drop(name, family);
    }
  }

  #drop(name: string, family: Family): void {
    this.#keys -= family.before.size + family.running.size;
    this.#families.delete(name);
  }
}

const FAMILIES_BEFORE_SWEEP = 1_000;
const SHARED_COUNTERS = 4_096;
const KEY_CHARACTERS_MAX = 64;

class Family {
  readonly windowMs: number;
  startedMs: number;
  before = new Counters();
  running = new Counters();

  constructor(windowMs: number, startedMs: number) {
    this.windowMs = windowMs;
    this.startedMs = startedMs;
  }
}

class Counters {
  readonly #own = new Map<string, number>();
  #shared: Uint32Array | null = null;

  get size(): number {
    return this.#own.size;
  }

  get(key: string): number {
    return this.#own.get(key) ?? this.#shared?.[slotOf(key)] ?? 0;
  }

  /** Returns whether a key was added. */
  add(key: string, mayGrow: boolean): boolean {
    const known = this.#own.get(key);
    if (known !== undefined || (mayGrow && this.#shared === null)) {
      this.#own.set(key, (known ?? 0) + 1);
      return known === undefined;
    }
    this.#shared ??= new Uint32Array(SHARED_COUNTERS);
    const slot = slotOf(key);
    this.#shared[slot] = (this.#shared[slot] ?? 0) + 1;
    return false;
  }
}

/** FNV-1a; the keys that visitors choose can collide on purpose only with one another's limit. */
function slotOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % SHARED_COUNTERS;
}

function shortKey(key: string): string {
  return key.length <= KEY_CHARACTERS_MAX ? key : createHash('sha256').update(key).digest('base64');
}

/** Milliseconds until the estimate has room for one more, if nothing else comes. */
function waitFor(rule: RateLimitRule, before: number, running: number, elapsedMs: number): number {
  const room = rule.capacity - 1;
  if (running <= room && before > 0) {
    // before × (1 − t/window) + running ≤ room
    return Math.max(0, rule.windowMs * (1 - (room - running) / before) - elapsedMs);
  }
  const untilNext = rule.windowMs - elapsedMs;
  return untilNext + Math.max(0, rule.windowMs * (1 - room / running));
}
