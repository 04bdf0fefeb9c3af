import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type DevEnv, startDevEnv } from '@portico/dev-env';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endWithTests } from '../support/own-processes.ts';
import { checkout } from '../support/platform.ts';
import { httpUpstream, type Upstream } from '../support/upstream.ts';
import { visit, visitUntil } from '../support/visit.ts';

interface Ports {
  readonly http: number;
  readonly https: number;
  readonly connect: number;
  readonly admin: number;
}

describe('L26: an edge that may open 256 files', () => {
  let env: DevEnv;
  let upstream: Upstream;
  let edge: ChildProcess;
  let ports: Ports;
  let url: string;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    env = await startDevEnv();
    upstream = await httpUpstream((_request, response) => response.end('here'));
    const folder = dirname(env.caFile);
    edge = spawn(
      '/bin/sh',
      ['-c', 'ulimit -n 256 && exec "$0" "$@"', process.execPath, join(checkout, 'apps/edge/src/main.ts')],
      {
        env: {
          ...process.env,
          PORTICO_NODE_ID: 'small/0',
          PORTICO_DATA_DIR: folder,
          PORTICO_NODE_CREDENTIAL_FILE: join(folder, 'node-edge.credential'),
          PORTICO_INTERNAL_URL: env.api.internalUrl,
          PORTICO_HTTP_PORT: '0',
          PORTICO_HTTPS_PORT: '0',
          PORTICO_CONNECT_PORT: '0',
          PORTICO_TCP_PORTS: '0',
          PORTICO_EDGE_ADMIN_PORT: '0',
        },
        stdio: ['ignore', 'inherit', 'pipe'],
      },
    );
    endWithTests(edge);
    ports = await listening(edge);
    const agent = env.agent({ connectUrl: `localhost:${ports.connect}` });
    url = (await agent.forward({ proto: 'http', subdomain: 'small', upstream: String(upstream.port) })).url;
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    if (edge.exitCode === null) {
      edge.kill('SIGKILL');
      await once(edge, 'exit');
    }
    await env.close();
    await upstream.close();
  });

  const place = () => ({ https: { port: ports.https }, http: { port: ports.http }, caFile: env.caFile });
  const openFiles = async (): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${ports.admin}/metrics`)).text();
    return Number(/^portico_descriptors (\d+)$/m.exec(metrics)?.[1]);
  };

  it('turns a flood of connections away, keeps serving those it has, and takes new ones when they leave', async () => {
    const keepAlive = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await visit(place(), url, { agent: keepAlive })).body.toString()).toBe('here');
    let refused = 0;
    for (let n = 0; n < 600; n += 1) {
      const socket = connect({ port: ports.http, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.once('close', () => {
        refused += 1;
      });
      sockets.push(socket);
    }
    while (refused < 400) {
      expect(edge.exitCode).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // The one who was there before is served, and the admin port has its spare descriptors.
    for (let n = 0; n < 5; n += 1) {
      expect((await visit(place(), url, { agent: keepAlive })).body.toString()).toBe('here');
    }
    while ((await openFiles()) > 240) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const socket of sockets.splice(0)) socket.destroy();
    expect((await visitUntil(place(), url, ({ status }) => status === 200)).body.toString()).toBe('here');
    expect((await visit(place(), url, { agent: keepAlive })).body.toString()).toBe('here');
    keepAlive.destroy();
  });
});

/** Reads the ports off the log; goes on reading, so that the pipe never fills. */
function listening(child: ChildProcess): Promise<Ports> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the edge ended with ${code}`)));
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      const said: { msg?: string; ports?: Ports } = JSON.parse(line);
      if (said.msg === 'listening' && said.ports !== undefined) resolve(said.ports);
    });
  });
}
