import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addAgentFlags, addEndpointFlags, type TunnelFlags } from './tunnel-flags.ts';

/** `portico tcp ADDRESS`: one public port. */
export function tcpCommand(context: CliContext, setExitCode: (code: number) => void): Command {
  const command = new Command('tcp')
    .description('Gives a TCP service a public port.')
    .argument('<address>', 'where it listens: 22, host:port, unix:/path/to.sock')
    .option('--url <url>', 'public address: tcp://host:port, or tcp:// for any port');
  addAgentFlags(addEndpointFlags(command, 'tcp'));
  return command.action(async (address: string, flags: TunnelFlags) => {
    const { runTunnel } = await import('./run-tunnel.ts');
    setExitCode(await runTunnel('tcp', address, flags, context));
  });
}
