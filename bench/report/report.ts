import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import type { Case } from '../cases.ts';
import type { Measurement } from '../measurement.ts';
import type { MemoryFigures } from '../memory.ts';
import { type Spread, spread } from '../statistics.ts';
import { barChart, figure } from './chart.ts';
import { type CaseFigures, targetTable } from './targets.ts';

export interface ContestantLine {
  readonly name: string;
  readonly what: string;
  readonly version: string | null;
  readonly missing: string | null;
  /** From nothing to the first port that answers. */
  readonly startMs: number | null;
  /** The same by side, where they start by themselves. */
  readonly startUp: { readonly serverMs: number; readonly clientMs: number } | null;
}

export interface Run {
  readonly date: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly upstream: string;
  readonly loadAverage: readonly number[];
  readonly contestants: readonly ContestantLine[];
  readonly measurements: readonly Measurement[];
  readonly memory: MemoryFigures | null;
}

/** One contestant in one case. */
interface Row {
  readonly name: string;
  readonly totalUs: Spread;
  readonly serverUs: Spread;
  readonly clientUs: Spread;
  readonly timesN: Spread | null;
  readonly perSecond: Spread;
  readonly p50: Spread | null;
  readonly p99: Spread | null;
  readonly p999: Spread | null;
  readonly notes: string;
}

const OURS = 'Portico';

/** Writes `<date>.md`, `<date>.json` and one SVG for each case. @returns the path of the report */
export function writeReport(folder: string, run: Run, cases: readonly Case[]): string {
  mkdirSync(folder, { recursive: true });
  const at = (suffix: string): string => join(folder, `${run.date}${suffix}`);
  writeFileSync(at('.json'), `${JSON.stringify(run, null, 1)}\n`);
  const targets = targetTable({ of: (caseId) => figuresOf(run, caseId), memory: run.memory });
  const parts = [head(run), ...(targets === '' ? [] : [targets]), contestantTable(run.contestants)];
  for (const each of cases) {
    const measurements = run.measurements.filter(({ caseId }) => caseId === each.id);
    if (measurements.length === 0) continue;
    const rows = rowsOf(measurements);
    parts.push(caseSection(each, rows, measurements, run.date));
    const bars = rows
      .filter(({ totalUs }) => totalUs.median > 0)
      .map(({ name, totalUs }) => ({
        label: name,
        value: totalUs.median,
        least: totalUs.least,
        most: totalUs.most,
        highlighted: name === OURS,
      }));
    if (bars.length > 0)
      writeFileSync(at(`-${each.id}.svg`), barChart(each.title, `µs of CPU a ${each.unit}, all processes`, bars));
  }
  if (run.memory !== null) parts.push(memorySection(run.memory));
  const path = at('.md');
  writeFileSync(path, `${parts.join('\n\n')}\n`);
  writeFileSync(join(folder, 'README.md'), index(folder));
  return path;
}

/** All reports, newest first. */
function index(folder: string): string {
  const dates = readdirSync(folder).flatMap((name) => /^(\d{4}-\d\d-\d\d)\.md$/.exec(name)?.[1] ?? []);
  const lines = dates
    .sort()
    .reverse()
    .map((date) => `- [${date}](${date}.md), [raw](${date}.json)`);
  return `# Results of \`npm run bench\`\n\n${lines.join('\n')}\n`;
}

function memorySection({ visitors, tunnels, faults }: MemoryFigures): string {
  const row = (what: string, of: MemoryFigures['visitors']): string =>
    of === null ? '' : `| ${of.count} ${what} | ${of.serverKib.toFixed(1)} | ${of.clientKib.toFixed(1)} |\n`;
  return `## Memory of what is idle

KiB each of Portico, after a forced collection before and after. A visitor's stream to the agent is closed after five
seconds without a request, and with it all that the agent holds. Tunnels are agents with one endpoint, each over a TLS
connection of its own, all of one process on their side.

| | edge | agent |
| --- | --- | --- |
${row('visitors', visitors)}${row('tunnels', tunnels)}${faults.map((fault) => `\nFault: ${fault}\n`).join('')}`;
}

function head(run: Run): string {
  const load = run.loadAverage.map((each) => each.toFixed(1)).join(' → ');
  const isBusy = run.loadAverage.length > 0 && (run.loadAverage[0] ?? 0) > cpus().length / 2;
  return `# Side by side, ${run.date}

${run.quick ? 'The quick run' : 'The run of every case'}: ${run.rounds} rounds of ${run.seconds} s, the order reversed every other round. ${cpus().length} × ${
    cpus()[0]?.model.trim() ?? 'unknown'
  }, Linux ${release()}, everything on loopback and unpinned, upstream ${run.upstream}. Load average before → after: ${load}.
${isBusy ? '\n**The machine was busy with other work: these figures are indications.**\n' : ''}
CPU is the sum over all threads of all processes of a contestant, server side + client side, median (least–most) of the
rounds. ×N is that sum against what the upstream took for the same requests. Under 10 % difference there is no claim.
Requests/s and latency on a machine that also runs load and upstream are hints; the load of the wrk cases is a closed loop.`;
}

function contestantTable(lines: readonly ContestantLine[]): string {
  const rows = lines.map(({ name, what, version, missing, startMs, startUp }) =>
    missing === null
      ? `| ${name} | ${what} | ${version ?? ''} | ${startMs === null ? '' : seconds(startMs)}${startUp === null ? '' : ` (server ${seconds(startUp.serverMs)}, a client ${seconds(startUp.clientMs)})`} |`
      : `| ${name} | ${what} | not available: ${missing.replaceAll('|', '/')} | |`,
  );
  return `## Contestants\n\n| name | what | version | start-up |\n| --- | --- | --- | --- |\n${rows.join('\n')}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function rowsOf(measurements: readonly Measurement[]): Row[] {
  const rows: Row[] = [];
  for (const name of new Set(measurements.map(({ contestant }) => contestant))) {
    const good = measurements.filter(({ contestant, faults }) => contestant === name && faults.length === 0);
    const of = (value: (m: Measurement) => number): Spread | null => spread(good.map(value));
    const totalUs = of((m) => m.serverUs + m.clientUs);
    const serverUs = of((m) => m.serverUs);
    const clientUs = of((m) => m.clientUs);
    const perSecond = of((m) => m.units / m.seconds);
    if (totalUs === null || serverUs === null || clientUs === null || perSecond === null) continue;
    const timed = good.flatMap(({ latency }) => (latency === null || latency === undefined ? [] : [latency]));
    rows.push({
      name,
      totalUs,
      serverUs,
      clientUs,
      timesN:
        totalUs.median === 0
          ? null
          : of((m) => (m.upstreamUs === 0 ? Number.NaN : (m.serverUs + m.clientUs) / m.upstreamUs)),
      perSecond,
      p50: spread(timed.map(({ p50 }) => p50)),
      p99: spread(timed.map(({ p99 }) => p99)),
      p999: spread(timed.map(({ p999 }) => p999)),
      notes: good.flatMap(({ note }) => (note === null ? [] : [note])).join(', '),
    });
  }
  return rows.sort((a, b) => a.totalUs.median - b.totalUs.median);
}

function figuresOf({ measurements }: Run, id: string): CaseFigures[] {
  return rowsOf(measurements.filter(({ caseId }) => caseId === id)).map(
    ({ name, totalUs, timesN, perSecond, p50, notes }) => ({
      name,
      totalUs: totalUs.median,
      timesN: timesN?.median ?? null,
      perSecond: perSecond.median,
      p50: p50?.median ?? null,
      notes,
    }),
  );
}

function caseSection(each: Case, rows: readonly Row[], measurements: readonly Measurement[], date: string): string {
  const ours = rows.find(({ name }) => name === OURS);
  const lines = rows.map((row) => {
    const ratio =
      ours === undefined || row.totalUs.median === 0 ? '–' : (ours.totalUs.median / row.totalUs.median).toFixed(2);
    const latency = [row.p50, row.p99, row.p999].map((one) => (one === null ? '–' : figure(one.median))).join(' / ');
    return `| ${row.name} | ${range(row.totalUs)} | ${figure(row.serverUs.median)} + ${figure(row.clientUs.median)} | ${
      row.timesN === null ? '–' : range(row.timesN)
    } | ${ratio} | ${figure(row.perSecond.median)} | ${latency} | ${row.notes} |`;
  });
  const faults = measurements.filter((m) => m.faults.length > 0);
  const dropped = faults.map((m) => `- ${m.contestant}, round ${m.round + 1}: ${m.faults.join('; ')}`);
  return `## ${each.title}

![${each.title}](${date}-${each.id}.svg)

| | µs a ${each.unit} | server + client | ×N | Portico ÷ it | a second | p50 / p99 / p99.9 ms | |
| --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}${dropped.length === 0 ? '' : `\n\nDid not count:\n\n${dropped.join('\n')}`}`;
}

function range({ median, least, most }: Spread): string {
  return `${figure(median)} (${figure(least)}–${figure(most)})`;
}
