'use client';

import Link from 'next/link';
import { useEffect, useState } from 'react';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { type ExchangeLine, readLine } from '../inspector/exchange.ts';
import { HopBar } from '../inspector/timing-bar.tsx';
import { Method, milliseconds, Status } from '../inspector/words.tsx';
import { type HopTimes, medianTimes } from './median-times.ts';

const askedFor = 100;
const shownMax = 6;

/** The newest recorded requests of the account; null until they are known. Asked for as the count of requests moves. */
export function useNewest(requests: number): readonly ExchangeLine[] | null {
  const { rest } = useAccount();
  const [lines, setLines] = useState<readonly ExchangeLine[] | null>(null);
  // At most once in five seconds, however fast requests come.
  const [asked, setAsked] = useState(requests);
  useEffect(() => {
    if (asked === requests) return;
    const timer = setTimeout(() => setAsked(requests), 5000);
    return () => clearTimeout(timer);
  }, [asked, requests]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the count says when to ask again
  useEffect(() => {
    const asking = new AbortController();
    void rest.page(`/exchanges?limit=${askedFor}`, 'exchanges', readLine, asking.signal).then((answer) => {
      if (!asking.signal.aborted && answer.kind === 'ok') setLines(answer.value.items);
    });
    return () => asking.abort();
  }, [rest, asked]);
  return lines;
}

/** Where the time goes: the median request by hop, as far as requests are recorded. */
export function TimeSpent({ lines }: { lines: readonly ExchangeLine[] }) {
  const median = medianTimes(lines);
  if (median === null) return null;
  const hops = [
    { name: 'Edge', ms: median.edgeMs, color: 'var(--h1)' },
    { name: 'Policy', ms: median.policyMs, color: 'var(--h2)' },
    { name: 'Tunnel', ms: median.tunnelMs, color: 'var(--h3)' },
    { name: 'Upstream', ms: median.upstreamMs, color: 'var(--h4)' },
  ];
  const total = Math.max(
    0.001,
    hops.reduce((sum, { ms }) => sum + ms, 0),
  );
  return (
    <section aria-labelledby="time-spent">
      <div className="mb-2 flex items-baseline justify-between gap-3">
        <h2 id="time-spent" className="font-section">
          Where the time goes
        </h2>
        <span className="text-meta text-ink-3">median of the last {lines.length} recorded</span>
      </div>
      <HopBar hops={hops} totalMs={total} />
      <dl className="figures mt-1 grid grid-cols-4 max-sm:grid-cols-2 max-sm:gap-y-2">
        {hops.map(({ name, ms, color }) => (
          <div key={name} className="min-w-0 px-2.5 py-1 first:pl-0 max-sm:odd:pl-0">
            <dt className="flex items-center gap-1.5 text-meta text-ink-2">
              <svg viewBox="0 0 8 8" width="8" height="8" aria-hidden="true">
                <rect width="8" height="8" rx="1" fill={color} />
              </svg>
              {name}
            </dt>
            <dd className="font-strong">{milliseconds(ms)}</dd>
          </div>
        ))}
      </dl>
      <p className="mt-2 text-meta text-ink-2">{sentenceOf(median)}</p>
    </section>
  );
}

function sentenceOf({ edgeMs, policyMs, tunnelMs }: HopTimes): string {
  const added = milliseconds(edgeMs + policyMs + tunnelMs);
  return `Portico adds ${added}, of which ${milliseconds(tunnelMs)} is the wire to your agents. The rest is yours: the upstream.`;
}

/** The newest few, each leading to itself in the Inspector. */
export function NewestRequests({ lines, base }: { lines: readonly ExchangeLine[]; base: string }) {
  return (
    <section aria-labelledby="newest">
      <div className="flex items-baseline justify-between gap-3 pb-1">
        <h2 id="newest" className="font-section">
          Newest requests
        </h2>
        <Link href={`${base}/inspector`} prefetch={false} className="text-lapis underline-offset-2 hover:underline">
          Open Inspector
        </Link>
      </div>
      <ul className="border-t border-line">
        {lines.slice(0, shownMax).map((line) => (
          <li
            key={line.id}
            className="relative grid min-h-[30px] grid-cols-[66px_64px_minmax(0,1fr)_auto_70px] items-center gap-2 border-b border-line text-url hover:bg-hover max-sm:min-h-11 max-sm:grid-cols-[60px_minmax(0,1fr)_auto]"
          >
            <LocalTime iso={line.created_at} className="figures text-meta text-ink-3 max-sm:hidden" />
            <Method method={line.method} />
            <Link
              href={`${base}/inspector/${encodeURIComponent(line.id)}`}
              prefetch={false}
              className="truncate font-mono after:absolute after:inset-0"
            >
              <span className="text-ink-3 max-sm:hidden">
                <UntrustedText text={line.host} />
              </span>
              <UntrustedText text={line.path} />
            </Link>
            <Status line={line} />
            <span className="figures text-right text-ink-2 max-sm:hidden">{milliseconds(line.timing.total_ms)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
