import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addAuthtokenCommand } from './config/add-authtoken.ts';

/** `authtoken TOKEN`, the verb of version 2: today `config add-authtoken`. */
export function authtokenCommand(context: CliContext): Command {
  const today = addAuthtokenCommand(context);
  return today.name('authtoken').hook('preAction', () => {
    context.stderr.write('NOTICE: authtoken still works; today it is portico config add-authtoken.\n');
  });
}
