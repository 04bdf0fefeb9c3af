import type { ReadStream, WriteStream } from 'node:tty';
import type { LocationInput } from './config/locations.ts';

/** What a command sees of the process that it runs in. */
export interface CliContext extends LocationInput {
  readonly version: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Calls `handler` at SIGINT and SIGTERM; the returned function stops that. */
  onSignal(handler: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
}

export type TerminalInput = ReadStream;
export type TerminalOutput = WriteStream;
