import { type Command, InvalidArgumentError, Option } from 'commander';
import type { AgentFlags } from '../config/settings.ts';
import { logFormats, logLevels } from '../output/log-writer.ts';

/** The flags of every command that opens endpoints. */
export interface TunnelFlags extends AgentFlags {
  readonly url?: string;
  readonly subdomain?: string;
  readonly hostname?: string;
  readonly domain?: string;
  readonly name?: string;
  readonly description?: string;
  readonly metadata?: string;
}

/** Where the configuration, the token and the log are. */
export function addAgentFlags(command: Command): Command {
  return addConfigFlag(command)
    .option('--authtoken <token>', 'the token to connect with, before environment and configuration')
    .option('--log <where>', 'false, stdout, stderr or a file (default: the screen, or stdout without one)')
    .addOption(new Option('--log-format <format>', 'form of the log lines').choices(logFormats))
    .addOption(new Option('--log-level <level>', 'least level that is logged').choices(logLevels));
}

export function addConfigFlag(command: Command): Command {
  return command.option(
    '--config <file>',
    'configuration file; may be repeated, later ones win',
    (value: string, before: readonly string[] = []) => [...before, value],
  );
}

/** How one endpoint is named and described. */
export function addEndpointFlags(command: Command): Command {
  return command
    .option('--name <name>', 'name of the endpoint', bytesMax(255), 'command_line')
    .option('--description <text>', 'what it is for', bytesMax(255))
    .option('--metadata <text>', 'anything, kept with the endpoint', bytesMax(4096));
}

function bytesMax(limit: number): (value: string) => string {
  return (value) => {
    if (Buffer.byteLength(value) > limit) throw new InvalidArgumentError(`It has at most ${limit} bytes.`);
    return value;
  };
}
