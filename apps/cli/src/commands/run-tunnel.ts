import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  type Agent,
  type AgentEndpoint,
  AgentError,
  connectAgent,
  type EndpointOptions,
  parseConnectUrl,
  parseUpstreamAddress,
  type UpstreamAddress,
  wantedBind,
} from '@portico/agent';
import type { EndpointConfig } from '../config/agent-config.ts';
import { errnoOf } from '../config/load-config.ts';
import { loadSettings, type Settings } from '../config/settings.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../output/cli-error.ts';
import { fileSink, type LogSink, silentSink, standardSink } from '../output/log-sink.ts';
import { LogWriter } from '../output/log-writer.ts';
import type { TunnelFlags } from './tunnel-flags.ts';

/** One endpoint to open, checked as far as that goes without a server. */
type Wanted = EndpointOptions & { readonly upstream: UpstreamAddress };

/** `http`, `tcp`, `tls`: one endpoint until Ctrl-C. Resolves with the exit code. */
export async function runTunnel(
  proto: 'http' | 'tcp' | 'tls',
  address: string,
  flags: TunnelFlags,
  context: CliContext,
): Promise<number> {
  const wanted = asCliError(() => wantedFromFlags(proto, address, flags));
  const settings = await loadSettings(flags, context);
  return run([wanted], settings, context);
}

/** `start`: endpoints of the file until Ctrl-C. Resolves with the exit code. */
export async function runConfigured(
  which: 'all' | readonly string[],
  flags: TunnelFlags,
  context: CliContext,
): Promise<number> {
  const settings = await loadSettings(flags, context);
  const names = which === 'all' ? [...settings.endpoints.keys()] : which;
  if (which === 'all' && names.length === 0) throw new CliError('The configuration file describes no endpoint.');
  const wanted: Wanted[] = [];
  for (const name of names) {
    const endpoint = settings.endpoints.get(name);
    if (endpoint === undefined) {
      const known = [...settings.endpoints.keys()];
      throw new CliError(
        `The configuration file describes no endpoint "${name}".\n${known.length === 0 ? 'It describes none.' : `It describes: ${known.join(', ')}.`}`,
      );
    }
    wanted.push(await wantedFromConfig(endpoint));
  }
  return run(wanted, settings, context);
}

function wantedFromFlags(proto: 'http' | 'tcp' | 'tls', address: string, flags: TunnelFlags): Wanted {
  const { url, subdomain, hostname, domain } = flags;
  const names = Object.entries({ url, subdomain, hostname, domain }).filter(([, value]) => value !== undefined);
  if (names.length > 1) {
    throw new CliError(`Give one of ${names.map(([name]) => `--${name}`).join(' and ')}: an endpoint has one name.`);
  }
  const upstream = parseUpstreamAddress(address, proto);
  const options: EndpointOptions = {
    proto,
    url: url ?? hostname ?? domain ?? '',
    forwardsTo: upstream.text,
    ...(subdomain === undefined ? {} : { subdomain }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.description === undefined ? {} : { description: flags.description }),
    ...(flags.metadata === undefined ? {} : { metadata: flags.metadata }),
  };
  if (subdomain === '')
    throw new CliError('--subdomain needs a name, as in --subdomain demo.', { code: 'ERR_NGROK_328' });
  // Throws for what no server would accept, before anything is dialled.
  wantedBind(options);
  return { ...options, upstream };
}

async function wantedFromConfig(config: EndpointConfig): Promise<Wanted> {
  if (config.unsupported.length > 0) {
    throw new CliError(`Endpoint "${config.name}" uses ${config.unsupported.join(', ')}, which is not supported yet.`);
  }
  const { trafficPolicyFile } = config;
  let { trafficPolicy } = config;
  if (trafficPolicyFile !== undefined) {
    try {
      trafficPolicy = await readFile(trafficPolicyFile, 'utf8');
    } catch (error) {
      throw new CliError(`The policy file ${trafficPolicyFile} cannot be read (${errnoOf(error) ?? String(error)}).`);
    }
  }
  return asCliError(() => {
    const upstream = parseUpstreamAddress(config.upstream, config.proto);
    const { name, proto, url, subdomain, metadata, description, poolingEnabled, bindings } = config;
    const options: EndpointOptions = {
      name,
      proto,
      url,
      forwardsTo: upstream.text,
      ...(subdomain === undefined ? {} : { subdomain }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(description === undefined ? {} : { description }),
      ...(poolingEnabled === undefined ? {} : { poolingEnabled }),
      ...(bindings === undefined ? {} : { bindings }),
      ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
      ...(config.proxyProtocol === undefined ? {} : { proxyProtocol: config.proxyProtocol }),
      ...(config.upstreamProtocol === undefined ? {} : { forwardsProto: config.upstreamProtocol }),
    };
    wantedBind(options);
    return { ...options, upstream };
  });
}

async function run(wanted: readonly Wanted[], settings: Settings, context: CliContext): Promise<number> {
  asCliError(() => parseConnectUrl(settings.connectUrl));
  const hasScreen = wantsScreen(settings, context);
  const sink = await openSink(settings.log ?? (hasScreen ? 'false' : 'stdout'), context);
  const isTerminal = settings.log === undefined || settings.log === 'stdout' ? context.stdout.isTTY : false;
  const log = new LogWriter({
    format: settings.logFormat ?? (isTerminal ? 'term' : 'logfmt'),
    level: settings.logLevel,
    write: (line) => sink.write(line),
  });
  for (const path of settings.configPaths) log.log('info', 'open config file', { path, err: null });

  const agent = connectAgent({
    connectUrl: settings.connectUrl,
    ca: settings.ca,
    authtoken: settings.authtoken,
    version: context.version,
    clientType: 'portico',
    heartbeat: settings.heartbeat,
    observeExchanges: hasScreen,
    log: (level, message, fields) => log.log(level, message, fields),
    ...(settings.metadata === undefined ? {} : { metadata: settings.metadata }),
    ...(settings.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: settings.connectTimeoutMs }),
  });
  logConnections(agent, log);

  const life = new TunnelLife(agent, context);
  const opening = Promise.all(wanted.map((each) => agent.forward(each)));
  opening.catch((error: unknown) => life.fail(error));
  let closeScreen = (): void => {};
  try {
    if (hasScreen) {
      const { ConsoleScreen } = await import('../output/screen/console-screen.ts');
      const screen = new ConsoleScreen({
        agent,
        context,
        connectUrl: settings.connectUrl,
        endpoints: wanted.map(({ name, proto, upstream }) => ({
          name: name ?? '',
          forwardsTo: upstream.text,
          isHttp: proto === 'http',
        })),
        onQuit: () => life.stop('SIGINT'),
      });
      closeScreen = () => screen.close();
    }
    return await life.over;
  } finally {
    closeScreen();
    await sink.close();
  }
}

/** From the first try to the exit code: what ends a command that runs until somebody stops it. */
class TunnelLife {
  /** Resolves with the exit code, or rejects with a CliError. */
  readonly over: Promise<number>;
  readonly #agent: Agent;
  readonly #settle: { resolve(code: number): void; reject(error: unknown): void };
  readonly #hurry = new AbortController();
  readonly #stopListening: () => void;
  #isStopping = false;

  constructor(agent: Agent, context: CliContext) {
    this.#agent = agent;
    const settle = Promise.withResolvers<number>();
    this.over = settle.promise;
    this.#settle = settle;
    this.#stopListening = context.onSignal((signal) => this.stop(signal));
    agent.on('state', (state) => {
      if (state.kind !== 'stopped') return;
      this.#stopListening();
      if (state.error === null) settle.resolve(0);
      else settle.reject(toCliError(state.error));
    });
    agent.on('offline', (endpoint, end) => this.#onOffline(endpoint, end.error));
  }

  /** The first time in order, the second time at once. */
  stop(signal: 'SIGINT' | 'SIGTERM'): void {
    if (this.#isStopping) {
      this.#hurry.abort();
      return;
    }
    this.#isStopping = true;
    // A person at the keyboard should not wait for a page that keeps a WebSocket open; a service manager can.
    const quietMs = signal === 'SIGINT' ? 2000 : Number.POSITIVE_INFINITY;
    void this.#agent.close({ graceMs: 30_000, quietMs, signal: this.#hurry.signal });
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
  return new CliError(error.message, { code: error.code, cause: error });
}

function asCliError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof AgentError ? toCliError(error) : error;
  }
}
