import { Command } from 'commander';
import type { CliContext } from '../context.ts';

/** `portico version`. */
export function versionCommand(context: CliContext): Command {
  return new Command('version').description('Prints the version.').action(() => {
    context.stdout.write(`portico version ${context.version}\n`);
  });
}
