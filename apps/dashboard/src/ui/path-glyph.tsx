import { join } from './join.ts';

/** How one hop stands. The shape differs, not only the colour. */
export type HopState = 'works' | 'slow' | 'fails' | 'none';

interface Hop {
  readonly name: string;
  readonly state: HopState;
}

export interface PathGlyphProps {
  readonly hops: readonly Hop[];
  /** Says in words what the columns show; null where the words stand beside it. */
  readonly label: string | null;
  readonly className?: string;
}

/** The hops of a path as columns under one lintel, 16 × 16. */
export function PathGlyph({ hops, label, className }: PathGlyphProps) {
  const first = (16 - (hops.length * 4 + (hops.length - 1) * 2)) / 2;
  return (
    <svg
      viewBox="0 0 16 16"
      width="16"
      height="16"
      className={join('shrink-0', className)}
      role={label === null ? undefined : 'img'}
      aria-label={label ?? undefined}
      aria-hidden={label === null}
    >
      <rect y="0.5" width="16" height="1.6" rx=".4" fill="currentColor" className="text-ink" />
      {hops.map((hop, i) => (
        <Column key={hop.name} state={hop.state} x={first + i * 6} nth={i + 1} />
      ))}
    </svg>
  );
}

function Column({ state, x, nth }: { state: HopState; x: number; nth: number }) {
  switch (state) {
    case 'works':
    case 'slow':
      return (
        <rect
          data-column={nth}
          x={x}
          y="4"
          width="4"
          height="12"
          rx=".4"
          fill={state === 'works' ? 'var(--s2)' : 'var(--s4)'}
        />
      );
    case 'fails':
      return (
        <g data-column={nth} fill="var(--s5)" transform={`rotate(9 ${x + 2} 10)`}>
          <rect x={x} y="4" width="3.6" height="5" rx=".4" />
          <rect x={x - 0.6} y="11" width="3.6" height="5" rx=".4" />
        </g>
      );
    case 'none':
      return (
        <rect
          data-column={nth}
          x={x + 0.5}
          y="4.5"
          width="3"
          height="11"
          rx=".4"
          fill="transparent"
          stroke="var(--control)"
          strokeWidth="1"
        />
      );
  }
}
