import { accessSync, constants } from 'node:fs';

/**
 * Runs this very command anew in this very process: same id, same arguments, same directory, same terminal, the program
 * as it is on disk now. Never returns.
 */
export type ReplaceProcess = (more: Readonly<Record<string, string>>) => never;

/** Null where there is no way: on Windows, and before Node 22.15. */
export function processReplacement(): ReplaceProcess | null {
  const { execve, execPath, execArgv, argv, argv0, platform } = process;
  if (platform === 'win32' || typeof execve !== 'function') return null;
  // In an executable of one file the second word is that file again.
  const isOneFile = argv[1] === execPath;
  const words = isOneFile ? argv.slice(2) : [...execArgv, ...argv.slice(1)];
  try {
    // A failed call would abort the process; an update may have taken the files away.
    accessSync(execPath, constants.X_OK);
    if (!isOneFile) accessSync(argv[1] ?? '', constants.R_OK);
  } catch {
    return null;
  }
  return (more) => execve.call(process, execPath, [argv0, ...words], { ...process.env, ...more });
}
