/** Time and chance, passed in so that tests can bend them. */
export interface Clock {
  /** Monotonic, in milliseconds; only differences mean anything. */
  nowMs(): number;
  /** Calls `callback` once after `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
  /** 0 (included) to 1 (excluded). */
  random(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
