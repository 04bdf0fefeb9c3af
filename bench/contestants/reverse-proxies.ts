import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../ports.ts';
import { accepts, find, Program, run } from '../process-group.ts';
import { nginxConfig } from '../upstream.ts';
import type { Contestant, RunningContestant } from './contestant.ts';

/** One worker, upstream connections kept alive. */
export const nginxProxy: Contestant = {
  name: 'nginx',
  what: 'C; one plain reverse proxy, no tunnel: the limit',
  prepare: async () => {
    if (find('nginx') === null) return { missing: 'nginx is not installed' };
    return { version: /nginx\/(\S+)/.exec(await run('sh', ['-c', `${find('nginx')} -v 2>&1`]))?.[1] ?? '' };
  },
  start: async (upstream, folder, reach) => {
    const port = await freePort();
    const certificate = await selfSigned(folder);
    const tlsPort = certificate === null ? null : await freePort();
    const config = join(folder, 'proxy.conf');
    writeFileSync(
      config,
      nginxConfig(
        folder,
        port,
        `${
          certificate === null
            ? ''
            : `listen 127.0.0.1:${tlsPort} ssl http2;
    ssl_certificate ${certificate};
    ssl_certificate_key ${certificate};
    ssl_session_tickets off;`
        }
    location / {
      proxy_pass http://up;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering on;
      proxy_max_temp_file_size 0;
    }
    location /live/ {
      proxy_pass http://up;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }`,
        `upstream up { server 127.0.0.1:${await reach(upstream.httpPort)}; keepalive 512; }
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }`,
      ),
    );
    const program = new Program({
      name: 'nginx',
      command: find('nginx') ?? 'nginx',
      args: ['-c', config, '-p', folder, '-e', 'stderr'],
      logFile: join(folder, 'nginx.log'),
    });
    const https =
      certificate === null || tlsPort === null
        ? null
        : { port: tlsPort, host: 'localhost', ca: readFileSync(certificate, 'utf8') };
    return { ...(await oneProcess(program, port)), https };
  },
};

/** PEM of an ECDSA P-256 key and its certificate, as the edge's are; null where openssl is not installed. */
async function selfSigned(folder: string): Promise<string | null> {
  const openssl = find('openssl');
  if (openssl === null) return null;
  const file = join(folder, 'self-signed.pem');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  await run(openssl, ['req', '-x509', ...curve, ...names, '-days', '2', '-keyout', file, '-out', `${file}.crt`]);
  writeFileSync(file, readFileSync(file, 'utf8') + readFileSync(`${file}.crt`, 'utf8'));
  return file;
}

export const haproxy: Contestant = {
  name: 'HAProxy',
  isMinor: true,
  what: 'C; one plain reverse proxy, no tunnel: the limit',
  prepare: async () => {
    if (find('haproxy') === null) return { missing: 'HAProxy is not installed' };
    return { version: /version (\S+)/.exec(await run('sh', ['-c', `${find('haproxy')} -v 2>&1`]))?.[1] ?? '' };
  },
  start: async (upstream, folder, reach) => {
    const port = await freePort();
    const config = join(folder, 'haproxy.cfg');
    writeFileSync(
      config,
      `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-keep-alive
frontend visitors
  bind 127.0.0.1:${port}
  default_backend upstream
backend upstream
  http-reuse always
  server one 127.0.0.1:${await reach(upstream.httpPort)}
`,
    );
    const program = new Program({
      name: 'HAProxy',
      command: find('haproxy') ?? 'haproxy',
      args: ['-db', '-f', config],
      logFile: join(folder, 'haproxy.log'),
    });
    return oneProcess(program, port);
  },
};

async function oneProcess(program: Program, port: number): Promise<RunningContestant> {
  await program.whenUp(() => accepts(port));
  return {
    http: { port, host: '127.0.0.1', ca: null },
    https: null,
    tcpPort: null,
    server: () => program.pids,
    client: () => [],
    stop: () => program.stop(),
  };
}
