import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { Swept } from '../proxy/sweep.ts';

const LOOK_EVERY_MS = 1_000;
/** L25: no new connections above this share of the memory. */
const SHARE = 0.75;
/** L25: connections are given up above this share. */
const CRITICAL_SHARE = 0.9;

/** Whether the process comes near its memory limit (L25), so that it refuses new visitors before the kernel kills it. */
export class MemoryPressure implements Swept {
  readonly #limitBytes: number;
  readonly #usedBytes: () => number;
  readonly #onChange: (isHigh: boolean, usedBytes: number) => void;
  readonly #onCritical: () => void;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isHigh = false;

  /**
   * @param limitBytes default: the cgroup's limit, or the machine's memory
   * @param onCritical at each look, once a second, while nearly all of it is used
   */
  constructor({
    limitBytes = Math.min(cgroupLimitBytes(), totalmem()),
    usedBytes = () => process.memoryUsage.rss(),
    onChange = () => {},
    onCritical = () => {},
  }: {
    limitBytes?: number;
    usedBytes?: () => number;
    onChange?: (isHigh: boolean, usedBytes: number) => void;
    onCritical?: () => void;
  } = {}) {
    this.#limitBytes = limitBytes;
    this.#usedBytes = usedBytes;
    this.#onChange = onChange;
    this.#onCritical = onCritical;
  }

  get isHigh(): boolean {
    return this.#isHigh;
  }

  sweep(nowMs: number): void {
    if (nowMs - this.#lookedMs < LOOK_EVERY_MS) return;
    this.#lookedMs = nowMs;
    const used = this.#read();
    if (used === null) return;
    if (used > this.#limitBytes * CRITICAL_SHARE) this.#onCritical();
    const isHigh = used > this.#limitBytes * SHARE;
    if (isHigh === this.#isHigh) return;
    this.#isHigh = isHigh;
    this.#onChange(isHigh, used);
  }

  /** Null when it cannot be read: that takes a descriptor, and there may be none left (L26). */
  #read(): number | null {
    try {
      return this.#usedBytes();
    } catch {
      return null;
    }
  }
}

/** Version 2, then 1; infinity where there is no limit. */
export function cgroupLimitBytes(): number {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const bytes = Number(readFileSync(file, 'utf8'));
      if (bytes > 0) return bytes;
    } catch {
      // The other version, or none.
    }
  }
  return Number.POSITIVE_INFINITY;
}
