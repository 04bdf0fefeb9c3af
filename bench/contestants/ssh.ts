import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../ports.ts';
import { accepts, find, Program, run } from '../process-group.ts';
import type { Contestant } from './contestant.ts';
import { portTunnels, runningPortTunnel } from './port-tunnel.ts';

export const sshReverse: Contestant = {
  name: 'ssh -R',
  isMinor: true,
  what: 'OpenSSH; reverse ports in one SSH connection',
  prepare: async () => {
    if (find('sshd') === null || find('ssh') === null) return { missing: 'the OpenSSH server is not installed' };
    const version = await run('sh', ['-c', 'ssh -V 2>&1']);
    return { version: /OpenSSH_([^\s,]+)/.exec(version)?.[1] ?? '' };
  },
  start: async (upstream, folder, reach) => {
    const tunnels = await portTunnels(upstream);
    const port = await freePort();
    const at = (name: string): string => join(folder, name);
    for (const name of ['host_key', 'user_key'])
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
    writeFileSync(at('authorized_keys'), readFileSync(at('user_key.pub')));
    if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    writeFileSync(
      at('sshd_config'),
      `ListenAddress 127.0.0.1:${port}
HostKey ${at('host_key')}
AuthorizedKeysFile ${at('authorized_keys')}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
AllowTcpForwarding yes
MaxSessions 10
MaxStartups 100
`,
    );
    const server = new Program({
      name: 'sshd',
      command: find('sshd') ?? 'sshd',
      args: ['-D', '-e', '-f', at('sshd_config')],
      logFile: at('sshd.log'),
    });
    await server.whenUp(() => accepts(port));
    const client = new Program({
      name: 'ssh',
      command: 'ssh',
      args: [
        '-N',
        ...[
          'BatchMode=yes',
          'StrictHostKeyChecking=no',
          `UserKnownHostsFile=${at('known')}`,
          'ExitOnForwardFailure=yes',
        ].flatMap((each) => ['-o', each]),
        ...['-F', 'none', '-i', at('user_key'), '-p', String(await reach(port))],
        ...[tunnels.http, tunnels.tcp].flatMap((each) => [
          '-R',
          `127.0.0.1:${each.publicPort}:127.0.0.1:${each.upstreamPort}`,
        ]),
        `${userInfo().username}@127.0.0.1`,
      ],
      logFile: at('ssh.log'),
    });
    return runningPortTunnel(tunnels, server, [client]);
  },
};
