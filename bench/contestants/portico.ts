import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, open as openSocket } from '../load/raw-http.ts';
import { Program, processTree } from '../process-group.ts';
import type { Contestant, HttpTarget } from './contestant.ts';

const ownCheckout = join(import.meta.dirname, '../..');

interface Ready {
  readonly pid: number;
  readonly baseDomain: string;
  readonly http: { readonly port: number };
  readonly https: { readonly port: number };
  readonly connect: { readonly host: string; readonly port: number };
  readonly caFile: string;
  readonly agentConfigFile: string;
  readonly authtoken: string;
  readonly api: { readonly url: string };
  readonly apiKey: string;
  readonly pids: { readonly edge: number };
}

/**
 * The platform as `npm start` runs it, and agents as `portico` runs them. Counted are the edge and the agents; API,
 * database and dashboard carry no traffic.
 *
 * @param checkout another one, to compare two states of the code in one run
 * @param nodeOptions NODE_OPTIONS of edge and agents, to profile them
 * @param tunnels which agents to start
 * @param policy a policy document for every endpoint
 * @param cases see `Contestant.cases`
 * @param databaseUrl a database to use instead of one of its own
 * @param inspect false: agents keep nothing for their inspector
 */
export function portico({
  name = 'Portico',
  checkout = ownCheckout,
  nodeOptions = '',
  tunnels = ['http', 'https', 'tcp'],
  inspect = true,
  policy,
  cases,
  what,
  databaseUrl,
}: {
  name?: string;
  what?: string;
  checkout?: string;
  nodeOptions?: string;
  tunnels?: readonly ('http' | 'https' | 'tcp')[];
  inspect?: boolean;
  policy?: string;
  cases?: readonly string[];
  databaseUrl?: string;
} = {}): Contestant {
  return {
    name,
    isCompiledLate: true,
    ...(cases === undefined ? {} : { cases }),
    what: what ?? `edge and agent, tunnel over TLS, strict HTTP, metrics on, inspection ${inspect ? 'on' : 'off'}`,
    prepare: async () => {
      if (!existsSync(join(checkout, 'apps/dashboard/.next/standalone'))) return { missing: 'run npm start once' };
      const manifest: { version: string } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
      return { version: manifest.version };
    },
    start: async (upstream, folder, reach) => {
      const data = join(folder, 'data');
      rmSync(data, { recursive: true, force: true });
      mkdirSync(data, { recursive: true });
      const ports = Object.fromEntries(
        ['HTTP_PORT', 'HTTPS_PORT', 'CONNECT_PORT', 'API_PORT', 'DASHBOARD_PORT', 'INTERNAL_PORT', 'TCP_PORTS'].map(
          (each) => [`PORTICO_${each}`, '0'],
        ),
      );
      const platform = new Program({
        name: 'Portico',
        command: process.execPath,
        args: [join(checkout, 'apps/platform/src/main.ts')],
        logFile: join(folder, 'platform.log'),
        env: { ...ports, PORTICO_DATA_DIR: data, DATABASE_URL: databaseUrl, NODE_OPTIONS: nodeOptions },
      });
      const readyFile = join(data, 'ready.json');
      const beganMs = performance.now();
      await platform.whenUp(() => existsSync(readyFile), 90_000);
      const serverMs = performance.now() - beganMs;
      const ready: Ready = JSON.parse(readFileSync(readyFile, 'utf8'));
      const agentConfig = join(folder, 'agent.yml');
      const { host: connectHost, port: connectPort } = ready.connect;
      writeFileSync(
        agentConfig,
        readFileSync(ready.agentConfigFile, 'utf8').replaceAll(
          `${connectHost}:${connectPort}`,
          `${connectHost}:${await reach(connectPort)}`,
        ),
        { mode: 0o600 },
      );
      const policyFile = policy === undefined ? null : join(folder, 'policy.yml');
      if (policyFile !== null) writeFileSync(policyFile, policy ?? '');
      const agents: Program[] = [];
      let clientMs: number | null = null;
      // A line for each connection is asked for by none of the others either.
      const open = (label: string, words: readonly string[], level: 'info' | 'warn'): Program => {
        const agent = new Program({
          name: `portico ${label}`,
          command: process.execPath,
          args: [
            join(checkout, 'apps/cli/src/main.ts'),
            ...words,
            ...['--config', agentConfig, '--log', 'stdout', '--log-format', 'json', '--log-level', level],
            ...(inspect ? [] : ['--inspect=false']),
            ...(policyFile === null ? [] : ['--traffic-policy-file', policyFile]),
          ],
          logFile: join(folder, `agent-${label}.log`),
          env: { NODE_OPTIONS: nodeOptions },
        });
        agents.push(agent);
        return agent;
      };
      const host = `bench.${ready.baseDomain}`;
      const ca = readFileSync(ready.caFile, 'utf8');
      const openHttp = async (scheme: 'http' | 'https', target: HttpTarget): Promise<HttpTarget> => {
        const beganMs = performance.now();
        const words = ['http', `127.0.0.1:${upstream.httpPort}`, '--url', `${scheme}://${host}`];
        await open(scheme, words, 'warn').whenUp(() => answers(target));
        clientMs ??= performance.now() - beganMs;
        return target;
      };
      const openTcp = async (): Promise<number> => {
        const agent = open('tcp', ['tcp', String(upstream.tcpPort)], 'info');
        const url = (): string | undefined =>
          /"msg":"started tunnel".*?"url":"([^"]+)"|"url":"([^"]+)".*?"msg":"started tunnel"/.exec(agent.output)?.[1];
        await agent.whenUp(() => url() !== undefined);
        return Number(new URL(url() ?? '').port);
      };
      const http = tunnels.includes('http') ? await openHttp('http', { port: ready.http.port, host, ca: null }) : null;
      const https = tunnels.includes('https') ? await openHttp('https', { port: ready.https.port, host, ca }) : null;
      const tcpPort = tunnels.includes('tcp') ? await openTcp() : null;
      const startUp = { serverMs, clientMs: clientMs ?? 0 };
      return {
        http,
        https,
        tcpPort,
        agents: { connectUrl: `${connectHost}:${connectPort}`, ca, apiUrl: ready.api.url, apiKey: ready.apiKey },
        startUp,
        server: () => processTree(ready.pids.edge),
        client: () => agents.flatMap((agent) => agent.pids),
        stop: async () => {
          for (const agent of agents) await agent.stop();
          await platform.stop();
        },
      };
    },
  };
}

/** Whether a request goes all the way. */
async function answers(target: HttpTarget): Promise<boolean> {
  try {
    const socket = await openSocket(target);
    await ask(socket, target.host, { path: '/1k' }).finally(() => socket.destroy());
    return true;
  } catch {
    return false;
  }
}
