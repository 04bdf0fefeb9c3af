import { join } from 'node:path';
import { buildRust } from '../builds.ts';
import { inCache } from '../cache.ts';
import { accepts, Program } from '../process-group.ts';
import type { Contestant } from './contestant.ts';
import { portTunnels, runningPortTunnel } from './port-tunnel.ts';

/** Not a setting of bore. */
const CONTROL_PORT = 7835;

export const bore: Contestant = {
  name: 'bore',
  isMinor: true,
  what: 'Rust; a data connection per visitor, no encryption',
  prepare: () => buildRust('bore-cli', '0.6.0', 'bore'),
  start: async (upstream, folder, reach) => {
    const tunnels = await portTunnels(upstream);
    if ((await reach(CONTROL_PORT)) !== CONTROL_PORT) throw new Error('bore cannot dial another port than its own');
    const command = inCache('bin', 'bore');
    const server = new Program({
      name: 'bore server',
      command,
      args: ['server', '--min-port', '10000', '--bind-addr', '127.0.0.1'],
      logFile: join(folder, 'server.log'),
    });
    await server.whenUp(() => accepts(CONTROL_PORT));
    const clients = [tunnels.http, tunnels.tcp].map(
      (each, at) =>
        new Program({
          name: 'bore client',
          command,
          args: ['local', String(each.upstreamPort), '--to', '127.0.0.1', '--port', String(each.publicPort)],
          logFile: join(folder, `client-${at}.log`),
        }),
    );
    return runningPortTunnel(tunnels, server, clients);
  },
};
