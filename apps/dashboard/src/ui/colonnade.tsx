/**
 * The four columns as a drawing: the first `lit` ones stand, the others are only outlined, as in "your agent and your app are
 * still missing".
 */
export function Colonnade({ lit, className }: { lit: 0 | 1 | 2 | 3 | 4; className?: string }) {
  return (
    <svg viewBox="0 0 150 60" width="150" height="60" className={className} aria-hidden="true" focusable="false">
      <rect width="150" height="5" fill={lit === 4 ? 'var(--ink)' : 'var(--line-strong)'} />
      {[0, 1, 2, 3].map((i) =>
        i < lit ? (
          <rect
            key={i}
            x={12 + i * 39}
            y="10"
            width="10"
            height="50"
            fill={lit === 4 && i > 0 ? 'var(--s2)' : 'var(--ink)'}
          />
        ) : (
          <rect
            key={i}
            x={12.75 + i * 39}
            y="10.75"
            width="8.5"
            height="48.5"
            rx="2"
            fill="none"
            stroke="var(--control)"
            strokeWidth="1.5"
            strokeDasharray="3 3"
          />
        ),
      )}
    </svg>
  );
}
