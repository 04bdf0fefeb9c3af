import { EventEmitter } from 'node:events';
import { AgentError, isPermanent } from './agent-error.ts';
import { type AgentLog, silentLog } from './agent-log.ts';
import { type AgentSession, openAgentSession, type SessionInfo, type SessionKeys } from './agent-session.ts';
import { Backoff, type BackoffOptions, defaultBackoff } from './backoff.ts';
import { type EndpointOptions, type WantedBind, wantedBind } from './bind-request.ts';
import type { Capture, CaptureStore } from './capture/capture-store.ts';
import { type Clock, systemClock } from './clock.ts';
import { type ConnectUrl, parseConnectUrl } from './connect-url.ts';
import { ConnectionCounters, type ConnectionFigures } from './connection-counters.ts';
import { CorkBatch } from './cork-batch.ts';
import type { DialReach } from './dial-reach.ts';
import { anyCertificate, type UpstreamTls } from './dial-upstream.ts';
import { AgentEndpoint, type EndpointEnd, type EndpointMemory, type EndpointTarget } from './endpoint.ts';
import type { RunningFileServer } from './file-server.ts';
import { Forward } from './forward.ts';
import type { Finding } from './host-refusal.ts';
import { speaksTlsFinding } from './host-refusal.ts';
import type { Exchange, HttpTap, HttpTapOptions } from './http-tap.ts';
import type { IncomingStream } from './incoming-stream.ts';
import { type ConnectionHandler, toConnection } from './listener.ts';
import type { ReplayRequest } from './replay.ts';
import type { StreamTap } from './stream-tap.ts';
import { BudgetTap, TapBudget } from './tap-budget.ts';
import type { TlsKeyPair } from './terminate-tls.ts';
import { parseUpstreamAddress, type UpstreamAddress } from './upstream-address.ts';

export interface AgentOptions {
  /** `host:port` of the server's connect port. */
  readonly connectUrl: string;
  /** PEM texts of the CAs to believe; null or absent for those of Node and of the system. */
  readonly ca?: readonly string[] | string | null;
  readonly authtoken: string;
  /** Shown with the session; at most 4,096 bytes. */
  readonly metadata?: string;
  /** Version and name that the server is told. */
  readonly version?: string;
  readonly clientType?: string;
  readonly heartbeat?: { readonly intervalMs: number; readonly toleranceMs: number };
  /** TCP and TLS to the server (default 10 s). */
  readonly connectTimeoutMs?: number;
  /** A connection to an upstream (default 10 s). */
  readonly dialTimeoutMs?: number;
  /** Answers of the server to Auth, Bind and Unbind (default 30 s; Auth may take longer while the server starts). */
  readonly callTimeoutMs?: number;
  readonly backoff?: Partial<Omit<BackoffOptions, 'random'>>;
  /** Asks for `exchange` events: heads of HTTP messages are read off what passes. */
  readonly observeExchanges?: boolean;
  /** Where exchanges of inspected endpoints are kept, bodies too; without one nothing is kept. */
  readonly captures?: CaptureStore;
  /** `http://[user:password@]host:port` or `socks5://…` through which the server is reached. */
  readonly proxyUrl?: string;
  /** False: the server may not stop or restart this agent (default true). */
  readonly remoteManagement?: boolean;
  /** The server asks for a restart. Without it a new session takes over, and the old one finishes what it carries. */
  readonly onRestart?: () => void;
  /** Of an agent before this one (`agent.memory()`): its endpoints come back under the same URLs. */
  readonly memory?: AgentMemory;
  readonly log?: AgentLog;
  readonly clock?: Clock;
}

/** What an agent was given by its server. Plain data, and secret. */
export interface AgentMemory {
  readonly keys: SessionKeys;
  readonly endpoints: readonly {
    readonly name: string;
    readonly wanted: WantedBind;
    readonly given: EndpointMemory;
  }[];
}

/** What the agent does now. `error` of `stopped` is null when it was closed on purpose. */
export type AgentState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'online'; readonly session: SessionInfo }
  | {
      readonly kind: 'reconnecting';
      readonly attempt: number;
      readonly inMs: number;
      readonly reason: string;
      /** How far the last try came; null when there was none, or it went through a proxy. */
      readonly reach: DialReach | null;
    }
  | { readonly kind: 'stopped'; readonly error: AgentError | null };

/** One visitor's connection, for logs. */
export interface ConnectionInfo {
  readonly endpoint: AgentEndpoint;
  readonly client: string;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly whole: boolean;
  /** Why the upstream could not be dialled; null when it could. */
  readonly failure: string | null;
  readonly dialMs: number | null;
}

export interface AgentEvents {
  state: [state: AgentState];
  /** An endpoint is public; `again` after a reconnect. */
  online: [endpoint: AgentEndpoint, again: boolean];
  /** An endpoint is over. */
  offline: [endpoint: AgentEndpoint, end: EndpointEnd];
  opened: [endpoint: AgentEndpoint, client: string];
  /** An upstream took a connection. */
  dialled: [endpoint: AgentEndpoint, dialMs: number];
  closed: [connection: ConnectionInfo];
  exchange: [exchange: Exchange];
  /** Something that the owner of an endpoint can mend. */
  finding: [finding: Finding];
  latency: [ms: number];
}

export interface CloseOptions {
  /** How long streams in flight may finish (default 0). */
  readonly graceMs?: number;
  /** Streams whose last bytes went to the visitor that long ago do not hold up the end (default: all do). */
  readonly quietMs?: number;
  readonly signal?: AbortSignal;
}

/** An endpoint whose connections go to an upstream. */
export interface ForwardedOptions extends EndpointOptions {
  /** An address, or one of the forms of `parseUpstreamAddress`. */
  readonly upstream: string | UpstreamAddress;
  /** For `https://` and `tls://` upstreams; without it any certificate is taken. */
  readonly upstreamTls?: UpstreamTls;
  /** False keeps its exchanges out of the capture store (default true). */
  readonly inspect?: boolean;
  /** `tls` endpoints: TLS ends here, and the upstream gets what is inside. */
  readonly terminateTls?: TlsKeyPair;
  /** Aborting it closes the endpoint. */
  readonly signal?: AbortSignal;
}

/** Begins to connect at once; the returned agent keeps trying until it is closed or cannot succeed. */
export function connectAgent(options: AgentOptions): Agent {
  return new Agent(options);
}

/**
 * An agent: one session to the server, found again for ever when it is lost, and the endpoints that live in it.
 *
 * It ends (`stopped` with an error) only by what trying again cannot mend: an unknown or revoked token, a server that
 * cannot prove who it is at the first contact. An endpoint ends likewise alone. Everything else is waited out.
 */
export class Agent extends EventEmitter<AgentEvents> {
  readonly #options: AgentOptions;
  readonly #url: ConnectUrl;
  readonly #ca: readonly string[] | null;
  readonly #clock: Clock;
  readonly #log: AgentLog;
  readonly #backoff: Backoff;
  readonly #corks = new CorkBatch();
  #remembered: AgentMemory['endpoints'];
  readonly #counters: ConnectionCounters;
  readonly #endpoints = new Set<AgentEndpoint>();
  /** The current one and those that only finish what they carry. */
  readonly #sessions = new Set<AgentSession>();
  readonly #forwards = new Set<Forward>();
  readonly #abort = new AbortController();
  #session: AgentSession | null = null;
  #keys: SessionKeys;
  #state: AgentState = { kind: 'connecting' };
  #wasOnline: boolean;
  #reach: DialReach | null = null;
  #wake: (() => void) | null = null;
  #upstreamMs: number | null = null;
  readonly #files = new Map<AgentEndpoint, RunningFileServer>();
  /** When an upstream was last asked whether it speaks TLS. */
  readonly #probed = new WeakMap<AgentEndpoint, number>();
  #HttpTap: (new (options: HttpTapOptions) => HttpTap) | null = null;
  readonly #tapBudget: TapBudget;

  constructor(options: AgentOptions) {
    super();
    this.#options = options;
    this.#url = parseConnectUrl(options.connectUrl);
    const { ca = null, memory } = options;
    this.#ca = typeof ca === 'string' ? [ca] : ca;
    this.#keys = memory?.keys ?? { clientId: '', cookie: '' };
    this.#remembered = memory?.endpoints ?? [];
    this.#wasOnline = memory !== undefined;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
    this.#counters = new ConnectionCounters(this.#clock);
    this.#tapBudget = new TapBudget(this.#clock);
    this.#backoff = new Backoff({ ...defaultBackoff, ...options.backoff, random: () => this.#clock.random() });
    if (options.authtoken === '') {
      throw new AgentError('usage', 'The authtoken is missing.\nRun: portico config add-authtoken TOKEN', {
        code: 'ERR_NGROK_4018',
      });
    }
    void this.#run();
  }

  get state(): AgentState {
    return this.#state;
  }

  get endpoints(): readonly AgentEndpoint[] {
    return [...this.#endpoints];
  }

  get latencyMs(): number | null {
    return this.#session?.latencyMs ?? null;
  }

  /** How long the latest connection to an upstream took; null before the first. */
  get upstreamMs(): number | null {
    return this.#upstreamMs;
  }

  get openStreams(): number {
    return this.#forwards.size;
  }

  /** With what it knows now, another agent takes its place (`AgentOptions.memory`). To be asked before it is closed. */
  memory(): AgentMemory {
    const endpoints = [...this.#endpoints].flatMap(({ name, options, memory }) =>
      memory === null ? [] : [{ name, wanted: wantedBind(options), given: memory }],
    );
    return { keys: this.#keys, endpoints };
  }

  figures(): ConnectionFigures {
    return this.#counters.read();
  }

  /**
   * Opens an endpoint whose connections go to `upstream` (forms of `parseUpstreamAddress`). Resolves when it is
   * public; while the server cannot be reached it waits. Rejects with an AgentError when it cannot be.
   */
  async forward(options: ForwardedOptions): Promise<AgentEndpoint> {
    const { upstream, upstreamTls = anyCertificate, inspect = true, terminateTls, signal, ...rest } = options;
    const address = typeof upstream === 'string' ? parseUpstreamAddress(upstream, options.proto) : upstream;
    const endpoint = { forwardsTo: address.text, ...rest };
    if (terminateTls !== undefined) {
      if (address.kind === 'files' || options.proto !== 'tls') {
        throw new AgentError('usage', 'Only tls endpoints can end TLS in the agent.');
      }
      const { terminatingHandler } = await import('./terminate-tls.ts');
      const onConnection = terminatingHandler({ keyPair: terminateTls, address, tls: upstreamTls, clock: this.#clock });
      const mutual = terminateTls.clientCas !== undefined;
      return this.#add({ ...endpoint, mutualTlsAtAgent: mutual }, { kind: 'handler', onConnection }, signal);
    }
    if (address.kind !== 'files') {
      return this.#add(endpoint, { kind: 'upstream', address, tls: upstreamTls, inspect }, signal);
    }
    const { startFileServer } = await import('./file-server.ts');
    const files = await startFileServer(address.path);
    const target: EndpointTarget = { kind: 'upstream', address: files.address, tls: anyCertificate, inspect };
    try {
      return await this.#add(endpoint, target, signal, files);
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  /**
   * Sends a request to the upstream of an endpoint, past the server and its policies, and keeps the exchange.
   * Resolves when the request is on its way, with the capture that fills. Throws an AgentError (`usage`) when the
   * message cannot be one.
   */
  async replay(endpoint: AgentEndpoint, request: ReplayRequest): Promise<Capture> {
    const { captures } = this.#options;
    if (captures === undefined) throw new AgentError('usage', 'This agent keeps no exchanges.');
    const { target } = endpoint;
    if (target.kind !== 'upstream')
      throw new AgentError('usage', 'This endpoint has no upstream to send a request to.');
    const { sendReplay } = await import('./replay.ts');
    return sendReplay({
      request,
      endpoint: endpoint.name,
      address: target.address,
      tls: target.tls,
      proxyProtocol: endpoint.options.proxyProtocol ?? 0,
      captures,
      clock: this.#clock,
      onExchange: (exchange) => this.emit('exchange', exchange),
      onFinding: (finding) => this.emit('finding', finding),
    });
  }

  /** Opens an endpoint whose connections are handed to `onConnection` in this process. */
  async listen(
    options: EndpointOptions,
    onConnection: ConnectionHandler,
    signal?: AbortSignal,
  ): Promise<AgentEndpoint> {
    return this.#add({ forwardsTo: `app://${process.pid}`, ...options }, { kind: 'handler', onConnection }, signal);
  }

  /**
   * Gives the endpoints back, lets what is in flight finish, says good-bye. Resolves when nothing is left. A second
   * call may bring a shorter grace by its signal.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#state.kind === 'stopped') return;
    const { graceMs = 0, quietMs = Number.POSITIVE_INFINITY, signal } = options;
    this.#abort.abort();
    this.#wake?.();
    await Promise.all([...this.#endpoints].map((endpoint) => endpoint.close()));
    await this.#drained(graceMs, quietMs, signal);
    this.#stop(null);
  }

  // The session, again and again

  async #run(): Promise<void> {
    if (this.#options.observeExchanges === true || this.#options.captures !== undefined) {
      const { HttpTap } = await import('./http-tap.ts');
      this.#HttpTap = HttpTap;
    }
    while (!this.#abort.signal.aborted) {
      let reason: AgentError;
      try {
        const session = await this.#open();
        reason = await this.#serve(session);
      } catch (error) {
        reason = asAgentError(error);
        if (this.#abort.signal.aborted) return;
        if (reason.code === 'ERR_NGROK_110') this.#keys = { clientId: '', cookie: '' };
        if (isPermanent(reason, !this.#wasOnline)) {
          this.#log('error', 'agent stopped', { obj: 'csess', err: reason.message, code: reason.code });
          this.#stop(reason);
          return;
        }
      }
      if (this.#abort.signal.aborted) return;
      await this.#wait(reason);
    }
  }

  async #open(): Promise<AgentSession> {
    const { options, clock } = { options: this.#options, clock: this.#clock };
    this.#reach = null;
    const session = await openAgentSession({
      url: this.#url,
      ca: this.#ca,
      authtoken: options.authtoken,
      keys: this.#keys,
      metadata: options.metadata ?? '',
      version: options.version ?? '0.0.0',
      clientType: options.clientType ?? 'portico-agent',
      heartbeat: options.heartbeat ?? { intervalMs: 10_000, toleranceMs: 15_000 },
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      callTimeoutMs: options.callTimeoutMs ?? 30_000,
      clock,
      proxyUrl: options.proxyUrl ?? null,
      remoteManagement: options.remoteManagement ?? true,
      signal: this.#abort.signal,
      onVisitor: (from, incoming) => this.#onVisitor(from, incoming),
      onStopEndpoint: (from, id, message, code) => this.#onStopEndpoint(from, id, message, code),
      onCommand: (from, command) => this.#onCommand(from, command),
      onLatency: (ms) => this.emit('latency', ms),
      onReach: (reach) => {
        this.#reach = reach;
      },
    });
    this.#keys = session.keys;
    return session;
  }

  /** From online to lost; returns why it was lost. */
  async #serve(session: AgentSession): Promise<AgentError> {
    const startedMs = this.#clock.nowMs();
    // That was the try that succeeded.
    this.#reach = null;
    this.#session = session;
    this.#sessions.add(session);
    this.#wasOnline = true;
    this.#log('info', 'client session established', {
      obj: 'csess',
      id: session.info.sessionId ?? '',
      region: session.info.region ?? '',
    });
    this.#setState({ kind: 'online', session: session.info });
    for (const endpoint of this.#endpoints) endpoint.bindTo(session);
    const end = await session.ended;
    this.#sessions.delete(session);
    if (this.#session === session) this.#session = null;
    for (const endpoint of this.#endpoints) endpoint.sessionLost(session);
    this.#backoff.afterSession(this.#clock.nowMs() - startedMs);
    return end;
  }

  async #wait(reason: AgentError): Promise<void> {
    const inMs = this.#backoff.nextMs();
    const text = firstLine(reason.message);
    this.#log('warn', 'failed to reconnect session', {
      obj: 'csess',
      err: text,
      attempt: this.#backoff.failures,
      in_ms: inMs,
    });
    const { failures: attempt } = this.#backoff;
    this.#setState({ kind: 'reconnecting', attempt, inMs, reason: reason.message, reach: this.#reach });
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(inMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = null;
  }

  #setState(state: AgentState): void {
    this.#state = state;
    this.emit('state', state);
  }

  #stop(error: AgentError | null): void {
    if (this.#state.kind === 'stopped') return;
    this.#abort.abort();
    this.#wake?.();
    for (const endpoint of [...this.#endpoints]) endpoint.end({ kind: 'agent-stopped', error });
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
    this.#session = null;
    this.#setState({ kind: 'stopped', error });
  }

  async #drained(graceMs: number, quietMs: number, signal: AbortSignal | undefined): Promise<void> {
    const untilMs = this.#clock.nowMs() + graceMs;
    for (;;) {
      const now = this.#clock.nowMs();
      const busy = [...this.#forwards].some((forward) => !forward.isIdle(now, quietMs));
      if (!busy || now >= untilMs || signal?.aborted === true || this.#sessions.size === 0) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          cancel();
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const cancel = this.#clock.after(50, done);
        signal?.addEventListener('abort', done);
      });
    }
  }

  // Endpoints

  async #add(
    options: EndpointOptions,
    target: EndpointTarget,
    signal?: AbortSignal,
    files?: RunningFileServer,
  ): Promise<AgentEndpoint> {
    const wanted = wantedBind(options);
    if (this.#abort.signal.aborted) {
      const error = this.#state.kind === 'stopped' ? this.#state.error : null;
      throw error ?? new AgentError('closed', 'The agent was closed.');
    }
    const endpoint = new AgentEndpoint({
      options,
      wanted,
      target,
      clock: this.#clock,
      random: () => this.#clock.random(),
      memory: this.#recall(options.name ?? '', wanted),
      onOnline: (again) => {
        const { name, url, forwardsTo } = endpoint;
        this.#log('info', again ? 'restarted tunnel' : 'started tunnel', {
          obj: 'tunnels',
          name,
          addr: forwardsTo,
          url,
        });
        this.emit('online', endpoint, again);
      },
      onRetry: (error, inMs) =>
        this.#log('warn', 'failed to start tunnel, trying again', {
          obj: 'tunnels',
          name: endpoint.name,
          err: firstLine(error.message),
          in_ms: inMs,
        }),
      onOver: (end) => {
        this.#endpoints.delete(endpoint);
        signal?.removeEventListener('abort', onAbort);
        void this.#files.get(endpoint)?.close();
        this.#files.delete(endpoint);
        if (end.error !== null)
          this.#log('error', 'tunnel closed', {
            obj: 'tunnels',
            name: endpoint.name,
            err: firstLine(end.error.message),
          });
        this.emit('offline', endpoint, end);
      },
    });
    const onAbort = (): void => void endpoint.close();
    if (signal?.aborted === true) throw new AgentError('closed', 'The endpoint was closed before it was online.');
    signal?.addEventListener('abort', onAbort);
    if (files !== undefined) this.#files.set(endpoint, files);
    this.#endpoints.add(endpoint);
    if (this.#session !== null) endpoint.bindTo(this.#session);
    return endpoint.ready;
  }

  /** What the agent before this one was given for such an endpoint. Of one that is asked for otherwise now, its random name. */
  #recall(name: string, wanted: WantedBind): EndpointMemory | null {
    const found = this.#remembered.find((each) => each.name === name);
    if (found === undefined) return null;
    this.#remembered = this.#remembered.filter((each) => each !== found);
    if (JSON.stringify(found.wanted) === JSON.stringify(wanted)) return found.given;
    const named = [wanted.opts.URL, wanted.opts.Subdomain].some((each) => typeof each === 'string' && each !== '');
    return named || found.given.proto !== wanted.proto ? null : { ...found.given, id: '', token: '' };
  }

  #onStopEndpoint(session: AgentSession, id: string, message: string, code: string | null): void {
    const endpoint = this.#find(session, id);
    if (endpoint === null) return;
    endpoint.end({
      kind: 'stopped-by-server',
      error: new AgentError('refused', message || 'The server stopped this endpoint.', { code }),
    });
  }

  #onCommand(session: AgentSession, command: 'stop' | 'restart'): void {
    this.#log('info', 'received command from the server', { obj: 'csess', cmd: command });
    if (command === 'stop') {
      void this.close();
      return;
    }
    if (this.#options.onRestart !== undefined) {
      this.#options.onRestart();
      return;
    }
    // The old session finishes what it carries beside the new one; the server sends it nothing more once we rebind.
    this.#retire(session);
  }

  #retire(session: AgentSession): void {
    if (this.#session !== session) return;
    session.retire(new AgentError('unreachable', 'The server asked for a new session.'));
  }

  // Streams

  #find(session: AgentSession, bindId: string): AgentEndpoint | null {
    for (const endpoint of this.#endpoints) if (endpoint.isBound(session, bindId)) return endpoint;
    return null;
  }

  #onVisitor(session: AgentSession, incoming: IncomingStream): boolean {
    const endpoint = this.#find(session, incoming.bindId);
    if (endpoint === null) return false;
    this.#carry(endpoint, incoming);
    return true;
  }

  #carry(endpoint: AgentEndpoint, incoming: IncomingStream): void {
    const { target } = endpoint;
    const startedMs = this.#clock.nowMs();
    const { client } = incoming;
    this.#counters.opened();
    endpoint.connections.opened();
    this.emit('opened', endpoint, client);
    if (target.kind === 'handler') {
      const connection = toConnection(incoming);
      connection.once('close', () => {
        const durationMs = this.#clock.nowMs() - startedMs;
        const { bytesIn, bytesOut } = connection;
        this.#counters.closed(durationMs, bytesIn, bytesOut);
        endpoint.connections.closed(durationMs, bytesIn, bytesOut);
        const info = { endpoint, client, durationMs, bytesIn, bytesOut, whole: true, failure: null, dialMs: null };
        this.emit('closed', info);
      });
      target.onConnection(connection);
      return;
    }
    let dialMs: number | null = null;
    const forward = new Forward({
      stream: incoming.stream,
      address: target.address,
      tls: target.tls,
      wrapInTls: !incoming.passthroughTls,
      alpn: alpnOf(endpoint),
      timeoutMs: this.#options.dialTimeoutMs ?? 10_000,
      reply: {
        connected: (ms) => {
          dialMs = ms;
          this.#upstreamMs = ms;
          this.emit('dialled', endpoint, ms);
          return incoming.reply.connected(ms);
        },
        failed: (failure) => incoming.reply.failed(failure),
      },
      tap: this.#tapOf(endpoint, target, client),
      corks: this.#corks,
      clock: this.#clock,
      onOver: ({ bytesIn, bytesOut, whole, failure }) => {
        this.#forwards.delete(forward);
        const durationMs = this.#clock.nowMs() - startedMs;
        this.#counters.closed(durationMs, bytesIn, bytesOut);
        endpoint.connections.closed(durationMs, bytesIn, bytesOut);
        const info = {
          endpoint,
          client,
          durationMs,
          bytesIn,
          bytesOut,
          whole,
          failure: failure?.message ?? null,
          dialMs,
        };
        this.emit('closed', info);
        this.#look(endpoint, info);
      },
    });
    this.#forwards.add(forward);
    incoming.take(forward);
  }

  #tapOf(
    endpoint: AgentEndpoint,
    { inspect, address }: Extract<EndpointTarget, { kind: 'upstream' }>,
    client: string,
  ): StreamTap | null {
    const { captures, observeExchanges } = this.#options;
    // Bytes of HTTP/2 are no heads that could be read off.
    if (this.#HttpTap === null || !endpoint.isHttp || endpoint.forwardsProto === 'http2') return null;
    const kept = inspect ? (captures ?? null) : null;
    if (kept === null && observeExchanges !== true) return null;
    const skipProxyHeader = (endpoint.options.proxyProtocol ?? 0) !== 0;
    const HttpTap = this.#HttpTap;
    const makeTap = (): HttpTap =>
      new HttpTap({
        endpoint: endpoint.name,
        clientIp: client,
        clock: this.#clock,
        captures: kept,
        address,
        skipProxyHeader,
        onExchange: (exchange) => {
          if (exchange.state !== 'open') endpoint.requests.closed(exchange.durationMs ?? 0);
          else if (exchange.status === null) endpoint.requests.opened();
          this.emit('exchange', exchange);
        },
        onFinding: (finding) => this.emit('finding', finding),
      });
    // Its PROXY header has to be read before anything else.
    if (skipProxyHeader) return makeTap();
    return new BudgetTap({
      budget: this.#tapBudget,
      clock: this.#clock,
      makeTap,
      onPassedOver: () => {
        kept?.passOver();
        endpoint.requests.opened();
      },
      onPassedOverEnd: (durationMs) => endpoint.requests.closed(Math.round(durationMs)),
    });
  }

  /** Finds out what is wrong with an upstream that takes connections and says nothing useful. */
  #look(endpoint: AgentEndpoint, { bytesIn, bytesOut, whole, failure }: ConnectionInfo): void {
    const { target, isHttp, name } = endpoint;
    if (target.kind !== 'upstream' || !isHttp) return;
    if (failure !== null) {
      if (!/WRONG_VERSION_NUMBER|wrong version number|packet length too long|EPROTO/.test(failure)) return;
      this.emit('finding', {
        kind: 'speaks-plain',
        endpoint: name,
        summary: 'The upstream speaks plain HTTP on this port.',
        fix: 'Start with http:// before the address, as in  portico http http://localhost:443',
      });
      return;
    }
    const { address } = target;
    // A visitor who left says nothing about the upstream.
    if (address.kind !== 'tcp' || !whole || bytesIn === 0 || bytesOut > 0) return;
    const now = this.#clock.nowMs();
    if (now - (this.#probed.get(endpoint) ?? Number.NEGATIVE_INFINITY) < probeEveryMs) return;
    this.#probed.set(endpoint, now);
    void import('./tls-probe.ts').then(async ({ speaksTls }) => {
      if (await speaksTls(address)) this.emit('finding', speaksTlsFinding(name, address));
    });
  }
}

/** An upstream that answers nothing is asked for TLS that often at most. */
const probeEveryMs = 30_000;

function alpnOf(endpoint: AgentEndpoint): 'http/1.1' | 'h2' | null {
  if (!endpoint.isHttp) return null;
  return endpoint.forwardsProto === 'http2' ? 'h2' : 'http/1.1';
}

function asAgentError(error: unknown): AgentError {
  if (error instanceof AgentError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AgentError('unreachable', message, { cause: error });
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
