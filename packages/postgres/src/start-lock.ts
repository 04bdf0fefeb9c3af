import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { PostgresStartError } from './postgres-start-error.ts';

/**
 * Takes the lock of one data directory and gives back what releases it. A second starter waits for the first and
 * then finds its server running. Throws `locked` after `timeoutMs`.
 *
 * SQLite is here for its file lock only: the kernel drops it when the holder dies, also by kill -9, so there is no
 * stale lock to judge. Node offers no flock of its own.
 */
export async function takeStartLock(file: string, timeoutMs: number): Promise<() => void> {
  const database = new DatabaseSync(file);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return () => database.close();
    } catch (error) {
      if (!isBusy(error)) {
        database.close();
        throw error;
      }
      if (performance.now() >= deadline) {
        database.close();
        throw new PostgresStartError(
          'locked',
          `Another process has been starting this database for too long: ${file}.`,
        );
      }
    }
    await delay(50);
  }
}

const SQLITE_BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
