import { Command } from 'commander';
import type { AgentFlags } from '../config/settings.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../output/cli-error.ts';
import { addAgentFlags } from './tunnel-flags.ts';

interface StartFlags extends AgentFlags {
  readonly metadata?: string;
  readonly all?: boolean;
  readonly none?: boolean;
}

/** `portico start NAME…`: endpoints that the configuration file describes. */
export function startCommand(context: CliContext, setExitCode: (code: number) => void): Command {
  const command = new Command('start')
    .description('Opens endpoints of the configuration file.')
    .argument('[names...]', 'which of them')
    .option('--all', 'all of them')
    .option('--none', 'none: connect and wait for the local API')
    .option('--metadata <text>', 'anything, kept with the session');
  addAgentFlags(command);
  return command.action(async (names: string[], flags: StartFlags) => {
    if (names.length === 0 && flags.all !== true && flags.none !== true) {
      throw new CliError('Nothing to start: name endpoints of the configuration file, or give --all or --none.');
    }
    if (names.length > 0 && (flags.all === true || flags.none === true)) {
      throw new CliError('Give either names or --all or --none.');
    }
    const { runConfigured } = await import('./run-tunnel.ts');
    const which = flags.all === true ? 'all' : names;
    setExitCode(await runConfigured(which, { ...flags, ...sessionMetadata(flags) }, context));
  });
}

function sessionMetadata({ metadata }: StartFlags): { sessionMetadata?: string } {
  return metadata === undefined ? {} : { sessionMetadata: metadata };
}
