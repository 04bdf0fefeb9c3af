import { readFileSync } from 'node:fs';
import { ownLocation } from './config/locations.ts';
import type { CliContext } from './context.ts';
import { runCli } from './program.ts';

const context: CliContext = {
  ...ownLocation(),
  version: readVersion(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  onSignal: (handler) => {
    const onInt = (): void => handler('SIGINT');
    const onTerm = (): void => handler('SIGTERM');
    process.on('SIGINT', onInt);
    process.on('SIGTERM', onTerm);
    return () => {
      process.off('SIGINT', onInt);
      process.off('SIGTERM', onTerm);
    };
  },
};

process.exitCode = await runCli(process.argv.slice(2), context);
// Nothing should be left that keeps the process alive; if something is, it must not keep the person waiting.
setTimeout(() => process.exit(), 1000).unref();

/** The product has one version, the root package's; the CLI runs from the checkout. */
function readVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? '0.0.0';
}
