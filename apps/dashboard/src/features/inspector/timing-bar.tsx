import type { ExchangeLine } from './exchange.ts';
import { isFailure } from './exchange.ts';
import { durationOf, milliseconds } from './words.tsx';

interface Hop {
  readonly name: string;
  readonly ms: number;
  readonly color: string;
  readonly note: string;
}

/** Where the time of an exchange went, by hop. The tunnel's part is the round trip as last measured. */
export function hopsOf({ timing }: ExchangeLine): readonly Hop[] {
  const policy = timing.policy_ms ?? 0;
  const wait = timing.wait_ms ?? 0;
  const tunnel = Math.min(timing.tunnel_ms ?? 0, wait);
  const rest = Math.max(0, timing.total_ms - policy - wait);
  return [
    { name: 'Edge', ms: rest, color: 'var(--h1)', note: 'read and wrote the bodies' },
    { name: 'Policy', ms: policy, color: 'var(--h2)', note: timing.policy_ms === null ? 'none' : 'ran its rules' },
    { name: 'Tunnel', ms: tunnel, color: 'var(--h3)', note: 'round trip to the agent' },
    { name: 'Upstream', ms: wait - tunnel, color: 'var(--h4)', note: 'until it began to answer' },
  ];
}

/** A bar to scale for a row of the list. */
export function TimingBar({ line, scaleMs }: { line: ExchangeLine; scaleMs: number }) {
  const width = 64;
  const total = line.timing.total_ms;
  const long = Math.min(width, Math.max(2, (Math.log1p(total) / Math.log1p(Math.max(scaleMs, 1))) * width));
  let at = 0;
  return (
    <svg viewBox={`0 0 ${width} 7`} width={width} height="7" aria-hidden="true" className="shrink-0">
      {hopsOf(line).map(({ name, ms, color }) => {
        const part = total === 0 ? 0 : (ms / total) * long;
        const x = at;
        at += part;
        return <rect key={name} x={x} width={part} height="7" fill={isFailure(line) ? 'var(--s5)' : color} />;
      })}
      {total === 0 && <rect width="2" height="7" fill="var(--h1)" />}
    </svg>
  );
}

/**
 * The lintel: a bar to scale, one column per hop under it; a hop at fault is red.
 * @param policyNote what the rules did, in a few words
 */
export function TimingLintel({ line, policyNote }: { line: ExchangeLine; policyNote: string | null }) {
  const hops: readonly Hop[] = [
    ...hopsOf(line).map((hop) => ({
      ...hop,
      note: hop.name === 'Policy' && policyNote !== null ? policyNote : hop.note,
      color: isFailure(line) && hop.name === 'Upstream' && hop.ms > 0 ? 'var(--s5)' : hop.color,
    })),
  ];
  const total = Math.max(line.timing.total_ms, 0.001);
  let at = 0;
  return (
    <figure aria-label="Where the time went">
      <svg viewBox="0 0 1000 7" preserveAspectRatio="none" className="h-[7px] w-full" aria-hidden="true">
        {hops.map(({ name, ms, color }) => {
          const x = at;
          at += (ms / total) * 1000;
          return <rect key={name} x={x} width={(ms / total) * 1000} height="7" fill={color} />;
        })}
      </svg>
      <dl className="figures grid grid-cols-5 border-line max-sm:grid-cols-2 [&>*:not(:first-child)]:border-l [&>*]:border-line">
        {hops.map(({ name, ms, note, color }) => (
          <div key={name} className="min-w-0 px-3 py-1.5 first:pl-0">
            <dt className="flex items-center gap-1.5 text-meta text-ink-2">
              <svg viewBox="0 0 8 8" width="8" height="8" aria-hidden="true">
                <rect width="8" height="8" rx="1" fill={color} />
              </svg>
              {name}
            </dt>
            <dd className="font-strong">{milliseconds(ms)}</dd>
            <dd className="truncate text-label text-ink-3">{note}</dd>
          </div>
        ))}
        <div className="min-w-0 px-3 py-1.5">
          <dt className="text-meta text-ink-2">Total</dt>
          <dd className="font-strong">{durationOf(line)}</dd>
          <dd className="truncate text-label text-ink-3">
            {line.timing.wait_ms === null ? 'nothing was sent on' : 'from first to last byte'}
          </dd>
        </div>
      </dl>
    </figure>
  );
}
