import type { Socket } from 'node:net';
import { PorticoError } from '@portico/errors';
import { countError, type Endpoint } from '../endpoint/endpoint.ts';
import type { Draining, Peer } from '../listener/public-server.ts';
import { failureError } from './http-proxy.ts';
import type { VisitorLimits } from './limits.ts';
import { Splice } from './splice.ts';
import type { Sweep } from './sweep.ts';

/** TCP endpoints and TLS that is passed through: one visitor connection, one stream, bytes both ways. */
export class TcpProxy {
  readonly #sweep: Sweep;
  readonly #limits: VisitorLimits;
  readonly #refusal: () => PorticoError | null;
  readonly #admits: (accountId: string, address: string) => boolean;

  constructor({
    sweep,
    limits,
    refusal = () => null,
    admits = () => true,
  }: {
    sweep: Sweep;
    limits: VisitorLimits;
    refusal?: () => PorticoError | null;
    /** Whether the account lets this address visit its endpoints. */
    admits?: (accountId: string, address: string) => boolean;
  }) {
    this.#sweep = sweep;
    this.#limits = limits;
    this.#refusal = refusal;
    this.#admits = admits;
  }

  /**
   * Takes the socket over, with the bytes already read of it. Without a way to the upstream the connection is reset:
   * there is no protocol to say why in.
   */
  serve(socket: Socket, peer: Peer, endpoint: Endpoint, first: Buffer): Draining {
    const { counters } = endpoint;
    const refusal = this.#admits(endpoint.accountId, peer.address)
      ? this.#refusal()
      : new PorticoError(3205, { address: peer.address });
    const member = refusal === null ? endpoint.pool.pick() : null;
    if (member === null || counters.openConnections >= this.#limits.connectionsPerEndpoint) {
      countError(counters, refusal?.code ?? (member === null ? 3200 : 743));
      socket.resetAndDestroy();
      return NOTHING;
    }
    counters.connections += 1;
    counters.openConnections += 1;
    const opening = first.subarray(0, OPENING_BYTES_MAX);
    try {
      const stream = member.open(
        {
          clientIp: peer.address,
          clientPort: peer.port,
          proto: endpoint.proto,
          passthroughTls: endpoint.proto === 'tls',
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
        },
      }).start();
    } catch (error) {
      counters.openConnections -= 1;
      socket.resetAndDestroy();
      if (!(error instanceof PorticoError)) throw error;
      countError(counters, error.code);
    }
    return NOTHING;
  }
}

const EMPTY = Buffer.alloc(0);
/** What may ride in the frame that opens a stream. */
const OPENING_BYTES_MAX = 48 * 1024;
/** A byte stream has no place at which it could be asked to end: it runs until the deadline of the drain. */
const NOTHING: Draining = { drain: () => {} };
