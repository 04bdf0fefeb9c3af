import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program, processTree } from '../process-group.ts';
import type { Contestant } from './contestant.ts';

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
      const open = async (label: string, words: readonly string[]): Promise<string> => {
        const agent = new Program({
          name: `portico ${label}`,
          command: process.execPath,
          args: [
            join(checkout, 'apps/cli/src/main.ts'),
            ...words,
            '--config',
            agentConfig,
            '--log',
            'stdout',
            '--log-format',
            'json',
            ...(inspect ? [] : ['--inspect=false']),
            ...(policyFile === null ? [] : ['--traffic-policy-file', policyFile]),
          ],
          logFile: join(folder, `agent-${label}.log`),
          env: { NODE_OPTIONS: nodeOptions },
        });
        agents.push(agent);
        const url = (): string | undefined =>
          /"msg":"started tunnel".*?"url":"([^"]+)"|"url":"([^"]+)".*?"msg":"started tunnel"/.exec(agent.output)?.[1];
        const agentBeganMs = performance.now();
        await agent.whenUp(() => url() !== undefined);
        clientMs ??= performance.now() - agentBeganMs;
        return url() ?? '';
      };
      const host = `bench.${ready.baseDomain}`;
      const has = { http: tunnels.includes('http'), https: tunnels.includes('https'), tcp: tunnels.includes('tcp') };
      if (has.http) await open('http', ['http', `127.0.0.1:${upstream.httpPort}`, '--url', `http://${host}`]);
      if (has.https) await open('https', ['http', `127.0.0.1:${upstream.httpPort}`, '--url', `https://${host}`]);
      const tcp = has.tcp ? await open('tcp', ['tcp', String(upstream.tcpPort)]) : null;
      const ca = readFileSync(ready.caFile, 'utf8');
      const startUp = { serverMs, clientMs: clientMs ?? 0 };
      return {
        http: has.http ? { port: ready.http.port, host, ca: null } : null,
        https: has.https ? { port: ready.https.port, host, ca } : null,
        tcpPort: tcp === null ? null : Number(new URL(tcp).port),
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
