import { Command, CommanderError } from 'commander';
import { olderFlagNotices, spellOutBooleans } from './commands/tunnel-flags.ts';
import type { CliContext } from './context.ts';
import { CliError, formatCliError } from './output/cli-error.ts';
import { explainUsageError, refuseSingleDash } from './usage-errors.ts';

/**
 * Runs one command line and resolves with its exit code: 0 when it did what it should or was asked to stop, 1 for
 * everything else, with `ERROR:` lines on stderr.
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  const result: { code: number } = { code: 0 };
  const program = await buildProgram(args, { ...context, notices: olderFlagNotices(args) }, (code) => {
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
async function buildProgram(
  args: readonly string[],
  context: CliContext,
  setExitCode: (code: number) => void,
): Promise<Command> {
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
  await addCommands(program, args[0], context, setExitCode);
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

/** The commands that people wait for are loaded alone; every other word, and none, brings all of them. */
async function addCommands(
  program: Command,
  first: string | undefined,
  context: CliContext,
  setExitCode: (code: number) => void,
): Promise<void> {
  switch (first) {
    case 'http':
      program.addCommand((await import('./commands/http.ts')).httpCommand(context, setExitCode));
      return;
    case 'tcp':
      program.addCommand((await import('./commands/tcp.ts')).tcpCommand(context, setExitCode));
      return;
    case 'tls':
      program.addCommand((await import('./commands/tls.ts')).tlsCommand(context, setExitCode));
      return;
    case 'start':
      program.addCommand((await import('./commands/start.ts')).startCommand(context, setExitCode));
      return;
    case 'version':
      program.addCommand((await import('./commands/version.ts')).versionCommand(context));
      return;
    default:
      (await import('./all-commands.ts')).addAllCommands(program, context, setExitCode);
  }
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
