import type { Queries } from '../database.ts';

export interface ThrottleState {
  readonly tries: number;
  readonly level: number;
  readonly windowStart: Date;
  readonly blockedUntil: Date | null;
}

/**
 * Reads and changes the state of one key with no other try in between. `decide` gets what is stored (null: nothing)
 * and says what to store. Call it inside a transaction.
 */
export async function changeThrottle<T>(
  db: Queries,
  key: string,
  now: Date,
  decide: (state: ThrottleState) => { state: ThrottleState; result: T },
): Promise<T> {
  // Makes the row or takes the one that is there, and holds it: between two statements a success could remove it.
  await db.$executeRaw`
    INSERT INTO sign_in_throttle (key, window_start) VALUES (${key}, ${now})
    ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key`;
  const stored = await db.signInThrottle.findUniqueOrThrow({ where: { key } });
  const { state, result } = decide(stored);
  await db.signInThrottle.update({
    where: { key },
    data: {
      tries: state.tries,
      level: state.level,
      windowStart: state.windowStart,
      blockedUntil: state.blockedUntil,
    },
  });
  return result;
}

export async function clearThrottle(db: Queries, key: string): Promise<void> {
  await db.signInThrottle.deleteMany({ where: { key } });
}

export async function deleteOldThrottles(db: Queries, before: Date): Promise<number> {
  const { count } = await db.signInThrottle.deleteMany({ where: { windowStart: { lt: before } } });
  return count;
}
