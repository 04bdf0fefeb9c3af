import type { MemoryFigures } from '../memory.ts';
import { spread } from '../statistics.ts';

/** Of one contestant in one case, medians. */
export interface CaseFigures {
  readonly name: string;
  readonly totalUs: number;
  readonly timesN: number | null;
  readonly perSecond: number;
  readonly p50: number | null;
  readonly notes: string;
}

export interface RunFigures {
  of(caseId: string): readonly CaseFigures[];
  readonly memory: MemoryFigures | null;
}

interface Target {
  readonly what: string;
  /** At most, or at least, so much. */
  readonly most?: number;
  readonly least?: number;
  /** Beyond the target and still within this it is not reached, but holds. */
  readonly floor?: number;
  /** Null where the run has not measured it. */
  readonly measured: (run: RunFigures) => number | null;
}

const OURS = 'Portico';

const ratio = (a: number | null | undefined, b: number | null | undefined): number | null =>
  a === null || a === undefined || b === null || b === undefined || b === 0 ? null : a / b;

const figures = (run: RunFigures, caseId: string, name: string): CaseFigures | undefined =>
  run.of(caseId).find((each) => each.name === name);

/** Our CPU a unit ÷ another's. */
const cpu =
  (caseId: string, other: string, name = OURS, otherCase = caseId) =>
  (run: RunFigures): number | null =>
    ratio(figures(run, caseId, name)?.totalUs, figures(run, otherCase, other)?.totalUs);

const timesN =
  (caseId: string) =>
  (run: RunFigures): number | null =>
    figures(run, caseId, OURS)?.timesN ?? null;

const rate =
  (caseId: string, other: string) =>
  (run: RunFigures): number | null =>
    ratio(figures(run, caseId, OURS)?.perSecond, figures(run, caseId, other)?.perSecond);

const p50 =
  (caseId: string, other: string, otherCase = caseId) =>
  (run: RunFigures): number | null =>
    ratio(figures(run, caseId, OURS)?.p50, figures(run, otherCase, other)?.p50);

/** What the project wants to reach beside the others, in the order of the cases. */
const TARGETS: readonly Target[] = [
  { what: '1 KB, 64 connections: CPU ÷ frp HTTP', most: 0.35, measured: cpu('1k-64', 'frp HTTP') },
  { what: '– ÷ frp TCP', most: 0.7, measured: cpu('1k-64', 'frp TCP') },
  { what: '– ÷ rathole TLS', most: 1, floor: 1.2, measured: cpu('1k-64', 'rathole TLS') },
  { what: '– ÷ rathole plain', most: 1.5, floor: 1.8, measured: cpu('1k-64', 'rathole plain') },
  { what: '– ×N', most: 3.5, measured: timesN('1k-64') },
  { what: '– requests a second ÷ frp TCP', least: 1.2, measured: rate('1k-64', 'frp TCP') },
  { what: '– requests a second ÷ frp HTTP', least: 3, measured: rate('1k-64', 'frp HTTP') },
  { what: '– requests a second ÷ localtunnel', least: 10, measured: rate('1k-64', 'localtunnel') },
  { what: '– with one rule: CPU ÷ without', most: 1.15, measured: cpu('1k-64', OURS, 'Portico policy') },
  { what: '1 connection: CPU ÷ frp TCP', most: 1, measured: cpu('1k-1', 'frp TCP') },
  { what: '– p50 ÷ frp TCP', most: 1, measured: p50('1k-1', 'frp TCP') },
  { what: 'New connection a request: CPU ÷ frp HTTP', most: 0.8, measured: cpu('churn', 'frp HTTP') },
  { what: '– ÷ rathole TLS', most: 0.5, measured: cpu('churn', 'rathole TLS') },
  { what: '– ×N', most: 8, floor: 8.5, measured: timesN('churn') },
  { what: '1 MB down: CPU ÷ frp TCP', most: 1, measured: cpu('down', 'frp TCP') },
  { what: '– ×N', most: 22, floor: 24, measured: timesN('down') },
  { what: '1 MB up: CPU ÷ frp TCP', most: 1.2, measured: cpu('up', 'frp TCP') },
  { what: '100 TCP streams: Jain’s index', least: 0.95, measured: jainIndex },
  ...['link20', 'link100'].flatMap((link): Target[] => {
    const way = link === 'link20' ? '20 ms, 1 Gbit/s' : '100 ms, 100 Mbit/s';
    return [
      { what: `${way}: one stream down ÷ the link alone`, least: 0.9, measured: rate(`${link}-down`, 'direct') },
      { what: '– up', least: 0.9, measured: rate(`${link}-up`, 'direct') },
      {
        what: '– small requests beside it: p50 ÷ idle',
        most: 2,
        measured: p50(`${link}-beside`, OURS, `${link}-idle`),
      },
    ];
  }),
  { what: 'ECDSA handshake: CPU ÷ nginx', most: 1.1, measured: cpu('handshakes', 'nginx') },
  {
    what: 'HTTP/2: CPU ÷ frp HTTP (HTTP/1.1)',
    most: 1,
    measured: cpu('http2', 'frp HTTP', OURS, '1k-64'),
  },
  { what: 'Idle visitor, edge, KiB', most: 6, measured: ({ memory }) => memory?.visitors?.serverKib ?? null },
  { what: '– agent', most: 6, measured: ({ memory }) => memory?.visitors?.clientKib ?? null },
  { what: 'Idle tunnel, edge, KiB', most: 60, measured: ({ memory }) => memory?.tunnels?.serverKib ?? null },
];

function jainIndex(run: RunFigures): number | null {
  const notes = figures(run, 'streams', OURS)?.notes ?? '';
  const found = [...notes.matchAll(/Jain (\d\.\d+)/g)].map((match) => Number(match[1]));
  return spread(found)?.median ?? null;
}

/** A table of what was measured of them; empty when nothing was. */
export function targetTable(run: RunFigures): string {
  const lines = TARGETS.flatMap((target) => {
    const measured = target.measured(run);
    if (measured === null) return [];
    const wanted = target.most === undefined ? `≥ ${target.least}` : `≤ ${target.most}`;
    const floor = target.floor === undefined ? '' : ` (floor ${target.floor})`;
    return [`| ${target.what} | ${wanted}${floor} | ${measured.toFixed(2)} | ${verdict(target, measured)} |`];
  });
  if (lines.length === 0) return '';
  return `## Targets

Medians of this run. Within 10 % of a target a run says neither yes nor no.

| | target | measured | |
| --- | --- | --- | --- |
${lines.join('\n')}`;
}

export function verdict(
  { most, least, floor }: Pick<Target, 'most' | 'least' | 'floor'>,
  measured: number,
): 'reached' | 'near' | 'floor holds' | 'not reached' {
  const excess = most === undefined ? (least ?? 0) / measured : measured / most;
  if (excess <= 1) return 'reached';
  if (excess <= 1.1) return 'near';
  return floor !== undefined && measured <= floor ? 'floor holds' : 'not reached';
}
