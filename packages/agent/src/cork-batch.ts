import type { Socket } from 'node:net';

/**
 * Holds back the small writes of one turn of the event loop and hands each socket all of its own at once: a TLS
 * tunnel gives 16 KiB at a time, and without this each piece would be a system call (`performance.md`, Rules).
 */
export class CorkBatch {
  #corked: Socket[] = [];
  #scheduled = false;

  /** Corks `socket`, which is not corked, until the end of this turn. */
  hold(socket: Socket): void {
    socket.cork();
    this.#corked.push(socket);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#release);
  }

  readonly #release = (): void => {
    this.#scheduled = false;
    const corked = this.#corked;
    this.#corked = [];
    for (const socket of corked) socket.uncork();
  };
}
