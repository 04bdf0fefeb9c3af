import type { Queries } from '../database.ts';
import type { NameHold } from '../generated/client.ts';

export type NameHoldRow = NameHold;

/** Holds of these names that count at `now`, of whatever account. */
export function findHolds(db: Queries, names: readonly string[], now: Date): Promise<NameHoldRow[]> {
  return db.nameHold.findMany({
    where: { name: { in: [...names] }, OR: [{ live: true }, { heldUntil: { gt: now } }] },
  });
}

/** Ports (`tcp/…`) that rest for another account than this one. */
export function findPortHoldsOfOthers(db: Queries, accountId: string, now: Date): Promise<NameHoldRow[]> {
  return db.nameHold.findMany({
    where: {
      name: { startsWith: 'tcp/' },
      accountId: { not: accountId },
      OR: [{ live: true }, { heldUntil: { gt: now } }],
    },
    take: 5_000,
  });
}

/**
 * Gives the name to the account, unless another one holds it at `now`: false then. Two accounts that ask at the same
 * moment are told apart by the database.
 */
export async function takeHold(
  db: Queries,
  hold: { name: string; accountId: string; heldUntil: Date },
  now: Date,
): Promise<boolean> {
  const taken = await db.$executeRaw`
    INSERT INTO name_hold (name, account_id, live, held_until)
    VALUES (${hold.name}, ${hold.accountId}, false, ${hold.heldUntil})
    ON CONFLICT (name) DO UPDATE
      SET account_id = EXCLUDED.account_id,
          live = name_hold.live AND name_hold.account_id = EXCLUDED.account_id,
          held_until = CASE WHEN name_hold.account_id = EXCLUDED.account_id
            THEN greatest(name_hold.held_until, EXCLUDED.held_until) ELSE EXCLUDED.held_until END
      WHERE name_hold.account_id = EXCLUDED.account_id
         OR (NOT name_hold.live AND name_hold.held_until <= ${now})`;
  return taken === 1;
}

/** Names that are online now: they are held until they are released. */
export async function markLive(db: Queries, names: readonly { name: string; accountId: string }[]): Promise<void> {
  if (names.length === 0) return;
  const rows = JSON.stringify(names.map(({ name, accountId }) => ({ name, account_id: accountId })));
  await db.$executeRaw`
    INSERT INTO name_hold (name, account_id, live, held_until)
    SELECT DISTINCT ON (r.name) r.name, r.account_id, true, now()
    FROM jsonb_to_recordset(${rows}::jsonb) AS r(name text, account_id text) ORDER BY r.name
    ON CONFLICT (name) DO UPDATE SET account_id = EXCLUDED.account_id, live = true`;
}

/** Names that went offline: they rest for their account until `heldUntil`, or longer if they did so before. */
export async function markReleased(
  db: Queries,
  names: readonly { name: string; accountId: string; heldUntil: Date }[],
): Promise<void> {
  if (names.length === 0) return;
  const rows = JSON.stringify(
    names.map(({ name, accountId, heldUntil }) => ({ name, account_id: accountId, held_until: heldUntil })),
  );
  await db.$executeRaw`
    UPDATE name_hold AS h SET live = false, held_until = greatest(h.held_until, r.held_until)
    FROM jsonb_to_recordset(${rows}::jsonb) AS r(name text, account_id text, held_until timestamptz)
    WHERE h.name = r.name AND h.account_id = r.account_id`;
}

/** After a start: what was online then has until `heldUntil` to come back, since nobody knows when it went. */
export async function releaseAllLive(db: Queries, heldUntil: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE name_hold SET live = false, held_until = greatest(held_until, ${heldUntil}) WHERE live`;
}

export async function restName(db: Queries, hold: { name: string; accountId: string; heldUntil: Date }): Promise<void> {
  await db.$executeRaw`
    INSERT INTO name_hold (name, account_id, live, held_until)
    VALUES (${hold.name}, ${hold.accountId}, false, ${hold.heldUntil})
    ON CONFLICT (name) DO UPDATE SET held_until = greatest(name_hold.held_until, EXCLUDED.held_until)
      WHERE name_hold.account_id = EXCLUDED.account_id`;
}

export async function deleteExpiredHolds(db: Queries, now: Date): Promise<number> {
  const { count } = await db.nameHold.deleteMany({ where: { live: false, heldUntil: { lte: now } } });
  return count;
}

/** Has whoever wants to change the hold of this name wait until the transaction ends. */
export async function lockHold(tx: Queries, name: string): Promise<void> {
  await tx.$queryRaw`SELECT name FROM name_hold WHERE name = ${name} FOR UPDATE`;
}

/** Ends a hold that had no end in sight; it rests until `heldUntil`, as after going offline. */
export async function shortenHold(
  db: Queries,
  { name, accountId, heldUntil }: { name: string; accountId: string; heldUntil: Date },
): Promise<void> {
  await db.nameHold.updateMany({ where: { name, accountId }, data: { heldUntil } });
}
