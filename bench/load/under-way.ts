import type { Socket } from 'node:net';

/** What ends the connections of the load that runs. One load runs at a time. */
const ends = new Set<() => void>();

/** A connection of a load, which `endLoad` ends if it is still there. */
export function underWay<T extends Socket>(socket: T): T {
  const end = (): void => void socket.destroy();
  ends.add(end);
  socket.once('close', () => ends.delete(end));
  return socket;
}

/** Ends every connection of a load that took too long: what waits for them fails, and so the load is over. */
export function endLoad(): void {
  for (const end of ends) end();
}
