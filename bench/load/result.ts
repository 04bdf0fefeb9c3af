/** What one measured load did. */
export interface LoadResult {
  /** Requests, connections, messages or MiB, as the case says. */
  readonly units: number;
  readonly seconds: number;
  /** Why this run does not count; empty if it does. */
  readonly faults: readonly string[];
  /** Of single units, where they were timed, in milliseconds. */
  readonly latency?: { readonly p50: number; readonly p99: number; readonly p999: number };
  /** What else is worth knowing, in a few words. */
  readonly note?: string;
}
