import { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';
import { configPathToWrite } from './add-authtoken.ts';

/** `portico config add-api-key KEY`: for `portico api`. */
export function addApiKeyCommand(context: CliContext): Command {
  return new Command('add-api-key')
    .description('Saves the API key that portico api uses.')
    .argument('<key>', 'from the dashboard of your server')
    .option('--config <file>', 'file to write instead of the default one')
    .action(async (key: string, flags: { config?: string }) => {
      if (!/^[\x21-\x7e]{1,512}$/.test(key)) {
        throw new CliError('An API key has no spaces and no special characters. Copy it again from the dashboard.');
      }
      const path = configPathToWrite(flags.config, context);
      const { editConfig } = await import('../../config/edit-config.ts');
      await editConfig(path, [{ version3: 'api_key', version2: 'api_key', value: key }]);
      context.stdout.write(`API key saved to configuration file: ${path}\n`);
    });
}
