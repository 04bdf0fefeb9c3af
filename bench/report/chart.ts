export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly highlighted: boolean;
}

const ROW = 26;
const LEFT = 130;
const WIDTH = 720;
const PLOT = WIDTH - LEFT - 90;

/** Horizontal bars, shortest first, with the range of the rounds as a line through each end. */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const sorted = [...bars].sort((a, b) => a.value - b.value);
  const most = Math.max(...sorted.map((bar) => bar.most), 1e-9);
  const x = (value: number): number => Math.round((value / most) * PLOT * 10) / 10;
  const height = 44 + sorted.length * ROW;
  const rows = sorted.map((bar, i) => {
    const y = 40 + i * ROW;
    const fill = bar.highlighted ? '#2f6f4f' : '#9aa5b1';
    return `<text x="${LEFT - 8}" y="${y + 14}" text-anchor="end">${escaped(bar.label)}</text>
<rect x="${LEFT}" y="${y + 3}" width="${x(bar.value)}" height="14" rx="2" fill="${fill}"/>
<line x1="${LEFT + x(bar.least)}" x2="${LEFT + x(bar.most)}" y1="${y + 10}" y2="${y + 10}" stroke="#1f2933" stroke-width="1.5"/>
<text x="${LEFT + x(bar.most) + 8}" y="${y + 14}">${figure(bar.value)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#1f2933">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="12" y="22" font-weight="600">${escaped(title)}</text>
<text x="${WIDTH - 12}" y="22" text-anchor="end" fill="#52606d">${escaped(unit)}</text>
${rows.join('\n')}
</svg>
`;
}

/** Three significant digits, no more. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
