/**
 * `npm start`: Portico, whole, on this machine. Arguments, if any, are those of a `portico` command that opens a
 * tunnel as well: `npm start -- http 3000 --subdomain demo`.
 */
import { join } from 'node:path';
import { PostgresStartError } from '@portico/postgres';
import { ConfigError } from '@portico/service';
import { readConfig } from './config.ts';
import { StartError } from './data-directory.ts';
import { type RunningPlatform, startPlatform } from './platform.ts';
import { createScreen } from './screen.ts';

const checkout = join(import.meta.dirname, '../../..');
const words = process.argv.slice(2);
const screen = createScreen(process.stdout, process.env);

let platform: RunningPlatform | null = null;
let signals = 0;
const aborts: (() => void)[] = [];
const stop = (): void => {
  signals += 1;
  if (signals > 1) {
    for (const abort of aborts) abort();
    process.exit(1);
  }
  process.stdout.write('\nstopping: open requests finish first (Ctrl+C again ends at once)\n');
  // A start under way ends at its next step, since every part it adds is closed with the others.
  const closed = platform === null ? starting.then((running) => running?.close()) : platform.close();
  closed.then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
process.on('SIGHUP', stop);
// The bootstrap that started this process was killed.
process.on('disconnect', stop);

const starting = start();
platform = await starting;

async function start(): Promise<RunningPlatform | null> {
  try {
    if (words.length > 0 && !['http', 'tcp', 'tls'].includes(words[0] ?? '')) {
      throw new StartError(
        `npm start takes a tunnel to open, such as: npm start -- http 3000 --subdomain demo (not ${words[0]})`,
      );
    }
    return await startPlatform(readConfig(process.env, checkout), { screen, tunnel: words, aborts });
  } catch (error) {
    if (!(error instanceof StartError || error instanceof ConfigError || error instanceof PostgresStartError))
      throw error;
    process.stderr.write(`\nERROR: ${error.message}\n`);
    process.exit(1);
  }
}
