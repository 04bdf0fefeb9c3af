import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Most of the start would be spent on stripping types; kept from one start to the next it is four times faster. In a
// directory of this user's own: whoever can write there decides what runs. Without one it is only slower.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'portico', 'compiled'));

const { runCli } = await import('./program.ts');
const { processContext } = await import('./context.ts');

process.exitCode = await runCli(process.argv.slice(2), processContext());
// Nothing should be left that keeps the process alive; if something is, it must not keep the person waiting.
setTimeout(() => process.exit(), 1000).unref();
