'use client';

import { duration } from '../../lib/format.ts';
import { useHydrated } from '../../ui/local-time.tsx';

const dayMs = 86_400_000;

/** How much of a certificate's life is over: ochre from two thirds on, cinnabar in its last week and after it. */
export function LifeBar({ notBefore, notAfter }: { notBefore: string; notAfter: string }) {
  const hydrated = useHydrated();
  const from = Date.parse(notBefore);
  const to = Date.parse(notAfter);
  const now = hydrated ? Date.now() : from;
  const part = Math.min(1, Math.max(0, (now - from) / (to - from)));
  const leftMs = to - now;
  const color = leftMs < 7 * dayMs ? 'var(--s5)' : part > 2 / 3 ? 'var(--s4)' : 'var(--s2)';
  return (
    <span className="flex items-center gap-2">
      <svg viewBox="0 0 60 6" width="60" height="6" aria-hidden="true" className="shrink-0">
        <rect width="60" height="6" rx="1" fill="var(--line)" />
        <rect width={60 * part} height="6" rx="1" fill={color} />
      </svg>
      <span className="figures truncate text-meta text-ink-2" title={`until ${notAfter.slice(0, 10)}`}>
        {leftMs < 0 ? `ended ${duration(-leftMs)} ago` : `${duration(leftMs)} left`}
      </span>
    </span>
  );
}
