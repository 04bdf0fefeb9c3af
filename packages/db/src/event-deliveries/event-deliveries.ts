import type { Queries } from '../database.ts';
import type { EventDestination, Prisma } from '../generated/client.ts';

/** On this channel the database says that events wait. */
export const DELIVERIES_CHANNEL = 'portico_deliveries';

export interface NewEvent {
  readonly id: string;
  readonly accountId: string;
  readonly type: string;
  readonly at: Date;
  readonly object: Prisma.InputJsonObject;
  readonly principal: Prisma.InputJsonObject | null;
}

export interface WaitingEvent {
  readonly seq: bigint;
  readonly attempts: number;
  readonly queuedAt: Date;
  readonly id: string;
  readonly accountId: string;
  readonly type: string;
  readonly at: Date;
  readonly object: Prisma.JsonValue;
  readonly principal: Prisma.JsonValue | null;
  /** Paths into the object: what of it is wanted; empty for all of it. */
  readonly fields: readonly string[];
}

/** A source whose filter has to be asked, by whoever can read filters. */
export interface FilteredSource {
  readonly accountId: string;
  readonly subscriptionId: string;
  readonly type: string;
  readonly filter: string;
}

/** An event that the filter of a source does not accept. */
export interface RefusedEvent {
  readonly eventId: string;
  readonly subscriptionId: string;
}

/** Those among the sources of such events that have a filter. */
export function filteredSources(
  db: Queries,
  accountIds: readonly string[],
  types: readonly string[],
): Promise<FilteredSource[]> {
  return db.eventSource.findMany({
    where: { accountId: { in: [...accountIds] }, type: { in: [...types] }, filter: { not: '' } },
    select: { accountId: true, subscriptionId: true, type: true, filter: true },
  });
}

/**
 * Queues each event for every destination that a subscription of its account leads it to; one that nobody wants is
 * not stored. Call it in the transaction of what the events tell of. An event whose id is there already is left as
 * it is. How many deliveries now wait more.
 *
 * @param refused what filters of sources do not accept
 */
export async function queueEvents(
  db: Queries,
  events: readonly NewEvent[],
  now: Date,
  refused: readonly RefusedEvent[] = [],
): Promise<number> {
  if (events.length === 0) return 0;
  const rows = JSON.stringify(
    events.map(({ accountId, at, ...event }) => ({ ...event, account_id: accountId, at: at.toISOString() })),
  );
  const [row] = await db.$queryRaw<{ queued: number }[]>`
    WITH given AS (
      SELECT * FROM ROWS FROM (jsonb_to_recordset(${rows}::jsonb)
        AS (id text, account_id text, type text, at timestamptz, object jsonb, principal jsonb)) WITH ORDINALITY
        AS g(id, account_id, type, at, object, principal, place)
    ), refused AS (
      SELECT * FROM unnest(${refused.map(({ eventId }) => eventId)}::text[],
        ${refused.map(({ subscriptionId }) => subscriptionId)}::text[]) AS r(event_id, subscription_id)
    ), matched AS (
      -- Where several sources lead to one destination, it gets what any of them wants.
      SELECT g.id, g.place, d.destination_id, CASE WHEN bool_or(s.fields = '{}') THEN '{}'::text[]
        ELSE string_to_array(string_agg(array_to_string(s.fields, ' '), ' '), ' ') END AS fields
      FROM given AS g
      JOIN event_source AS s ON s.account_id = g.account_id AND s.type = g.type
      JOIN event_subscription_destination AS d
        ON d.account_id = s.account_id AND d.subscription_id = s.subscription_id
      WHERE NOT EXISTS (
        SELECT 1 FROM refused AS r WHERE r.event_id = g.id AND r.subscription_id = s.subscription_id)
      GROUP BY g.id, g.place, d.destination_id
    ), stored AS (
      INSERT INTO outbox_event (id, account_id, type, at, object, principal)
      SELECT id, account_id, type, at, object, NULLIF(principal, 'null'::jsonb)
      FROM given WHERE id IN (SELECT id FROM matched) ORDER BY place
      ON CONFLICT (id) DO NOTHING RETURNING id
    ), queued AS (
      INSERT INTO event_delivery (destination_id, event_id, created_at, fields)
      SELECT m.destination_id, m.id, ${now}, m.fields FROM matched AS m JOIN stored AS s ON s.id = m.id
      ORDER BY m.place, m.destination_id RETURNING 1
    )
    SELECT count(*)::int AS queued FROM queued`;
  const queued = row?.queued ?? 0;
  if (queued > 0) await db.$executeRaw`SELECT pg_notify(${DELIVERIES_CHANNEL}, '')`;
  return queued;
}

/**
 * Gives up to `limit` destinations that have something to send, and may be tried again, to this sender alone, until
 * `leasedUntil`. A sender that died loses them then.
 */
export function leaseDestinations(
  db: Queries,
  lease: { owner: string; now: Date; leasedUntil: Date; limit: number },
): Promise<{ id: string }[]> {
  return db.$queryRaw<{ id: string }[]>`
    UPDATE event_destination SET lease_owner = ${lease.owner}, leased_until = ${lease.leasedUntil}
    WHERE id IN (
      SELECT d.id FROM event_destination AS d
      WHERE d.paused_at IS NULL AND d.next_attempt_at <= ${lease.now}
        AND (d.leased_until IS NULL OR d.leased_until <= ${lease.now})
        AND EXISTS (SELECT 1 FROM event_delivery AS q WHERE q.destination_id = d.id AND q.state = 'pending')
      ORDER BY d.next_attempt_at LIMIT ${lease.limit} FOR UPDATE OF d SKIP LOCKED)
    RETURNING id`;
}

/** The destination, if this sender still has it and may go on sending. */
export function leasedDestination(db: Queries, id: string, owner: string): Promise<EventDestination | null> {
  return db.eventDestination.findFirst({ where: { id, leaseOwner: owner, pausedAt: null } });
}

/** What waits for a destination, in order. */
export function waitingEvents(db: Queries, destinationId: string, limit: number): Promise<WaitingEvent[]> {
  return db.$queryRaw<WaitingEvent[]>`
    SELECT q.seq, q.attempts, q.created_at AS "queuedAt", e.id, e.account_id AS "accountId", e.type, e.at, e.object,
      e.principal, q.fields
    FROM event_delivery AS q JOIN outbox_event AS e ON e.id = q.event_id
    WHERE q.destination_id = ${destinationId} AND q.state = 'pending' ORDER BY q.seq LIMIT ${limit}`;
}

/** These have arrived: they are forgotten, and so are events that nobody waits for any more. */
export async function markDelivered(
  db: Queries,
  destinationId: string,
  seqs: readonly bigint[],
  at: Date,
): Promise<void> {
  const gone = await db.$queryRaw<{ event_id: string }[]>`
    DELETE FROM event_delivery WHERE seq = ANY(${seqs}::bigint[]) RETURNING event_id`;
  await forgetEvents(
    db,
    gone.map((row) => row.event_id),
  );
  await db.eventDestination.updateMany({
    where: { id: destinationId },
    data: { delivered: { increment: seqs.length }, lastDeliveredAt: at, failures: 0, lastError: null },
  });
}

/** These are given up; their owner may have them sent again. */
export async function markDead(
  db: Queries,
  destinationId: string,
  seqs: readonly bigint[],
  fault: { at: Date; error: string },
): Promise<void> {
  await db.$executeRaw`
    UPDATE event_delivery SET state = 'dead', died_at = ${fault.at}, last_error = ${fault.error},
      attempts = attempts + 1 WHERE seq = ANY(${seqs}::bigint[])`;
  await db.eventDestination.updateMany({
    where: { id: destinationId },
    data: { givenUp: { increment: seqs.length }, lastError: fault.error, lastErrorAt: fault.at },
  });
}

/** An attempt failed: nothing more is sent there before `nextAttemptAt`. */
export async function markFailed(
  db: Queries,
  destinationId: string,
  seqs: readonly bigint[],
  fault: { at: Date; error: string; nextAttemptAt: Date },
): Promise<void> {
  await db.$executeRaw`
    UPDATE event_delivery SET attempts = attempts + 1, last_error = ${fault.error} WHERE seq = ANY(${seqs}::bigint[])`;
  await db.eventDestination.updateMany({
    where: { id: destinationId },
    data: {
      failures: { increment: 1 },
      lastError: fault.error,
      lastErrorAt: fault.at,
      nextAttemptAt: fault.nextAttemptAt,
    },
  });
}

export async function releaseDestination(db: Queries, id: string, owner: string): Promise<void> {
  await db.eventDestination.updateMany({
    where: { id, leaseOwner: owner },
    data: { leaseOwner: null, leasedUntil: null },
  });
}

/** No event is sent while it is paused; what comes meanwhile waits. Null when it is not there. */
export async function pauseDestination(
  db: Queries,
  accountId: string,
  id: string,
  pausedAt: Date | null,
): Promise<EventDestination | null> {
  const data = pausedAt === null ? { pausedAt, nextAttemptAt: new Date(0), failures: 0 } : { pausedAt };
  const [row] = await db.eventDestination.updateManyAndReturn({ where: { accountId, id }, data });
  if (pausedAt === null) await db.$executeRaw`SELECT pg_notify(${DELIVERIES_CHANNEL}, '')`;
  return row ?? null;
}

/** What was given up waits again, behind what waits already. How many. */
export async function reviveDead(db: Queries, destinationId: string, now: Date): Promise<number> {
  const revived = await db.$executeRaw`
    UPDATE event_delivery SET state = 'pending', attempts = 0, died_at = NULL, created_at = ${now},
      seq = nextval('event_delivery_seq_seq') WHERE destination_id = ${destinationId} AND state = 'dead'`;
  if (revived > 0) await db.$executeRaw`SELECT pg_notify(${DELIVERIES_CHANNEL}, '')`;
  return revived;
}

export interface DeliveryCount {
  readonly destinationId: string;
  readonly pending: number;
  readonly dead: number;
}

/** How much waits and how much was given up, for those that have any. */
export function countDeliveries(db: Queries, destinationIds: readonly string[]): Promise<DeliveryCount[]> {
  return db.$queryRaw<DeliveryCount[]>`
    SELECT destination_id AS "destinationId", count(*) FILTER (WHERE state = 'pending')::int AS pending,
      count(*) FILTER (WHERE state = 'dead')::int AS dead
    FROM event_delivery WHERE destination_id = ANY(${[...destinationIds]}) GROUP BY destination_id`;
}

export interface DeadEvent extends WaitingEvent {
  readonly error: string;
  readonly diedAt: Date;
}

/** Newest first. */
export function deadEvents(db: Queries, destinationId: string, limit: number): Promise<DeadEvent[]> {
  return db.$queryRaw<DeadEvent[]>`
    SELECT q.seq, q.attempts, q.created_at AS "queuedAt", e.id, e.account_id AS "accountId", e.type, e.at, e.object,
      e.principal, coalesce(q.last_error, '') AS error, q.died_at AS "diedAt"
    FROM event_delivery AS q JOIN outbox_event AS e ON e.id = q.event_id
    WHERE q.destination_id = ${destinationId} AND q.state = 'dead' ORDER BY q.seq DESC LIMIT ${limit}`;
}

/**
 * Keeps the queues bounded: of each destination the newest `waitingMax` events that wait and `deadMax` that were
 * given up stay, and nothing given up before `diedBefore`. How many were dropped.
 */
export async function trimDeliveries(
  db: Queries,
  bounds: { waitingMax: number; deadMax: number; diedBefore: Date },
): Promise<number> {
  const dropped = await db.$queryRaw<{ destination_id: string; event_id: string; state: string }[]>`
    DELETE FROM event_delivery WHERE seq IN (
      SELECT seq FROM (
        SELECT seq, state, died_at, row_number() OVER (PARTITION BY destination_id, state ORDER BY seq DESC) AS place
        FROM event_delivery WHERE destination_id IN (
          SELECT destination_id FROM event_delivery GROUP BY destination_id, state
          HAVING count(*) > CASE state WHEN 'dead' THEN ${bounds.deadMax}::int ELSE ${bounds.waitingMax}::int END
             OR min(died_at) < ${bounds.diedBefore})
      ) AS ranked
      WHERE (state = 'pending' AND place > ${bounds.waitingMax}::int)
         OR (state = 'dead' AND (place > ${bounds.deadMax}::int OR died_at < ${bounds.diedBefore})))
    RETURNING destination_id, event_id, state::text`;
  const lost = new Map<string, number>();
  for (const { destination_id, state } of dropped) {
    if (state === 'pending') lost.set(destination_id, (lost.get(destination_id) ?? 0) + 1);
  }
  for (const [id, count] of lost) {
    await db.eventDestination.updateMany({ where: { id }, data: { givenUp: { increment: count } } });
  }
  await forgetEvents(
    db,
    dropped.map((row) => row.event_id),
  );
  return dropped.length;
}

/** Events whose destinations were all deleted. */
export async function deleteUnwantedEvents(db: Queries, before: Date): Promise<number> {
  return db.$executeRaw`
    DELETE FROM outbox_event WHERE id IN (
      SELECT e.id FROM outbox_event AS e
      WHERE e.at < ${before} AND NOT EXISTS (SELECT 1 FROM event_delivery AS q WHERE q.event_id = e.id) LIMIT 5000)`;
}

async function forgetEvents(db: Queries, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db.$executeRaw`
    DELETE FROM outbox_event AS e WHERE e.id = ANY(${[...ids]})
      AND NOT EXISTS (SELECT 1 FROM event_delivery AS q WHERE q.event_id = e.id)`;
}
