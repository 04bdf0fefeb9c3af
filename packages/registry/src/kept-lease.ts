import type { Lease, LeaseEvent } from './registry.ts';

export interface KeptLeaseOptions {
  readonly id: string;
  readonly ttlS: number;
  /** When the request for the lease was sent, by `nowMs`: the far side cannot have started counting earlier. */
  readonly grantedAtMs: number;
  /** Resolves to false when the registry no longer knows the lease; rejects when no answer could be had. */
  renew(signal: AbortSignal): Promise<boolean>;
  revoke(): Promise<void>;
  /** Called once, whenever and however it is over. */
  onEnd(): void;
  /** Monotonic. */
  nowMs?(): number;
}

/**
 * Keeps one lease alive by renewing it every third of its time, and knows when it must be taken for lost: when the
 * whole time has passed since the last renewal that got through was *sent*. The holder then stops relying on it
 * before the registry, which started counting later, gives its keys away.
 */
export class KeptLease implements Lease {
  readonly id: string;
  readonly ttlS: number;
  readonly #options: KeptLeaseOptions;
  readonly #nowMs: () => number;
  readonly #ttlMs: number;
  readonly #listeners = new Map<LeaseEvent, Set<() => void>>();
  readonly #ended = new AbortController();
  #renewedAtMs: number;
  #state: Lease['state'] = 'live';
  #wakeUp: NodeJS.Timeout;
  #renewing = false;

  constructor(options: KeptLeaseOptions) {
    this.id = options.id;
    this.ttlS = options.ttlS;
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#ttlMs = options.ttlS * 1000;
    this.#renewedAtMs = options.grantedAtMs;
    // Short steps: lateness and loss are noticed in time even while a renewal hangs.
    this.#wakeUp = setInterval(() => this.#step(), Math.max(10, this.#ttlMs / 30));
    this.#wakeUp.unref();
  }

  get state(): Lease['state'] {
    this.#judge();
    return this.#state;
  }

  on(event: LeaseEvent, listener: () => void): () => void {
    if (event === 'lost' && this.state === 'lost') {
      queueMicrotask(listener);
      return () => {};
    }
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  async revoke(): Promise<void> {
    if (this.#state !== 'lost') {
      this.#end('ended');
    }
    await this.#options.revoke();
  }

  abandon(): void {
    this.#end('ended');
  }

  #step(): void {
    this.#judge();
    const due = this.#nowMs() - this.#renewedAtMs >= this.#ttlMs / 3;
    if (due && !this.#renewing && !this.#isOver()) {
      void this.#renew();
    }
  }

  async #renew(): Promise<void> {
    this.#renewing = true;
    const sentAtMs = this.#nowMs();
    // Short enough for several tries before the time is up.
    const patience = AbortSignal.timeout(Math.max(50, Math.ceil(this.#ttlMs / 6)));
    try {
      const known = await this.#options.renew(AbortSignal.any([patience, this.#ended.signal]));
      if (this.#isOver()) {
        return;
      }
      if (!known) {
        this.#end('lost');
        return;
      }
      // An answer that comes after the time was up does not revive the lease: judged first.
      this.#judge();
      this.#renewedAtMs = sentAtMs;
      this.#judge();
    } catch {
      // The next step tries again; lateness and loss are judged by the clock.
    } finally {
      this.#renewing = false;
    }
  }

  #judge(): void {
    if (this.#isOver()) {
      return;
    }
    const ageMs = this.#nowMs() - this.#renewedAtMs;
    if (ageMs >= this.#ttlMs) {
      this.#end('lost');
    } else if (ageMs >= this.#ttlMs * 0.8) {
      this.#become('late');
    } else if (this.#state === 'late') {
      this.#state = 'live';
      this.#emit('renewed');
    }
  }

  #become(state: 'late' | 'lost'): void {
    if (this.#state !== state) {
      this.#state = state;
      this.#emit(state);
    }
  }

  #isOver(): boolean {
    return this.#state === 'lost' || this.#state === 'ended';
  }

  #end(state: 'lost' | 'ended'): void {
    if (this.#isOver()) {
      return;
    }
    clearInterval(this.#wakeUp);
    if (state === 'lost') {
      this.#become('lost');
    } else {
      this.#state = state;
    }
    this.#ended.abort();
    this.#listeners.clear();
    this.#options.onEnd();
  }

  #emit(event: LeaseEvent): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      listener();
    }
  }
}
