import { readdir, readFile } from 'node:fs/promises';

/** Kept for logs, the API and the admin listener (L26). */
const SPARE = 64;
const CALM_MS = 500;
/** When it gets tight a burst could pass the mark between two looks. */
const TIGHT_MS = 50;

/**
 * Watches how many file descriptors this process has open (L26): above 90 % of its limit, or with fewer than 64 left,
 * no new connection is taken. Linux only; elsewhere nothing is known and nothing refused. `close()` ends its timer.
 */
export class DescriptorWatch {
  readonly #count: () => Promise<number>;
  readonly #connections: () => number;
  #limit: number | null;
  #used = 0;
  /** Connections that were open when the descriptors were counted. */
  #connectionsThen = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /**
   * @param options.connections how many are open now: a flood comes faster than descriptors are counted.
   * The others are for tests: another limit, another way to count.
   */
  constructor(options: { connections?: () => number; limit?: number; count?: () => Promise<number> } = {}) {
    this.#connections = options.connections ?? (() => 0);
    this.#limit = options.limit ?? null;
    this.#count = options.count ?? countOwn;
  }

  async start(): Promise<void> {
    this.#limit ??= await ownLimit();
    if (this.#limit !== null) await this.#look();
  }

  /** Whether new connections are to be turned away. */
  get exhausted(): boolean {
    return this.#limit !== null && this.used >= Math.min(this.#limit * 0.9, this.#limit - SPARE);
  }

  /** Counted at the last look, and what came since. */
  get used(): number {
    return this.#used + Math.max(0, this.#connections() - this.#connectionsThen);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    // Before it counts: what comes meanwhile may count twice, but never not at all.
    const connections = this.#connections();
    try {
      this.#used = await this.#count();
      this.#connectionsThen = connections;
    } catch {
      // Counting needs a descriptor itself: when there is none left, that says it.
      this.#used = this.#limit ?? 0;
      this.#connectionsThen = connections;
    }
    if (this.#closed) return;
    const tight = this.#limit !== null && this.#used > this.#limit / 2;
    this.#timer = setTimeout(() => void this.#look(), tight ? TIGHT_MS : CALM_MS);
    this.#timer.unref();
  }
}

async function countOwn(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

/** The soft limit; Node raises it to the hard one at its start. */
async function ownLimit(): Promise<number | null> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
