const width = 120;
const height = 28;

export interface SparklineProps {
  /** Oldest first; null where nothing is known. */
  readonly points: readonly (number | null)[];
  /** Points at which something failed: a tick at the bottom. */
  readonly ticks: readonly boolean[];
  readonly label: string;
}

/** 120 × 28, scaled to its own highest point; the line stands on the baseline when there is no traffic. */
export function Sparkline({ points, ticks, label }: SparklineProps) {
  const highest = Math.max(...points.map((point) => point ?? 0));
  const step = width / Math.max(1, points.length - 1);
  const y = (value: number) => (highest === 0 ? height - 1 : height - 1 - (value / highest) * (height - 4));
  const places = points.flatMap((point, i) => (point === null ? [] : [{ x: i * step, y: y(point) }]));
  const first = places[0];
  const line = places.map((place) => `${place.x.toFixed(1)} ${place.y.toFixed(1)}`).join('L');
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label={label}
      className="block"
    >
      {first && highest > 0 && (
        <path d={`M${line}L${width} ${height}L${first.x.toFixed(1)} ${height}Z`} fill="var(--verdigris-soft)" />
      )}
      {first && (
        <path
          d={places.length === 1 ? `M${width - 2} ${first.y}L${width} ${first.y}` : `M${line}`}
          fill="none"
          stroke={highest > 0 ? 'var(--s2)' : 'var(--line-strong)'}
          strokeWidth="1.5"
          strokeLinejoin="round"
        />
      )}
      {ticks.map((failed, i) =>
        failed ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: a point has no other name than its place
          <rect key={i} x={Math.max(0, i * step - 1.5)} y={height - 8} width="3" height="8" fill="var(--s5)" />
        ) : null,
      )}
    </svg>
  );
}
