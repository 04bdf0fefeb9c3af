import type { Case, CaseContext } from './cases.ts';
import type { Contestant, RunningContestant } from './contestants/contestant.ts';
import type { LoadResult } from './load/result.ts';
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
  readonly running: RunningContestant;
}

/** Whether a contestant takes part in a case, as far as both say. */
export function isFor(contestant: Contestant, each: Case): boolean {
  if (contestant.cases?.includes(each.id) === false) return false;
  return each.isForAll || !contestant.isMinor;
}

/**
 * Every entrant in turn, `rounds` times, in reversed order every other round, so that what changes on the machine
 * meanwhile hits all of them. Before its first round each is warmed up: compilers need seconds.
 */
export async function measureCase(
  each: Case,
  entrants: readonly Entrant[],
  options: {
    upstream: Upstream;
    rounds: number;
    warmUpSeconds: number;
    context: CaseContext;
    progress(text: string): void;
  },
): Promise<Measurement[]> {
  const { upstream, rounds, warmUpSeconds, context, progress } = options;
  const able = entrants.filter(
    ({ contestant, running }) => isFor(contestant, each) && each.load(running, context) !== null,
  );
  const found: Measurement[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const {
      contestant: { name },
      running,
    } of round % 2 === 0 ? able : able.toReversed()) {
      progress(`${each.id}  round ${round + 1}/${rounds}  ${name}`);
      if (round === 0 && warmUpSeconds > 0) {
        await each
          .load(running, { ...context, seconds: warmUpSeconds, quick: true })?.()
          .catch(() => {});
      }
      const before = usage(running, upstream);
      const result = await load(each, running, context);
      const after = usage(running, upstream);
      const perUnit = (key: keyof typeof before): number => (after[key] - before[key]) / 1000 / result.units;
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
    }
  }
  return found;
}

async function load(each: Case, running: RunningContestant, context: CaseContext): Promise<LoadResult> {
  try {
    const result = await within(each.load(running, context)?.(), 60_000 + context.seconds * 10_000);
    return result ?? { units: 0, seconds: 0, faults: ['nothing to load'] };
  } catch (error) {
    return { units: 0, seconds: 0, faults: [error instanceof Error ? error.message : String(error)] };
  }
}

/** A contestant that hangs must not hang the run. */
async function within<T>(work: Promise<T> | undefined, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not over within ${ms / 1000} s`)), ms);
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
