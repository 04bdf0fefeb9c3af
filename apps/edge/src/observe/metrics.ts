/**
 * Counters and gauges of this process as Prometheus text. Labels are few and of few values: a reason, a kind;
 * never a host, an account or an address.
 */
export class Metrics {
  readonly #families = new Map<string, Family>();

  /** A counter to bump; the same name and labels give the same one. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.#series(name, 'counter', help, labels);
  }

  /** A value read when asked. */
  gauge(name: string, help: string, read: () => number): void {
    this.#family(name, 'gauge', help).series.set('', { value: 0, read });
  }

  /** The current value, 0 if nothing was counted; for tests and status pages. */
  value(name: string, labels: Labels = {}): number {
    const series = this.#families.get(name)?.series.get(labelText(labels));
    return series === undefined ? 0 : (series.read?.() ?? series.value);
  }

  /** The text exposition format 0.0.4. */
  render(): string {
    const lines: string[] = [];
    for (const [name, family] of this.#families) {
      lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`);
      for (const [labels, series] of family.series) lines.push(`${name}${labels} ${series.read?.() ?? series.value}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #series(name: string, type: Family['type'], help: string, labels: Labels): Series {
    const family = this.#family(name, type, help);
    const key = labelText(labels);
    let series = family.series.get(key);
    if (series === undefined) {
      series = { value: 0 };
      family.series.set(key, series);
    }
    return series;
  }

  #family(name: string, type: Family['type'], help: string): Family {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { type, help, series: new Map() };
      this.#families.set(name, family);
    }
    return family;
  }
}

export interface Counter {
  value: number;
}

export type Labels = Readonly<Record<string, string>>;

interface Series extends Counter {
  readonly read?: () => number;
}

interface Family {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly series: Map<string, Series>;
}

function labelText(labels: Labels): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return '';
  const escaped = (text: string) => text.replace(/["\\\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
  return `{${entries.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}
