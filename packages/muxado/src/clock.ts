/** Time as a session sees it, so that tests can move it. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Runs `run` once after `ms`; the caller cancels it when it is not needed any more. */
  after(ms: number, run: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(ms, run) {
    const timeout = setTimeout(run, ms);
    // The socket keeps the process alive, not its timers.
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};
