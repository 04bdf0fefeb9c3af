/**
 * `node bench/guard.ts`: what the data path costs against a plain proxy, in one short run; a step of `npm test`. Fails
 * when Portico costs more than it used to, beyond what another machine may change and the noise of this very run.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contestant, RunningContestant } from './contestants/contestant.ts';
import { nodeRelay } from './contestants/node-relay.ts';
import { portico } from './contestants/portico.ts';
import { haproxy, nginxProxy } from './contestants/reverse-proxies.ts';
import { type GuardRound, judge } from './guard-verdict.ts';
import { keepAlive } from './load/own.ts';
import { cpuNanoseconds, stopAll } from './process-group.ts';
import { startUpstream, uploadBody } from './upstream.ts';

type CaseId = 'small' | 'down' | 'up';

/** Portico ÷ yardstick of a good build, on two cores. */
const EXPECTED: Readonly<Record<string, Readonly<Record<CaseId, number>>>> = {
  HAProxy: { small: 2.9, down: 4.6, up: 5.6 },
  nginx: { small: 3, down: 3.3, up: 3.5 },
  'Node relay': { small: 2.2, down: 2.7, up: 4.1 },
};

const CASES: readonly { id: CaseId; title: string; workers: number; seconds: number }[] = [
  { id: 'small', title: '1 KB, 64 connections', workers: 64, seconds: 0.8 },
  { id: 'down', title: '1 MB down', workers: 8, seconds: 0.6 },
  { id: 'up', title: '1 MB up', workers: 8, seconds: 0.6 },
];
const ROUNDS = 3;

/** Above it others take so much of the machine that no short run says anything. */
const LOAD_MAX = 2 * availableParallelism();

const load1 = loadavg()[0] ?? 0;
if (load1 > LOAD_MAX) {
  process.stdout.write(`ok     cost of the data path: not judged, the load average is ${load1.toFixed(1)}\n`);
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), 'portico-guard-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().finally(() => process.exit(130)));
}

const wanted = process.argv[2];
const yardstickKind = await firstAvailable(
  [haproxy, nginxProxy, nodeRelay].filter(({ name }) => wanted === undefined || name === wanted),
);
const upstream = await startUpstream(folder);
const ours = await start(portico({ tunnels: ['http'] }));
const yardstick = await start(yardstickKind);
let failed = 0;
for (const each of CASES) {
  await Promise.all([load(ours, each.id, each.workers, 1), load(yardstick, each.id, each.workers, 0.5)]);
  const expected = EXPECTED[yardstickKind.name]?.[each.id] ?? 0;
  const rounds = await measure(each);
  let verdict = judge(rounds, expected);
  // Somebody else's burst must not fail a build: what fails is looked at again.
  if (!verdict.passed) verdict = judge([...rounds, ...(await measure(each)), ...(await measure(each))], expected);
  if (!verdict.passed) failed += 1;
  process.stdout.write(
    `${verdict.passed ? 'ok    ' : 'FAILED'} ${each.title.padEnd(24)} ${verdict.ratio.toFixed(2)} × ${yardstickKind.name}, expected ${expected}, limit ${verdict.limit.toFixed(2)}, noise ${Math.round(verdict.noise * 100)} %\n`,
  );
}
await ours.stop();
await yardstick.stop();
await upstream.stop();
process.exit(failed === 0 ? 0 : 1);

async function firstAvailable(kinds: readonly Contestant[]): Promise<Contestant> {
  for (const kind of kinds) if ('version' in (await kind.prepare())) return kind;
  throw new Error('no yardstick of that name');
}

async function start(contestant: Contestant): Promise<RunningContestant> {
  const own = join(folder, contestant.name.replaceAll(/\W+/g, '-'));
  mkdirSync(own, { recursive: true });
  return contestant.start(upstream, own, async (port) => port);
}

async function measure({ id, workers, seconds }: (typeof CASES)[number]): Promise<GuardRound[]> {
  const rounds: GuardRound[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = round % 2 === 0 ? ours : yardstick;
    const cost = new Map<RunningContestant, number>();
    for (const running of [first, first === ours ? yardstick : ours]) {
      const before = cpuNanoseconds([...running.server(), ...running.client()]);
      const units = await load(running, id, workers, seconds);
      cost.set(running, (cpuNanoseconds([...running.server(), ...running.client()]) - before) / 1000 / units);
    }
    rounds.push({ ours: cost.get(ours) ?? 0, yardstick: cost.get(yardstick) ?? 0 });
  }
  return rounds;
}

/** @returns requests; every body was compared */
async function load({ http }: RunningContestant, id: CaseId, workers: number, seconds: number): Promise<number> {
  if (http === null) throw new Error('a contestant without HTTP');
  const request = id === 'up' ? { path: '/up' as const, upload: uploadBody } : { path: pathOf(id) };
  const { units, faults } = await keepAlive(http, { workers, seconds, ...request });
  if (faults.length > 0) throw new Error(faults.join('; '));
  return units;
}

function pathOf(id: 'small' | 'down'): '/1k' | '/1m' {
  return id === 'small' ? '/1k' : '/1m';
}
