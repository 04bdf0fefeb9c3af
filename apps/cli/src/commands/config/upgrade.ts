import { access, readFile, rename, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { defaultConfigPath, namedPaths, searchPaths } from '../../config/locations.ts';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';

interface UpgradeFlags {
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly relocate?: boolean;
}

/** `portico config upgrade`: version 2 to version 3, with a backup beside it. */
export function upgradeCommand(context: CliContext): Command {
  return new Command('upgrade')
    .description('Brings the configuration file to version 3; the old one is kept beside it.')
    .argument('[version]', 'version to bring it to: 3')
    .option('--config <file>', 'file to upgrade instead of the one in use')
    .option('--dry-run', 'show the result and write nothing')
    .option('--relocate', 'move the file to the default location')
    .action(async (version: string | undefined, flags: UpgradeFlags) => {
      if (version !== undefined && version !== '3') {
        throw new CliError(
          /^[12]$/.test(version)
            ? 'A configuration file is not brought back to an older version.'
            : `There is no version ${version} of the configuration file; the latest is 3.`,
        );
      }
      const path =
        namedPaths(flags.config === undefined ? [] : [flags.config], context.env)[0] ??
        (await firstThere([...searchPaths(context), ...foreignPaths(context)]));
      if (path === undefined) throw new CliError('There is no configuration file to upgrade.');
      const before = await readFile(path, 'utf8').catch(() => {
        throw new CliError(`There is no configuration file ${path}.`);
      });
      const { upgradeConfig } = await import('../../config/upgrade-config.ts');
      const { text, changes } = await upgradeConfig(path, before);
      if (flags.dryRun === true) {
        context.stdout.write(text);
        return;
      }
      for (const change of changes) context.stdout.write(`${change}\n`);
      if (changes.length === 0) context.stdout.write(`Already version 3: ${path}\n`);
      else {
        const backup = `${path}.v2.bak`;
        await writeFile(backup, before, { mode: 0o600 });
        const { replaceFile } = await import('../../config/edit-config.ts');
        await replaceFile(path, text);
        context.stdout.write(`Upgraded to version 3: ${path}\nThe file as it was: ${backup}\n`);
      }
      const target = defaultConfigPath(context);
      if (flags.relocate !== true || path === target) return;
      if ((await firstThere([target])) !== undefined) {
        throw new CliError(`There is a configuration file at ${target} already; nothing was moved.`);
      }
      const { replaceFile } = await import('../../config/edit-config.ts');
      await replaceFile(target, text);
      await rename(path, `${path}.moved`);
      context.stdout.write(`Moved to ${target}\n`);
    });
}

/** Where ngrok's agent keeps its file on this system. */
export function foreignPaths({ env, platform, home }: CliContext): string[] {
  const folder =
    platform === 'darwin'
      ? `${home}/Library/Application Support`
      : platform === 'win32'
        ? (env.LOCALAPPDATA ?? `${home}/AppData/Local`)
        : env.XDG_CONFIG_HOME || `${home}/.config`;
  return [`${folder}/ngrok/ngrok.yml`, `${home}/.ngrok2/ngrok.yml`];
}

export async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path);
      return path;
    } catch {
      // The next one.
    }
  }
  return undefined;
}
