import type { Socket } from 'node:net';

/**
 * Holds what is written to the socket until every socket of this event-loop turn was read, then sends it in one
 * system call. `setImmediate` runs after the poll phase; `process.nextTick` would run after each socket.
 */
export function corkForTurn(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  if (corked.push(socket) === 1) setImmediate(uncorkAll);
}

let corked: Socket[] = [];

function uncorkAll(): void {
  const sockets = corked;
  corked = [];
  for (const socket of sockets) socket.uncork();
}
