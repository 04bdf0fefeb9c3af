/** Milliseconds that a request spent at each hop. */
export interface HopTimes {
  readonly edgeMs: number;
  readonly policyMs: number;
  readonly tunnelMs: number;
  readonly upstreamMs: number;
}

interface Timed {
  readonly timing: {
    readonly policy_ms: number | null;
    readonly tunnel_ms: number | null;
    readonly wait_ms: number | null;
    readonly total_ms: number;
  };
}

/** The median of each hop over the exchanges that reached an upstream; null when none did. */
export function medianTimes(lines: readonly Timed[]): HopTimes | null {
  const times = lines.flatMap(({ timing }): HopTimes[] => {
    if (timing.wait_ms === null) return [];
    const policyMs = timing.policy_ms ?? 0;
    const tunnelMs = Math.min(timing.tunnel_ms ?? 0, timing.wait_ms);
    const edgeMs = Math.max(0, timing.total_ms - policyMs - timing.wait_ms);
    return [{ edgeMs, policyMs, tunnelMs, upstreamMs: timing.wait_ms - tunnelMs }];
  });
  if (times.length === 0) return null;
  return {
    edgeMs: median(times.map(({ edgeMs }) => edgeMs)),
    policyMs: median(times.map(({ policyMs }) => policyMs)),
    tunnelMs: median(times.map(({ tunnelMs }) => tunnelMs)),
    upstreamMs: median(times.map(({ upstreamMs }) => upstreamMs)),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
