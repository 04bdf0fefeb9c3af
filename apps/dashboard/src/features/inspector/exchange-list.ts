import type { ExchangeLine } from './exchange.ts';

/** What a page keeps at most; the oldest leave first. */
export const linesMax = 10_000;

/** The newer ones before those that are there, each once, newest first; never more than the page keeps. */
export function withNewer(had: readonly ExchangeLine[], newer: readonly ExchangeLine[]): readonly ExchangeLine[] {
  if (newer.length === 0) return had;
  const fresh = new Map(newer.map((line) => [line.id, line]));
  const known = had.filter(({ id }) => !fresh.has(id));
  const sorted = [...fresh.values()].sort(newestFirst);
  const oldestFresh = sorted.at(-1)?.created_at ?? '';
  // Nearly always all that is fresh is newer; only an overlap has to be sorted.
  const overlap = known.findIndex(({ created_at: at }) => at < oldestFresh);
  const head = overlap === -1 ? known : known.slice(0, overlap);
  const tail = overlap === -1 ? [] : known.slice(overlap);
  return [...[...sorted, ...head].sort(newestFirst), ...tail].slice(0, linesMax);
}

function newestFirst(a: ExchangeLine, b: ExchangeLine): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}
