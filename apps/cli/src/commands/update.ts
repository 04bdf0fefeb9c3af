import { Command } from 'commander';
import type { CliContext } from '../context.ts';

/** `portico update`: whoever installed it updates it; this tells how. */
export function updateCommand(context: CliContext): Command {
  return new Command('update')
    .description('Tells how portico is updated.')
    .option('--channel <channel>', 'has no effect')
    .action(() => {
      context.stdout.write(
        [
          `portico version ${context.version}`,
          'It is updated the way it was installed:',
          '  npm:              npm install --global the new package',
          '  single file:      replace it by the one that your server offers',
          '  checkout:         git pull && npm start',
          '',
        ].join('\n'),
      );
    });
}
