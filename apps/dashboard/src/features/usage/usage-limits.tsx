'use client';

import { bytes, count, text as figureText } from '../../lib/format.ts';
import { join } from '../../ui/join.ts';
import { useHydrated } from '../../ui/local-time.tsx';
import { type Measured, type Nearness, nearnessOf, reachedAt, type UsageLimits } from './limits.ts';

const bars: Record<Nearness, string> = {
  unlimited: 'var(--line-strong)',
  fine: 'var(--s2)',
  near: 'var(--s4)',
  almost: 'var(--s5)',
  over: 'var(--s5)',
};
const words: Record<Nearness, string> = {
  unlimited: 'text-ink-3',
  fine: 'text-ink-3',
  near: 'text-ochre',
  almost: 'text-cinnabar',
  over: 'text-cinnabar',
};

function say({ key }: Measured, value: number): string {
  return figureText(key === 'bytes' ? bytes(value) : count(value));
}

const day = (at: Date): string => at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** What the plan allows beside what is used of it: ochre from 70 %, cinnabar from 90 %, with the day on which it ends. */
export function UsageLimitsSection({ limits }: { limits: UsageLimits }) {
  const hydrated = useHydrated();
  const nowMs = hydrated ? Date.now() : Date.parse(limits.monthStart);
  const hasAny = limits.measured.some(({ limit }) => limit !== null);
  return (
    <section aria-label="Against limits" className="flex flex-col gap-3 px-6 max-sm:px-4">
      <div className="flex items-baseline justify-between gap-4">
        <h2 className="font-section">Against limits</h2>
        <p className="text-meta text-ink-3">
          plan {limits.plan}, month until {day(new Date(limits.monthEnd))} (UTC)
        </p>
      </div>
      {!hasAny && <p className="text-ink-2">No limit is set.</p>}
      <ul className="grid grid-cols-1 gap-x-12 border-t border-line sm:grid-cols-2">
        {limits.measured.map((measured) => (
          <Line key={measured.key} measured={measured} limits={limits} nowMs={nowMs} />
        ))}
      </ul>
      <p className="text-meta text-ink-3">
        {limits.ceilings
          .map(({ name, limit }) => `${name}: ${limit === null ? 'no limit' : figureText(count(limit))}`)
          .join(' · ')}
      </p>
    </section>
  );
}

function Line({ measured, limits, nowMs }: { measured: Measured; limits: UsageLimits; nowMs: number }) {
  const { key, name, used, limit, isMonthly, whenOver } = measured;
  const nearness = nearnessOf(measured);
  const reached = reachedAt(measured, limits, nowMs);
  const part = limit === null || limit === 0 ? (nearness === 'over' ? 1 : 0) : Math.min(1, used / limit);
  const note =
    nearness === 'over'
      ? `${whenOver}${isMonthly ? ` until ${day(new Date(limits.monthEnd))}` : ''}.`
      : reached !== null
        ? `At this pace reached on ${day(reached)}.`
        : nearness === 'almost' || nearness === 'near'
          ? `${Math.floor(part * 100)} % used.`
          : '';
  return (
    <li
      data-limit={key}
      data-nearness={nearness}
      className={join('flex flex-col gap-1 border-b border-line py-2', limit === null ? 'min-h-9' : 'min-h-14')}
    >
      <div className="figures flex items-baseline justify-between gap-3">
        <span className="text-ink-2">
          {name} <span className="text-meta text-ink-3">{isMonthly ? 'this month' : 'now'}</span>
        </span>
        <span>
          {say(measured, used)}
          <span className="text-ink-3"> {limit === null ? 'no limit' : `of ${say(measured, limit)}`}</span>
        </span>
      </div>
      {limit !== null && (
        <span>
          <svg viewBox="0 0 100 4" preserveAspectRatio="none" className="h-1 w-full" aria-hidden="true">
            <rect width="100" height="4" fill="var(--line)" />
            <rect width={100 * part} height="4" fill={bars[nearness]} />
          </svg>
        </span>
      )}
      {note !== '' && <p className={join('text-meta', words[nearness])}>{note}</p>}
    </li>
  );
}
