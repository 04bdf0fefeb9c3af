import { createWriteStream, fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** Where log lines go. Writing never waits and never throws: traffic is worth more than its log. */
export interface LogSink {
  write(line: string): void;
  /** Lines that were dropped because nobody took them in time. */
  readonly dropped: number;
  /** Resolves when what was taken is written, or after a moment if nobody takes it. Nothing may be written after it. */
  close(): Promise<void>;
  /** The same, with stdout and stderr left open for whoever has them next. */
  flush(): Promise<void>;
}

/** What may wait for a slow reader. */
const waitingBytesMax = 1_048_576;
const closeTimeoutMs = 500;

export function silentSink(): LogSink {
  return { write: () => {}, dropped: 0, close: () => Promise.resolve(), flush: () => Promise.resolve() };
}

/** Stdout or stderr of this process. */
export function standardSink(fd: 1 | 2, stream: Writable): LogSink {
  if (isPipe(fd)) {
    // process.stdout writes to a pipe synchronously: a reader that stops reading would stop the tunnel with it.
    return new StreamSink(new Socket({ fd, readable: false, writable: true }));
  }
  if (isFile(fd)) return new FileSink(fd);
  return new StreamSink(stream, false);
}

/** A file that is appended to. Throws when it cannot be opened. */
export async function fileSink(path: string): Promise<LogSink> {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', reject);
  });
  return new StreamSink(stream);
}

class StreamSink implements LogSink {
  readonly #stream: Writable;
  readonly #ownsStream: boolean;
  #isBroken = false;
  #dropped = 0;

  constructor(stream: Writable, ownsStream = true) {
    this.#stream = stream;
    this.#ownsStream = ownsStream;
    // The reader went away or the disk is full.
    stream.on('error', () => {
      this.#isBroken = true;
    });
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#isBroken || this.#stream.writableLength > waitingBytesMax) this.#dropped += 1;
    else this.#stream.write(line);
  }

  close(): Promise<void> {
    return this.#settled(this.#ownsStream);
  }

  flush(): Promise<void> {
    return this.#settled(false);
  }

  #settled(ends: boolean): Promise<void> {
    if (this.#isBroken) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        if (ends) this.#stream.destroy();
        resolve();
      }, closeTimeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#stream.once('error', done);
      if (ends) this.#stream.end(done);
      else this.#stream.write('', done);
    });
  }
}

class FileSink implements LogSink {
  readonly #fd: number;
  dropped = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    try {
      writeSync(this.#fd, line);
    } catch {
      this.dropped += 1;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}

function isPipe(fd: number): boolean {
  const stat = statOrNull(fd);
  return stat !== null && (stat.isFIFO() || stat.isSocket());
}

function isFile(fd: number): boolean {
  return statOrNull(fd)?.isFile() ?? false;
}

function statOrNull(fd: number): ReturnType<typeof fstatSync> | null {
  try {
    return fstatSync(fd);
  } catch {
    return null;
  }
}
