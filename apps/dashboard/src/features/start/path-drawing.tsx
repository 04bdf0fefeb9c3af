import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';

export type ColumnState = 'stands' | 'works' | 'missing' | 'fails';

export interface PathColumn {
  readonly name: string;
  readonly detail: string;
  readonly state: ColumnState;
}

export interface PathDrawingProps {
  /** Visitor, edge, agent, upstream. */
  readonly columns: readonly PathColumn[];
  /** What it shows, in words. */
  readonly label: string;
  /** The columns light up, left to right, once. */
  readonly isLighting?: boolean;
}

/** The four columns of a path under one lintel, which ends where the path ends. */
export function PathDrawing({ columns, label, isLighting = false }: PathDrawingProps) {
  const reached = columns.findIndex(({ state }) => state === 'missing' || state === 'fails');
  const standing = reached === -1 ? columns.length : reached;
  return (
    <figure aria-label={label} className={join('px-2 pt-6 pb-5', isLighting && 'columns-light-up')}>
      <div className="relative">
        <svg
          viewBox="0 0 100 4"
          preserveAspectRatio="none"
          className="absolute inset-x-0 top-0 h-1 w-full"
          aria-hidden="true"
          focusable="false"
        >
          <rect x="9" width="82" height="4" fill="var(--line-strong)" />
          <rect
            x="9"
            width={standing === columns.length ? 82 : Math.max(0, standing - 1) * 25 + 7}
            height="4"
            fill="var(--ink)"
          />
        </svg>
        <ol className="grid grid-cols-4 pt-[10px]">
          {columns.map(({ name, detail, state }, at) => (
            <li key={name} className="flex min-w-0 flex-col items-center gap-2 px-1 text-center">
              <Column state={state} nth={at + 1} />
              <span className="w-full min-w-0">
                <span className="block font-strong">{name}</span>
                <span className="block truncate text-meta text-ink-2" title={detail}>
                  <UntrustedText text={detail} />
                </span>
              </span>
            </li>
          ))}
        </ol>
      </div>
    </figure>
  );
}

function Column({ state, nth }: { state: ColumnState; nth: number }) {
  return (
    <svg viewBox="0 0 18 60" width="18" height="60" aria-hidden="true" focusable="false">
      {state === 'missing' ? (
        <rect
          x="4.75"
          y=".75"
          width="8.5"
          height="58.5"
          rx="2"
          fill="none"
          stroke="var(--control)"
          strokeWidth="1.5"
          strokeDasharray="3 3"
        />
      ) : state === 'fails' ? (
        <g fill="var(--s5)" transform="rotate(7 9 30)">
          <rect x="5" width="9" height="26" />
          <rect x="3.5" y="33" width="9" height="27" />
        </g>
      ) : (
        <rect data-column={nth} x="4" width="10" height="60" fill={state === 'works' ? 'var(--s2)' : 'var(--ink)'} />
      )}
    </svg>
  );
}
