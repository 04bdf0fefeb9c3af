import { join } from '../../ui/join.ts';
import { type ExchangeLine, hasMessages, isFailure } from './exchange.ts';
import { durationOf, milliseconds } from './words.tsx';

/** The colour of a hop that fails. */
const fault = 'var(--s5)';

interface Hop {
  readonly name: string;
  readonly ms: number;
  readonly color: string;
  readonly note: string;
}

/** Where the time of an exchange went, by hop. The tunnel's part is the round trip as last measured. */
export function hopsOf(line: ExchangeLine): readonly Hop[] {
  const { timing } = line;
  const policy = timing.policy_ms ?? 0;
  const wait = timing.wait_ms ?? 0;
  const tunnel = Math.min(timing.tunnel_ms ?? 0, wait);
  const rest = Math.max(0, timing.total_ms - policy - wait);
  return [
    // A connection that stays open is not the edge's time.
    hasMessages(line)
      ? { name: 'Messages', ms: rest, color: 'var(--control)', note: 'while it was open' }
      : { name: 'Edge', ms: rest, color: 'var(--h1)', note: 'with the bodies' },
    { name: 'Policy', ms: policy, color: 'var(--h2)', note: timing.policy_ms === null ? 'none' : 'ran its rules' },
    { name: 'Tunnel', ms: tunnel, color: 'var(--h3)', note: 'to the agent and back' },
    { name: 'Upstream', ms: wait - tunnel, color: 'var(--h4)', note: 'until it answered' },
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

/** As wide as there is room, each hop by its part of the whole. */
export function HopBar({ hops, totalMs }: { hops: readonly Omit<Hop, 'note'>[]; totalMs: number }) {
  let at = 0;
  return (
    <svg viewBox="0 0 1000 7" preserveAspectRatio="none" className="h-[7px] w-full" aria-hidden="true">
      {hops.map(({ name, ms, color }) => {
        const x = at;
        at += (ms / totalMs) * 1000;
        return <rect key={name} x={x} width={(ms / totalMs) * 1000} height="7" fill={color} />;
      })}
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
      color: isFailure(line) && line.timing.wait_ms !== null && hop.name === 'Upstream' ? fault : hop.color,
    })),
  ];
  const total = Math.max(line.timing.total_ms, 0.001);
  return (
    <figure aria-label="Where the time went">
      <HopBar hops={hops} totalMs={total} />
      <dl className="figures grid grid-cols-5 gap-x-3 gap-y-2 max-sm:grid-cols-2">
        {hops.map(({ name, ms, note, color }) => (
          <Column
            key={name}
            name={name}
            figure={milliseconds(ms)}
            note={note}
            color={color}
            isAtFault={color === fault}
          />
        ))}
        <Column
          name="Total"
          figure={durationOf(line)}
          note={line.timing.wait_ms === null ? 'nothing was sent on' : 'from first to last byte'}
          color="var(--ink)"
          isAtFault={false}
        />
      </dl>
    </figure>
  );
}

function Column({
  name,
  figure,
  note,
  color,
  isAtFault,
}: {
  name: string;
  figure: string;
  note: string;
  color: string;
  isAtFault: boolean;
}) {
  return (
    <div className="relative min-w-0 pt-1.5 pl-3.5">
      <svg
        viewBox="0 0 4 48"
        preserveAspectRatio="none"
        className="absolute inset-y-0 left-0 h-full w-1"
        aria-hidden="true"
      >
        <rect width="4" height="48" fill={color} />
      </svg>
      <dt className="text-meta text-ink-2">{name}</dt>
      <dd className={join('font-strong', isAtFault && 'text-cinnabar')}>{figure}</dd>
      <dd className="text-label text-ink-3">{note}</dd>
    </div>
  );
}
