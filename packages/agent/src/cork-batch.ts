import type { Socket } from 'node:net';
import { TurnEnd } from '@portico/muxado';

/**
 * Holds back the small writes of one turn of the event loop and hands each socket all of its own at once: a TLS
 * tunnel gives 16 KiB at a time, and without this each piece would be a system call (`performance.md`, Rules).
 */
export class CorkBatch {
  readonly #turnEnd = new TurnEnd();
  #corked: Socket[] = [];
  #scheduled = false;

  /** Corks `socket`, which is not corked, until the end of this turn. */
  hold(socket: Socket): void {
    socket.cork();
    this.#corked.push(socket);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turnEnd.schedule(this.#release);
  }

  readonly #release = (): void => {
    this.#scheduled = false;
    const corked = this.#corked;
    this.#corked = [];
    this.#turnEnd.found(corked.length, corked[0]?.writableLength ?? 0);
    for (const socket of corked) socket.uncork();
  };
}
