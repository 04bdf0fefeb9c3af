import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { namedPaths, searchPaths } from '../../config/locations.ts';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';
import { configPathToWrite } from './add-authtoken.ts';
import { firstThere } from './upgrade.ts';

/** `portico config edit`: opens the file in an editor, a wrong one too. */
export function editCommand(context: CliContext): Command {
  return new Command('edit')
    .description('Opens the configuration file in $EDITOR.')
    .option('--config <file>', 'file to edit instead of the one in use')
    .action(async (flags: { config?: string }) => {
      const named = namedPaths(flags.config === undefined ? [] : [flags.config], context.env)[0];
      const path = named ?? (await firstThere(searchPaths(context))) ?? configPathToWrite(undefined, context);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      // Made when it is not there; a file that is there is left as it is.
      await writeFile(path, 'version: 3\nagent: {}\n', { flag: 'wx', mode: 0o600 }).catch(() => {});
      const editor = context.env.VISUAL || context.env.EDITOR || (context.platform === 'win32' ? 'notepad' : 'nano');
      const [command = '', ...args] = editor.split(' ').filter((word) => word !== '');
      const code = await new Promise<number | null>((resolve, reject) => {
        const child = spawn(command, [...args, path], { stdio: 'inherit' });
        child.once('error', () =>
          reject(new CliError(`The editor "${command}" cannot be started. Name one in EDITOR.`)),
        );
        child.once('exit', resolve);
      });
      if (code !== 0) throw new CliError(`The editor ended with exit code ${code ?? 'none'}; the file is ${path}.`);
      const { loadConfig } = await import('../../config/load-config.ts');
      await loadConfig([path], context);
      context.stdout.write(`Valid configuration file at ${path}\n`);
    });
}
