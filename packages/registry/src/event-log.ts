import type { RegistryEvent } from './registry.ts';

export interface EventLogLimits {
  readonly events: number;
  /** Counted over keys and values. */
  readonly bytes: number;
}

/**
 * The last changes, for watchers. A watcher keeps only its place here and no queue, so however slow it reads it costs
 * nothing; once its place has been overwritten it is told `compacted`.
 */
export class EventLog {
  readonly #limits: EventLogLimits;
  readonly #ring: (Logged | undefined)[] = [];
  /** Number of the oldest event kept, and of the next one to come. */
  #first = 0;
  #next = 0;
  #bytes = 0;
  #compactedRev: bigint;

  /** `startRev`: the revision at which the engine began; nothing up to there can be watched. */
  constructor(startRev: bigint, limits: EventLogLimits) {
    this.#compactedRev = startRev;
    this.#limits = limits;
  }

  /** Changes up to this revision may be missing. */
  get compactedRev(): bigint {
    return this.#compactedRev;
  }

  append(rev: bigint, event: RegistryEvent): void {
    const bytes = event.kind === 'put' ? event.kv.key.length + event.kv.value.length : event.key.length;
    while (
      this.#next > this.#first &&
      (this.#next - this.#first >= this.#limits.events || this.#bytes + bytes > this.#limits.bytes)
    ) {
      this.#dropOldest();
    }
    this.#ring[this.#next % this.#limits.events] = { rev, event, bytes };
    this.#next += 1;
    this.#bytes += bytes;
  }

  /**
   * The events under a prefix from a revision on: whole revisions only, ended after about `eventsMax` events or
   * `bytesMax` bytes. `upTo` is the last revision that was looked at, or null when there is none yet. The caller has
   * checked that `fromRev` is above `compactedRev`.
   */
  read(
    fromRev: bigint,
    prefix: string,
    eventsMax: number,
    bytesMax: number,
  ): { events: RegistryEvent[]; upTo: bigint | null } {
    const events: RegistryEvent[] = [];
    let bytes = 0;
    let upTo: bigint | null = null;
    for (let number = this.#numberOf(fromRev); number < this.#next; number += 1) {
      const logged = this.#at(number);
      if (logged === undefined) {
        break;
      }
      if (logged.rev !== upTo && (events.length >= eventsMax || bytes >= bytesMax)) {
        break;
      }
      upTo = logged.rev;
      const key = logged.event.kind === 'put' ? logged.event.kv.key : logged.event.key;
      if (key.startsWith(prefix)) {
        events.push(logged.event);
        bytes += logged.bytes;
      }
    }
    return { events, upTo };
  }

  #dropOldest(): void {
    const oldest = this.#at(this.#first);
    this.#ring[this.#first % this.#limits.events] = undefined;
    this.#first += 1;
    if (oldest !== undefined) {
      this.#bytes -= oldest.bytes;
      this.#compactedRev = oldest.rev;
    }
  }

  /** The number of the first event at or after a revision. */
  #numberOf(rev: bigint): number {
    let low = this.#first;
    let high = this.#next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#at(middle)?.rev ?? 0n) < rev) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  #at(number: number): Logged | undefined {
    return this.#ring[number % this.#limits.events];
  }
}

interface Logged {
  readonly rev: bigint;
  readonly event: RegistryEvent;
  readonly bytes: number;
}
