import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addAgentFlags, addEndpointFlags, type TunnelFlags } from './tunnel-flags.ts';

/** `portico http ADDRESS`: one http(s) endpoint. */
export function httpCommand(context: CliContext, setExitCode: (code: number) => void): Command {
  const command = new Command('http')
    .description('Gives an HTTP service a public URL.')
    .argument('<address>', 'where it listens: 3000, host:port, http://host:port, https://host, unix:/path/to.sock')
    .option('--url <url>', 'public URL: https://host, http://host, a host, or https:// for a random one')
    .option('--subdomain <name>', "name under the server's base domain, short for --url https://NAME.<base>");
  addAgentFlags(addEndpointFlags(command, 'http'));
  return command.action(async (address: string, flags: TunnelFlags) => {
    const { runTunnel } = await import('./run-tunnel.ts');
    setExitCode(await runTunnel('http', address, flags, context));
  });
}
