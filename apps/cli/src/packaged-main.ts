import { processContext } from './context.ts';
import { runCli } from './program.ts';

/** The entry of the package and of the executables: bundles of this kind cannot wait at top level. */
async function main(): Promise<void> {
  process.exitCode = await runCli(process.argv.slice(2), processContext());
  // Nothing should be left that keeps the process alive; if something is, it must not keep the person waiting.
  setTimeout(() => process.exit(), 1000).unref();
}

void main();
