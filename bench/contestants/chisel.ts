import { join } from 'node:path';
import { buildGo } from '../builds.ts';
import { inCache } from '../cache.ts';
import { freePort } from '../ports.ts';
import { accepts, Program } from '../process-group.ts';
import type { Contestant } from './contestant.ts';
import { portTunnels, runningPortTunnel } from './port-tunnel.ts';

export const chisel: Contestant = {
  name: 'chisel',
  isMinor: true,
  what: 'Go; reverse ports over SSH in a WebSocket',
  prepare: () => buildGo('github.com/jpillora/chisel', 'v1.10.1', { chisel: '.' }),
  start: async (upstream, folder, reach) => {
    const tunnels = await portTunnels(upstream);
    const port = await freePort();
    const command = inCache('bin', 'chisel');
    const server = new Program({
      name: 'chisel server',
      command,
      args: ['server', '--reverse', '--host', '127.0.0.1', '--port', String(port)],
      logFile: join(folder, 'server.log'),
    });
    await server.whenUp(() => accepts(port));
    const client = new Program({
      name: 'chisel client',
      command,
      args: [
        'client',
        `http://127.0.0.1:${await reach(port)}`,
        ...[tunnels.http, tunnels.tcp].map((each) => `R:127.0.0.1:${each.publicPort}:127.0.0.1:${each.upstreamPort}`),
      ],
      logFile: join(folder, 'client.log'),
    });
    return runningPortTunnel(tunnels, server, [client]);
  },
};
