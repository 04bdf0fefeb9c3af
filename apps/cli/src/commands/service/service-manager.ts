import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';
import { launchdPlist, type ServiceInput, systemdUnit, windowsTask } from './definitions.ts';

const run = promisify(execFile);

/** How this system keeps a program running. */
export interface ServiceManager {
  /** Where the definition is, and what it says. */
  readonly path: string;
  definition(input: ServiceInput): string;
  /** Commands, each a program and its arguments. */
  readonly commands: Readonly<
    Record<'install' | 'uninstall' | 'start' | 'stop' | 'restart', readonly (readonly string[])[]>
  >;
}

export function serviceManager({ platform, home, env }: CliContext, isRoot: boolean): ServiceManager {
  if (platform === 'linux') {
    const scope = isRoot ? 'system' : 'user';
    const folder = isRoot ? '/etc/systemd/system' : join(env.XDG_CONFIG_HOME || join(home, '.config'), 'systemd/user');
    const ctl = isRoot ? ['systemctl'] : ['systemctl', '--user'];
    return {
      path: join(folder, 'portico.service'),
      definition: (input) => systemdUnit(input, scope),
      commands: {
        install: [
          [...ctl, 'daemon-reload'],
          [...ctl, 'enable', 'portico.service'],
        ],
        uninstall: [[...ctl, 'disable', '--now', 'portico.service']],
        start: [[...ctl, 'start', 'portico.service']],
        stop: [[...ctl, 'stop', 'portico.service']],
        restart: [[...ctl, 'restart', 'portico.service']],
      },
    };
  }
  if (platform === 'darwin') {
    const folder = isRoot ? '/Library/LaunchDaemons' : join(home, 'Library/LaunchAgents');
    const path = join(folder, 'portico.agent.plist');
    const domain = isRoot ? 'system' : `gui/${process.getuid?.() ?? 501}`;
    const log = isRoot ? '/var/log/portico.log' : join(home, 'Library/Logs/portico.log');
    return {
      path,
      definition: (input) => launchdPlist(input, log),
      commands: {
        install: [],
        uninstall: [['launchctl', 'bootout', `${domain}/portico.agent`]],
        start: [['launchctl', 'bootstrap', domain, path]],
        stop: [['launchctl', 'bootout', `${domain}/portico.agent`]],
        restart: [['launchctl', 'kickstart', '-k', `${domain}/portico.agent`]],
      },
    };
  }
  if (platform === 'win32') {
    const path = join(env.LOCALAPPDATA ?? home, 'portico', 'portico-task.xml');
    return {
      path,
      definition: windowsTask,
      commands: {
        install: [['schtasks', '/Create', '/TN', 'portico', '/XML', path, '/F']],
        uninstall: [['schtasks', '/Delete', '/TN', 'portico', '/F']],
        start: [['schtasks', '/Run', '/TN', 'portico']],
        stop: [['schtasks', '/End', '/TN', 'portico']],
        restart: [
          ['schtasks', '/End', '/TN', 'portico'],
          ['schtasks', '/Run', '/TN', 'portico'],
        ],
      },
    };
  }
  throw new CliError(`There is no service manager known for ${platform}.`);
}

/** Task Scheduler reads UTF-16 only. */
export async function writeDefinition(manager: ServiceManager, text: string, platform: NodeJS.Platform): Promise<void> {
  try {
    await mkdir(dirname(manager.path), { recursive: true });
    await writeFile(manager.path, platform === 'win32' ? Buffer.from(`\ufeff${text}`, 'utf16le') : text, {
      mode: 0o644,
    });
  } catch (error) {
    throw new CliError(`${manager.path} cannot be written: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

export async function removeDefinition(manager: ServiceManager): Promise<void> {
  await rm(manager.path, { force: true });
}

/** Runs the commands of one verb in order. Throws a CliError with what the first failing one said. */
export async function runVerb(manager: ServiceManager, verb: keyof ServiceManager['commands']): Promise<void> {
  for (const [program = '', ...args] of manager.commands[verb]) {
    try {
      await run(program, args);
    } catch (error) {
      const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
      throw new CliError(`"${[program, ...args].join(' ')}" failed: ${said || String(error)}`);
    }
  }
}
