'use client';

import Link from 'next/link';
import { useCallback, useState } from 'react';
import { bytes, count, text } from '../../lib/format.ts';
import { useAsking } from '../../lib/use-asking.ts';
import { join } from '../../ui/join.ts';
import { useAccount } from '../account/account-provider.tsx';
import { type Measured, nearnessOf, readLimits, type UsageLimits } from '../usage/limits.ts';

const refreshEveryMs = 30_000;

/** What the account's plan allows, and how much is used; null until it is known. */
export function useLimits(): UsageLimits | null {
  const { rest } = useAccount();
  const [limits, setLimits] = useState<UsageLimits | null>(null);
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const answer = await rest.get('/usage/limits', readLimits, signal);
      if (!signal.aborted && answer.kind === 'ok') setLimits(answer.value);
    },
    [rest],
  );
  useAsking(ask, refreshEveryMs);
  return limits;
}

/** The month against the limits of the plan, and what is online against its own. */
export function Month({ limits, base }: { limits: UsageLimits; base: string }) {
  const shown = limits.measured.filter(({ key }) => key !== 'connections' && key !== 'domains');
  return (
    <section aria-labelledby="this-month">
      <div className="flex items-baseline justify-between gap-3 pb-2">
        <h2 id="this-month" className="font-section">
          This month
        </h2>
        <Link href={`${base}/usage`} prefetch={false} className="text-lapis underline-offset-2 hover:underline">
          Usage
        </Link>
      </div>
      <ul className="border-t border-line">
        {shown.map((measured) => (
          <li key={measured.key} className="border-b border-line py-2">
            <p className="flex items-baseline justify-between gap-3">
              <span>{measured.name}</span>
              <span className="figures">
                {figure(measured, measured.used)}{' '}
                <span className="text-meta text-ink-3">
                  {measured.limit === null ? 'no limit' : `of ${figure(measured, measured.limit)}`}
                </span>
              </span>
            </p>
            {measured.limit !== null && <Bar measured={measured} limit={measured.limit} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Bar({ measured, limit }: { measured: Measured; limit: number }) {
  const nearness = nearnessOf(measured);
  const part = limit === 0 ? 100 : Math.min(100, (measured.used / limit) * 100);
  const tone =
    nearness === 'over' || nearness === 'almost' ? 'text-s5' : nearness === 'near' ? 'text-s4' : 'text-lapis';
  return (
    <svg
      viewBox="0 0 100 3"
      preserveAspectRatio="none"
      aria-hidden="true"
      className={join('mt-1.5 h-[3px] w-full', tone)}
    >
      <rect width="100" height="3" fill="var(--hover)" />
      <rect width={part} height="3" fill="currentColor" />
    </svg>
  );
}

function figure({ key }: Measured, value: number): string {
  return text(key === 'bytes' ? bytes(value) : count(value));
}
