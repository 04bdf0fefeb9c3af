import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, isIP } from 'node:net';
import { join } from 'node:path';
import { checkDatabase, type RunningPostgres, startPostgres } from '@portico/postgres';
import { createLogger } from '@portico/service';
import { agentConfigFile } from './agent-config-file.ts';
import { openTunnel } from './command-line-tunnel.ts';
import { type PlatformConfig, PORT_VARIABLES, type PortName } from './config.ts';
import { DataDirectory, StartError } from './data-directory.ts';
import { type HeldPort, holdPort } from './held-port.ts';
import { LogFile } from './log-file.ts';
import { type FirstAccount, parseFirstAccount, type ReadyFile } from './ready-file.ts';
import type { Screen } from './screen.ts';
import { SupervisedProcess } from './supervised-process.ts';

export interface RunningPlatform {
  /** Stops everything in the reverse order of the start; drains; removes the ready file. Can be called twice. */
  close(): Promise<void>;
}

/**
 * Starts Postgres, API, edge, dashboard and the welcome agent as processes of their own, keeps them running, and
 * writes the ready file when everything serves.
 *
 * @param tunnel the words of a `portico` command to run as well, or none.
 * @param aborts gets, for each part, what ends it at once; for a person who does not want to wait for a drain.
 * @throws StartError or ConfigError with a sentence for the person at the terminal; nothing is left running then.
 */
export async function startPlatform(
  config: PlatformConfig,
  { screen, tunnel, aborts }: { screen: Screen; tunnel: readonly string[]; aborts: (() => void)[] },
): Promise<RunningPlatform> {
  const beganMs = performance.now();
  const data = new DataDirectory(config.dataDir);
  data.claim();
  const logDir = data.file('logs');
  const logFiles: LogFile[] = [];
  const stops: (() => Promise<void>)[] = [];
  const children = new Map<string, SupervisedProcess>();
  let closing: Promise<void> | null = null;

  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const stop of stops.reverse()) await stop();
      for (const file of logFiles) file.close();
      data.release();
    })();
    return closing;
  };

  try {
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    await data.endLeftovers();
    await refuseTakenPorts(config);

    const openLog = (name: string): LogFile => {
      const file = new LogFile(join(logDir, `${name}.log`));
      logFiles.push(file);
      return file;
    };
    const ports: Record<PortName, number> = { ...config.ports };
    // Held here, the edge's ports stay open while it is started again: who connects meanwhile waits.
    const edgeSockets = holdEdgePorts(config);
    stops.push(async () => freePorts(edgeSockets));
    for (const { name, port } of edgeSockets) ports[name] = port;

    // 1. The database.
    let postgres: RunningPostgres | null = null;
    if (config.databaseUrl === null) {
      screen.step('database');
      postgres = await keepPostgres(config, openLog('postgres'), {
        screen,
        isClosing: () => closing !== null,
        changed: (server) => {
          postgres = server;
          void publish();
        },
      });
      stops.push(async () => postgres?.stop());
      // Fast shutdown: it ends its connections and is gone in a moment.
      aborts.push(() => signal(postgres?.pid ?? null, 'SIGINT'));
    } else {
      await checkDatabase(config.databaseUrl);
    }
    const databaseUrl = config.databaseUrl ?? postgres?.url ?? '';

    const script = (path: string): string => join(config.checkout, path);
    const common = (): NodeJS.ProcessEnv => ({
      ...config.environment,
      PORTICO_DATA_DIR: config.dataDir,
      PORTICO_MASTER_KEY_FILE: config.masterKeyFile,
      PORTICO_BASE_DOMAIN: config.baseDomain,
      PORTICO_BIND: config.bind,
      ...Object.fromEntries(
        Object.entries(PORT_VARIABLES).map(([name, variable]) => [variable, String(ports[name as PortName])]),
      ),
      PORTICO_INTERNAL_URL: `http://127.0.0.1:${ports.internal}`,
      // What is started again loads in half the time.
      NODE_COMPILE_CACHE: config.environment.NODE_COMPILE_CACHE ?? data.file('compiled'),
      DATABASE_URL: undefined,
    });
    const child = async (
      name: string,
      title: string,
      path: string,
      extra: () => NodeJS.ProcessEnv,
      sockets: readonly EdgeSocket[] = [],
    ): Promise<Readonly<Record<string, number>>> => {
      screen.step(title);
      const supervised = new SupervisedProcess({
        name,
        script: script(path),
        environment: () => ({ ...common(), ...extra() }),
        sockets,
        log: openLog(name),
      });
      children.set(name, supervised);
      stops.push(() => supervised.stop());
      aborts.push(() => signal(supervised.pid, 'SIGKILL'));
      const reported = await supervised.start();
      data.recordChildren(pidsOf(children));
      supervised.on('died', (how) => {
        if (closing === null)
          screen.note(`! ${name} ${how}; starting it again. Its log: ${join(logDir, `${name}.log`)}`);
      });
      supervised.on('ready', () => void publish());
      return reported;
    };

    // 2. The control plane, then what asks it.
    const api = await child('api', 'API', 'apps/api/src/main.ts', () => ({
      DATABASE_URL: postgres?.url ?? databaseUrl,
      PORTICO_BOOTSTRAP_DIR: config.dataDir,
    }));
    ports.api = api.api ?? api.public ?? ports.api;
    ports.internal = api.internal ?? ports.internal;
    const account = (): FirstAccount => parseFirstAccount(readFileSync(data.file('first-account.json'), 'utf8'));
    const caFile = data.file('ca.pem');

    // The edge leads to the dashboard's port when it has a host name for it, so the dashboard is first.
    const dashboard = await child('dashboard', 'dashboard', 'apps/dashboard/launch.mjs', () => ({
      PORTICO_NODE_CREDENTIAL_FILE: data.file('node-dashboard.credential'),
    }));
    ports.dashboard = dashboard.dashboard ?? dashboard.port ?? ports.dashboard;

    const edge = await child(
      'edge',
      'edge',
      'apps/edge/src/main.ts',
      () => ({ PORTICO_NODE_CREDENTIAL_FILE: data.file('node-edge.credential') }),
      edgeSockets,
    );
    // Freed before the edge is asked to end: nobody comes after it.
    stops.push(async () => freePorts(edgeSockets));
    ports.http = edge.http ?? ports.http;
    ports.https = edge.https ?? ports.https;
    ports.connect = edge.connect ?? ports.connect;
    const connectUrl = `${connectHost(config)}:${ports.connect}`;

    // 3. What people use: the agent's configuration and the first tunnel.
    const agentConfig = data.file('agent.yml');
    const { authtoken, apiKey } = account();
    data.writeSecret('agent.yml', agentConfigFile({ authtoken, apiKey, connectUrl, caFile }));
    await child('agent', 'welcome tunnel', 'apps/platform/src/welcome/main.ts', () => ({
      PORTICO_CONNECT_URL: connectUrl,
      PORTICO_CA_FILE: caFile,
      PORTICO_AUTHTOKEN: account().authtoken,
    }));
    const forwarding =
      tunnel.length === 0
        ? []
        : [
            await openTunnel({
              script: script('apps/cli/src/main.ts'),
              words: tunnel,
              agentConfig,
              log: openLog('tunnel'),
              onExit: (how) => screen.note(`! the tunnel of the command line ${how}`),
              stops,
            }),
          ];

    const publish = async (): Promise<void> => {
      if (closing !== null) return;
      const pid = (name: string): number | null => children.get(name)?.pid ?? null;
      const { email, password } = account();
      const ready: ReadyFile = {
        pid: process.pid,
        baseDomain: config.baseDomain,
        http: { port: ports.http },
        https: { port: ports.https },
        connect: { host: connectHost(config), port: ports.connect },
        api: { url: `http://127.0.0.1:${ports.api}` },
        dashboard: { url: `http://127.0.0.1:${ports.dashboard}` },
        caFile,
        agentConfigFile: agentConfig,
        account: { email, password },
        authtoken,
        apiKey,
        pids: {
          postgres: postgres?.pid ?? null,
          api: pid('api'),
          edge: pid('edge'),
          dashboard: pid('dashboard'),
          agent: pid('agent'),
        },
      };
      data.recordChildren(pidsOf(children));
      data.writeSecret('ready.json', `${JSON.stringify(ready, null, 2)}\n`);
    };
    await publish();
    const { email, password } = account();
    const shownHttpsPort = config.publicHttpsPort ?? ports.https;
    screen.ready({
      startedMs: performance.now() - beganMs,
      welcomeUrl: `https://welcome.${config.baseDomain}${shownHttpsPort === 443 ? '' : `:${shownHttpsPort}`}`,
      dashboardUrl: `http://127.0.0.1:${ports.dashboard}`,
      email,
      password,
      apiUrl: `http://127.0.0.1:${ports.api}`,
      connect: connectUrl,
      remoteConnect: isLoopback(config.bind) ? null : `${remoteConnectHost(config)}:${ports.connect}`,
      baseDomain: config.baseDomain,
      httpsPort: shownHttpsPort,
      caFile: shorten(caFile, config.checkout),
      caFingerprint: new X509Certificate(readFileSync(caFile)).fingerprint256.replaceAll(':', '').toLowerCase(),
      authtoken,
      dataDir: shorten(config.dataDir, config.checkout),
      logDir: shorten(logDir, config.checkout),
      forwarding,
    });
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts the embedded Postgres and starts it again, on the same port, whenever it ends by itself. */
async function keepPostgres(
  config: PlatformConfig,
  logFile: LogFile,
  { screen, isClosing, changed }: { screen: Screen; isClosing(): boolean; changed(server: RunningPostgres): void },
): Promise<RunningPostgres> {
  const log = createLogger({ name: 'postgres', destination: { write: (line) => logFile.write(Buffer.from(line)) } });
  const dataDir = join(config.dataDir, 'postgres');
  const watch = (server: RunningPostgres): void => {
    void server.exited.then(async ({ expected }) => {
      for (let waitMs = 200; !expected && !isClosing(); waitMs = Math.min(5_000, waitMs * 2)) {
        screen.note('! the database ended; starting it again');
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        try {
          const next = await startPostgres({ dataDir, port: server.port, log });
          if (isClosing()) return void (await next.stop());
          watch(next);
          changed(next);
          return;
        } catch (error) {
          log.warn({ err: error }, 'the database did not start again');
        }
      }
    });
  };
  const first = await startPostgres({ dataDir, port: 0, log });
  watch(first);
  return first;
}

interface EdgeSocket extends HeldPort {
  readonly name: 'http' | 'https' | 'connect';
}

/** Empty where this is not possible: the edge opens its ports itself then. @throws the error of the system. */
function holdEdgePorts({ bind, ports }: PlatformConfig): EdgeSocket[] {
  const sockets: EdgeSocket[] = [];
  // What is no address, the edge refuses by name.
  if (isIP(bind) === 0) return sockets;
  try {
    for (const name of ['http', 'https', 'connect'] as const) {
      const held = holdPort(ports[name], bind);
      if (held !== null) sockets.push({ name, ...held });
    }
  } catch (error) {
    freePorts(sockets);
    throw error;
  }
  return sockets;
}

function freePorts(sockets: EdgeSocket[]): void {
  for (const socket of sockets.splice(0)) socket.close();
}

/** Tells at once, before anything is started, which port is taken and which setting moves it. */
async function refuseTakenPorts(config: PlatformConfig): Promise<void> {
  const onLoopback: readonly PortName[] = ['api', 'dashboard', 'internal'];
  for (const [name, variable] of Object.entries(PORT_VARIABLES)) {
    const port = config.ports[name as PortName];
    if (port === 0) continue;
    const host = onLoopback.includes(name as PortName) ? '127.0.0.1' : config.bind;
    const failure = await tryPort(port, host);
    if (failure === null) continue;
    throw new StartError(
      failure === 'EADDRINUSE'
        ? `port ${port} on ${host} is taken by another program. Stop that one, or set ${variable} to another port (0 takes any free one).`
        : failure === 'EADDRNOTAVAIL' || failure === 'ENOTFOUND' || failure === 'EINVAL'
          ? `PORTICO_BIND is ${JSON.stringify(config.bind)}; accepted: an IP address of this machine, such as 127.0.0.1 or 0.0.0.0`
          : `port ${port} on ${host} cannot be used (${failure}). Set ${variable} to another port.`,
    );
  }
}

function tryPort(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

/** The host that agents on this machine dial: the connect certificate covers it. */
function connectHost(config: PlatformConfig): string {
  return ['0.0.0.0', '::', '127.0.0.1'].includes(config.bind) ? 'localhost' : config.bind;
}

/** The first name that the operator gave for it, else the one under the base domain; the certificate covers both. */
function remoteConnectHost(config: PlatformConfig): string {
  const named = config.environment.PORTICO_CONNECT_NAMES?.split(',')[0]?.trim() ?? '';
  return named === '' ? `connect.${config.baseDomain}` : named;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function signal(pid: number | null, name: NodeJS.Signals): void {
  try {
    if (pid !== null) process.kill(pid, name);
  } catch {
    // It has ended already.
  }
}

function pidsOf(children: ReadonlyMap<string, SupervisedProcess>): number[] {
  return [...children.values()].map(({ pid }) => pid).filter((pid) => pid !== null);
}

function shorten(path: string, checkout: string): string {
  return path.startsWith(`${checkout}/`) ? path.slice(checkout.length + 1) : path;
}
