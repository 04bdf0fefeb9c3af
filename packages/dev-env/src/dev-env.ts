import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, type AgentOptions, connectAgent } from '@portico/agent';
import { type ApiLimits, type RunningApi, readConfig as readApiConfig, startApi } from '@portico/api';
import { type EdgeLimits, type RunningEdge, readConfig as readEdgeConfig, startEdge } from '@portico/edge';
import { createTestDatabase } from '@portico/postgres';
import { createLogger, type LogLevel } from '@portico/service';

export interface DevEnvOptions {
  readonly edgeLimits?: Partial<EdgeLimits>;
  readonly apiLimits?: Partial<ApiLimits>;
  /** Environment of both, as an operator would set it. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly logLevel?: LogLevel;
}

/** Edge and API in this process, on free ports and a database of their own. */
export interface DevEnv {
  readonly api: RunningApi;
  readonly edge: RunningEdge;
  readonly baseDomain: string;
  readonly http: { readonly port: number };
  readonly https: { readonly port: number };
  /** `host:port` that agents dial. */
  readonly connectUrl: string;
  readonly caFile: string;
  readonly ca: string;
  readonly authtoken: string;
  readonly apiKey: string;
  readonly account: { readonly email: string; readonly password: string };
  readonly accountId: string;
  readonly databaseUrl: string;
  /** An agent of the first account; closed with the rest. */
  agent(options?: Partial<AgentOptions>): Agent;
  /** Ends the edge at once, as a crash would seem to others, and starts another one on the same ports. */
  restartEdge(): Promise<void>;
  /** Takes the API and its registry away, and brings them back on the same ports with nothing remembered but the database. */
  stopApi(): Promise<void>;
  resumeApi(): Promise<void>;
  close(): Promise<void>;
}

/** The loop is late when any of the three is busy, which says nothing about the edge: it sheds no load here. */
const sharedLoop = { loopDelayShedMs: 60_000 };

/** Starts edge and API together. For tests: they share one event loop, so nothing about speed can be learnt from it. */
export async function startDevEnv(options: DevEnvOptions = {}): Promise<DevEnv> {
  const folder = mkdtempSync(join(tmpdir(), 'portico-dev-'));
  const database = await createTestDatabase();
  const environment = {
    PORTICO_DATA_DIR: folder,
    PORTICO_BOOTSTRAP_DIR: folder,
    DATABASE_URL: database.url,
    PORTICO_HTTP_PORT: '0',
    PORTICO_HTTPS_PORT: '0',
    PORTICO_CONNECT_PORT: '0',
    PORTICO_API_PORT: '0',
    PORTICO_INTERNAL_PORT: '0',
    PORTICO_TCP_PORTS: '0',
    ...options.settings,
  };
  const log = createLogger({ name: 'dev-env', level: options.logLevel ?? 'silent' });
  const apiConfig = readApiConfig(environment, folder, '0.0.0-test');
  const openApi = (ports: { publicPort: number; internalPort: number } | null): Promise<RunningApi> =>
    startApi({ ...apiConfig, ...ports, limits: { ...apiConfig.limits, ...options.apiLimits } }, { log });
  let api = await openApi(null);
  const openEdge = async (ports: { http: number; https: number; connect: number } | null): Promise<RunningEdge> => {
    const config = readEdgeConfig({ ...environment, PORTICO_INTERNAL_URL: api.internalUrl });
    const started = await startEdge(
      { ...config, ports: ports ?? config.ports, limits: { ...config.limits, ...sharedLoop, ...options.edgeLimits } },
      { log },
    );
    await started.whenConnected();
    return started;
  };
  let edge = await openEdge(null);
  const ports = { http: edge.httpPort, https: edge.httpsPort, connect: edge.connectPort };
  const caFile = join(folder, 'ca.pem');
  const ca = readFileSync(caFile, 'utf8');
  const first: { email: string; password: string; authtoken: string; apiKey: string; accountId: string } = JSON.parse(
    readFileSync(join(folder, 'first-account.json'), 'utf8'),
  );
  const agents: Agent[] = [];
  return {
    get api() {
      return api;
    },
    get edge() {
      return edge;
    },
    baseDomain: apiConfig.baseDomain,
    http: { port: ports.http },
    https: { port: ports.https },
    connectUrl: `localhost:${ports.connect}`,
    caFile,
    ca,
    authtoken: first.authtoken,
    apiKey: first.apiKey,
    accountId: first.accountId,
    databaseUrl: database.url,
    account: { email: first.email, password: first.password },
    agent: (overrides = {}) => {
      const agent = connectAgent({
        connectUrl: `localhost:${ports.connect}`,
        ca,
        authtoken: first.authtoken,
        ...overrides,
      });
      agents.push(agent);
      return agent;
    },
    restartEdge: async () => {
      await edge.close();
      edge = await openEdge(ports);
    },
    stopApi: () => api.close(),
    resumeApi: async () => {
      api = await openApi({ publicPort: api.publicPort, internalPort: api.internalPort });
    },
    close: async () => {
      await Promise.all(agents.map((agent) => agent.close()));
      await edge.close();
      await api.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
