import { Command } from 'commander';
import { loadConfig } from '../../config/load-config.ts';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';
import { addConfigFlag } from '../tunnel-flags.ts';

/** `portico config check`: is the file valid, and which one is it. */
export function checkCommand(context: CliContext): Command {
  const command = new Command('check').description('Checks the configuration file, unknown keys included.');
  return addConfigFlag(command).action(async (flags: { config?: string[] }) => {
    const { paths } = await loadConfig(flags.config ?? [], context);
    if (paths.length === 0) {
      throw new CliError('There is no configuration file.\nportico config add-authtoken TOKEN makes one.');
    }
    for (const path of paths) context.stdout.write(`Valid configuration file at ${path}\n`);
  });
}
