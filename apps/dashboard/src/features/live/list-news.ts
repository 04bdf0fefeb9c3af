/** What a list does when it, or (null) any list, may have changed. */
type Listener = (lists: readonly string[] | null) => void;

/** Passes on to the lists of a page what the live stream says of them. `isLive` tells whether anything would be heard. */
export class ListNews {
  readonly #listeners = new Set<Listener>();
  isLive = false;

  /** Returns how to stop. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(lists: readonly string[] | null): void {
    for (const listener of this.#listeners) listener(lists);
  }

  /** When the stream begins, what happened before was not heard. */
  setLive(isLive: boolean): void {
    const begins = isLive && !this.isLive;
    this.isLive = isLive;
    if (begins) this.tell(null);
  }
}

/** The name of the list that a path of the REST API belongs to: its first part. */
export function listOfPath(path: string): string {
  return /^\/([^/?]+)/.exec(path)?.[1] ?? '';
}
