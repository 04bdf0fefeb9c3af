import { monotonicMs } from '@portico/service';

/** Something with deadlines. Called every sweep; compares them with `nowMs` (monotonic) and acts. */
export interface Swept {
  sweep(nowMs: number): void;
}

/** The one timer of the visitor side: a timer for each connection would cost more than the traffic. */
export class Sweep {
  readonly now: () => number;
  readonly #items = new Set<Swept>();
  readonly #timer: NodeJS.Timeout;

  constructor({ periodMs, now = monotonicMs }: { periodMs: number; now?: () => number }) {
    this.now = now;
    this.#timer = setInterval(() => this.run(), periodMs);
    this.#timer.unref();
  }

  add(item: Swept): void {
    this.#items.add(item);
  }

  delete(item: Swept): void {
    this.#items.delete(item);
  }

  /** One look at every deadline; an item may leave, or others come, during it. */
  run(): void {
    const nowMs = this.now();
    for (const item of this.#items) item.sweep(nowMs);
  }

  get size(): number {
    return this.#items.size;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#items.clear();
  }
}
