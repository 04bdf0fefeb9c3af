import { freePort } from '../ports.ts';
import { accepts, type Program } from '../process-group.ts';
import type { Upstream } from '../upstream.ts';
import type { RunningContestant } from './contestant.ts';

export interface PortTunnel {
  readonly publicPort: number;
  readonly upstreamPort: number;
}

/** What a tunnel of TCP ports offers: one port that leads to the HTTP upstream, one to the TCP upstream. */
export async function portTunnels(upstream: Upstream): Promise<{ http: PortTunnel; tcp: PortTunnel }> {
  return {
    http: { publicPort: await freePort(), upstreamPort: upstream.httpPort },
    tcp: { publicPort: await freePort(), upstreamPort: upstream.tcpPort },
  };
}

export async function runningPortTunnel(
  tunnels: { http: PortTunnel; tcp: PortTunnel },
  server: Program,
  clients: readonly Program[],
): Promise<RunningContestant> {
  for (const tunnel of [tunnels.http, tunnels.tcp]) {
    for (const client of clients.slice(0, 1)) await client.whenUp(() => accepts(tunnel.publicPort));
  }
  return {
    http: { port: tunnels.http.publicPort, host: '127.0.0.1', ca: null },
    https: null,
    tcpPort: tunnels.tcp.publicPort,
    server: () => server.pids,
    client: () => clients.flatMap((client) => client.pids),
    stop: async () => {
      for (const client of clients) await client.stop();
      await server.stop();
    },
  };
}
