import {
  deleteEventsBefore,
  deleteExpiredHolds,
  deleteExpiredSessions,
  deleteOldThrottles,
  deleteReceiptsBefore,
} from '@portico/db';
import type { ApiContext } from './context.ts';

const DAY_MS = 86_400_000;
/** An edge drops a report long before. */
const receiptDays = 2;
const eventDays = 30;

/** Removes what has expired, and lets the bind keys go round. Returns how to stop. */
export function startSweeper(context: ApiContext, afterwards: () => Promise<void>): { close(): Promise<void> } {
  const { database, log, now, keys, changes, config } = context;
  let running: Promise<void> = Promise.resolve();
  const sweep = async (): Promise<void> => {
    try {
      const at = now();
      const before = (ms: number): Date => new Date(at.getTime() - ms);
      await deleteExpiredHolds(database.queries, at);
      await deleteReceiptsBefore(database.queries, before(receiptDays * DAY_MS));
      await deleteEventsBefore(database.queries, before(eventDays * DAY_MS));
      await deleteExpiredSessions(database.queries, at, before(config.limits.sessionIdleMs));
      await deleteOldThrottles(database.queries, before(DAY_MS));
      if (await keys.rotateBindKeys()) changes.publish({ kind: 'bind-keys', keys: [...keys.bindKeys] });
      await afterwards();
    } catch (error) {
      log.warn({ err: error }, 'sweeping failed; it will be tried again');
    }
  };
  const timer = setInterval(() => {
    running = running.then(sweep);
  }, config.limits.sweepMs);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
