import { join } from 'node:path';
import { cliRoot } from './bundle.ts';
import { buildExecutables } from './executables.ts';
import { buildNpmPackage } from './npm-package.ts';
import { targets } from './runtimes.ts';

/** `node apps/cli/packaging/build.ts npm | executables [target…]`: what is handed out, into `apps/cli/dist`. */
async function main(what: string | undefined, chosen: readonly string[]): Promise<void> {
  const folder = join(cliRoot, 'dist');
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  if (what === 'npm') {
    say(await buildNpmPackage(join(folder, 'npm')));
    return;
  }
  if (what !== 'executables') throw new Error('Say what to build: npm, or executables [target…].');
  const unknown = chosen.find((each) => !targets.some((target) => target === each));
  if (unknown !== undefined) throw new Error(`There is no target ${unknown}; there are ${targets.join(', ')}.`);
  const wanted = chosen.length === 0 ? targets : targets.filter((target) => chosen.includes(target));
  await buildExecutables({
    folder,
    cache: join(folder, '.runtimes'),
    targets: wanted,
    operator: null,
    name: 'portico',
    say,
  });
}

const [what, ...chosen] = process.argv.slice(2);
await main(what, chosen);
