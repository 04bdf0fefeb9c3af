import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Logger } from '@portico/service';
import type { Metrics } from '../observe/metrics.ts';

export interface AgentListenerLimits {
  readonly authTimeoutMs: number;
  readonly unauthenticatedAgents: number;
  readonly heldConnections: number;
}

/** TLS material of the connect port, PEM; the chain ends with the root, so that a first contact can check its fingerprint. */
export interface ConnectCertificate {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

/** How long an agent may take to close after the goodbye of its session. */
const GOODBYE_MS = 500;

/** An agent's connection after TLS. `authenticated` frees its place among those who have yet to say who they are. */
export type AgentArrival = (socket: TLSSocket, authenticated: () => void) => void;

/** ECDHE with AEAD, TLS 1.2 and 1.3 (S8). */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
].join(':');

/**
 * The connect port: takes agents' connections and ends their TLS. Those that came by server name on the public port
 * are handed in by `accept`. At most `unauthenticatedAgents` are between TCP and a good Auth at once (L22); more wait
 * unread. Until there is a certificate everybody waits: an edge that starts before its API turns no agent away.
 */
export class AgentListener {
  readonly #server: Server;
  readonly #tls: TlsServer;
  readonly #limits: AgentListenerLimits;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #isFull: () => boolean;
  readonly #onAgent: AgentArrival;
  /** Connections in their handshake or waiting for it, by the peer's address and port. */
  readonly #raw = new Map<string, Socket>();
  readonly #waiting: (() => void)[] = [];
  /** After TLS; their sessions end them. */
  readonly #agents = new Set<TLSSocket>();
  #handedIn = 0;
  #places = 0;
  #hasCertificate = false;
  #closed = false;

  /** @param options.isFull whether this process can take no more connections (L26). */
  constructor(options: {
    limits: AgentListenerLimits;
    log: Logger;
    metrics: Metrics;
    isFull?: () => boolean;
    onAgent: AgentArrival;
  }) {
    this.#isFull = options.isFull ?? (() => false);
    this.#limits = options.limits;
    this.#log = options.log;
    this.#metrics = options.metrics;
    this.#onAgent = options.onAgent;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#connected(socket));
    this.#tls = createTlsServer({
      minVersion: 'TLSv1.2',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      handshakeTimeout: options.limits.authTimeoutMs,
    });
    this.#tls.on('secureConnection', (socket) => {
      this.#raw.delete(peerOf(socket));
      this.#arrived(socket);
    });
    this.#tls.on('tlsClientError', (error, socket) => {
      this.#log.debug({ err: error }, 'an agent did not finish the TLS handshake');
      this.#metrics.counter('portico_agents_refused_total', 'Agent connections turned away.', {
        reason: 'tls',
      }).value += 1;
      socket.destroy();
      this.#leave();
    });
    metricsOf(this.#metrics, () => this.#places);
  }

  /**
   * Binds; rejects with the socket error if it cannot.
   * @param inherited descriptor of a socket that is bound already, in place of port and address
   * @returns the port.
   */
  listen(port: number, address: string, inherited: number | null = null): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const place = inherited === null ? { port, host: address } : { fd: inherited };
      this.#server.listen({ ...place, backlog: 1_024 }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#log.error({ err: error }, 'the connect port failed'));
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  /** From now on new handshakes use this certificate. */
  useCertificate({ chainPem, privateKeyPem }: ConnectCertificate): void {
    this.#tls.setSecureContext({ cert: chainPem, key: privateKeyPem, minVersion: 'TLSv1.2', ciphers: CIPHERS });
    this.#hasCertificate = true;
    this.#admit();
  }

  /** Takes over a connection whose TLS ended on the public port under the connect host's name. */
  accept(socket: TLSSocket): void {
    socket.setNoDelay(true);
    this.#handedIn += 1;
    socket.once('close', () => {
      this.#handedIn -= 1;
    });
    this.#enter(
      () => this.#arrived(socket),
      () => socket.destroy(),
    );
  }

  /** Connections taken over from the public port that are open. */
  get handedIn(): number {
    return this.#handedIn;
  }

  /** Connections that have not shown a good token. */
  get unauthenticated(): number {
    return this.#places;
  }

  /** No new agents: frees the port. Those who are in stay. */
  stopAccepting(): void {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#raw.values()) if (socket.isPaused()) socket.destroy();
    this.#waiting.length = 0;
  }

  /** Also ends handshakes that are going on. Agents whose session has said goodbye get a moment to leave. */
  async close(): Promise<void> {
    this.#closed = true;
    const closed = this.#server.listening
      ? new Promise<void>((resolve) => this.#server.once('close', () => resolve()))
      : Promise.resolve();
    this.stopAccepting();
    const left = Promise.all(
      [...this.#agents].map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    );
    const patience = setTimeout(() => {
      for (const socket of this.#agents) socket.destroy();
    }, GOODBYE_MS);
    for (const socket of this.#raw.values()) socket.destroy();
    await left;
    clearTimeout(patience);
    await closed;
  }

  #connected(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const peer = peerOf(socket);
    this.#raw.set(peer, socket);
    socket.once('close', () => {
      if (this.#raw.get(peer) === socket) this.#raw.delete(peer);
    });
    this.#enter(
      () => {
        if (socket.destroyed) {
          this.#leave();
          return;
        }
        this.#tls.emit('connection', socket);
        socket.resume();
      },
      () => socket.resetAndDestroy(),
    );
  }

  #enter(start: () => void, refuse: () => void): void {
    if (this.#closed || this.#isFull() || this.#waiting.length >= this.#limits.heldConnections) {
      this.#metrics.counter('portico_agents_refused_total', 'Agent connections turned away.', {
        reason: 'held',
      }).value += 1;
      refuse();
      return;
    }
    this.#waiting.push(start);
    this.#admit();
  }

  #admit(): void {
    while (this.#hasCertificate && this.#waiting.length > 0 && this.#places < this.#limits.unauthenticatedAgents) {
      this.#places += 1;
      this.#waiting.shift()?.();
    }
  }

  #leave(): void {
    this.#places -= 1;
    this.#admit();
  }

  #arrived(socket: TLSSocket): void {
    let inside = true;
    const leave = () => {
      if (!inside) return;
      inside = false;
      this.#leave();
    };
    this.#agents.add(socket);
    socket.once('close', () => {
      this.#agents.delete(socket);
      leave();
    });
    socket.on('error', () => {});
    if (socket.destroyed || this.#closed) {
      socket.destroy();
      leave();
      return;
    }
    this.#onAgent(socket, leave);
  }
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function metricsOf(metrics: Metrics, read: () => number): void {
  metrics.gauge('portico_agents_unauthenticated', 'Agent connections without a good Auth.', read);
}
