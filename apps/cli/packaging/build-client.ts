import { join } from 'node:path';
import { cliRoot } from './bundle.ts';
import { buildExecutables, type Operator } from './executables.ts';
import { type Target, targets } from './runtimes.ts';

export { type Target, targets };

/** Clients that know one server and no other. */
export function buildClients(options: {
  readonly operator: Operator;
  readonly folder: string;
  readonly targets: readonly Target[];
  readonly name: string;
  say(line: string): void;
}): Promise<string[]> {
  return buildExecutables({ ...options, cache: join(cliRoot, 'dist/.runtimes') });
}
