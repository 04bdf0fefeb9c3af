import type { TLSSocket } from 'node:tls';
import type { Grant } from '@portico/api-contract/internal';
import { PorticoError, shortened } from '@portico/errors';
import { MuxError, MuxSession, type MuxStream, type SessionEnd } from '@portico/muxado';
import {
  type AuthRequest,
  encodeAuthFailure,
  encodeAuthResponse,
  encodeBindFailure,
  encodeBindResponse,
  encodeErrorField,
  encodeLabelResponse,
  encodeServerInfo,
  encodeUnbindResponse,
  formatError,
  MessageError,
  PORTICO_EXTRA,
  parseAuthRequest,
  parseBindRequest,
  parseLabelRequest,
  parsePatchTunnelStateRequest,
  parsePorticoExtra,
  parseUnbindRequest,
  RpcError,
  readJson,
  reply,
  StreamType,
} from '@portico/protocol';
import { type Logger, newId } from '@portico/service';
import type { EdgeLimits } from '../config.ts';
import type { EventsReporter } from '../control/events-reporter.ts';
import type { Grants } from '../control/grants.ts';
import type { LiveState } from '../control/live-state.ts';
import type { SessionId } from '../endpoint/endpoint.ts';
import type { Metrics } from '../observe/metrics.ts';
import { AgentSession } from './agent-session.ts';
import type { AgentTokens } from './agent-tokens.ts';
import { type Bindings, type GrantedBind, refusal } from './bindings.ts';
import type { FailureLimiter } from './failure-limiter.ts';
import type { KeyRing } from './key-ring.ts';
import type { SessionTable } from './session-table.ts';
import { StreamOpener } from './stream-opener.ts';

/** What every agent connection works with. */
export interface AgentSide {
  readonly limits: EdgeLimits;
  readonly nodeId: string;
  readonly region: string;
  readonly version: string;
  readonly grants: Grants;
  readonly keys: KeyRing;
  readonly tokens: AgentTokens;
  readonly bindings: Bindings;
  readonly sessions: SessionTable;
  readonly limiter: FailureLimiter;
  readonly live: LiveState;
  readonly events: EventsReporter;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Time of day, ms. */
  readonly now: () => number;
  /** The fence of the next session: more than that of every earlier one. */
  nextFence(): number;
  isDraining(): boolean;
}

/** How long an agent that was refused may take to read why. */
const REFUSED_LINGER_MS = 1_000;
/** Streams for what the edge itself asks of an agent. */
const COMMAND_STREAMS = 16;
const METADATA_BYTES_MAX = 4_096;
const HEARTBEAT_MS = { min: 1_000, max: 3_600_000 };
/** Codes that say that the token is bad: who collects them is slowed down. */
const BAD_TOKEN = new Set([105, 107, 300]);

/**
 * One agent's connection from its TLS on: greets it (Auth), answers its calls, and tells everybody when it is over.
 * The mux session owns the socket; `serve` returns at once.
 */
export class AgentConnection {
  readonly #side: AgentSide;
  readonly #socket: TLSSocket;
  readonly #authenticated: () => void;
  readonly #ip: string;
  readonly #mux: MuxSession;
  readonly #ended = new AbortController();
  #state: { readonly kind: 'unknown' | 'greeting' | 'refused' } | { readonly kind: 'known'; session: AgentSession } = {
    kind: 'unknown',
  };
  #calls = 0;

  /** @param authenticated is called once the agent has shown a good token. */
  static serve(side: AgentSide, socket: TLSSocket, authenticated: () => void): void {
    new AgentConnection(side, socket, authenticated);
  }

  private constructor(side: AgentSide, socket: TLSSocket, authenticated: () => void) {
    const { limits } = side;
    this.#side = side;
    this.#socket = socket;
    this.#authenticated = authenticated;
    this.#ip = socket.remoteAddress ?? '';
    this.#mux = new MuxSession({
      transport: socket,
      role: 'server',
      limits: {
        // The cap of a session shows after Auth.
        localStreams: COMMAND_STREAMS,
        peerStreams: limits.rpcStreams,
        authMs: limits.authTimeoutMs,
      },
      heartbeat: { intervalMs: limits.heartbeatIntervalMs, toleranceMs: limits.heartbeatToleranceMs },
      startBeating: false,
      onStream: (stream, type) => this.#onStream(stream, type),
      onClose: (end) => this.#onClose(end),
      onRoom: () => {
        if (this.#state.kind === 'known') this.#state.session.opener.admitSoon();
      },
      onHandlerError: (error) => side.log.error({ err: error }, 'a stream handler failed'),
    });
  }

  #onStream(stream: MuxStream, type: number): void {
    if (this.#calls >= this.#side.limits.rpcStreams) {
      stream.reset(MuxError.refused);
      return;
    }
    this.#calls += 1;
    this.#answer(stream, type)
      .catch((error: unknown) => {
        if (!(error instanceof RpcError)) this.#side.log.error({ err: error, streamType: type }, 'a call failed');
        stream.reset(MuxError.cancelled);
        // Whoever has not said who it is by now has had its time.
        if (type === StreamType.auth) this.#refuseLater('its Auth could not be read');
      })
      .finally(() => {
        this.#calls -= 1;
      });
  }

  async #answer(stream: MuxStream, type: number): Promise<void> {
    if (type === StreamType.auth) {
      await this.#auth(stream);
      return;
    }
    const body = await this.#read(stream);
    if (type === StreamType.srvInfo) {
      reply(stream, encodeServerInfo({ region: this.#side.region }));
      return;
    }
    if (this.#state.kind !== 'known') {
      reply(stream, failureOf(type, formatError(new PorticoError(109, { reason: 'Auth comes first' }))));
      this.#refuseLater('it called before Auth');
      return;
    }
    await this.#call(stream, type, body, this.#state.session);
  }

  async #call(stream: MuxStream, type: number, body: unknown, session: AgentSession): Promise<void> {
    const { bindings } = this.#side;
    try {
      switch (type) {
        case StreamType.bind: {
          const granted = await bindings.bind(session, parseBindRequest(body));
          reply(stream, encodeBindResponse(granted.response));
          whenSent(stream, granted);
          return;
        }
        case StreamType.unbind:
          bindings.unbind(session, parseUnbindRequest(body).id);
          reply(stream, encodeUnbindResponse(''));
          return;
        case StreamType.patchTunnelState:
          bindings.patch(session, parsePatchTunnelStateRequest(body));
          reply(stream, encodeErrorField(''));
          return;
        case StreamType.startTunnelWithLabel: {
          const granted = await bindings.bindLabels(session, parseLabelRequest(body));
          reply(stream, encodeLabelResponse({ id: granted.response.id, error: '' }));
          whenSent(stream, granted);
          return;
        }
        default:
          throw new PorticoError(310, { option: `stream type ${type}` });
      }
    } catch (error) {
      const known = knownError(error);
      if (known === null) this.#side.log.error({ err: error, sessionId: session.id }, 'a call failed');
      const shown = known ?? new PorticoError(500, { id: session.id });
      this.#side.metrics.counter('portico_calls_refused_total', 'Calls of agents that got an error.', {
        code: String(shown.code),
      }).value += 1;
      this.#side.log.info(
        { sessionId: session.id, streamType: type, code: shown.code, error: shown.message },
        'refused',
      );
      reply(stream, failureOf(type, formatError(shown)));
    }
  }

  #read(stream: MuxStream): Promise<unknown> {
    const { rpcBytes, rpcTimeoutMs } = this.#side.limits;
    return readJson(stream, { maxBytes: rpcBytes, timeoutMs: rpcTimeoutMs });
  }

  async #auth(stream: MuxStream): Promise<void> {
    if (this.#state.kind !== 'unknown') {
      reply(stream, encodeAuthFailure(formatError(new PorticoError(109, { reason: 'this session has its Auth' }))));
      return;
    }
    this.#state = { kind: 'greeting' };
    const body = await this.#read(stream);
    this.#mux.authReceived();
    try {
      const request = parseAuthRequest(body);
      const session = await this.#welcome(request);
      const { tokens, region, version } = this.#side;
      reply(
        stream,
        encodeAuthResponse({
          version: '3',
          clientId: session.clientId,
          error: '',
          serverVersion: version,
          region,
          cookie: tokens.cookie(session.clientId, session.accountId),
          accountName: session.grant.account.name,
          sessionDurationSeconds: 0,
          planName: session.grant.account.plan,
          banner: '',
          agentSessionId: session.id,
          // Only to those who announced it themselves: the stock clients know no such field.
          portico: request.portico === null ? null : parsePorticoExtra(PORTICO_EXTRA),
        }),
      );
      this.#mux.startHeartbeat();
    } catch (error) {
      if (this.#mux.isClosed) return;
      const known = knownError(error);
      if (known === null) this.#side.log.error({ err: error, ip: this.#ip }, 'greeting an agent failed');
      const shown = known ?? new PorticoError(500, { id: newId('req') });
      this.#refused(shown, body);
      reply(stream, encodeAuthFailure(formatError(shown)));
      this.#refuseLater(shown.message);
    }
  }

  /** Everything that stands between an agent and its session. @throws PorticoError */
  async #welcome(request: AuthRequest): Promise<AgentSession> {
    const { grants, keys, limiter, limits, sessions, tokens } = this.#side;
    if (this.#side.isDraining()) throw new PorticoError(742);
    if (!request.versions.includes('3')) {
      throw new PorticoError(121, { versions: request.versions.join(', ').slice(0, 64) || 'none' });
    }
    checkHeartbeat(111, request.heartbeatIntervalMs);
    checkHeartbeat(112, request.heartbeatToleranceMs);
    if (Buffer.byteLength(request.metadata) > METADATA_BYTES_MAX) {
      throw new PorticoError(109, { reason: `its metadata has more than ${METADATA_BYTES_MAX} bytes` });
    }
    const waitSeconds = limiter.waitSeconds(this.#ip);
    if (waitSeconds > 0) throw new PorticoError(4002, { seconds: waitSeconds });
    const { signal } = this.#ended;
    const agent = {
      version: request.agentVersion.slice(0, 256),
      os: request.os.slice(0, 256),
      arch: request.arch.slice(0, 256),
      clientType: request.clientType.slice(0, 256),
      userAgent: request.userAgent.slice(0, 1_024),
    };
    const askedAtMs = performance.now();
    const answer = await grants.authorize({ token: request.token, clientIp: this.#ip, agent }, signal);
    if (answer.kind === 'refused') {
      if (BAD_TOKEN.has(answer.error.code)) limiter.failed(this.#ip);
      throw refusal(answer.error);
    }
    const { grant } = answer;
    await keys.whenReady(signal);
    signal.throwIfAborted();
    if (grants.isRevokedSince(grant.credentialId, askedAtMs)) {
      throw new PorticoError(300, { token: shortened(request.token) });
    }
    // Without its cookie a client id is only a claim: the agent gets a new one and never hears of it.
    const comesBack = request.clientId !== '' && tokens.isCookie(request.cookie, request.clientId, grant.account.id);
    const clientId = comesBack ? request.clientId : tokens.newOpaqueId();
    const count = sessions.countOthers(grant.account.id, clientId);
    if (count >= grant.limits.sessions) throw new PorticoError(108, { limit: grant.limits.sessions, count });
    const opensWithReply = request.portico?.open === true;
    if (request.portico?.window === true) this.#mux.allowWindowGrowth();
    const session = new AgentSession({
      id: newId('ts', this.#side.now()) as SessionId,
      clientId,
      comesBack,
      grant,
      agent: {
        ...agent,
        metadata: request.metadata,
        hostname: request.hostname.slice(0, 253),
        opensWithReply,
        commands: { stop: request.stop, restart: request.restart, update: request.update },
      },
      ip: this.#ip,
      startedAt: new Date(this.#side.now()),
      fence: this.#side.nextFence(),
      mux: this.#mux,
      opener: new StreamOpener({
        mux: this.#mux,
        cap: streamCap(grant, opensWithReply ? limits.agentStreams : limits.sdkStreams),
        limits: {
          ...limits,
          untakenStreams: opensWithReply ? limits.agentUntakenStreams : limits.sdkUntakenStreams,
        },
        nowMs: () => performance.now(),
      }),
      bindRate: { burst: limits.bindBurst, perSecond: limits.bindsPerSecond },
    });
    this.#begin(session);
    return session;
  }

  #begin(session: AgentSession): void {
    const { events, limits, live, log, metrics, sessions } = this.#side;
    for (const older of sessions.ofClient(session.accountId, session.clientId)) void replace(older, limits);
    this.#state = { kind: 'known', session };
    this.#authenticated();
    this.#mux.setAuthenticated();
    // A few more than its cap: commands are streams too.
    this.#mux.setLocalStreamLimit(session.opener.cap + COMMAND_STREAMS);
    sessions.add(session);
    live.putSession({
      sessionId: session.id,
      accountId: session.accountId,
      credentialId: session.grant.credentialId,
      agentName: session.displayName,
      agentVersion: session.agent.version,
      os: session.agent.os,
      arch: session.agent.arch,
      clientType: session.agent.clientType,
      userAgent: session.agent.userAgent,
      transport: 'ngrok/2',
      ip: session.ip,
      region: this.#side.region,
      startedAt: session.startedAt.toISOString(),
      metadata: session.agent.metadata,
      nodeId: this.#side.nodeId,
      clientId: session.clientId,
    });
    metrics.counter('portico_sessions_started_total', 'Agent sessions that began.').value += 1;
    log.info(
      { sessionId: session.id, accountId: session.accountId, ip: session.ip, agent: session.agentName },
      'session open',
    );
    events.report('agent_session_start.v0', session.accountId, sessionFacts(session));
  }

  #onClose(end: SessionEnd): void {
    this.#ended.abort(new Error('the connection is over'));
    if (this.#state.kind !== 'known') return;
    const { session } = this.#state;
    const { bindings, events, live, log, metrics, sessions } = this.#side;
    const reason = session.endReason ?? (end.message === '' ? end.kind : end.message);
    session.opener.close();
    sessions.remove(session);
    bindings.dropSession(session, reason);
    live.removeSession(session.id);
    metrics.counter('portico_sessions_ended_total', 'Agent sessions that ended.', { reason: end.kind }).value += 1;
    const seconds = Math.round((this.#side.now() - session.startedAt.getTime()) / 1_000);
    const bytes = { bytesFromAgent: this.#socket.bytesRead, bytesToAgent: this.#socket.bytesWritten };
    log.info(
      { sessionId: session.id, accountId: session.accountId, end: end.kind, reason, seconds, ...bytes },
      'session closed',
    );
    events.report('agent_session_stop.v0', session.accountId, { ...sessionFacts(session), reason, seconds, ...bytes });
  }

  #refused(error: PorticoError, body: unknown): void {
    const { events, log, metrics } = this.#side;
    metrics.counter('portico_agents_refused_total', 'Agent connections turned away.', {
      reason: String(error.code),
    }).value += 1;
    log.info({ ip: this.#ip, code: error.code, reason: error.message }, 'agent refused');
    const token = tokenOf(body);
    events.report('agent_session_refused.v0', null, {
      ip: this.#ip,
      errorCode: error.code,
      reason: error.message,
      ...(token === null ? {} : { credential: shortened(token) }),
    });
  }

  /** The answer is on its way; whoever does not leave by itself is shown out. */
  #refuseLater(reason: string): void {
    if (this.#state.kind === 'known') return;
    this.#state = { kind: 'refused' };
    setTimeout(() => this.#mux.goAwayAndClose(MuxError.none, reason), REFUSED_LINGER_MS).unref();
  }
}

/** An agent that came back leaves its old connection behind: if that is dead, it goes now and not after 25 s. */
async function replace(older: AgentSession, { probeTimeoutMs }: EdgeLimits): Promise<void> {
  if (await older.isAlive(probeTimeoutMs)) return;
  older.endReason ??= 'its agent came back on another connection';
  older.mux.destroy();
}

/** Routes only after the answer is framed: a stream for an endpoint that the agent does not know yet is lost. */
function whenSent(stream: MuxStream, granted: GrantedBind): void {
  if (stream.bufferedBytes > 0 && stream.isLive) setTimeout(() => whenSent(stream, granted), 5);
  else setImmediate(() => granted.goLive());
}

function streamCap(grant: Grant, ownCap: number): number {
  return Math.min(ownCap, grant.limits.streamsPerSession);
}

function checkHeartbeat(code: 111 | 112, ms: number | null): void {
  // Go leaves them out, or sends 0, for "the usual".
  if (ms === null || ms === 0) return;
  if (!(ms >= HEARTBEAT_MS.min && ms <= HEARTBEAT_MS.max)) throw new PorticoError(code, { value: `${ms}ms` });
}

function knownError(error: unknown): PorticoError | null {
  if (error instanceof PorticoError) return error;
  return error instanceof MessageError ? new PorticoError(109, { reason: error.message }) : null;
}

/** An error in the shape of the answer to this type of call. */
function failureOf(type: number, error: string): Record<string, unknown> {
  if (type === StreamType.bind) return encodeBindFailure(error);
  if (type === StreamType.unbind) return encodeUnbindResponse(error);
  if (type === StreamType.startTunnelWithLabel) return encodeLabelResponse({ id: '', error });
  return encodeErrorField(error);
}

function tokenOf(body: unknown): string | null {
  try {
    return parseAuthRequest(body).token;
  } catch {
    return null;
  }
}

function sessionFacts(session: AgentSession): Record<string, string> {
  return {
    sessionId: session.id,
    credentialId: session.grant.credentialId,
    agentName: session.displayName,
    ip: session.ip,
    agentVersion: session.agent.version,
    os: session.agent.os,
    arch: session.agent.arch,
    clientType: session.agent.clientType,
    metadata: session.agent.metadata,
  };
}
