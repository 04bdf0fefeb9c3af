import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { PorticoError } from '@portico/errors';
import type { Logger } from '@portico/service';
import { hasRules } from '@portico/traffic-policy';
import type { Endpoint } from '../endpoint/endpoint.ts';
import { type ConnectEnd, ConnectPhase } from '../policy/connect-phase.ts';
import type { EndpointPolicy } from '../policy/endpoint-policy.ts';
import type { TlsTerminator } from '../policy/tls-terminator.ts';
import { type Arrival, arrivalOf } from '../policy/traffic-contexts.ts';
import type { Visitor } from '../proxy/exchange.ts';
import type { HttpProxy } from '../proxy/http-proxy.ts';
import { Http1Visitor } from '../proxy/http1-visitor.ts';
import { Http2Visitor } from '../proxy/http2-visitor.ts';
import type { Swept } from '../proxy/sweep.ts';
import type { TcpProxy } from '../proxy/tcp-proxy.ts';
import { type IdleStreams, VisitorStreams } from '../proxy/visitor-streams.ts';
import type { Admission } from './admission.ts';
import { type CertificateStore, type ServedCertificate, VISITOR_ALPN } from './certificate-store.ts';
import { CLIENT_HELLO_BYTES_MAX, encodeAlert, readClientHello, TlsAlert } from './client-hello.ts';
import { ClientFingerprint } from './ja4.ts';
import { type Draining, type Peer, PublicServer } from './public-server.ts';

/** Takes connections of the dashboard's and the API's hosts, after TLS. */
export interface PlatformHosts {
  has(serverName: string): boolean;
  accept(socket: TLSSocket, peer: Peer, serverName: string): Draining;
}

export interface TlsListenerOptions {
  readonly proxy: HttpProxy;
  readonly admission: Admission;
  readonly certificates: CertificateStore;
  readonly idleStreams: IdleStreams;
  readonly tcpProxy: TcpProxy;
  readonly terminator: TlsTerminator;
  readonly findTls: (serverName: string) => Endpoint | null;
  /** Names under which agents connect on this port. */
  readonly connectHosts: ReadonlySet<string>;
  readonly agents: { accept(socket: TLSSocket): void };
  readonly platformHosts: PlatformHosts;
  /** What proves a name to a certificate authority, PEM with its key; null: nothing is under way. */
  readonly challengeCertificate?: (serverName: string) => Promise<string | null>;
  /** Whether somebody may ask how the visitors of this endpoint began TLS. */
  readonly wantsFingerprint: (endpoint: Endpoint) => boolean;
  /** What URLs show when something in front maps ports; null: the listening port. */
  readonly publicPort: number | null;
  readonly log: Logger;
}

/**
 * The one public TLS port (design D4). The server name in the ClientHello tells what a connection is before any of
 * it is decrypted: an agent, an endpoint that ends TLS itself, the dashboard or API, or a visitor of an https
 * endpoint. Names that nobody serves get an alert.
 */
export class TlsListener {
  readonly options: TlsListenerOptions;
  readonly #server: PublicServer;
  #publicPort: number;

  constructor(options: TlsListenerOptions) {
    this.options = options;
    this.#publicPort = options.publicPort ?? 0;
    this.#server = new PublicServer({
      admission: options.admission,
      sweep: options.proxy.sweep,
      limits: options.proxy.limits,
      onVisitor: (socket, peer) => new TlsArrival(this, socket, peer),
    });
  }

  /** @returns the port it listens on; `inherited` as `PublicServer.listen` has it. */
  async listen(port: number, address: string, inherited: number | null = null): Promise<number> {
    const bound = await this.#server.listen(port, address, inherited);
    if (this.#publicPort === 0) this.#publicPort = bound;
    return bound;
  }

  get publicPort(): number {
    return this.#publicPort;
  }

  get connections(): number {
    return this.#server.connections;
  }

  drain(): void {
    this.#server.drain();
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

const ACME_ALPN = 'acme-tls/1';

/** What is done with a connection once its name is known. */
type Purpose = 'agent' | 'platform' | 'visitor';

interface Presented {
  readonly serverName: string;
  readonly purpose: Purpose;
  readonly arrival: Arrival;
  readonly hello: Buffer;
}

interface PolicedArrival {
  readonly endpoint: Endpoint;
  readonly policy: EndpointPolicy;
  readonly arrival: Arrival;
  readonly serverName: string;
  readonly hello: Buffer;
}

/** One connection from its first byte to the end of its handshake, all within L7. */
class TlsArrival implements Draining, Swept {
  readonly #listener: TlsListener;
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #deadlineMs: number;
  #hello: Buffer[] = [];
  #helloBytes = 0;
  #over = false;
  #draining = false;
  #heir: Draining | null = null;

  constructor(listener: TlsListener, socket: Socket, peer: Peer) {
    this.#listener = listener;
    this.#socket = socket;
    this.#peer = peer;
    const { sweep, limits } = listener.options.proxy;
    this.#deadlineMs = sweep.now() + limits.handshakeMs;
    sweep.add(this);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.once('close', this.#onClose);
  }

  sweep(nowMs: number): void {
    if (nowMs >= this.#deadlineMs) this.#socket.destroy();
  }

  drain(): void {
    this.#draining = true;
    if (this.#heir !== null) this.#heir.drain();
    else if (!this.#over) this.#socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#hello.push(chunk);
    this.#helloBytes += chunk.length;
    const bytes = this.#hello.length === 1 ? chunk : Buffer.concat(this.#hello);
    const hello = readClientHello(bytes);
    switch (hello.kind) {
      case 'incomplete':
        if (this.#helloBytes > CLIENT_HELLO_BYTES_MAX + 1024) this.#alert(TlsAlert.decodeError);
        return;
      case 'malformed':
        this.#alert(TlsAlert.decodeError);
        return;
      case 'not-tls':
        this.#answerPlain();
        return;
      case 'hello':
        this.#stopReading();
        if (hello.serverName === null) this.#alert(TlsAlert.unrecognizedName);
        else if (hello.alpn.length === 1 && hello.alpn[0] === ACME_ALPN) this.#prove(hello.serverName, bytes);
        else this.#route(hello.serverName, bytes);
    }
  };

  readonly #onEnd = (): void => {
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#finish();
  };

  /** A certificate authority that checks the name: the handshake is all it wants (RFC 8737). */
  #prove(serverName: string, hello: Buffer): void {
    const { certificates, challengeCertificate = async () => null } = this.#listener.options;
    certificates
      .challenge(() => challengeCertificate(serverName))
      .catch(() => null)
      .then((certificate) => {
        if (this.#socket.destroyed) return;
        if (certificate === null) {
          this.#alert(TlsAlert.unrecognizedName);
          return;
        }
        this.#socket.unshift(hello);
        certificates.handshake(this.#socket, certificate, (socket) => {
          socket.on('error', () => {});
          socket.once('close', () => this.#socket.destroy());
          socket.end();
        });
      });
  }

  #route(serverName: string, hello: Buffer): void {
    const { connectHosts, findTls, platformHosts, tcpProxy } = this.#listener.options;
    const passthrough = findTls(serverName);
    if (passthrough !== null) {
      this.#finish();
      this.#become(tcpProxy.serve(this.#socket, this.#peer, passthrough, hello, { serverName }));
      return;
    }
    const purpose: Purpose = connectHosts.has(serverName)
      ? 'agent'
      : platformHosts.has(serverName)
        ? 'platform'
        : 'visitor';
    const arrival = arrivalOf(this.#socket, this.#peer, { serverPort: this.#listener.publicPort, serverName });
    const endpoint = purpose === 'visitor' ? this.#listener.options.proxy.routes.findHttp('https', serverName) : null;
    if (endpoint !== null && this.#listener.options.wantsFingerprint(endpoint)) {
      arrival.fingerprint = new ClientFingerprint(hello);
    }
    if (endpoint?.policy != null && hasRules(endpoint.policy.compiled, 'on_tcp_connect')) {
      this.#police({ endpoint, policy: endpoint.policy, arrival, serverName, hello });
      return;
    }
    this.#present({ serverName, purpose, arrival, hello });
  }

  /** `on_tcp_connect` of an https endpoint: before any of it is decrypted, and with TLS ended where it says so. */
  #police({ endpoint, policy, arrival, serverName, hello }: PolicedArrival): void {
    const { proxy, terminator, tcpProxy } = this.#listener.options;
    const phase = new ConnectPhase({
      endpoint,
      policy,
      arrival,
      first: hello,
      policies: proxy.policies,
      terminator,
      alpn: VISITOR_ALPN,
      hops: 0,
      onFault: (error) => proxy.errors.report(error),
    });
    const goOn = (end: ConnectEnd): void => {
      if (this.#over || phase.socket.destroyed) return;
      switch (end.kind) {
        case 'passed':
          if (phase.socket instanceof TLSSocket) {
            this.#finish();
            this.#secure(phase.socket, serverName, 'visitor', arrival);
            phase.socket.resume();
          } else {
            this.#present({ serverName, purpose: 'visitor', arrival, hello });
          }
          return;
        case 'forwarded': {
          this.#finish();
          const how = { serverName, tlsEnded: phase.tlsEnded, hops: 1 };
          this.#become(tcpProxy.serve(phase.socket, this.#peer, end.endpoint, phase.first, how));
          return;
        }
        case 'failed':
          if (phase.tlsEnded) phase.socket.destroy();
          else this.#alert(TlsAlert.internalError);
          return;
        case 'closed':
          this.#socket.resetAndDestroy();
      }
    };
    const end = phase.run();
    if (end instanceof Promise) void end.then(goOn);
    else goOn(end);
  }

  #present({ serverName, purpose, arrival, hello }: Presented): void {
    const { certificates } = this.#listener.options;
    const certificate = certificates.find(serverName);
    if (certificate === null) {
      this.#alert(TlsAlert.unrecognizedName);
      return;
    }
    // The peeked bytes go back into the socket, from where OpenSSL reads them again.
    this.#socket.unshift(hello);
    if (!(certificate instanceof Promise)) {
      this.#terminate(serverName, purpose, arrival, certificate);
      return;
    }
    certificate.then(
      (made) => this.#terminate(serverName, purpose, arrival, made),
      (error: unknown) => {
        this.#listener.options.log.warn({ err: error, serverName }, 'no certificate could be made');
        this.#alert(TlsAlert.internalError);
      },
    );
  }

  #terminate(serverName: string, purpose: Purpose, arrival: Arrival, certificate: ServedCertificate): void {
    if (this.#socket.destroyed) return;
    this.#listener.options.certificates.handshake(this.#socket, certificate, (socket) => {
      socket.on('error', () => {});
      // The raw socket is what the listener keeps: it must not outlive the one on top of it.
      socket.once('close', () => this.#socket.destroy());
      if (this.#over || socket.destroyed) {
        socket.destroy();
        return;
      }
      this.#finish();
      arrival.socket = socket;
      this.#secure(socket, serverName, purpose, arrival);
    });
  }

  #secure(socket: TLSSocket, serverName: string, purpose: Purpose, arrival: Arrival): void {
    const { agents, platformHosts, proxy, idleStreams } = this.#listener.options;
    switch (purpose) {
      case 'agent':
        this.#listener.options.admission.visitors.delete(this.#socket);
        agents.accept(socket);
        return;
      case 'platform':
        this.#become(platformHosts.accept(socket, this.#peer, serverName));
        return;
      case 'visitor': {
        const visitor: Visitor = {
          address: this.#peer.address,
          port: this.#peer.port,
          trusted: this.#peer.trusted,
          serverIp: this.#peer.serverIp,
          scheme: 'https',
          publicPort: this.#listener.publicPort,
          serverName,
          tlsVersion: socket.getProtocol(),
          http2: socket.alpnProtocol === 'h2',
          arrival,
          streams: new VisitorStreams(idleStreams),
        };
        if (visitor.http2) this.#become(new Http2Visitor({ socket, visitor, proxy }));
        else this.#become(new Http1Visitor({ socket, visitor, proxy }));
      }
    }
  }

  #become(heir: Draining): void {
    this.#heir = heir;
    if (this.#draining) heir.drain();
  }

  #answerPlain(): void {
    this.#stopReading();
    const error = new PorticoError(400, { reason: 'this port speaks TLS: use https://' });
    this.#endWith(this.#listener.options.proxy.errors.plainAnswer(error, 400));
  }

  #alert(description: number): void {
    this.#stopReading();
    this.#endWith(encodeAlert(description));
  }

  /** Last bytes, then our end; the peer has until the deadline to close its side. */
  #endWith(bytes: Buffer): void {
    this.#socket.on('end', this.#onEnd);
    this.#socket.end(bytes);
    this.#socket.resume();
  }

  #stopReading(): void {
    this.#hello = [];
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.pause();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.options.proxy.sweep.delete(this);
  }
}
