/** Lets a limited number through at a time; the others wait in line until a place is free or they give up. */
export class Gate {
  readonly #placesMax: number;
  readonly #line = new Set<() => void>();
  #taken = 0;

  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  /** Resolves to what gives the place back, to be called once. Rejects with the reason of the signal. */
  enter(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve(() => this.#leave());
      };
      const giveUp = (): void => {
        this.#line.delete(admit);
        reject(signal.reason);
      };
      if (signal.aborted) {
        reject(signal.reason);
      } else if (this.#taken < this.#placesMax) {
        this.#taken += 1;
        admit();
      } else {
        this.#line.add(admit);
        signal.addEventListener('abort', giveUp, { once: true });
      }
    });
  }

  #leave(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#taken -= 1;
    } else {
      // The place passes on without becoming free.
      this.#line.delete(next);
      next();
    }
  }
}
