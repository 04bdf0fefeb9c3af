import type { Socket } from 'node:net';
import { PorticoError } from '@portico/errors';
import { hasRules } from '@portico/traffic-policy';
import { countError, type Endpoint, NO_AGENT } from '../endpoint/endpoint.ts';
import { ClientFingerprint } from '../listener/ja4.ts';
import type { Draining, Peer } from '../listener/public-server.ts';
import type { ClosedConnection } from '../observe/traffic-events.ts';
import { type ConnectEnd, ConnectPhase } from '../policy/connect-phase.ts';
import type { EndpointPolicy } from '../policy/endpoint-policy.ts';
import type { Policies } from '../policy/policies.ts';
import type { TlsTerminator } from '../policy/tls-terminator.ts';
import { arrivalOf } from '../policy/traffic-contexts.ts';
import { failureError } from './http-proxy.ts';
import type { VisitorLimits } from './limits.ts';
import { openInPool } from './pool-stream.ts';
import { Splice } from './splice.ts';
import type { Sweep, Swept } from './sweep.ts';

/** TCP endpoints and TLS that is passed through: one visitor connection, one stream, bytes both ways. */
export class TcpProxy {
  readonly #sweep: Sweep;
  readonly #limits: VisitorLimits;
  readonly #refusal: () => PorticoError | null;
  readonly #admits: (accountId: string, address: string) => boolean;
  readonly #policies: Policies;
  readonly #terminator: TlsTerminator;
  readonly #onFault: (error: unknown) => void;
  readonly #refusesConnection: (accountId: string) => PorticoError | null;
  readonly #onClosed: (endpoint: Endpoint, closed: ClosedConnection) => void;
  readonly #now: () => number;

  constructor({
    sweep,
    limits,
    refusal = () => null,
    admits = () => true,
    policies,
    terminator,
    onFault,
    refusesConnection = () => null,
    onClosed = () => {},
    now = Date.now,
  }: {
    sweep: Sweep;
    limits: VisitorLimits;
    refusal?: () => PorticoError | null;
    /** Whether the account lets this address visit its endpoints. */
    admits?: (accountId: string, address: string) => boolean;
    policies: Policies;
    terminator: TlsTerminator;
    onFault: (error: unknown) => void;
    /** Why the account's plan does not allow this connection; see `Quotas`. */
    refusesConnection?: (accountId: string) => PorticoError | null;
    onClosed?: (endpoint: Endpoint, closed: ClosedConnection) => void;
    now?: () => number;
  }) {
    this.#sweep = sweep;
    this.#limits = limits;
    this.#refusal = refusal;
    this.#admits = admits;
    this.#policies = policies;
    this.#terminator = terminator;
    this.#onFault = onFault;
    this.#refusesConnection = refusesConnection;
    this.#onClosed = onClosed;
    this.#now = now;
  }

  /**
   * Takes the socket over, with the bytes already read of it. Without a way to the upstream the connection is reset:
   * there is no protocol to say why in.
   */
  serve(socket: Socket, peer: Peer, endpoint: Endpoint, first: Buffer, how: Partial<ConnectionState> = {}): Draining {
    const state = { ...PLAIN, ...how };
    const refusal = this.#admits(endpoint.accountId, peer.address)
      ? (this.#refusal() ?? this.#refusesConnection(endpoint.accountId))
      : new PorticoError(3205, { address: peer.address });
    if (refusal !== null) {
      countError(endpoint.counters, refusal.code);
      reset(socket);
      return NOTHING;
    }
    const { policy } = endpoint;
    if (policy === null || !hasRules(policy.compiled, 'on_tcp_connect')) {
      this.#carry({ socket, peer, endpoint, first, state });
    } else {
      this.#police({ socket, peer, endpoint, first, state }, policy);
    }
    return NOTHING;
  }

  #police({ socket, peer, endpoint, first, state }: Connection, policy: EndpointPolicy): void {
    const arrival = arrivalOf(socket, peer, { serverPort: endpoint.port, serverName: state.serverName });
    if (state.serverName !== null && first.length > 0) arrival.fingerprint = new ClientFingerprint(first);
    const phase = new ConnectPhase({
      endpoint,
      policy,
      arrival,
      first,
      policies: this.#policies,
      terminator: this.#terminator,
      alpn: [],
      hops: state.hops,
      onFault: this.#onFault,
    });
    const goOn = (end: ConnectEnd): void => {
      const { socket: now, first: rest } = phase;
      const next = { ...state, tlsEnded: state.tlsEnded || phase.tlsEnded };
      if (end.kind === 'passed') this.#carry({ socket: now, peer, endpoint, first: rest, state: next });
      else if (end.kind === 'forwarded') this.serve(now, peer, end.endpoint, rest, { ...next, hops: state.hops + 1 });
      else reset(now);
    };
    const end = phase.run();
    if (!(end instanceof Promise)) {
      goOn(end);
      return;
    }
    const deadline = new Deadline(socket, this.#sweep, this.#limits.handshakeMs);
    void end.then((late) => {
      deadline.over();
      if (!phase.socket.destroyed) goOn(late);
    });
  }

  #carry({ socket, peer, endpoint, first, state }: Connection): void {
    const { counters } = endpoint;
    const member = endpoint.pool.pick();
    if (member === null || counters.openConnections >= this.#limits.connectionsPerEndpoint) {
      countError(counters, member === null ? (endpoint.pool === NO_AGENT ? 6029 : 3200) : 743);
      reset(socket);
      return;
    }
    counters.connections += 1;
    counters.openConnections += 1;
    const startedAt = this.#now();
    const opening = first.subarray(0, OPENING_BYTES_MAX);
    try {
      const stream = openInPool(
        endpoint.pool,
        member,
        {
          clientIp: peer.address,
          clientPort: peer.port,
          proto: endpoint.proto,
          passthroughTls: endpoint.proto === 'tls' && !state.tlsEnded,
          ...(endpoint.proxyProtocol === 0 ? {} : { serverIp: peer.serverIp() }),
        },
        opening.length === 0 ? [] : [opening],
      );
      counters.bytesIn += opening.length;
      new Splice({
        socket,
        fromVisitor: first.subarray(opening.length),
        upstream: { stream, rest: EMPTY, unacked: 0, ended: false },
        endpoint,
        // Both ways open and quiet is how an idle shell looks; keep-alive probes find visitors that are gone.
        idleMs: Number.POSITIVE_INFINITY,
        halfClosedIdleMs: this.#limits.upgradedIdleMs,
        sweep: this.#sweep,
        onRefused: (why) => {
          countError(counters, failureError({ kind: 'refused', refusal: why }, endpoint, endpoint.host).code);
        },
        onClose: () => {
          counters.openConnections -= 1;
          this.#onClosed(endpoint, {
            clientIp: peer.address,
            serverName: state.serverName,
            startedAt,
            bytesIn: socket.bytesRead,
            bytesOut: socket.bytesWritten,
          });
        },
      }).start();
    } catch (error) {
      counters.openConnections -= 1;
      reset(socket);
      if (!(error instanceof PorticoError)) throw error;
      countError(counters, error.code);
    }
  }
}

/** What has been made of a connection on its way to an endpoint. */
interface ConnectionState {
  /** TLS server name; null without one. */
  readonly serverName: string | null;
  /** The visitor's TLS ended here, though the endpoint passes it on. */
  readonly tlsEnded: boolean;
  /** How many endpoints forwarded it before. */
  readonly hops: number;
}

const PLAIN: ConnectionState = { serverName: null, tlsEnded: false, hops: 0 };

interface Connection {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly endpoint: Endpoint;
  readonly first: Buffer;
  readonly state: ConnectionState;
}

/** How long a policy may keep a connection waiting. */
class Deadline implements Swept {
  readonly #socket: Socket;
  readonly #sweep: Sweep;
  readonly #atMs: number;

  constructor(socket: Socket, sweep: Sweep, afterMs: number) {
    this.#socket = socket;
    this.#sweep = sweep;
    this.#atMs = sweep.now() + afterMs;
    sweep.add(this);
  }

  sweep(nowMs: number): void {
    if (nowMs < this.#atMs) return;
    this.over();
    this.#socket.destroy();
  }

  over(): void {
    this.#sweep.delete(this);
  }
}

/** So that the visitor sees that it was broken off. */
function reset(socket: Socket): void {
  if ('encrypted' in socket) socket.destroy();
  else socket.resetAndDestroy();
}

const EMPTY = Buffer.alloc(0);
/** What may ride in the frame that opens a stream. */
const OPENING_BYTES_MAX = 48 * 1024;
/** A byte stream has no place at which it could be asked to end: it runs until the deadline of the drain. */
const NOTHING: Draining = { drain: () => {} };
