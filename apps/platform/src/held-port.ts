import net from 'node:net';
import { getSystemErrorName } from 'node:util';

/**
 * A port that this process keeps for one that it starts, and starts again: bound here, accepted from there alone.
 * Once somebody has listened on it, it goes on taking connections into its queue while nobody serves it.
 */
export interface HeldPort {
  readonly port: number;
  /** To be handed to the process that serves it. */
  readonly fd: number;
  /** Frees the port once nobody else has it; who still waits in its queue is reset then. */
  close(): void;
}

/**
 * @param address an IP address of this machine
 * @returns null where this version of Node has no way to bind without accepting.
 * @throws the error of the system (`EADDRINUSE`, `EACCES`).
 */
export function holdPort(port: number, address: string): HeldPort | null {
  // A `net.Server` would take connections away from whoever serves them. This is what node:cluster shares ports by.
  const bind: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof bind !== 'function') return null;
  const handle: unknown = bind(address, port, net.isIP(address), -1, 0);
  if (typeof handle === 'number') throw systemError(handle, port, address);
  if (!isHandle(handle)) return null;
  const bound: { port?: number } = {};
  // A port that is taken shows here.
  const failure = handle.getsockname(bound);
  if (failure !== 0) {
    handle.close();
    throw systemError(failure, port, address);
  }
  return { port: bound.port ?? port, fd: handle.fd, close: () => handle.close() };
}

interface Handle {
  readonly fd: number;
  getsockname(into: { port?: number }): number;
  close(): void;
}

function isHandle(value: unknown): value is Handle {
  return (
    typeof value === 'object' &&
    value !== null &&
    'fd' in value &&
    typeof value.fd === 'number' &&
    value.fd >= 0 &&
    'getsockname' in value &&
    typeof value.getsockname === 'function' &&
    'close' in value &&
    typeof value.close === 'function'
  );
}

function systemError(errno: number, port: number, address: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`bind ${code} ${address}:${port}`), { code, errno, port, address });
}
