/** Milliseconds that only go forward, for durations and deadlines; says nothing of the time of day. */
export function monotonicMs(): number {
  return performance.now();
}
