import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRust } from '../builds.ts';
import { inCache } from '../cache.ts';
import { freePort } from '../ports.ts';
import { accepts, find, Program, run } from '../process-group.ts';
import type { Contestant } from './contestant.ts';
import { portTunnels, runningPortTunnel } from './port-tunnel.ts';

type Transport = 'plain' | 'TLS' | 'Noise';

/** The `time` that its lock file names is refused by compilers from 1.80 on. */
const PRECISE = { time: '0.3.36' };

function rathole(transport: Transport): Contestant {
  return {
    name: `rathole ${transport}`,
    isMinor: transport === 'Noise',
    what: `Rust; a pool of data connections, ${transport === 'plain' ? 'no encryption' : `each with ${transport}`}`,
    prepare: async () => {
      if (transport === 'TLS' && find('openssl') === null) return { missing: 'openssl is not installed' };
      return buildRust('rathole', '0.5.0', 'rathole', PRECISE);
    },
    start: async (upstream, folder, reach) => {
      const tunnels = await portTunnels(upstream);
      const port = await freePort();
      const command = inCache('bin', 'rathole');
      const settings = await transportSettings(transport, folder, command);
      const services = [
        ['http', tunnels.http],
        ['tcp', tunnels.tcp],
      ] as const;
      writeFileSync(
        join(folder, 'server.toml'),
        `[server]\nbind_addr = "127.0.0.1:${port}"\ndefault_token = "bench"\n${settings.server}${services
          .map(([name, each]) => `[server.services.${name}]\nbind_addr = "127.0.0.1:${each.publicPort}"\n`)
          .join('')}`,
      );
      writeFileSync(
        join(folder, 'client.toml'),
        `[client]\nremote_addr = "127.0.0.1:${await reach(port)}"\ndefault_token = "bench"\n${settings.client}${services
          .map(([name, each]) => `[client.services.${name}]\nlocal_addr = "127.0.0.1:${each.upstreamPort}"\n`)
          .join('')}`,
      );
      const start = (side: 'server' | 'client'): Program =>
        new Program({
          name: `rathole ${side}`,
          command,
          args: [`--${side}`, join(folder, `${side}.toml`)],
          logFile: join(folder, `${side}.log`),
          env: { RUST_LOG: 'warn' },
        });
      const server = start('server');
      await server.whenUp(() => accepts(port));
      return runningPortTunnel(tunnels, server, [start('client')]);
    },
  };
}

async function transportSettings(
  transport: Transport,
  folder: string,
  command: string,
): Promise<{ server: string; client: string }> {
  switch (transport) {
    case 'plain':
      return { server: '', client: '' };
    case 'Noise': {
      const keys = await run(command, ['--genkey']);
      const secret = /Private Key:\s*(\S+)/i.exec(keys)?.[1] ?? '';
      const known = /Public Key:\s*(\S+)/i.exec(keys)?.[1] ?? '';
      return {
        server: `[server.transport]\ntype = "noise"\n[server.transport.noise]\nlocal_private_key = "${secret}"\n`,
        client: `[client.transport]\ntype = "noise"\n[client.transport.noise]\nremote_public_key = "${known}"\n`,
      };
    }
    case 'TLS': {
      const at = (name: string): string => join(folder, name);
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const openssl = (...args: string[]): Promise<string> => run('openssl', args);
      await openssl(
        'req',
        '-x509',
        ...key,
        '-keyout',
        at('ca.key'),
        '-out',
        at('ca.pem'),
        '-days',
        '2',
        '-subj',
        '/CN=bench CA',
      );
      await openssl('req', ...key, '-keyout', at('leaf.key'), '-out', at('leaf.csr'), '-subj', '/CN=localhost');
      writeFileSync(at('leaf.ext'), 'subjectAltName=DNS:localhost\n');
      const sign = [
        '-CA',
        at('ca.pem'),
        '-CAkey',
        at('ca.key'),
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        at('leaf.ext'),
      ];
      await openssl('x509', '-req', '-in', at('leaf.csr'), '-out', at('leaf.pem'), ...sign);
      const bundle = [
        '-inkey',
        at('leaf.key'),
        '-in',
        at('leaf.pem'),
        '-certfile',
        at('ca.pem'),
        '-passout',
        'pass:bench',
      ];
      await openssl('pkcs12', '-export', '-out', at('leaf.p12'), ...bundle);
      return {
        server: `[server.transport]\ntype = "tls"\n[server.transport.tls]\npkcs12 = "${at('leaf.p12')}"\npkcs12_password = "bench"\n`,
        client: `[client.transport]\ntype = "tls"\n[client.transport.tls]\ntrusted_root = "${at('ca.pem')}"\nhostname = "localhost"\n`,
      };
    }
  }
}

export const ratholePlain: Contestant = rathole('plain');
export const ratholeTls: Contestant = rathole('TLS');
export const ratholeNoise: Contestant = rathole('Noise');
