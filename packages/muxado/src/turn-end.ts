/** After so many turns with one small thing each, the next ones do not wait. */
const LONE_TURNS = 8;
/** While they do not wait, every so many-th does, to see whether it is still alone. */
const PROBE_EVERY = 16;
/** Larger than a request or a small answer: bulk gains from waiting, and nobody sees it. */
const SMALL_BYTES = 4_096;

/**
 * When what gathers in a turn of the event loop leaves. At the end of the turn, after all sockets were read: under load
 * a write then carries twenty frames. Where turn after turn brings one small thing, as with a single visitor, there is
 * nothing to gather, and it leaves as soon as the callback that brought it is over: 40 µs sooner through edge and agent.
 */
export class TurnEnd {
  #loneTurns = 0;
  #untilProbe = 0;
  #sawWholeTurn = true;

  /** Calls `run` once, later; it says with `found` what had gathered. Not to be called again before that. */
  schedule(run: () => void): void {
    this.#sawWholeTurn = this.#untilProbe === 0;
    if (this.#sawWholeTurn) {
      setImmediate(run);
    } else {
      this.#untilProbe -= 1;
      process.nextTick(run);
    }
  }

  found(things: number, bytes: number): void {
    if (!this.#sawWholeTurn) return;
    this.#loneTurns = things === 1 && bytes <= SMALL_BYTES ? this.#loneTurns + 1 : 0;
    if (this.#loneTurns >= LONE_TURNS) this.#untilProbe = PROBE_EVERY;
  }
}
