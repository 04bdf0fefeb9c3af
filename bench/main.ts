/**
 * `npm run bench`: Portico and every tunnel that people could pick instead, side by side on the same upstream and load.
 * Writes `bench/results/<date>.md`. `-- --quick` takes under five minutes; `-- --help` tells the rest.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Case, cases } from './cases.ts';
import { contestants } from './contestants/all.ts';
import { type LinkKind, linkCases, linkKinds, throughLinks } from './links.ts';
import { type Entrant, type Measurement, measureCase } from './measurement.ts';
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
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
    help: { type: 'boolean', default: false },
  },
});

const allCases = [...cases, ...linkKinds.flatMap(linkCases)];
if (values.help) {
  process.stdout.write(`npm run bench -- [options]
  --quick            the first cases, short rounds: under 5 minutes
  --only a,b         contestants whose name begins so; Portico and direct always
  --cases a,b        of: ${allCases.map(({ id }) => id).join(' ')}
  --rounds n         at least 3 to be worth anything (default 3, quick 3)
  --seconds n        of each round, whole ones (default 5, quick 1)
  --portico folder   a built checkout to run instead of this one
  --against folder   another one, which enters as "Portico before"
  --out folder       for the report (default bench/results)
`);
  process.exit(0);
}

/** Near others in what they are; five minutes are short. */
const LEFT_TO_THE_FULL_RUN = ['rathole Noise', 'chisel'];

const { quick } = values;
const rounds = Number(values.rounds ?? 3);
const seconds = Number(values.seconds ?? (quick ? 1 : 5));
const progress = (text: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().finally(() => process.exit(130)));
}

const folder = mkdtempSync(join(tmpdir(), 'portico-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
const loadBefore = loadavg()[0] ?? 0;
const wantedCases = values.cases?.split(',') ?? null;
const isChosen = ({ id, quick: isQuick }: Case): boolean =>
  wantedCases === null ? !quick || isQuick : wantedCases.includes(id);
const chosenCases = allCases.filter(isChosen);
const wanted = values.only?.toLowerCase().split(',') ?? null;
const chosen = contestants(values).filter(
  ({ name }) =>
    name.startsWith('Portico') ||
    (wanted === null && !(quick && LEFT_TO_THE_FULL_RUN.includes(name))) ||
    name === 'direct' ||
    wanted?.some((prefix) => name.toLowerCase().startsWith(prefix)),
);

const upstream = await startUpstream(folder);
const entrants: Entrant[] = [];
const lines: ContestantLine[] = [];
for (const contestant of chosen) {
  const { name, what } = contestant;
  progress(`preparing ${name}`);
  const prepared = await contestant.prepare();
  if ('missing' in prepared) {
    lines.push({ name, what, version: null, missing: prepared.missing, startMs: null });
    continue;
  }
  const own = join(folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(own, { recursive: true });
  const beganMs = performance.now();
  try {
    entrants.push({ name, running: await contestant.start(upstream, own, async (port) => port) });
    lines.push({ name, what, version: prepared.version, missing: null, startMs: performance.now() - beganMs });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    lines.push({
      name,
      what,
      version: prepared.version,
      missing: text.replaceAll(/\s+/g, ' ').slice(0, 200),
      startMs: null,
    });
  }
}

const measurements: Measurement[] = [];
const warmUpSeconds = quick ? 1 : 3;
for (const each of cases.filter(isChosen)) {
  const context = { seconds, folder, quick };
  measurements.push(...(await measureCase(each, entrants, { upstream, rounds, warmUpSeconds, context, progress })));
}
for (const { running } of entrants) await running.stop();
for (const kind of linkKinds) measurements.push(...(await overLink(kind)));
await upstream.stop();

const path = writeReport(
  values.out,
  {
    date: new Date().toISOString().slice(0, 10),
    quick,
    rounds,
    seconds,
    upstream: upstream.name,
    loadAverage: [loadBefore, loadavg()[0] ?? 0],
    contestants: lines,
    measurements,
  },
  chosenCases,
);
progress('');
process.stdout.write(`${path}\n`);
process.exit(0);

/** The same contestants again, each with such a link between its two halves; one at a time, since links cost CPU. */
async function overLink(kind: LinkKind): Promise<Measurement[]> {
  const found: Measurement[] = [];
  const own = linkCases(kind).filter(isChosen);
  if (own.length === 0) return found;
  for (const contestant of chosen) {
    if (lines.find(({ name }) => name === contestant.name)?.missing !== null) continue;
    const place = join(folder, kind.id, contestant.name.replaceAll(/\W+/g, '-'));
    mkdirSync(place, { recursive: true });
    const links: Program[] = [];
    try {
      const running = await contestant.start(upstream, place, throughLinks(kind, place, links));
      if (running.tcpPort !== null) {
        for (const each of own) {
          const entrants = [{ name: contestant.name, running }];
          const context = { seconds, folder, quick };
          found.push(...(await measureCase(each, entrants, { upstream, rounds, warmUpSeconds: 1, context, progress })));
        }
      }
      await running.stop();
    } catch (error) {
      progress(`${kind.id} ${contestant.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    for (const link of links) await link.stop();
  }
  return found;
}
