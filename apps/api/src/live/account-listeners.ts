/** Who listens to which account. Whoever listens stops; nothing is kept of an account that nobody listens to. */
export class AccountListeners<T extends (...told: never[]) => void> {
  readonly #byAccount = new Map<string, Set<T>>();

  /** Returns how to stop. */
  add(accountId: string, listener: T): () => void {
    const listeners = this.#byAccount.get(accountId) ?? new Set();
    this.#byAccount.set(accountId, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#byAccount.delete(accountId);
    };
  }

  get isEmpty(): boolean {
    return this.#byAccount.size === 0;
  }

  of(accountId: string): Iterable<T> {
    return this.#byAccount.get(accountId) ?? [];
  }

  /** Those that somebody listens to. */
  accounts(): Iterable<string> {
    return this.#byAccount.keys();
  }
}
