import { describe, expect, it } from 'vitest';
import { medianTimes } from './median-times.ts';

const timing = (
  total_ms: number,
  wait_ms: number | null,
  tunnel_ms: number | null,
  policy_ms: number | null = null,
) => ({
  timing: { total_ms, wait_ms, tunnel_ms, policy_ms },
});

describe('where the time goes', () => {
  it('is the median of each hop', () => {
    const lines = [timing(10, 8, 2, 1), timing(20, 16, 4, 2), timing(30, 24, 6, 3)];
    expect(medianTimes(lines)).toEqual({ edgeMs: 2, policyMs: 2, tunnelMs: 4, upstreamMs: 12 });
    expect(medianTimes(lines.slice(0, 2))).toEqual({ edgeMs: 1.5, policyMs: 1.5, tunnelMs: 3, upstreamMs: 9 });
  });

  it('leaves out what never reached an upstream, and no part is below nothing', () => {
    expect(medianTimes([timing(5, null, null), timing(3, 4, 9)])).toEqual({
      edgeMs: 0,
      policyMs: 0,
      tunnelMs: 4,
      upstreamMs: 0,
    });
    expect(medianTimes([timing(5, null, null)])).toBeNull();
    expect(medianTimes([])).toBeNull();
  });
});
