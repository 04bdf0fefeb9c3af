import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addAgentFlags, addEndpointFlags, type TunnelFlags } from './tunnel-flags.ts';

/** `portico tls ADDRESS`: a name whose TLS the upstream itself ends. */
export function tlsCommand(context: CliContext, setExitCode: (code: number) => void): Command {
  const command = new Command('tls')
    .description('Passes TLS connections for a name through to a service that has the certificate.')
    .argument('<address>', 'where it listens: 443, host:port, tls://host:port')
    .option('--url <url>', 'public URL: tls://host, or a host')
    .option('--subdomain <name>', "name under the server's base domain, short for --url tls://NAME.<base>");
  addAgentFlags(addEndpointFlags(command, 'tls'));
  return command.action(async (address: string, flags: TunnelFlags) => {
    const { runTunnel } = await import('./run-tunnel.ts');
    setExitCode(await runTunnel('tls', address, flags, context));
  });
}
