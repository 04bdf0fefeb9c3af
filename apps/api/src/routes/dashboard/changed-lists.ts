/** Changes that come together are told together. */
const gatherMs = 250;

/**
 * Gathers which lists of an account have changed for one open page, and tells it at most every 250 ms. As many names as
 * there are lists at most; a page that is slow to read hears of them once. Closed with its page.
 */
export class ChangedLists {
  /** False when there is no room now. */
  readonly #tell: (lists: string[] | null) => boolean;
  readonly #waiting = new Set<string>();
  #all = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(tell: (lists: string[] | null) => boolean) {
    this.#tell = tell;
  }

  /** @param lists null: any of them. */
  add(lists: readonly string[] | null): void {
    if (lists === null) this.#all = true;
    else for (const name of lists) this.#waiting.add(name);
    if (this.#all || this.#waiting.size > 0) this.#schedule();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.#tell(this.#all ? null : [...this.#waiting])) {
        this.#all = false;
        this.#waiting.clear();
      } else this.#schedule();
    }, gatherMs);
  }
}
