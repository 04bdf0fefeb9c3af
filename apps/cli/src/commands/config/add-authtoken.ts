import { resolve } from 'node:path';
import { Command } from 'commander';
import { defaultConfigPath } from '../../config/locations.ts';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';

/** `portico config add-authtoken TOKEN`. */
export function addAuthtokenCommand(context: CliContext): Command {
  return new Command('add-authtoken')
    .description('Saves the authtoken that agents connect with.')
    .argument('<token>', 'from the dashboard of your server')
    .option('--config <file>', 'file to write instead of the default one')
    .action(async (token: string, flags: { config?: string }) => {
      if (!/^[\x21-\x7e]{1,512}$/.test(token)) {
        throw new CliError('An authtoken has no spaces and no special characters. Copy it again from the dashboard.', {
          code: 'ERR_NGROK_105',
        });
      }
      const path = configPathToWrite(flags.config, context);
      const { editConfig } = await import('../../config/edit-config.ts');
      await editConfig(path, [{ version3: 'authtoken', version2: 'authtoken', value: token }]);
      context.stdout.write(`Authtoken saved to configuration file: ${path}\n`);
    });
}

/** The file that `config add-…` writes: the one named by flag or PORTICO_CONFIG, else the person's own. */
export function configPathToWrite(flag: string | undefined, context: CliContext): string {
  const named = flag ?? context.env.PORTICO_CONFIG;
  if (named === undefined || named === '') return defaultConfigPath(context);
  if (named.includes(','))
    throw new CliError('Several configuration files are named; say by --config which one to write.');
  return resolve(named);
}
