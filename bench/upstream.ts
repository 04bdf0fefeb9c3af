import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { accepts, find, Program } from './process-group.ts';

/**
 * Serves the same for every contestant of a run. `/1k` and `/1m` are files, `/up` swallows what is sent; below `/live/`
 * are a WebSocket echo (`ws`), events (`events`, sent by `send-event`) and the hash of what is sent (`hash`).
 */
export interface Upstream {
  readonly httpPort: number;
  /** Bytes: `S<n>\n` has it send n bytes and end; behind `U<n>\n` it takes n bytes, answers with their number and ends. */
  readonly tcpPort: number;
  readonly name: string;
  /** Processes of the HTTP server: the yardstick N. */
  pids(): number[];
  stop(): Promise<void>;
}

export const bodies = { '/1k': makeBody(1024), '/1m': makeBody(1024 * 1024) } as const;

/** What uploads send. */
export const uploadBody: Buffer = makeBody(1024 * 1024 + 1).subarray(1);

export type BodyPath = keyof typeof bodies;

/** Bytes that do not repeat with any period that a buffer could have, so that a swapped or lost piece is seen. */
function makeBody(bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0, n = 0; at < bytes; n += 1) {
    at += createHash('sha256').update(`body ${bytes} ${n}`).digest().copy(body, at);
  }
  return body;
}

/** nginx with one worker where it is found, else a server of our own, which makes N larger. */
export async function startUpstream(folder: string): Promise<Upstream> {
  mkdirSync(join(folder, 'www'), { recursive: true });
  for (const [path, body] of Object.entries(bodies)) writeFileSync(join(folder, 'www', path), body);
  const livePort = await freePort();
  const tcpPort = await freePort();
  const live = new Program({
    name: 'the upstream',
    command: process.execPath,
    args: [join(import.meta.dirname, 'upstream-server.ts'), String(livePort), String(tcpPort), join(folder, 'www')],
    logFile: join(folder, 'upstream.log'),
  });
  await live.whenUp(async () => (await accepts(livePort)) && (await accepts(tcpPort)));
  const nginx = find('nginx');
  if (nginx === null) {
    return { httpPort: livePort, tcpPort, name: 'node', pids: () => live.pids, stop: () => live.stop() };
  }
  const httpPort = await freePort();
  const config = join(folder, 'upstream.conf');
  writeFileSync(config, nginxConfig(folder, httpPort, locations(join(folder, 'www'), livePort)));
  const server = new Program({
    name: 'nginx',
    command: nginx,
    args: ['-c', config, '-p', folder, '-e', 'stderr'],
    logFile: join(folder, 'nginx.log'),
  });
  await server.whenUp(() => accepts(httpPort));
  return {
    httpPort,
    tcpPort,
    name: 'nginx',
    pids: () => server.pids,
    stop: async () => {
      await server.stop();
      await live.stop();
    },
  };
}

function locations(root: string, livePort: number): string {
  return `root ${root};
    # nginx by itself would answer before it has read the body.
    location = /up {
      proxy_pass http://127.0.0.1:${livePort};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
    }
    location /live/ {
      proxy_pass http://127.0.0.1:${livePort}/;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
    }`;
}

/** @param server the inside of the server block; @param http more of the http block */
export function nginxConfig(folder: string, port: number, server: string, http = ''): string {
  // Files of ours may lie where only their owner may look; a worker of root's nginx would be somebody else.
  const user = userInfo().uid === 0 ? 'user root;\n' : '';
  return `${user}daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr error;
events { worker_connections 20000; }
http {
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  open_file_cache max=100 inactive=600s;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${join(folder, `tmp-${kind}`)};`).join('\n  ')}
  ${http}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${server}
  }
}
`;
}
