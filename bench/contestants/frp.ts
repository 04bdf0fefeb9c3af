import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildGo } from '../builds.ts';
import { inCache } from '../cache.ts';
import { freePort } from '../ports.ts';
import { accepts, Program } from '../process-group.ts';
import type { Contestant } from './contestant.ts';

const VERSION = 'v0.65.0';
const prepare = (): ReturnType<Contestant['prepare']> =>
  buildGo('github.com/fatedier/frp', VERSION, { frps: './cmd/frps', frpc: './cmd/frpc' }, 'noweb');

function frp(kind: 'http' | 'tcp'): Contestant {
  return {
    name: `frp ${kind.toUpperCase()}`,
    what: `Go; ${kind === 'http' ? 'virtual host' : 'TCP proxy'}, its defaults: TLS and TCP multiplexing`,
    prepare,
    start: async (upstream, folder, reach) => {
      const [bindPort, vhostPort, httpPort, tcpPort] = [
        await freePort(),
        await freePort(),
        await freePort(),
        await freePort(),
      ];
      writeFileSync(
        join(folder, 'frps.toml'),
        `bindAddr = "127.0.0.1"\nproxyBindAddr = "127.0.0.1"\nbindPort = ${bindPort}\nvhostHTTPPort = ${vhostPort}\nlog.level = "warn"\n`,
      );
      const http =
        kind === 'http'
          ? `type = "http"\nlocalPort = ${upstream.httpPort}\ncustomDomains = ["bench.example"]`
          : `type = "tcp"\nlocalPort = ${upstream.httpPort}\nremotePort = ${httpPort}`;
      writeFileSync(
        join(folder, 'frpc.toml'),
        `serverAddr = "127.0.0.1"\nserverPort = ${await reach(bindPort)}\nlog.level = "warn"
[[proxies]]\nname = "http"\nlocalIP = "127.0.0.1"\n${http}
[[proxies]]\nname = "tcp"\nlocalIP = "127.0.0.1"\ntype = "tcp"\nlocalPort = ${upstream.tcpPort}\nremotePort = ${tcpPort}\n`,
      );
      const server = new Program({
        name: 'frps',
        command: inCache('bin', 'frps'),
        args: ['-c', join(folder, 'frps.toml')],
        logFile: join(folder, 'frps.log'),
      });
      await server.whenUp(() => accepts(bindPort));
      const client = new Program({
        name: 'frpc',
        command: inCache('bin', 'frpc'),
        args: ['-c', join(folder, 'frpc.toml')],
        logFile: join(folder, 'frpc.log'),
      });
      await client.whenUp(() => accepts(tcpPort));
      if (kind === 'tcp') await client.whenUp(() => accepts(httpPort));
      return {
        http: { port: kind === 'http' ? vhostPort : httpPort, host: 'bench.example', ca: null },
        https: null,
        tcpPort: kind === 'tcp' ? tcpPort : null,
        server: () => server.pids,
        client: () => client.pids,
        stop: async () => {
          await client.stop();
          await server.stop();
        },
      };
    },
  };
}

export const frpHttp: Contestant = frp('http');
export const frpTcp: Contestant = frp('tcp');
