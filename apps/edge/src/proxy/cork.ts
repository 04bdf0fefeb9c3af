import type { Socket } from 'node:net';
import { TurnEnd } from '@portico/muxado';

/**
 * Holds what is written to the socket until every socket of this event-loop turn was read, then sends it in one
 * system call; where a single visitor is all there is, only until the current callback is over (`TurnEnd`).
 */
export function corkForTurn(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  if (corked.push(socket) === 1) turnEnd.schedule(uncorkAll);
}

const turnEnd = new TurnEnd();
let corked: Socket[] = [];

function uncorkAll(): void {
  const sockets = corked;
  corked = [];
  turnEnd.found(sockets.length, sockets[0]?.writableLength ?? 0);
  for (const socket of sockets) socket.uncork();
}
