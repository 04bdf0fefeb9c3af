import { Command } from 'commander';
import type { CliContext } from '../../context.ts';
import { CliError } from '../../output/cli-error.ts';
import { configPathToWrite } from './add-authtoken.ts';

interface ConnectUrlFlags {
  readonly config?: string;
  readonly ca?: string;
  readonly caSha256?: string;
}

/** `portico config add-connect-url HOST:PORT`: which server, and how to know it. */
export function addConnectUrlCommand(context: CliContext): Command {
  return new Command('add-connect-url')
    .alias('add-server-addr')
    .description('Saves which server agents connect to, and the CA that proves it.')
    .argument('<host:port>', 'its connect port')
    .option(
      '--ca-sha256 <fingerprint>',
      'SHA-256 of its root certificate, as it shows it at start and in the dashboard',
    )
    .option('--ca <file>', 'its root certificate, PEM')
    .option('--config <file>', 'file to write instead of the default one')
    .action(async (address: string, flags: ConnectUrlFlags) => {
      if (flags.ca !== undefined && flags.caSha256 !== undefined)
        throw new CliError('Give either --ca or --ca-sha256.');
      const path = configPathToWrite(flags.config, context);
      const { trustServer } = await import('../../config/trust-server.ts');
      const { connectUrl, connectCas, trusted } = await trustServer(address, flags);
      const { editConfig } = await import('../../config/edit-config.ts');
      await editConfig(path, [
        { version3: 'connect_url', version2: 'server_addr', value: connectUrl },
        { version3: 'connect_cas', version2: 'root_cas', value: connectCas },
      ]);
      context.stdout.write(`${trusted}\nConnect URL saved to configuration file: ${path}\n`);
    });
}
