import { Command } from 'commander';
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
import { updateCommand } from './commands/update.ts';
import { versionCommand } from './commands/version.ts';
import type { CliContext } from './context.ts';

/** The whole tree of commands, in the order of the help. */
export function addAllCommands(program: Command, context: CliContext, setExitCode: (code: number) => void): void {
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
}
