import { createServer, type Server, type Socket } from 'node:net';
import type { VisitorLimits } from '../proxy/limits.ts';
import type { Sweep, Swept } from '../proxy/sweep.ts';
import { type Admission, plainAddress } from './admission.ts';
import { readProxyHeader } from './proxy-header.ts';

/** Who connected, as far as it is to be believed. */
export interface Peer {
  /** The visitor: the peer, or whom a trusted proxy named. */
  readonly address: string;
  readonly port: number;
  /** The peer itself is in the trusted list. */
  readonly trusted: boolean;
  /** The address that it connected to; '' when it is gone. */
  readonly serverIp: () => string;
}

/** Something open on a public port that can be asked to come to an end. */
export interface Draining {
  drain(): void;
}

/**
 * A public port: accepts, reads the PROXY header of trusted peers, applies the limits by address, and hands the
 * socket on with nothing read of it. It keeps every socket until it closes, so that none outlives it.
 */
export class PublicServer {
  readonly #server: Server;
  readonly #admission: Admission;
  readonly #sweep: Sweep;
  readonly #limits: VisitorLimits;
  readonly #onVisitor: (socket: Socket, peer: Peer) => Draining;
  readonly #open = new Map<Socket, Draining | null>();

  /**
   * @param onVisitor takes the socket, which has `allowHalfOpen` and a listener for errors; says how it is drained
   */
  constructor({
    admission,
    sweep,
    limits,
    onVisitor,
  }: {
    admission: Admission;
    sweep: Sweep;
    limits: VisitorLimits;
    onVisitor: (socket: Socket, peer: Peer) => Draining;
  }) {
    this.#admission = admission;
    this.#sweep = sweep;
    this.#limits = limits;
    this.#onVisitor = onVisitor;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /**
   * @param inherited descriptor of a socket that is bound already, in place of port and address
   * @returns the port. Rejects with the error of the system (`EADDRINUSE`, `EACCES`).
   */
  listen(port: number, address: string, inherited: number | null = null): Promise<number> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const place = inherited === null ? { port, host: address } : { fd: inherited };
      server.listen({ ...place, backlog: 1024 }, () => {
        server.off('error', reject);
        // Accepting can fail later, for want of descriptors: the next connection may succeed again.
        server.on('error', () => {});
        const bound = server.address();
        if (bound === null || typeof bound === 'string') reject(new Error('the port has no address'));
        else resolve(bound.port);
      });
    });
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Accepts nobody any more and lets those who are here finish. */
  drain(): void {
    if (this.#server.listening) this.#server.close();
    for (const [socket, draining] of this.#open) {
      if (draining === null) socket.destroy();
      else draining.drain();
    }
  }

  /** Ends everything now; resolves when the port is free. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => resolve();
      if (this.#server.listening) this.#server.close(done);
      else setImmediate(done);
      for (const socket of this.#open.keys()) socket.destroy();
    });
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    // Gone already: there is nobody to serve.
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const address = plainAddress(remoteAddress);
    const serverIp = (): string => plainAddress(socket.localAddress ?? '');
    socket.on('error', ignore);
    this.#open.set(socket, null);
    socket.once('close', () => this.#open.delete(socket));
    if (this.#admission.isTrusted(address))
      new ProxyHeaderWait(this, socket, { address, port: remotePort, trusted: true, serverIp }).start();
    else this.hand(socket, { address, port: remotePort, trusted: false, serverIp });
  }

  /** Applies the limits and gives the socket to its owner. */
  hand(socket: Socket, peer: Peer): void {
    const admitted = this.#admission.admit(peer.address);
    if ('refused' in admitted) {
      socket.resetAndDestroy();
      return;
    }
    const { visitors } = this.#admission;
    visitors.add(socket);
    socket.once('close', () => {
      visitors.delete(socket);
      admitted.release();
    });
    this.#open.set(socket, this.#onVisitor(socket, peer));
  }

  get sweep(): Sweep {
    return this.#sweep;
  }

  get headerMs(): number {
    return this.#limits.handshakeMs;
  }
}

function ignore(): void {
  // 'close' follows every error, and the owner of the socket listens to that.
}

/** A connection of a trusted proxy until its first bytes tell whether there is a PROXY header in front. */
class ProxyHeaderWait implements Swept {
  readonly #server: PublicServer;
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #sinceMs: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(server: PublicServer, socket: Socket, peer: Peer) {
    this.#server = server;
    this.#socket = socket;
    this.#peer = peer;
    this.#sinceMs = server.sweep.now();
  }

  start(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('end', this.#onEnd);
    this.#socket.once('close', this.#stop);
    this.#server.sweep.add(this);
  }

  sweep(nowMs: number): void {
    if (nowMs - this.#sinceMs >= this.#server.headerMs) this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    const header = readProxyHeader(this.#bytes);
    switch (header.kind) {
      case 'incomplete':
        return;
      case 'malformed':
        this.#socket.resetAndDestroy();
        return;
      case 'none':
        this.#goOn(this.#bytes, this.#peer);
        return;
      case 'found':
        this.#goOn(
          this.#bytes.subarray(header.bytes),
          header.source === null ? this.#peer : { ...this.#peer, ...header.source },
        );
    }
  };

  readonly #onEnd = (): void => {
    this.#socket.destroy();
  };

  readonly #stop = (): void => {
    this.#server.sweep.delete(this);
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#stop);
  };

  #goOn(rest: Buffer, peer: Peer): void {
    this.#stop();
    this.#socket.pause();
    if (rest.length > 0) this.#socket.unshift(rest);
    this.#server.hand(this.#socket, peer);
    // Its new owner has its listeners; what was put back comes to them first.
    if (!this.#socket.destroyed) this.#socket.resume();
  }
}
