import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { type Agent, type AgentOptions, connectAgent, type ForwardedOptions } from './agent.ts';
import { AgentError } from './agent-error.ts';
import type { EndpointOptions } from './bind-request.ts';
import type { AgentEndpoint, EndpointEnd } from './endpoint.ts';
import type { VisitorConnection } from './listener.ts';

/** How an embedding program reaches its server; what is absent comes from the environment. */
export interface ServerOptions
  extends Partial<Pick<AgentOptions, 'connectUrl' | 'authtoken' | 'ca' | 'metadata' | 'log' | 'proxyUrl'>> {
  /** An agent that the program has already; it is not closed with the endpoint. */
  readonly agent?: Agent;
  /** Aborting it closes the endpoint, and ends the wait for it. */
  readonly signal?: AbortSignal;
}

export interface ForwardCall extends ServerOptions, Partial<Omit<ForwardedOptions, 'upstream' | 'signal'>> {}
export interface ListenCall extends ServerOptions, Partial<EndpointOptions> {}

/** A public URL and what keeps it. */
export interface Tunnel {
  readonly url: string;
  readonly endpoint: AgentEndpoint;
  /** Its events tell of state, connections and exchanges. */
  readonly agent: Agent;
  /** Resolves when the endpoint is over, by whomever. */
  readonly ended: Promise<EndpointEnd>;
  /** Gives the URL back, and closes the agent if it was made for this endpoint. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Gives a public URL to what listens at `upstream` (`3000`, `host:port`, `https://host`, `unix:/path`, `file:///dir`).
 * Resolves when it is public; throws an AgentError when it cannot be.
 *
 * Without options the server is that of `PORTICO_CONNECT_URL`, its CA that of the file `PORTICO_CONNECT_CAS`, the token
 * `PORTICO_AUTHTOKEN` or `NGROK_AUTHTOKEN`.
 */
export async function forward(upstream: string | number, options: ForwardCall = {}): Promise<Tunnel> {
  const { agent, endpointOptions, signal } = prepare(options);
  return hold(options, agent, signal, () =>
    agent.forward({
      proto: 'http',
      ...endpointOptions,
      upstream: String(upstream),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}

/** Opens a public URL whose connections come into this process. Resolves when it is public. */
export async function listen(options: ListenCall = {}): Promise<TunnelServer> {
  const { agent, endpointOptions, signal } = prepare(options);
  const server = new TunnelServer();
  const tunnel = await hold(options, agent, signal, () =>
    agent.listen({ proto: 'http', ...endpointOptions }, (connection) => server.accept(connection), signal),
  );
  server.attach(tunnel);
  return server;
}

export interface TunnelServerEvents {
  connection: [connection: VisitorConnection];
  listening: [];
  close: [];
  error: [error: Error];
}

/** What takes connections as `net.Server` and `http.Server` hand them on. */
interface ConnectionTaker {
  emit(event: 'connection', connection: Duplex): boolean;
}

/**
 * A public URL in the manner of `net.Server`: `connection` gives a Duplex for each visitor's connection, `address()`
 * says where it is, `close()` ends it. `serve(http.createServer(app))` answers the connections with a server that
 * never listens anywhere else.
 */
export class TunnelServer extends EventEmitter<TunnelServerEvents> {
  #tunnel: Tunnel | null = null;
  #taker: ConnectionTaker | null = null;
  /** Connections that came before anybody took them. */
  #early: VisitorConnection[] = [];
  readonly #open = new Set<VisitorConnection>();

  constructor() {
    super();
    EventEmitter.prototype.on.call(this, 'newListener', (event: string) => {
      if (event === 'connection') queueMicrotask(() => this.#giveEarly());
    });
  }

  get url(): string {
    return this.#tunnel?.url ?? '';
  }

  get listening(): boolean {
    return this.#tunnel?.endpoint.isOnline ?? false;
  }

  get tunnel(): Tunnel {
    if (this.#tunnel === null) throw new AgentError('closed', 'This server is not listening yet.');
    return this.#tunnel;
  }

  /** As of net.Server; `address` is the public host name. */
  address(): { address: string; port: number; family: string } {
    const { hostname, port, protocol } = new URL(this.url.replace(/^(tls|tcp):/, 'http:'));
    const usual = protocol === 'https:' || this.url.startsWith('tls:') ? 443 : 80;
    return { address: hostname, port: port === '' ? usual : Number(port), family: 'tunnel' };
  }

  getConnections(callback: (error: Error | null, count: number) => void): void {
    setImmediate(() => callback(null, this.#open.size));
  }

  /** Hands every connection to a server of node:http or node:net, which then must not listen itself. */
  serve(server: ConnectionTaker): this {
    this.#taker = server;
    for (const connection of this.#early.splice(0)) server.emit('connection', connection);
    return this;
  }

  /** Ends the endpoint; open connections are ended too. */
  async close(callback?: (error?: Error) => void): Promise<void> {
    await this.#tunnel?.close();
    for (const connection of this.#open) connection.destroy();
    callback?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #giveEarly(): void {
    for (const connection of this.#early.splice(0)) this.emit('connection', connection);
  }

  /** For `listen`. */
  attach(tunnel: Tunnel): void {
    this.#tunnel = tunnel;
    void tunnel.ended.then((end) => {
      if (end.error !== null && this.listenerCount('error') > 0) this.emit('error', end.error);
      this.emit('close');
    });
    setImmediate(() => this.emit('listening'));
  }

  /** For `listen`. */
  accept(connection: VisitorConnection): void {
    this.#open.add(connection);
    connection.once('close', () => this.#open.delete(connection));
    // A visitor who leaves is no fault of the program.
    connection.on('error', () => {});
    if (this.#taker !== null) this.#taker.emit('connection', connection);
    else if (!this.emit('connection', connection)) this.#early.push(connection);
  }
}

function prepare<T extends ServerOptions>(
  options: T,
): { agent: Agent; endpointOptions: Omit<T, keyof ServerOptions>; signal: AbortSignal | undefined } {
  const { agent, connectUrl, authtoken, ca, metadata, log, proxyUrl, signal, ...endpointOptions } = options;
  if (agent !== undefined) return { agent, endpointOptions, signal };
  const { env } = process;
  const url = connectUrl ?? env.PORTICO_CONNECT_URL ?? env.NGROK_CONNECT_URL;
  if (url === undefined || url === '') {
    throw new AgentError('usage', 'No server is known: give connectUrl, or set PORTICO_CONNECT_URL.');
  }
  const made = connectAgent({
    connectUrl: url,
    authtoken: authtoken ?? env.PORTICO_AUTHTOKEN ?? env.NGROK_AUTHTOKEN ?? '',
    ca: ca ?? caOf(env.PORTICO_CONNECT_CAS),
    clientType: 'portico-sdk',
    ...(metadata === undefined ? {} : { metadata }),
    ...(log === undefined ? {} : { log }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
  });
  return { agent: made, endpointOptions, signal };
}

function caOf(file: string | undefined): string | null {
  if (file === undefined || file === '' || file === 'host') return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AgentError('usage', `The CA file ${file} (PORTICO_CONNECT_CAS) cannot be read.`, { cause: error });
  }
}

async function hold(
  options: ServerOptions,
  agent: Agent,
  signal: AbortSignal | undefined,
  open: () => Promise<AgentEndpoint>,
): Promise<Tunnel> {
  const isOurs = options.agent === undefined;
  const closeAgent = async (): Promise<void> => {
    if (isOurs) await agent.close();
  };
  let endpoint: AgentEndpoint;
  try {
    endpoint = await openOrStop(agent, open);
  } catch (error) {
    await closeAgent();
    throw error;
  }
  const ended = new Promise<EndpointEnd>((resolve) => {
    const onOffline = (over: AgentEndpoint, end: EndpointEnd): void => {
      if (over !== endpoint) return;
      agent.off('offline', onOffline);
      resolve(end);
      // Whoever closes it gives the URL back first.
      if (end.kind !== 'closed') void closeAgent();
    };
    agent.on('offline', onOffline);
  });
  signal?.addEventListener('abort', () => void endpoint.close().then(closeAgent), { once: true });
  const close = async (): Promise<void> => {
    await endpoint.close();
    await closeAgent();
  };
  return { url: endpoint.url, endpoint, agent, ended, close, [Symbol.asyncDispose]: close };
}

/** The endpoint, or why the agent stopped before there was one. */
async function openOrStop(agent: Agent, open: () => Promise<AgentEndpoint>): Promise<AgentEndpoint> {
  try {
    return await open();
  } catch (error) {
    const { state } = agent;
    throw state.kind === 'stopped' && state.error !== null ? state.error : error;
  }
}
