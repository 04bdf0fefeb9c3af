import { randomInt } from 'node:crypto';
import {
  createReservedAddr,
  deleteReservedAddr,
  findPortReservation,
  findReservedAddr,
  listReservedPorts,
  type Queries,
  type ReservedAddrRow,
  restName,
  takeHold,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { newId } from '@portico/service';
import type { ApiContext } from '../context.ts';

type Context = Pick<ApiContext, 'config' | 'now'>;

/** From which ports one is chosen where the operator has set no range. */
const defaultRange = { first: 20_000, last: 29_999 };
const triesMax = 50;

/** Keeps a free port for an account; in the caller's transaction. 355 when there is none. */
export async function reserveAddr(
  { config, now }: Context,
  tx: Queries,
  accountId: string,
  wanted: { description: string; metadata: string },
): Promise<ReservedAddrRow> {
  const { first, last } = config.tcp.range ?? defaultRange;
  const at = now();
  const taken = new Set(await listReservedPorts(tx));
  const free = Array.from({ length: last - first + 1 }, (_none, index) => first + index).filter(
    (port) => !taken.has(port),
  );
  const heldUntil = new Date(at.getTime() + config.limits.nameHoldMs);
  for (let tries = 0; tries < triesMax && free.length > 0; tries += 1) {
    const [port = 0] = free.splice(randomInt(free.length), 1);
    // One that is online or rests for another account is passed over; the hold also settles who was first.
    if (!(await takeHold(tx, { name: `tcp/${port}`, accountId, heldUntil }, at))) continue;
    if ((await findPortReservation(tx, port)) !== null) continue;
    return createReservedAddr(tx, accountId, { id: newId('ra', at.getTime()), port, createdAt: at, ...wanted });
  }
  throw new PorticoError(355, { range: `${first} to ${last}` });
}

/** Gives a port up; it rests for its old account for `reservedPortHoldMs`. False when the account has no such row. */
export async function releaseAddr(
  { config, now }: Context,
  tx: Queries,
  accountId: string,
  id: string,
): Promise<boolean> {
  const row = await findReservedAddr(tx, accountId, id);
  if (row === null || !(await deleteReservedAddr(tx, accountId, id))) return false;
  const heldUntil = new Date(now().getTime() + config.limits.reservedPortHoldMs);
  await restName(tx, { name: `tcp/${row.port}`, accountId, heldUntil });
  return true;
}
