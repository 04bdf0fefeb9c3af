import type { Change } from '@portico/api-contract/internal';

/** Hands each change to whoever listens now. Nothing is kept: who comes later reconciles. */
export class ChangeHub {
  readonly #listeners = new Set<(change: Change) => void>();

  /** Returns how to stop listening. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
