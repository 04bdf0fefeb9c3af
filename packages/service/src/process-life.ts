import { flushCompileCache } from 'node:module';
import { ConfigError } from './environment.ts';
import type { Logger } from './logger.ts';

/** What a server process tells the one that started it, over the IPC channel if there is one. */
export interface ReadyMessage {
  readonly kind: 'ready';
  readonly ports: Readonly<Record<string, number>>;
}

/**
 * The life of a server process: starts it, reports that it is ready, closes it on SIGTERM or SIGINT (a second
 * one ends at once) or when its parent is gone, and ends with exit code 1 on a failed start.
 *
 * @param start resolves when everything serves; `close` drains and settles by itself.
 * @param closeWithinMs what `close` may take before the process ends without it, with exit code 1
 */
export async function runProcess(
  log: Logger,
  start: () => Promise<{ ports: Readonly<Record<string, number>>; close(): Promise<void> }>,
  { closeWithinMs = CLOSE_MS_MAX }: { closeWithinMs?: number } = {},
): Promise<void> {
  let closing = false;
  let close: (() => Promise<void>) | null = null;
  const stop = (reason: string): void => {
    if (closing) process.exit(1);
    closing = true;
    log.info({ reason }, 'stopping');
    // Nothing else keeps a process whose parent is gone from staying for ever.
    setTimeout(() => {
      log.error({ closeWithinMs }, 'stopping takes too long, the rest is left');
      process.exit(1);
    }, closeWithinMs).unref();
    const closed = close === null ? Promise.resolve() : close();
    closed.then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('parent gone'));
  process.on('uncaughtException', (error) => {
    // An error nobody caught leaves unknown state behind: record it, drain, and let the supervisor start afresh.
    log.fatal({ err: error }, 'uncaught error');
    process.exitCode = 1;
    if (closing) process.exit(1);
    stop('uncaught error');
  });
  try {
    const running = await start();
    close = running.close;
    if (closing) return;
    log.info({ ports: running.ports }, 'ready');
    const message: ReadyMessage = { kind: 'ready', ports: running.ports };
    process.send?.(message);
    // Where there is a cache, the next start finds the code compiled, even if this process is killed.
    flushCompileCache();
  } catch (error) {
    const text = error instanceof ConfigError ? error.message : startFailure(error);
    process.stderr.write(`ERROR: ${text}\n`);
    process.send?.({ kind: 'failed', message: text });
    process.exit(1);
  }
}

/** More than the longest drain (X2 and X6 of the reliability rules: 180 s). */
const CLOSE_MS_MAX = 240_000;

/** A sentence for the faults that stop a start and that an operator can mend. */
export function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, port, address, path } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE')
    return `port ${port} on ${address} is taken by another program. Stop it, or choose another port.`;
  if (code === 'EACCES' && port !== undefined)
    return `port ${port} on ${address} needs more rights than this user has.`;
  if (code === 'EADDRNOTAVAIL') return `the address ${address} does not belong to this machine.`;
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return `${path ?? 'a file'} cannot be written by this user.`;
  if (code === 'ENOSPC') return `no space left to write ${path ?? 'a file'}.`;
  return error.message;
}
