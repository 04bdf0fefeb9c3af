import {
  type Database,
  deleteAuditEventsBefore,
  deleteEventsBefore,
  deleteExpiredAppSessions,
  deleteExpiredHolds,
  deleteExpiredLinks,
  deleteExpiredSessions,
  deleteExpiredSteps,
  deleteOldExchanges,
  deleteOldThrottles,
  deleteReceiptsBefore,
  deleteUsageDaysBefore,
  forgetGoneBefore,
  rollUpUsage,
} from '@portico/db';
import type { ApiContext } from './context.ts';

const DAY_MS = 86_400_000;
/** An edge drops a report long before. */
const receiptDays = 2;
const eventDays = 30;
/** As long as the database refuses to remove them, and a day for clocks that differ. */
const auditDays = 366;
/** How long an edge may be away and still learn what was removed meanwhile. */
const goneDays = 14;
/** Rows that one statement removes, and how many times one sweep does it: more than edges bring in a minute. */
const exchangesABatch = 20_000;
const exchangeBatchesMax = 10;
const usageMinuteDays = 2;
const usageHourDays = 60;
const usageDays = 800;
/** Rows that one statement moves, and how many statements one sweep makes at most. */
const usageBatch = 2_000;
const usageBatchesMax = 50;

/** What is kept for a time only, as people call it. Recorded requests have a time of their own in each account. */
export const retention: readonly { readonly what: string; readonly days: number }[] = [
  { what: 'Traffic by the minute', days: usageMinuteDays },
  { what: 'Traffic by the hour', days: usageHourDays },
  { what: 'Traffic by the day', days: usageDays },
  { what: 'Agents and endpoints that came and went', days: eventDays },
  { what: 'Audit log', days: auditDays },
];

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
      for (let batch = 0; batch < exchangeBatchesMax; batch += 1) {
        if ((await deleteOldExchanges(database.queries, at, exchangesABatch)) < exchangesABatch) break;
      }
      await deleteAuditEventsBefore(database.queries, before(auditDays * DAY_MS));
      await database.transaction((tx) => forgetGoneBefore(tx, before(goneDays * DAY_MS)));
      await rollUp(database, before);
      await deleteExpiredSessions(database.queries, at, before(config.limits.sessionIdleMs));
      await deleteExpiredSteps(database.queries, at);
      await deleteExpiredLinks(database.queries, {
        now: at,
        invitationsBefore: before(config.limits.invitationLifeMs),
      });
      await deleteExpiredAppSessions(database.queries, at);
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

/** Old minutes become hours, old hours days. What one sweep does not manage is left to the next. */
async function rollUp(database: Database, before: (ms: number) => Date): Promise<void> {
  for (const [from, days] of [
    ['minute', usageMinuteDays],
    ['hour', usageHourDays],
  ] as const) {
    for (let batch = 0; batch < usageBatchesMax; batch += 1) {
      const step = { from, before: before(days * DAY_MS), limit: usageBatch };
      if ((await rollUpUsage(database.queries, step)) < usageBatch) break;
    }
  }
  await deleteUsageDaysBefore(database.queries, before(usageDays * DAY_MS), usageBatch);
}
