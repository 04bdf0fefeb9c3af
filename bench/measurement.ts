import type { Case, CaseContext } from './cases.ts';
import type { Contestant, RunningContestant } from './contestants/contestant.ts';
import type { LoadResult } from './load/result.ts';
import { endLoad } from './load/under-way.ts';
import { cpuNanoseconds } from './process-group.ts';
import type { Upstream } from './upstream.ts';

/** One load of one contestant, with the CPU time that its processes and the upstream took for it. */
export interface Measurement {
  readonly caseId: string;
  readonly contestant: string;
  readonly round: number;
  readonly units: number;
  readonly seconds: number;
  /** Microseconds of CPU a unit. */
  readonly serverUs: number;
  readonly clientUs: number;
  readonly upstreamUs: number;
  readonly latency: LoadResult['latency'] | null;
  readonly note: string | null;
  /** Not empty: it does not count. */
  readonly faults: readonly string[];
}

export interface Entrant {
  readonly contestant: Contestant;
  running: RunningContestant;
  /** Ends it and starts it anew, where something hung that may hang again. */
  restart(): Promise<RunningContestant>;
  /** It has been under load before. */
  isWarm: boolean;
}

/** How long a contestant is loaded before the first round of a case. */
export function warmUpSeconds({ isCompiledLate = false }: Contestant, isWarm: boolean, quick: boolean): number {
  if (!isCompiledLate) return quick ? 0.25 : 0.5;
  if (isWarm) return quick ? 1 : 2;
  return quick ? 3 : 4;
}

/** Whether a contestant takes part in a case, as far as both say. */
export function isFor(contestant: Contestant, each: Case): boolean {
  if (contestant.cases?.includes(each.id) === false) return false;
  return each.isForAll || !contestant.isMinor;
}

/** A load that takes this much longer than it should has hung: it is ended, and its round does not count. */
const OVERTIME_MS = 20_000;
const QUICK_OVERTIME_MS = 8_000;
/** A contestant that hangs so often in one case is left out of its other rounds. */
const HANGS = 2;

/**
 * Every entrant in turn, `rounds` times, in reversed order every other round, so that what changes on the machine
 * meanwhile hits all of them. Before its first round each is warmed up: compilers need seconds. One that hangs is
 * started anew.
 */
export async function measureCase(
  each: Case,
  entrants: readonly Entrant[],
  options: {
    upstream: Upstream;
    rounds: number;
    context: CaseContext;
    progress(text: string): void;
  },
): Promise<Measurement[]> {
  const { upstream, rounds, context, progress } = options;
  const able = entrants.filter(
    ({ contestant, running }) => isFor(contestant, each) && each.load(running, context) !== null,
  );
  const found: Measurement[] = [];
  const hangs = new Map<Entrant, number>();
  const overtimeMs = context.quick ? QUICK_OVERTIME_MS : OVERTIME_MS;
  for (let round = 0; round < rounds; round += 1) {
    for (const entrant of round % 2 === 0 ? able : able.toReversed()) {
      const { name } = entrant.contestant;
      const hung = hangs.get(entrant) ?? 0;
      if (hung >= HANGS) {
        found.push({ ...NOTHING, caseId: each.id, contestant: name, round, faults: ['left out: it had hung before'] });
        continue;
      }
      progress(`${each.id}  round ${round + 1}/${rounds}  ${name}`);
      const seconds = warmUpSeconds(entrant.contestant, entrant.isWarm, context.quick);
      const warmUp = { ...context, seconds, quick: true };
      let isOver = round > 0 || (await load(each, entrant.running, warmUp, overtimeMs)).kind === 'over';
      entrant.isWarm = isOver;
      if (isOver) {
        const before = usage(entrant.running, upstream);
        const loaded = await load(each, entrant.running, context, overtimeMs);
        const { result } = loaded;
        const after = usage(entrant.running, upstream);
        const perUnit = (key: keyof typeof before): number =>
          result.units === 0 ? 0 : (after[key] - before[key]) / 1000 / result.units;
        found.push({
          caseId: each.id,
          contestant: name,
          round,
          units: result.units,
          seconds: result.seconds,
          serverUs: perUnit('server'),
          clientUs: perUnit('client'),
          upstreamUs: perUnit('upstream'),
          latency: result.latency ?? null,
          note: result.note ?? null,
          faults: [...new Set(result.faults)],
        });
        isOver = loaded.kind === 'over';
      } else {
        found.push({ ...NOTHING, caseId: each.id, contestant: name, round, faults: ['it hung while warming up'] });
      }
      if (!isOver) {
        hangs.set(entrant, hung + 1);
        progress(`${each.id}  starting ${name} anew`);
        // Where even that fails, its next rounds do, and are listed.
        entrant.running = await entrant.restart().catch(() => entrant.running);
      }
    }
  }
  return found;
}

const NOTHING: Omit<Measurement, 'caseId' | 'contestant' | 'round' | 'faults'> = {
  units: 0,
  seconds: 0,
  serverUs: 0,
  clientUs: 0,
  upstreamUs: 0,
  latency: null,
  note: null,
};

/** Runs a load to its end, or ends it: nothing of it goes on beside the next one. */
async function load(
  each: Case,
  running: RunningContestant,
  context: CaseContext,
  overtimeMs: number,
): Promise<{ readonly kind: 'over' | 'hung'; readonly result: LoadResult }> {
  const failed = (error: unknown): LoadResult => ({
    units: 0,
    seconds: 0,
    faults: [error instanceof Error ? error.message : String(error)],
  });
  const work = (each.load(running, context)?.() ?? Promise.reject(new Error('nothing to load'))).catch(failed);
  const ms = overtimeMs + context.seconds * 1000;
  const result = await within(work, ms);
  if (result !== null) return { kind: 'over', result };
  endLoad();
  // Its workers see their connections end at once; what waits for something else is not waited for.
  await within(work, 2_000);
  return { kind: 'hung', result: failed(new Error(`not over within ${ms / 1000} s`)) };
}

/** Null where it takes longer. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function usage(running: RunningContestant, upstream: Upstream): { server: number; client: number; upstream: number } {
  return {
    server: cpuNanoseconds(running.server()),
    client: cpuNanoseconds(running.client()),
    upstream: cpuNanoseconds(upstream.pids()),
  };
}
