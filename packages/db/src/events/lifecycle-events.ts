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

export async function deleteEventsBefore(db: Queries, before: Date): Promise<number> {
  const { count } = await db.lifecycleEvent.deleteMany({ where: { at: { lt: before } } });
  return count;
}
