import { createHash } from 'node:crypto';
import type { Edge } from './visit.ts';
import { visit } from './visit.ts';

export interface LoadReport {
  /** Whole and right. */
  readonly good: number;
  /** Refused or cut, and the visitor could tell. */
  readonly failed: readonly { atMs: number; what: string }[];
  /** Whole by all signs, and wrong: another's answer, or bytes that were not sent. Must stay empty. */
  readonly corrupt: readonly string[];
  /** No end within 30 s. Must stay empty. */
  readonly hung: number;
  /** Longest time between two good answers. */
  readonly longestGapMs: number;
}

let loads = 0;

/**
 * Visitors at a steady rate, each with an id of its own that the upstream must give back with the hash of the body.
 * `stop` waits for those under way. The upstream is `echoUpstreamHandler`.
 */
export function startSteadyLoad(
  edge: Edge,
  url: string,
  { perSecond }: { perSecond: number },
): { stop(): Promise<LoadReport>; goodCount(): number } {
  const failed: { atMs: number; what: string }[] = [];
  const corrupt: string[] = [];
  let good = 0;
  let hung = 0;
  let sent = 0;
  let lastGoodMs = performance.now();
  let longestGapMs = 0;
  const name = `load-${loads++}`;
  const underWay = new Set<Promise<void>>();
  const one = async (): Promise<void> => {
    const id = `${name}-${sent++}`;
    const body = Buffer.alloc((sent * 7_919) % 20_000, id);
    const beganMs = performance.now();
    try {
      const answer = await visit(edge, `${url}/${id}`, {
        method: sent % 2 === 0 ? 'POST' : 'PUT',
        headers: { 'x-id': id },
        body,
        timeoutMs: 30_000,
      });
      if (answer.status !== 200) {
        failed.push({
          atMs: performance.now(),
          what: `${answer.status} ${String(answer.headers['ngrok-error-code'])}`,
        });
        return;
      }
      const expected = `${id} ${createHash('sha256').update(body).digest('hex')}`;
      if (answer.body.toString() !== expected) corrupt.push(`${id} got ${answer.body.toString().slice(0, 100)}`);
      good += 1;
      longestGapMs = Math.max(longestGapMs, performance.now() - lastGoodMs);
      lastGoodMs = performance.now();
    } catch (error) {
      if (performance.now() - beganMs >= 29_900) hung += 1;
      failed.push({ atMs: performance.now(), what: error instanceof Error ? error.message : String(error) });
    }
  };
  const timer = setInterval(() => {
    const task = one();
    underWay.add(task);
    void task.finally(() => underWay.delete(task));
  }, 1_000 / perSecond);
  return {
    goodCount: () => good,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      return { good, failed, corrupt, hung, longestGapMs };
    },
  };
}
