import { readFileSync } from 'node:fs';
import { type LocationInput, ownLocation } from './config/locations.ts';
import { packagedVersion } from './packaged.ts';
import { processReplacement, type ReplaceProcess } from './process-image.ts';
import { takeOverVariable } from './tunnels/take-over.ts';

/** What a command sees of the process that it runs in. */
export interface CliContext extends LocationInput {
  readonly version: string;
  /** About flags of earlier versions that were given; shown once the command does something. */
  readonly notices: readonly string[];
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** From the same command in this process before it was restarted; undefined at a first start. */
  readonly takeOver: string | undefined;
  /** Asked for when it is needed: what is on disk may change. */
  replacement(): ReplaceProcess | null;
  /** Calls `handler` at SIGINT and SIGTERM; the returned function stops that. */
  onSignal(handler: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
}

export function processContext(): CliContext {
  const takeOver = process.env[takeOverVariable];
  // Programs that this one starts have no business with it.
  delete process.env[takeOverVariable];
  return {
    ...ownLocation(),
    takeOver,
    replacement: processReplacement,
    version: readVersion(),
    notices: [],
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onSignal: (handler) => {
      const onInt = (): void => handler('SIGINT');
      const onTerm = (): void => handler('SIGTERM');
      process.on('SIGINT', onInt);
      process.on('SIGTERM', onTerm);
      return () => {
        process.off('SIGINT', onInt);
        process.off('SIGTERM', onTerm);
      };
    },
  };
}

/** The product has one version, the root package's. */
function readVersion(): string {
  if (packagedVersion !== null) return packagedVersion;
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? '0.0.0';
}
