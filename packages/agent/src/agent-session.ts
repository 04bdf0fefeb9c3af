import { hostname } from 'node:os';
import { MuxError, MuxOpenError, MuxSession, type MuxStream, type SessionEnd } from '@portico/muxado';
import {
  type AuthResponse,
  call,
  encodeAuthRequest,
  encodeBindRequest,
  encodeErrorField,
  encodeUnbindRequest,
  MessageError,
  PORTICO_EXTRA,
  PROTOCOL_VERSIONS,
  parseAuthResponse,
  parseBindResponse,
  parseErrorText,
  parseStopTunnelRequest,
  RpcError,
  readJson,
  reply,
  StreamType,
} from '@portico/protocol';
import { AgentError } from './agent-error.ts';
import type { EndpointProto } from './bind-request.ts';
import type { Clock } from './clock.ts';
import type { ConnectUrl } from './connect-url.ts';
import type { DialReach } from './dial-reach.ts';
import { dialServer } from './dial-server.ts';
import { HeaderStage, type IncomingStream } from './incoming-stream.ts';
import { openReader, proxyReader, refuseStale } from './stream-headers.ts';

/** What the server gave to be known by at the next session. Secret. */
export interface SessionKeys {
  readonly clientId: string;
  readonly cookie: string;
}

/** What the server says about itself and the account; null where it says nothing. */
export interface SessionInfo {
  readonly sessionId: string | null;
  readonly region: string | null;
  readonly accountName: string | null;
  readonly planName: string | null;
  readonly banner: string | null;
  readonly serverVersion: string | null;
}

export interface AgentSessionOptions {
  readonly url: ConnectUrl;
  readonly ca: readonly string[] | null;
  readonly authtoken: string;
  readonly keys: SessionKeys;
  readonly metadata: string;
  readonly version: string;
  readonly clientType: string;
  readonly heartbeat: { readonly intervalMs: number; readonly toleranceMs: number };
  readonly connectTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  /** False refuses commands of the server. */
  readonly remoteManagement: boolean;
  /** Proxy to go through, null for none. */
  readonly proxyUrl: string | null;
  readonly signal: AbortSignal;
  /** False when no endpoint has this bind id (yet). */
  onVisitor(session: AgentSession, incoming: IncomingStream): boolean;
  onStopEndpoint(session: AgentSession, bindId: string, message: string, code: string | null): void;
  onCommand(session: AgentSession, command: 'stop' | 'restart'): void;
  onLatency(ms: number): void;
  onReach(reach: DialReach): void;
}

/** What a Bind message says, in our words. */
export interface BindAsk {
  /** '' for a new endpoint. */
  readonly id: string;
  readonly token: string;
  readonly proto: EndpointProto;
  readonly opts: Readonly<Record<string, unknown>>;
  readonly forwardsTo: string;
  readonly forwardsProto: '' | 'http1' | 'http2';
  readonly name: string;
  readonly description: string;
  readonly metadata: string;
  readonly poolingEnabled: boolean;
  readonly bindings: readonly string[];
}

export type BindResult =
  | {
      readonly kind: 'bound';
      readonly id: string;
      readonly token: string;
      readonly proto: EndpointProto;
      readonly url: string;
      readonly opts: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'failed'; readonly error: AgentError };

/** A server that starts without its control plane holds Auth answers back instead of refusing. */
const authTimeoutMs = 120_000;

/** How long a header may take; in practice it rides in the opening frame. */
const headerTimeoutMs = 10_000;

/** How long a session that was replaced may go on carrying what it has (`reliability.md` X2). */
const retireMs = 180_000;

/**
 * Dials, proves who we are, and returns a session that is online. Throws an AgentError; `refused` carries the
 * server's text and code.
 */
export async function openAgentSession(options: AgentSessionOptions): Promise<AgentSession> {
  const { url, ca, clock, signal } = options;
  const { proxyUrl, connectTimeoutMs: timeoutMs, onReach } = options;
  const socket = await dialServer({ url, ca, timeoutMs, clock, signal, proxyUrl, onReach });
  const session = new AgentSession(socket, options);
  try {
    await session.authenticate();
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}

/** One authenticated connection to the server: binds go out on it, visitors come in. It is never used again once over. */
export class AgentSession {
  /** Resolves with the reason when the session is lost, closed, or to be replaced by another one. */
  readonly ended: Promise<AgentError>;
  readonly #options: AgentSessionOptions;
  readonly #mux: MuxSession;
  readonly #end: (reason: AgentError) => void;
  /** Streams whose header is not complete. */
  readonly #headers = new Set<{ readonly stream: MuxStream; readonly sinceMs: number }>();
  /** Streams for binds whose answer has come but was not yet told to the endpoint. */
  #parked: IncomingStream[] = [];
  #pendingBinds = 0;
  #fences = new Map<string, number>();
  #sweep: (() => void) | null = null;
  #life: 'live' | 'retiring' | 'over' = 'live';
  #info: SessionInfo = {
    sessionId: null,
    region: null,
    accountName: null,
    planName: null,
    banner: null,
    serverVersion: null,
  };
  #keys: SessionKeys;

  constructor(transport: ConstructorParameters<typeof MuxSession>[0]['transport'], options: AgentSessionOptions) {
    this.#options = options;
    this.#keys = options.keys;
    const settle = Promise.withResolvers<AgentError>();
    this.ended = settle.promise;
    this.#end = settle.resolve;
    this.#mux = new MuxSession({
      transport,
      role: 'client',
      heartbeat: options.heartbeat,
      onStream: (stream, type) => this.#onStream(stream, type),
      onClose: (end) => this.#onClose(end),
      onLatency: (ms) => options.onLatency(ms),
    });
  }

  get info(): SessionInfo {
    return this.#info;
  }

  get keys(): SessionKeys {
    return this.#keys;
  }

  get latencyMs(): number | null {
    return this.#mux.latencyMs;
  }

  /** No new binds: lost, closed or being replaced. */
  get isOver(): boolean {
    return this.#life !== 'live';
  }

  /** Being replaced, while it still carries streams. */
  get isRetiring(): boolean {
    return this.#life === 'retiring';
  }

  async authenticate(): Promise<void> {
    const { authtoken, keys, metadata, version, clientType, heartbeat, signal, proxyUrl, remoteManagement } =
      this.#options;
    const managed = remoteManagement
      ? ({ kind: 'supported' } as const)
      : ({ kind: 'refused', reason: 'remote management is off in the configuration of this agent' } as const);
    const request = encodeAuthRequest({
      versions: PROTOCOL_VERSIONS,
      clientId: keys.clientId,
      cookie: keys.cookie,
      token: authtoken,
      os: process.platform,
      arch: process.arch,
      agentVersion: version,
      hostname: hostname(),
      userAgent: `${clientType}/${version}`,
      metadata,
      heartbeatIntervalMs: heartbeat.intervalMs,
      heartbeatToleranceMs: heartbeat.toleranceMs,
      update: { kind: 'refused', reason: 'this agent is updated by whoever installed it' },
      stop: managed,
      restart: managed,
      proxyType: proxyUrl === null ? '' : proxyUrl.startsWith('socks5') ? 'socks5' : 'http',
      mutualTls: false,
      serviceRun: false,
      configVersion: '',
      customInterface: false,
      customCas: this.#options.ca !== null,
      clientType,
      legNumber: 0,
      portico: { v: PORTICO_EXTRA.v, open: true, window: true },
    });
    const onAbort = (): void => this.close();
    signal.addEventListener('abort', onAbort);
    let response: AuthResponse;
    try {
      response = parseAuthResponse(await call(this.#mux, StreamType.auth, request, { timeoutMs: authTimeoutMs }));
    } catch (error) {
      if (signal.aborted) throw new AgentError('closed', 'The agent was closed.');
      throw this.#callError(error, 'authentication');
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    if (response.error !== '') throw refusal(response.error);
    if (response.clientId === '')
      throw new AgentError('protocol', 'The server sent an answer to Auth without a client id.');
    // We announced it above: it holds when the server did too.
    if (response.portico?.window === true) this.#mux.allowWindowGrowth();
    this.#keys = { clientId: response.clientId, cookie: response.cookie };
    const orNull = (text: string): string | null => (text === '' ? null : text);
    this.#info = {
      sessionId: orNull(response.agentSessionId),
      region: orNull(response.region),
      accountName: orNull(response.accountName),
      planName: orNull(response.planName),
      banner: orNull(response.banner),
      serverVersion: orNull(response.serverVersion),
    };
  }

  /** Never throws: a failure is a result, and one without an answer ends the session. */
  async bind(ask: BindAsk): Promise<BindResult> {
    const request = encodeBindRequest({
      id: ask.id,
      proto: ask.proto,
      forwardsTo: ask.forwardsTo,
      forwardsProto: ask.forwardsProto,
      rawOpts: ask.opts,
      token: ask.token,
      ipPolicyRef: '',
      metadata: ask.metadata,
      bindings: ask.bindings,
      poolingEnabled: ask.poolingEnabled,
      name: ask.name,
      description: ask.description,
    });
    this.#pendingBinds += 1;
    try {
      const answer = await call(this.#mux, StreamType.bind, request, { timeoutMs: this.#options.callTimeoutMs });
      const response = parseBindResponse(answer);
      if (response.error !== '') return { kind: 'failed', error: refusal(response.error) };
      const proto = protos.find((each) => each === response.proto);
      if (response.id === '' || response.url === '' || proto === undefined) {
        return {
          kind: 'failed',
          error: new AgentError('protocol', 'The server sent an answer to Bind that cannot be read.'),
        };
      }
      const { id, token, url, rawOpts } = response;
      return { kind: 'bound', id, token, proto, url, opts: rawOpts };
    } catch (error) {
      const failure = this.#callError(error, 'a bind');
      // A server that does not answer one bind would leave this endpoint off while all looks well.
      if (error instanceof RpcError && error.fault === 'timeout') this.#abandon(failure);
      return { kind: 'failed', error: failure };
    } finally {
      // Streams for the new bind may be here already: they wait until the endpoint has heard of its id.
      setImmediate(() => {
        this.#pendingBinds -= 1;
        this.#unpark();
      });
    }
  }

  /** Never throws: without a session there is nothing to give back. */
  async unbind(id: string): Promise<void> {
    if (this.#life === 'over') return;
    try {
      await call(this.#mux, StreamType.unbind, encodeUnbindRequest({ id }), { timeoutMs: 5000 });
    } catch {
      // The session is lost, or will be closed by whoever unbinds.
    }
  }

  /** Lets another session take over: `ended` resolves now, the connection closes when its streams are done. */
  retire(reason: AgentError): void {
    if (this.#life !== 'live') return;
    this.#life = 'retiring';
    this.#end(reason);
    const untilMs = this.#options.clock.nowMs() + retireMs;
    const look = (): void => {
      if (this.#life === 'over') return;
      if (this.#mux.openStreams === 0 || this.#options.clock.nowMs() >= untilMs) this.close();
      else this.#options.clock.after(250, look);
    };
    this.#options.clock.after(1000, look);
  }

  /** Says good-bye and closes; streams still open are reset. */
  close(): void {
    if (this.#life === 'over') return;
    this.#life = 'over';
    this.#mux.goAwayAndClose(MuxError.none, 'no error');
    this.#end(new AgentError('closed', 'The session was closed.'));
  }

  #abandon(reason: AgentError): void {
    if (this.#life === 'over') return;
    this.#life = 'over';
    this.#end(reason);
    this.#mux.destroy();
  }

  #onClose(end: SessionEnd): void {
    this.#life = 'over';
    this.#sweep?.();
    this.#headers.clear();
    this.#parked = [];
    this.#end(
      new AgentError(end.kind === 'protocol-error' ? 'protocol' : 'unreachable', describeEnd(end, this.#options.url)),
    );
  }

  // Streams that the server opens

  #onStream(stream: MuxStream, type: number): void {
    switch (type) {
      case StreamType.proxy:
      case StreamType.open:
        this.#readHeader(stream, type);
        return;
      case StreamType.stop:
      case StreamType.restart:
        void this.#command(stream, type === StreamType.stop ? 'stop' : 'restart');
        return;
      case StreamType.update:
        void this.#refuseUpdate(stream);
        return;
      case StreamType.stopTunnel:
        void this.#stopTunnel(stream);
        return;
      default:
        stream.reset(MuxError.refused);
    }
  }

  #readHeader(stream: MuxStream, type: number): void {
    const waiting = { stream, sinceMs: this.#options.clock.nowMs() };
    const stage = new HeaderStage({
      stream,
      reader: type === StreamType.proxy ? proxyReader() : openReader(),
      onHeader: (incoming) => {
        this.#headers.delete(waiting);
        this.#offer(incoming);
      },
      onOver: () => this.#headers.delete(waiting),
    });
    this.#headers.add(waiting);
    this.#sweep ??= this.#options.clock.after(headerTimeoutMs, () => this.#dropSlow());
    stream.setHandler(stage);
  }

  /** One timer for all: headers that do not come take a place that a visitor needs. */
  #dropSlow(): void {
    this.#sweep = null;
    const now = this.#options.clock.nowMs();
    for (const waiting of this.#headers) {
      if (now - waiting.sinceMs < headerTimeoutMs) continue;
      this.#headers.delete(waiting);
      waiting.stream.reset(MuxError.cancelled);
    }
    if (this.#headers.size > 0) this.#sweep = this.#options.clock.after(headerTimeoutMs, () => this.#dropSlow());
  }

  #offer(incoming: IncomingStream): void {
    if (this.#isStale(incoming)) {
      refuseStale(incoming, 'the stream is older than the latest one of this bind');
      return;
    }
    if (this.#options.onVisitor(this, incoming)) return;
    if (this.#pendingBinds > 0) this.#parked.push(incoming);
    else refuseStale(incoming, 'this agent has no such bind');
  }

  #unpark(): void {
    const parked = this.#parked;
    this.#parked = [];
    for (const incoming of parked) if (incoming.stream.isLive) this.#offer(incoming);
  }

  /** Fences only grow within a session; a lower one was sent by a node that no longer owns the endpoint. */
  #isStale({ bindId, fence }: IncomingStream): boolean {
    if (fence === null) return false;
    const highest = this.#fences.get(bindId) ?? fence;
    if (fence < highest) return true;
    // Binds are few; ids that are not ours must not fill the map.
    if (this.#fences.has(bindId) || this.#fences.size < 10_000) this.#fences.set(bindId, fence);
    return false;
  }

  async #command(stream: MuxStream, command: 'stop' | 'restart'): Promise<void> {
    if (!(await this.#request(stream, () => {}))) return;
    if (!this.#options.remoteManagement) {
      reply(stream, encodeErrorField('remote management is off in the configuration of this agent'));
      return;
    }
    reply(stream, {});
    this.#options.onCommand(this, command);
  }

  async #refuseUpdate(stream: MuxStream): Promise<void> {
    if (!(await this.#request(stream, () => {}))) return;
    reply(stream, encodeErrorField('this agent is updated by whoever installed it'));
  }

  async #stopTunnel(stream: MuxStream): Promise<void> {
    await this.#request(stream, (message) => {
      const { id, message: text, errorCode } = parseStopTunnelRequest(message);
      stream.end();
      this.#options.onStopEndpoint(this, id, text, errorCode);
    });
  }

  /** Reads one message; false, and the stream is reset, when it cannot be read. */
  async #request(stream: MuxStream, use: (message: unknown) => void): Promise<boolean> {
    try {
      use(await readJson(stream));
      return true;
    } catch (error) {
      if (!(error instanceof RpcError || error instanceof MessageError)) throw error;
      if (stream.isLive) stream.reset(MuxError.protocol);
      return false;
    }
  }

  #callError(error: unknown, what: string): AgentError {
    const { text } = this.#options.url;
    if (error instanceof AgentError) return error;
    if (error instanceof MessageError)
      return new AgentError('protocol', `The server sent an answer to ${what} that cannot be read: ${error.message}.`);
    if (error instanceof RpcError && error.fault === 'timeout')
      return new AgentError('unreachable', `${text} did not answer ${what} in time.`);
    if (error instanceof RpcError && error.fault !== 'ended' && error.fault !== 'reset') {
      return new AgentError('protocol', `The server sent an answer to ${what} that cannot be read: ${error.fault}.`);
    }
    if (error instanceof RpcError || error instanceof MuxOpenError)
      return new AgentError('unreachable', `${text} closed the connection during ${what}.`);
    throw error;
  }
}

const protos: readonly EndpointProto[] = ['http', 'https', 'tcp', 'tls'];

function refusal(error: string): AgentError {
  const { text, code } = parseErrorText(error);
  return new AgentError('refused', text === '' ? 'The server refused without a reason.' : text, { code });
}

function describeEnd(end: SessionEnd, url: ConnectUrl): string {
  switch (end.kind) {
    case 'heartbeat-lost':
      return `No answer from ${url.text} to heartbeats.`;
    case 'go-away':
      return `${url.text} asked for a new connection${end.message === '' ? '' : ` (${end.message})`}.`;
    case 'peer-closed':
      return `${url.text} closed the connection.`;
    case 'protocol-error':
      return `${url.text} broke the protocol: ${end.message}.`;
    case 'transport-error':
      return `The connection to ${url.text} broke: ${end.message}.`;
    case 'closed-by-us':
      return 'The session was closed.';
  }
}
