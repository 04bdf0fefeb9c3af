import { resolve } from 'node:path';
import { isSea } from 'node:sea';
import { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';

const verbs = ['start', 'stop', 'restart', 'uninstall'] as const;
const texts: Record<(typeof verbs)[number], string> = {
  start: 'Starts the service.',
  stop: 'Stops the service.',
  restart: 'Stops the service and starts it again.',
  uninstall: 'Stops the service and takes it out of the system.',
};

/** `portico service …`: keeps `portico start --all` running, from boot on. */
export function serviceCommand(context: CliContext): Command {
  const service = new Command('service').description('Runs the endpoints of the configuration file as a service.');
  service.addCommand(installCommand(context));
  for (const verb of verbs) {
    service.addCommand(
      new Command(verb).description(texts[verb]).action(async () => {
        const { removeDefinition, runVerb, serviceManager } = await import('./service-manager.ts');
        const manager = serviceManager(context, process.getuid?.() === 0);
        await runVerb(manager, verb);
        if (verb === 'uninstall') await removeDefinition(manager);
        context.stdout.write(`${verb}: done\n`);
      }),
    );
  }
  return service;
}

function installCommand(context: CliContext): Command {
  return new Command('install')
    .description('Checks the configuration file and puts the service into the system.')
    .requiredOption('--config <file>', 'configuration file; every endpoint in it is started')
    .option('--print', 'print the definition and change nothing')
    .action(async (flags: { config: string; print?: boolean }) => {
      const configPath = resolve(flags.config);
      const { loadConfig } = await import('../../config/load-config.ts');
      const { config } = await loadConfig([configPath], context);
      if (config.endpoints.size === 0) throw new CliError(`${configPath} describes no endpoint to start.`);
      const { wantedEndpoints } = await import('../../tunnels/wanted-endpoint.ts');
      for (const endpoint of config.endpoints.values()) await wantedEndpoints(endpoint);
      const { runVerb, serviceManager, writeDefinition } = await import('./service-manager.ts');
      const manager = serviceManager(context, process.getuid?.() === 0);
      const text = manager.definition({ command: ownCommand(), configPath });
      if (flags.print === true) {
        context.stdout.write(text);
        return;
      }
      await writeDefinition(manager, text, context.platform);
      await runVerb(manager, 'install');
      context.stdout.write(`Service written to ${manager.path}\nStart it: portico service start\n`);
    });
}

/** What starts this very program. */
function ownCommand(): string[] {
  const script = process.argv[1];
  return isSea() || script === undefined ? [process.execPath] : [process.execPath, resolve(script)];
}
