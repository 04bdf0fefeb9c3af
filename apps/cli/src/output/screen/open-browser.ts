import { spawn } from 'node:child_process';
import type { CliContext } from '../../context.ts';

/** Asks the system to show a page; nothing happens where there is no way to. */
export function openBrowser(url: string, { platform, env }: CliContext): void {
  // Over ssh a browser would open on the wrong screen, if at all.
  if (env.SSH_CONNECTION !== undefined && env.SSH_CONNECTION !== '') return;
  const [command, ...args] =
    platform === 'darwin'
      ? ['open', url]
      : platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url];
  if (command === undefined) return;
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
