import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { CliError } from '../output/cli-error.ts';

interface BuildClientFlags {
  readonly server: string;
  readonly ca: string;
  readonly out: string;
  readonly target?: string;
  readonly name: string;
}

/** `portico build-client`: an operator's own clients, with the server and its root inside. */
export function buildClientCommand(context: CliContext): Command {
  return new Command('build-client')
    .description('Builds clients that know your server and no other; their users need a token only.')
    .requiredOption('--server <host:port>', 'connect port of your server')
    .requiredOption('--ca <file>', 'its root certificate, PEM')
    .option('--target <targets>', 'linux-x64, linux-arm64, darwin-arm64, darwin-x64, win-x64; all without it')
    .option('--name <name>', 'name of the command', 'portico')
    .option('--out <folder>', 'where they are written', 'portico-clients')
    .action(async (flags: BuildClientFlags) => {
      const { AgentError, parseConnectUrl } = await import('@portico/agent');
      let connectUrl: string;
      try {
        connectUrl = parseConnectUrl(flags.server).text;
      } catch (error) {
        throw error instanceof AgentError ? new CliError(error.message) : error;
      }
      const ca = await readFile(flags.ca, 'utf8').catch(() => {
        throw new CliError(`The CA file ${flags.ca} cannot be read.`);
      });
      if (!ca.includes('-----BEGIN CERTIFICATE-----') || ca.includes('PRIVATE KEY')) {
        throw new CliError(`The CA file ${flags.ca} is not a PEM certificate alone.`);
      }
      if (!/^[a-z0-9][a-z0-9._-]{0,40}$/i.test(flags.name))
        throw new CliError(`"${flags.name}" is no name of a command.`);
      const build = await import('../../packaging/build-client.ts').catch(() => {
        throw new CliError('Clients are built from a checkout of Portico: run ./portico build-client there.');
      });
      const chosen = flags.target?.split(',').map((each) => each.trim());
      const unknown = chosen?.find((each) => !build.targets.some((target) => target === each));
      if (unknown !== undefined)
        throw new CliError(`There is no target ${unknown}; there are ${build.targets.join(', ')}.`);
      const targets = build.targets.filter((target) => chosen?.includes(target) ?? true);
      const say = (line: string): void => {
        context.stdout.write(`${line}\n`);
      };
      await build.buildClients({
        operator: { connectUrl, ca },
        folder: resolve(flags.out),
        targets,
        name: flags.name,
        say,
      });
    });
}
