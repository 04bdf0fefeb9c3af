/** How figures and times are written on every page: units always, 24 hours, relative below a day. */

/** A figure and its unit apart, since the unit is set smaller. */
export interface Figure {
  readonly value: string;
  readonly unit: string;
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `1,204` up to a million, then `33.9 M`. */
export function count(n: number): Figure {
  if (n < 1_000_000) return { value: grouped.format(n), unit: '' };
  if (n < 1_000_000_000) return { value: threeDigits(n / 1_000_000), unit: 'M' };
  return { value: threeDigits(n / 1_000_000_000), unit: 'G' };
}

/** Decimal units: 1 kB = 1,000 B. */
export function bytes(n: number): Figure {
  if (n < 1000) return { value: String(Math.round(n)), unit: 'B' };
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = n;
  let unit = 'B';
  for (const next of units) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return { value: threeDigits(value), unit };
}

/** `0`, `0.4`, `3.1`, `412`. */
export function perSecond(rate: number): string {
  if (rate === 0) return '0';
  if (rate < 0.05) return '< 0.1';
  return rate < 10 ? rate.toFixed(1) : grouped.format(rate);
}

/** `38 s`, `12 min`, `2 h`, `6 d`: one unit, never rounded up. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function plural(n: number, one: string, many: string): string {
  return `${grouped.format(n)} ${n === 1 ? one : many}`;
}

export function text(figure: Figure): string {
  return figure.unit === '' ? figure.value : `${figure.value} ${figure.unit}`;
}

function threeDigits(n: number): string {
  if (n < 9.995) return n.toFixed(2).replace(/\.?0+$/, '');
  if (n < 99.95) return n.toFixed(1).replace(/\.0$/, '');
  return n.toFixed(0);
}
