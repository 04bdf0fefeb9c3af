import type { Queries } from '../database.ts';
import type { LifecycleEvent, Prisma } from '../generated/client.ts';

export type LifecycleEventRow = LifecycleEvent;

export interface NewLifecycleEvent {
  readonly id: string;
  readonly type: string;
  readonly at: Date;
  readonly accountId: string | null;
  readonly nodeId: string;
  readonly object: Prisma.InputJsonObject;
}

/** An event whose id is there already is left as it is. */
export async function addEvents(db: Queries, events: readonly NewLifecycleEvent[]): Promise<void> {
  if (events.length === 0) return;
  await db.lifecycleEvent.createMany({ data: [...events], skipDuplicates: true });
}

/** Newest first. */
export function listRecentEvents(db: Queries, accountId: string, limit: number): Promise<LifecycleEventRow[]> {
  return db.lifecycleEvent.findMany({
    where: { accountId },
    orderBy: [{ at: 'desc' }, { id: 'desc' }],
    take: limit,
  });
}

/**
 * Whether an agent ever had an endpoint of this account online, as far as is remembered; one at `exceptHost` does not
 * count.
 */
export async function hasHadEndpoint(db: Queries, accountId: string, exceptHost: string): Promise<boolean> {
  const except = `%://${exceptHost}%`;
  const [row] = await db.$queryRaw<{ had: boolean }[]>`
    SELECT EXISTS (
      SELECT 1 FROM lifecycle_event WHERE account_id = ${accountId} AND type = 'endpoint_start.v0'
        AND coalesce(object->>'url', '') NOT LIKE ${except}
    ) OR EXISTS (
      SELECT 1 FROM usage AS u WHERE account_id = ${accountId} AND url NOT LIKE ${except}
        AND NOT EXISTS (SELECT 1 FROM cloud_endpoint AS c WHERE c.id = u.endpoint_id)
    ) AS had`;
  return row?.had === true;
}

export async function deleteEventsBefore(db: Queries, before: Date): Promise<number> {
  const { count } = await db.lifecycleEvent.deleteMany({ where: { at: { lt: before } } });
  return count;
}
