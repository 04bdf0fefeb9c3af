import type { Queries } from '../database.ts';
import type { ReservedAddr } from '../generated/client.ts';
import { asPage, beforeCursor, type Page, type PageRequest, pageArguments } from '../page.ts';

export type ReservedAddrRow = ReservedAddr;

export interface NewReservedAddr {
  readonly id: string;
  readonly port: number;
  readonly description: string;
  readonly metadata: string;
  readonly createdAt: Date;
}

export interface ReservedAddrChanges {
  readonly description?: string;
  readonly metadata?: string;
}

/** Throws a conflict (see `databaseFault`) when any account has the port. */
export function createReservedAddr(db: Queries, accountId: string, fields: NewReservedAddr): Promise<ReservedAddrRow> {
  return db.reservedAddr.create({ data: { ...fields, accountId } });
}

export async function listReservedAddrs(
  db: Queries,
  accountId: string,
  page: PageRequest,
): Promise<Page<ReservedAddrRow>> {
  const rows = await db.reservedAddr.findMany({ where: { accountId, ...beforeCursor(page) }, ...pageArguments(page) });
  return asPage(rows, page);
}

export function findReservedAddr(db: Queries, accountId: string, id: string): Promise<ReservedAddrRow | null> {
  return db.reservedAddr.findFirst({ where: { id, accountId } });
}

export async function updateReservedAddr(
  db: Queries,
  accountId: string,
  id: string,
  changes: ReservedAddrChanges,
): Promise<ReservedAddrRow | null> {
  const [row] = await db.reservedAddr.updateManyAndReturn({ where: { id, accountId }, data: { ...changes } });
  return row ?? null;
}

/** False when it is not there. */
export async function deleteReservedAddr(db: Queries, accountId: string, id: string): Promise<boolean> {
  const { count } = await db.reservedAddr.deleteMany({ where: { id, accountId } });
  return count === 1;
}

/** Whoever keeps this port, of whatever account. */
export function findPortReservation(db: Queries, port: number): Promise<ReservedAddrRow | null> {
  return db.reservedAddr.findUnique({ where: { port } });
}

/** All ports that anybody keeps: nobody is to get one of them by chance. */
export async function listReservedPorts(db: Queries): Promise<number[]> {
  const rows = await db.reservedAddr.findMany({ select: { port: true }, take: 65_535 });
  return rows.map((row) => row.port);
}

/** An account's own reservations of these ports. */
export function findReservedAddrs(
  db: Queries,
  accountId: string,
  ports: readonly number[],
): Promise<ReservedAddrRow[]> {
  return db.reservedAddr.findMany({ where: { accountId, port: { in: [...ports] } } });
}
