'use client';

import { useCallback, useState } from 'react';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { useAsking } from '../../lib/use-asking.ts';
import { useAccount } from '../account/account-provider.tsx';
import { readUsage } from '../usage/read-usage.ts';
import { totalOf, type UsageBucket } from '../usage/usage-days.ts';
import { pointsOf, rangeOf, type TrafficPoint, type TrafficWindow } from './traffic-window.ts';

export interface WindowTraffic {
  readonly windowId: TrafficWindow['id'];
  readonly points: readonly TrafficPoint[];
  readonly total: UsageBucket;
  /** By URL, the busiest first. */
  readonly endpoints: readonly UsageBucket[];
}

const refreshEveryMs = 15_000;
const busiestMax = 8;

/** What went through in a window, asked for anew while someone looks. */
export function useTraffic(window: TrafficWindow): {
  readonly traffic: WindowTraffic | null;
  readonly problem: Exclude<RestAnswer<never>, { kind: 'ok' }> | null;
  readonly reload: () => Promise<void>;
} {
  const { rest } = useAccount();
  const [traffic, setTraffic] = useState<WindowTraffic | null>(null);
  const [problem, setProblem] = useState<Exclude<RestAnswer<never>, { kind: 'ok' }> | null>(null);
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: an attempt asks again for the same
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const nowMs = Date.now();
      const { fromMs, toMs } = rangeOf(window, nowMs);
      const query = `from=${new Date(fromMs).toISOString()}&to=${new Date(toMs).toISOString()}`;
      const [all, each] = await Promise.all([
        rest.get(`/usage?${query}&span=${window.span}`, readUsage, signal),
        rest.get(`/usage?${query}&span=day&by=endpoint`, readUsage, signal),
      ]);
      if (signal.aborted) return;
      if (all.kind !== 'ok') return setProblem(all);
      if (each.kind !== 'ok') return setProblem(each);
      setProblem(null);
      setTraffic({
        windowId: window.id,
        points: pointsOf(all.value, window, nowMs),
        total: totalOf(all.value),
        endpoints: busiest(each.value),
      });
    },
    [rest, window, attempt],
  );
  useAsking(ask, refreshEveryMs);
  return { traffic, problem, reload: async () => setAttempt((n) => n + 1) };
}

function busiest(buckets: readonly UsageBucket[]): UsageBucket[] {
  const byUrl = new Map<string, UsageBucket[]>();
  for (const bucket of buckets) byUrl.set(bucket.url ?? '', [...(byUrl.get(bucket.url ?? '') ?? []), bucket]);
  return [...byUrl]
    .map(([url, ofUrl]) => ({ ...totalOf(ofUrl), url }))
    .sort((one, other) => other.requests + other.connections - one.requests - one.connections)
    .slice(0, busiestMax);
}
