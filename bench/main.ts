/**
 * `npm run bench`: Portico and every tunnel that people could pick instead, side by side on the same upstream and load.
 * Writes `bench/results/<date>.md`, after every case. Everything takes some 25 minutes, `-- --quick` under five;
 * `-- --help` tells the rest.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Case, cases } from './cases.ts';
import { contestants } from './contestants/all.ts';
import type { Contestant, RunningContestant } from './contestants/contestant.ts';
import { type LinkKind, linkCases, linkKinds, throughLinks } from './links.ts';
import { type Entrant, isFor, type Measurement, measureCase, warmUpSeconds } from './measurement.ts';
import { type MemoryFigures, measureMemory } from './memory.ts';
import { type Program, stopAll } from './process-group.ts';
import { type ContestantLine, writeReport } from './report/report.ts';
import { startUpstream } from './upstream.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    cases: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    portico: { type: 'string' },
    against: { type: 'string' },
    resume: { type: 'boolean', default: false },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
    help: { type: 'boolean', default: false },
  },
});

const allCases = [...cases, ...linkKinds.flatMap(linkCases)];
if (values.help) {
  process.stdout.write(`npm run bench -- [options]
  --quick            the first cases, short rounds: under 5 minutes
  --only a,b         contestants whose name begins so; Portico and direct always
  --cases a,b        of: ${allCases.map(({ id }) => id).join(' ')} memory
  --rounds n         at least 3 to be worth anything (default 3, quick 3)
  --seconds n        of each round, whole ones (default 2, quick 1)
  --resume           goes on with a run that was broken off
  --portico folder   a built checkout to run instead of this one
  --against folder   another one, which enters as "Portico before"
  --out folder       for the report (default bench/results)
`);
  process.exit(0);
}

const wanted = values.only?.toLowerCase().split(',') ?? null;

/** Near others in what they are; five minutes are short. */
const LEFT_TO_THE_FULL_RUN = ['rathole Noise', 'chisel'];

/** Over links all that counts are windows: these show what there is to see. */
const LINK_ROUNDS = 2;
const crossesLinks = ({ name }: Contestant): boolean =>
  ['Portico', 'Portico before', 'frp TCP', 'direct'].includes(name) || (wanted?.includes(name.toLowerCase()) ?? false);
const MEMORY_COUNT = 5_000;

const { quick } = values;
const rounds = Number(values.rounds ?? 3);
const seconds = Number(values.seconds ?? (quick ? 1 : 2));
const progress = (text: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
};
/** Broken off: what is measured from here on is no measurement. */
let brokenOff = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    brokenOff = true;
    void stopAll().finally(() => process.exit(130));
  });
}

const folder = mkdtempSync(join(tmpdir(), 'portico-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
const loadBefore = loadavg()[0] ?? 0;
const wantedCases = values.cases?.split(',') ?? null;
const isChosen = ({ id, quick: isQuick }: Case): boolean =>
  wantedCases === null ? !quick || isQuick : wantedCases.includes(id);
const chosenCases = allCases.filter(isChosen);
const chosen = contestants(values).filter(
  ({ name }) =>
    name.startsWith('Portico') ||
    (wanted === null && !(quick && LEFT_TO_THE_FULL_RUN.includes(name))) ||
    name === 'direct' ||
    wanted?.some((prefix) => name.toLowerCase().startsWith(prefix)),
);

/** What a run that was broken off had measured; `--resume` goes on from there. */
const partialFile = join(values.out, 'partial.json');
const partial = values.resume === true ? readPartial() : null;
const measurements: Measurement[] = [...(partial?.measurements ?? [])];
let memory: MemoryFigures | null = partial?.memory ?? null;
const isMeasured = ({ id }: Case): boolean => measurements.some(({ caseId }) => caseId === id);
const plainCases = cases.filter(isChosen).filter((each) => !isMeasured(each));
const chosenLinks = linkKinds.map((kind) => ({ kind, own: linkCases(kind).filter(isChosen) }));
const wantsMemory = memory === null && (wantedCases === null ? !quick : wantedCases.includes('memory'));
progress(`about ${Math.ceil(expectedSeconds() / 60)} minutes`);

const upstream = await startUpstream(folder);
const entrants: Entrant[] = [];
const lines: ContestantLine[] = [];
for (const contestant of chosen) {
  const { name, what } = contestant;
  progress(`preparing ${name}`);
  const prepared = await contestant.prepare();
  if ('missing' in prepared) {
    lines.push({ name, what, version: null, missing: prepared.missing, startMs: null, startUp: null });
    continue;
  }
  const own = join(folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(own, { recursive: true });
  const beganMs = performance.now();
  const start = (): Promise<RunningContestant> => contestant.start(upstream, own, async (port) => port);
  try {
    const running = await start();
    entrants.push(entrant(contestant, running, start));
    const startMs = performance.now() - beganMs;
    lines.push({ name, what, version: prepared.version, missing: null, startMs, startUp: running.startUp ?? null });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const missing = text.replaceAll(/\s+/g, ' ').slice(0, 200);
    lines.push({ name, what, version: prepared.version, missing, startMs: null, startUp: null });
  }
}

for (const each of plainCases) {
  const context = { seconds, folder, quick };
  measurements.push(...(await measureCase(each, entrants, { upstream, rounds, context, progress })));
  report();
}
for (const { running } of entrants) await running.stop();
for (const { kind, own } of chosenLinks) {
  const left = own.filter((each) => !isMeasured(each));
  if (left.length > 0) measurements.push(...(await overLink(kind, left)));
  report();
}
if (wantsMemory) {
  const checkout = values.portico === undefined ? {} : { checkout: values.portico };
  const options = { count: MEMORY_COUNT, progress, ...checkout };
  memory = await measureMemory(upstream, join(folder, 'memory'), options).catch((error: unknown) => ({
    visitors: null,
    tunnels: null,
    faults: [error instanceof Error ? error.message : String(error)],
  }));
}
await upstream.stop();
const path = report();
rmSync(partialFile, { force: true });
progress('');
process.stdout.write(`${path}\n`);
process.exit(0);

function entrant(contestant: Contestant, running: RunningContestant, start: () => Promise<RunningContestant>): Entrant {
  return {
    contestant,
    running,
    isWarm: false,
    async restart() {
      await this.running.stop();
      return start();
    },
  };
}

/** After every case, so that a run that is broken off is not lost. */
function report(): string {
  if (brokenOff) return '';
  mkdirSync(values.out, { recursive: true });
  writeFileSync(partialFile, JSON.stringify({ measurements, memory }));
  const date = new Date().toISOString().slice(0, 10);
  const loadAverage = [loadBefore, loadavg()[0] ?? 0];
  return writeReport(
    values.out,
    { date, quick, rounds, seconds, upstream: upstream.name, loadAverage, contestants: lines, measurements, memory },
    chosenCases,
  );
}

function readPartial(): { measurements: Measurement[]; memory: MemoryFigures | null } | null {
  return existsSync(partialFile) ? JSON.parse(readFileSync(partialFile, 'utf8')) : null;
}

function expectedSeconds(): number {
  const takes = (each: Case): number =>
    chosen
      .filter((contestant) => isFor(contestant, each) && takesPart(contestant, each))
      .reduce((sum, contestant) => sum + warmUpSeconds(contestant, true, quick) + rounds * (seconds + 0.1), 0);
  const plain = plainCases.reduce((sum, each) => sum + takes(each), 0);
  const links = chosenLinks.flatMap(({ own }) => own).length * chosen.filter(crossesLinks).length;
  return 30 + chosen.length * 2 + plain + links * LINK_ROUNDS * 5 + (wantsMemory ? 120 : 0);
}

/** As far as one can tell before they run. */
function takesPart({ name }: Contestant, { id }: Case): boolean {
  if (['https', 'handshakes', 'http2'].includes(id)) return name === 'Portico' || name === 'nginx';
  return !(['tcp-down', 'tcp-up', 'streams'].includes(id) && ['frp HTTP', 'nginx', 'HAProxy'].includes(name));
}

/** The same contestants again, each with such a link between its two halves; one at a time, since links cost CPU. */
async function overLink(kind: LinkKind, own: readonly Case[]): Promise<Measurement[]> {
  const found: Measurement[] = [];
  for (const contestant of chosen.filter(crossesLinks)) {
    if (lines.find(({ name }) => name === contestant.name)?.missing !== null) continue;
    const place = join(folder, kind.id, contestant.name.replaceAll(/\W+/g, '-'));
    mkdirSync(place, { recursive: true });
    const links: Program[] = [];
    try {
      const start = (): Promise<RunningContestant> =>
        contestant.start(upstream, place, throughLinks(kind, place, links));
      const taker = entrant(contestant, await start(), start);
      if (taker.running.tcpPort !== null) {
        for (const each of own) {
          const options = { upstream, rounds: LINK_ROUNDS, progress };
          const context = { seconds: Math.max(seconds, 3), folder, quick };
          found.push(...(await measureCase(each, [taker], { ...options, context })));
        }
      }
      await taker.running.stop();
    } catch (error) {
      progress(`${kind.id} ${contestant.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    for (const link of links) await link.stop();
  }
  return found;
}
