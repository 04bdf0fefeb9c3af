import { randomBytes } from 'node:crypto';
import {
  type Agent,
  type AgentEndpoint,
  AgentError,
  type AgentMemory,
  CaptureStore,
  collectBuffersYoung,
  connectAgent,
  parseConnectUrl,
  parseProxyUrl,
} from '@portico/agent';
import type { EndpointConfig } from '../config/agent-config.ts';
import { errnoOf } from '../config/load-config.ts';
import { type AgentFlags, loadSettings, type Settings } from '../config/settings.ts';
import type { CliContext } from '../context.ts';
import type { LocalServer } from '../local-api/local-server.ts';
import { CliError } from '../output/cli-error.ts';
import { fileSink, type LogSink, silentSink, standardSink } from '../output/log-sink.ts';
import { LogWriter } from '../output/log-writer.ts';
import { explainRefusal } from '../output/refusal-kind.ts';
import { endpointFromFlags } from '../tunnels/endpoint-from-flags.ts';
import { decodeTakeOver, encodeTakeOver } from '../tunnels/take-over.ts';
import { TunnelSet } from '../tunnels/tunnel-set.ts';
import { parsed, type WantedEndpoint, wantedEndpoints } from '../tunnels/wanted-endpoint.ts';
import { keepYoungGenerationSmall } from '../young-generation.ts';
import type { TunnelFlags, TunnelProto } from './tunnel-flags.ts';

/** `http`, `tcp`, `tls`: one endpoint until Ctrl-C. Resolves with the exit code. */
export async function runTunnel(
  proto: TunnelProto,
  address: string,
  flags: TunnelFlags,
  context: CliContext,
): Promise<number> {
  const wanted = await wantedEndpoints(endpointFromFlags(proto, address, flags));
  const settings = await loadSettings(flags, context);
  return run(wanted, settings, context, null);
}

/** `start`: endpoints of the file until Ctrl-C, as the file says at any time. Resolves with the exit code. */
export async function runConfigured(
  which: 'all' | readonly string[],
  flags: AgentFlags,
  context: CliContext,
): Promise<number> {
  const settings = await loadSettings(flags, context);
  const chosen = choose(which, settings);
  if (which === 'all' && chosen.length === 0) throw new CliError('The configuration file describes no endpoint.');
  const wanted = await Promise.all(chosen.map(wantedEndpoints));
  const reread = async (): Promise<EndpointConfig[]> => choose(which, await loadSettings(flags, context));
  return run(wanted.flat(), settings, context, { reread, before: chosen });
}

function choose(which: 'all' | readonly string[], settings: Settings): EndpointConfig[] {
  if (which === 'all') return [...settings.endpoints.values()];
  return which.map((name) => {
    const endpoint = settings.endpoints.get(name);
    if (endpoint !== undefined) return endpoint;
    const known = [...settings.endpoints.keys()];
    throw new CliError(
      `The configuration file describes no endpoint "${name}".\n${known.length === 0 ? 'It describes none.' : `It describes: ${known.join(', ')}.`}`,
    );
  });
}

/** How the endpoints of the file are read again; null when they came from flags. */
interface Source {
  readonly reread: () => Promise<EndpointConfig[]>;
  readonly before: readonly EndpointConfig[];
}

async function run(
  wanted: readonly WantedEndpoint[],
  settings: Settings,
  context: CliContext,
  source: Source | null,
): Promise<number> {
  parsed(() => parseConnectUrl(settings.connectUrl));
  const { proxyUrl } = settings;
  if (proxyUrl !== undefined) parsed(() => parseProxyUrl(proxyUrl));
  const hasScreen = wantsScreen(settings, context);
  const sink = await openSink(settings.log ?? (hasScreen ? 'false' : 'stdout'), context);
  const isTerminal = settings.log === undefined || settings.log === 'stdout' ? context.stdout.isTTY : false;
  const log = new LogWriter({
    format: settings.logFormat ?? (isTerminal ? 'term' : 'logfmt'),
    level: settings.logLevel,
    write: (line) => sink.write(line),
  });
  for (const notice of context.notices) context.stderr.write(`NOTICE: ${notice}\n`);
  for (const path of settings.configPaths) log.log('info', 'open config file', { path, err: null });

  const { captureBytes, webAddr } = settings;
  const captures = captureBytes === null || webAddr === null ? null : new CaptureStore({ maxBytes: captureBytes });
  collectBuffersYoung();
  keepYoungGenerationSmall();
  const memory = decodeTakeOver(context.takeOver, settings.connectUrl);
  const agent = connectAgent({
    connectUrl: settings.connectUrl,
    ca: settings.ca,
    authtoken: settings.authtoken,
    version: context.version,
    clientType: 'portico',
    heartbeat: settings.heartbeat,
    observeExchanges: hasScreen,
    remoteManagement: settings.remoteManagement,
    ...(captures === null ? {} : { captures }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    ...(memory === undefined ? {} : { memory }),
    ...(context.replacement() === null ? {} : { onRestart: () => life.restart() }),
    log: (level, message, fields) => log.log(level, message, fields),
    ...(settings.metadata === undefined ? {} : { metadata: settings.metadata }),
    ...(settings.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: settings.connectTimeoutMs }),
  });
  logConnections(agent, log);

  const life = new TunnelLife(agent, context);
  const tunnels = new TunnelSet(agent, () => randomBytes(16).toString('hex'));
  const opening = Promise.all(wanted.map((each) => tunnels.open(each)));
  opening.catch((error: unknown) => life.fail(error));
  const ends: (() => Promise<void> | void)[] = [];
  let end: LifeEnd;
  try {
    const local = webAddr === null ? null : await openLocal(webAddr);
    if (source !== null) {
      const { ConfigWatch } = await import('../tunnels/config-watch.ts');
      const watch = new ConfigWatch({ ...source, paths: settings.configPaths, tunnels, log });
      ends.push(() => watch.close());
    }
    if (hasScreen) {
      const { ConsoleScreen } = await import('../output/screen/console-screen.ts');
      const screen = new ConsoleScreen({
        tunnels,
        context,
        connectUrl: settings.connectUrl,
        webUrl: local?.url ?? null,
        captures,
        onQuit: () => life.stop('SIGINT'),
        isRestarting: () => life.isRestarting,
      });
      ends.unshift(() => screen.close());
    }
    end = await life.over;
  } catch (error) {
    void agent.close();
    await finish();
    await sink.close();
    throw error;
  }
  await finish();
  const replace = end.kind === 'restart' ? context.replacement() : null;
  if (end.kind !== 'restart' || replace === null) {
    await sink.close();
    return 0;
  }
  await sink.flush();
  return replace(encodeTakeOver(settings.connectUrl, end.memory));

  /** Gives everything back: the terminal first. */
  async function finish(): Promise<void> {
    for (const each of ends) await each();
  }

  async function openLocal(addr: string): Promise<LocalServer> {
    const { startLocalServer } = await import('../local-api/local-server.ts');
    const server = await startLocalServer({
      addr,
      allowHosts: settings.webAllowHosts,
      tunnels,
      captures,
      version: context.version,
      connectUrl: settings.connectUrl,
      configPaths: settings.configPaths,
    });
    ends.push(() => server.close());
    log.log('info', 'starting web service', {
      obj: 'web',
      addr: server.addr,
      allow_hosts: settings.webAllowHosts.join(','),
    });
    return server;
  }
}

/** How a command ends that did nothing wrong: with code 0, or in order to begin anew. */
type LifeEnd = { readonly kind: 'exit' } | { readonly kind: 'restart'; readonly memory: AgentMemory };

/** From the first try to the exit code: what ends a command that runs until somebody stops it. */
class TunnelLife {
  /** Rejects with a CliError. */
  readonly over: Promise<LifeEnd>;
  readonly #agent: Agent;
  readonly #settle: { resolve(end: LifeEnd): void; reject(error: unknown): void };
  #restart: AgentMemory | null = null;
  readonly #hurry = new AbortController();
  readonly #stopListening: () => void;
  #isStopping = false;

  constructor(agent: Agent, context: CliContext) {
    this.#agent = agent;
    const settle = Promise.withResolvers<LifeEnd>();
    this.over = settle.promise;
    // It may fail while the local API is still being started: whoever waits for it is told then.
    settle.promise.catch(() => {});
    this.#settle = settle;
    this.#stopListening = context.onSignal((signal) => this.stop(signal));
    agent.on('state', (state) => {
      if (state.kind !== 'stopped') return;
      this.#stopListening();
      if (state.error === null)
        settle.resolve(this.#restart === null ? { kind: 'exit' } : { kind: 'restart', memory: this.#restart });
      else settle.reject(toCliError(state.error));
    });
    agent.on('offline', (endpoint, end) => this.#onOffline(endpoint, end.error));
  }

  /** The first time in order, the second time at once. */
  stop(signal: 'SIGINT' | 'SIGTERM'): void {
    if (this.#restart !== null) {
      // What is in flight finishes as it would have; nothing comes after it.
      this.#restart = null;
      return;
    }
    if (this.#isStopping) {
      this.#hurry.abort();
      return;
    }
    this.#isStopping = true;
    // A person at the keyboard should not wait for a page that keeps a WebSocket open; a service manager can.
    const quietMs = signal === 'SIGINT' ? 2000 : Number.POSITIVE_INFINITY;
    void this.#agent.close({ graceMs: 30_000, quietMs, signal: this.#hurry.signal });
  }

  get isRestarting(): boolean {
    return this.#restart !== null;
  }

  /** What is in flight finishes, then the command begins anew. */
  restart(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#restart = this.#agent.memory();
    void this.#agent.close({ graceMs: 30_000, quietMs: 2000, signal: this.#hurry.signal });
  }

  /** An endpoint cannot be opened: then none is. */
  fail(error: unknown): void {
    if (this.#isStopping || this.#agent.state.kind === 'stopped') return;
    this.#isStopping = true;
    this.#settle.reject(error instanceof AgentError ? toCliError(error) : error);
    this.#stopListening();
    void this.#agent.close();
  }

  /** The last endpoint was taken away by the server: there is nothing left to run for. */
  #onOffline(endpoint: AgentEndpoint, error: AgentError | null): void {
    if (this.#isStopping || error === null || endpoint.url === '' || this.#agent.endpoints.length > 0) return;
    if (this.#agent.state.kind === 'stopped') return;
    if (error.code === null) this.stop('SIGINT');
    else this.fail(error);
  }
}

function wantsScreen(settings: Settings, context: CliContext): boolean {
  const { consoleUi, log } = settings;
  if (consoleUi === false || log === 'stdout' || log === 'stderr') return false;
  if (!context.stdout.isTTY || context.env.TERM === 'dumb') return false;
  return true;
}

async function openSink(where: string, context: CliContext): Promise<LogSink> {
  switch (where) {
    case 'false':
      return silentSink();
    case 'true':
    case 'stdout':
      return standardSink(1, context.stdout);
    case 'stderr':
      return standardSink(2, context.stderr);
    default:
      try {
        return await fileSink(where);
      } catch (error) {
        throw new CliError(`The log file ${where} cannot be opened (${errnoOf(error) ?? String(error)}).`);
      }
  }
}

function logConnections(agent: Agent, log: LogWriter): void {
  agent.on('opened', (endpoint, client) => {
    const id = randomBytes(6).toString('hex');
    log.log('info', 'join connections', { obj: 'join', id, l: endpoint.forwardsTo, r: client });
  });
  agent.on('finding', ({ endpoint, summary, fix }) => log.log('warn', summary, { obj: 'advice', name: endpoint, fix }));
  agent.on('closed', ({ endpoint, client, durationMs, bytesIn, bytesOut, failure }) => {
    if (failure !== null) {
      log.log('warn', 'failed to open private leg', {
        obj: 'join',
        privaddr: endpoint.forwardsTo,
        r: client,
        err: failure,
      });
      return;
    }
    const fields = {
      obj: 'join',
      name: endpoint.name,
      r: client,
      ms: Math.round(durationMs),
      in: bytesIn,
      out: bytesOut,
    };
    log.log('debug', 'connection closed', fields);
  });
}

function toCliError(error: AgentError): CliError {
  return new CliError(explainRefusal(error.message, error.code), { code: error.code, cause: error });
}
