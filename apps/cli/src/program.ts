import { Command, CommanderError } from 'commander';
import { apiCommand } from './commands/api.ts';
import { authtokenCommand } from './commands/authtoken.ts';
import { buildClientCommand } from './commands/build-client.ts';
import { completionCommand } from './commands/completion.ts';
import { addApiKeyCommand } from './commands/config/add-api-key.ts';
import { addAuthtokenCommand } from './commands/config/add-authtoken.ts';
import { addConnectUrlCommand } from './commands/config/add-connect-url.ts';
import { checkCommand } from './commands/config/check.ts';
import { editCommand } from './commands/config/edit.ts';
import { upgradeCommand } from './commands/config/upgrade.ts';
import { diagnoseCommand } from './commands/diagnose.ts';
import { httpCommand } from './commands/http.ts';
import { serviceCommand } from './commands/service/service.ts';
import { startCommand } from './commands/start.ts';
import { tcpCommand } from './commands/tcp.ts';
import { tlsCommand } from './commands/tls.ts';
import { olderFlagNotices, spellOutBooleans } from './commands/tunnel-flags.ts';
import { updateCommand } from './commands/update.ts';
import { versionCommand } from './commands/version.ts';
import type { CliContext } from './context.ts';
import { CliError, formatCliError } from './output/cli-error.ts';
import { explainUsageError, refuseSingleDash } from './usage-errors.ts';

/**
 * Runs one command line and resolves with its exit code: 0 when it did what it should or was asked to stop, 1 for
 * everything else, with `ERROR:` lines on stderr.
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const result: { code: number } = { code: 0 };
  const program = buildProgram({ ...context, notices: olderFlagNotices(args) }, (code) => {
    result.code = code;
  });
  try {
    refuseSingleDash(args, program);
    await program.parseAsync(spellOutBooleans(args), { from: 'user' });
    return result.code;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are "errors" of commander, with exit code 0.
      if (error.exitCode === 0) return 0;
      // A command of commands was named alone.
      if (error.code === 'commander.help') {
        namedCommand(program, args).outputHelp();
        return 0;
      }
      context.stderr.write(`${formatCliError(explainUsageError(error, args), null)}\n`);
      return 1;
    }
    if (error instanceof CliError) {
      context.stderr.write(`${formatCliError(error.message, error.code)}\n`);
      return 1;
    }
    context.stderr.write(
      `${formatCliError(`portico failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, null)}\n`,
    );
    return 1;
  }
}

/** The tree of commands; `setExitCode` takes what a command that ran to its end wants to exit with. */
export function buildProgram(context: CliContext, setExitCode: (code: number) => void): Command {
  const program = new Command('portico')
    .description('Gives a service on this machine a public URL, through a server that you or your team run.')
    .version(`portico version ${context.version}`, '--version', 'print the version')
    .helpCommand('help [command]', 'tell what a command does')
    .helpOption('-h, --help', 'tell what a command does')
    .addHelpText(
      'after',
      `
Examples:
  portico http 3000                        a random https URL for localhost:3000
  portico http 3000 --subdomain demo       https://demo.<base domain of the server>
  portico tcp 22                           a public port for ssh
  portico config add-connect-url connect.example.com:443 --ca-sha256 FINGERPRINT`,
    );
  const config = new Command('config').description('Reads and writes the configuration file.');
  for (const command of [
    addAuthtokenCommand,
    addApiKeyCommand,
    addConnectUrlCommand,
    checkCommand,
    editCommand,
    upgradeCommand,
  ])
    config.addCommand(command(context));
  for (const command of [httpCommand, tcpCommand, tlsCommand, startCommand, diagnoseCommand])
    program.addCommand(command(context, setExitCode));
  program.addCommand(apiCommand(context));
  program.addCommand(config);
  program.addCommand(serviceCommand(context));
  program.addCommand(completionCommand(context));
  program.addCommand(buildClientCommand(context));
  program.addCommand(updateCommand(context));
  program.addCommand(authtokenCommand(context), { hidden: true });
  program.addCommand(versionCommand(context));
  forEachCommand(program, (command) => {
    // Each command needs its own: they are not inherited by commands that were built apart.
    command.exitOverride().configureOutput({
      writeOut: (text) => context.stdout.write(text),
      // Errors are shown once, by runCli, in our form.
      writeErr: () => {},
    });
  });
  return program;
}

/** The innermost command that the arguments name. */
function namedCommand(program: Command, args: readonly string[]): Command {
  let named = program;
  for (const arg of args)
    named = named.commands.find((each) => each.name() === arg || each.aliases().includes(arg)) ?? named;
  return named;
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}
