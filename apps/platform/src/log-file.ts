import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

const SIZE_BYTES_MAX = 16 * 1024 * 1024;

/** A log file that keeps itself and one predecessor (`.1`) below 16 MiB each. A full disk loses lines, nothing else. */
export class LogFile {
  readonly path: string;
  #descriptor: number;
  #sizeBytes: number;

  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, 'a', 0o600);
    this.#sizeBytes = statSync(path).size;
  }

  write(chunk: Buffer): void {
    try {
      if (this.#sizeBytes > SIZE_BYTES_MAX) this.#rotate();
      this.#sizeBytes += writeSync(this.#descriptor, chunk);
    } catch {
      // No space: the processes go on without their log.
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #rotate(): void {
    closeSync(this.#descriptor);
    renameSync(this.path, `${this.path}.1`);
    this.#descriptor = openSync(this.path, 'a', 0o600);
    this.#sizeBytes = 0;
  }
}
