import { type Database, markLive, markReleased } from '@portico/db';
import type { Logger } from '@portico/service';
import type { NameChange } from '../live/live-state.ts';

/**
 * Writes down which names are online and when they were released, so that a released name rests for its account
 * across restarts too. Changes are gathered and written together; while the database is away they wait here, one
 * entry a name.
 */
export class NameKeeper {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #now: () => Date;
  readonly #holdMs: number;
  readonly #gatherMs: number;
  #waiting = new Map<string, NameChange & { readonly at: Date }>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: { database: Database; log: Logger; now: () => Date; holdMs: number; gatherMs?: number }) {
    this.#database = options.database;
    this.#log = options.log;
    this.#now = options.now;
    this.#holdMs = options.holdMs;
    this.#gatherMs = options.gatherMs ?? 200;
  }

  note(change: NameChange): void {
    this.#waiting.set(change.name, { ...change, at: this.#now() });
    this.#schedule(this.#gatherMs);
  }

  /** Settles when everything noted so far is written, or has failed once more. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
  }

  #schedule(afterMs: number): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => void this.flush(), afterMs);
    this.#timer.unref();
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    if (batch.size === 0) return;
    this.#waiting = new Map();
    const changes = [...batch.values()];
    try {
      await markLive(
        this.#database.queries,
        changes.filter((change) => change.live),
      );
      await markReleased(
        this.#database.queries,
        changes
          .filter((change) => !change.live)
          .map(({ name, accountId, at }) => ({
            name,
            accountId,
            heldUntil: new Date(at.getTime() + this.#holdMs),
          })),
      );
    } catch (error) {
      this.#log.warn({ err: error, names: batch.size }, 'which names are online could not be written down');
      // What came meanwhile is newer.
      this.#waiting = new Map([...batch, ...this.#waiting]);
      this.#schedule(2_000);
    }
  }
}
