import { mkdir, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Envelope } from './envelope.ts';
import { DeliveryError, type Sink } from './sink.ts';

const fileBytesMax = 100 * 1024 * 1024;
const olderFiles = 4;

/**
 * Lines of JSON in a file of the server, in a folder of the account's own: a tenant names the file, never a path. At
 * 100 MiB it becomes `NAME.1`; four older ones stay.
 */
export class FileSink implements Sink {
  readonly batchMax = 500;
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  async send(events: readonly Envelope[]): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const path = join(this.#folder, this.#name);
      await this.#rotate(path);
      const file = await open(path, 'a', 0o600);
      try {
        await file.appendFile(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      throw new DeliveryError('failed', `the file cannot be written (${code})`, { cause: error });
    }
  }

  close(): void {}

  async #rotate(path: string): Promise<void> {
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size < fileBytesMax) return;
    for (let age = olderFiles; age >= 1; age -= 1) {
      await rename(age === 1 ? path : `${path}.${age - 1}`, `${path}.${age}`).catch(() => {});
    }
  }
}

/** A plain name: no folder, nothing hidden. */
export function isFileName(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,99}$/.test(text) && !/\.\d+$/.test(text);
}
