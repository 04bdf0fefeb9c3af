import { arrivalOf } from '../policy/traffic-contexts.ts';
import { answerWhole } from '../proxy/error-response.ts';
import type { Exchange, Visitor } from '../proxy/exchange.ts';
import type { HttpProxy } from '../proxy/http-proxy.ts';
import { Http1Visitor } from '../proxy/http1-visitor.ts';
import type { IdleStreams } from '../proxy/visitor-streams.ts';
import { VisitorStreams } from '../proxy/visitor-streams.ts';
import type { Admission } from './admission.ts';
import { PublicServer } from './public-server.ts';

/** The plain HTTP port: every connection is an HTTP/1.1 visitor. */
export class HttpListener {
  readonly #server: PublicServer;
  #publicPort: number;

  /** @param publicPort what URLs show when something in front maps ports; null: the listening port */
  constructor({
    proxy,
    admission,
    idleStreams,
    publicPort,
  }: {
    proxy: HttpProxy;
    admission: Admission;
    idleStreams: IdleStreams;
    publicPort: number | null;
  }) {
    this.#publicPort = publicPort ?? 0;
    this.#server = new PublicServer({
      admission,
      sweep: proxy.sweep,
      limits: proxy.limits,
      onVisitor: (socket, peer) => {
        const visitor: Visitor = {
          address: peer.address,
          port: peer.port,
          trusted: peer.trusted,
          serverIp: peer.serverIp,
          scheme: 'http',
          publicPort: this.#publicPort,
          serverName: null,
          tlsVersion: null,
          http2: false,
          arrival: arrivalOf(socket, peer, { serverPort: this.#publicPort, serverName: null }),
          streams: new VisitorStreams(idleStreams),
        };
        return new Http1Visitor({ socket, visitor, proxy });
      },
    });
  }

  /** @returns the port it listens on; `inherited` as `PublicServer.listen` has it. */
  async listen(port: number, address: string, inherited: number | null = null): Promise<number> {
    const bound = await this.#server.listen(port, address, inherited);
    if (this.#publicPort === 0) this.#publicPort = bound;
    return bound;
  }

  drain(): void {
    this.#server.drain();
  }

  get connections(): number {
    return this.#server.connections;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** `http://<edge>/.well-known/portico/ca.pem`: how a machine gets the root that it then checks by fingerprint. */
export function rootCertificateAnswer(rootPem: () => string | null): (exchange: Exchange) => boolean {
  return (exchange) => {
    const { request, visitor } = exchange;
    const pem = rootPem();
    if (pem === null || visitor.scheme !== 'http' || request.target !== '/.well-known/portico/ca.pem') return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const body = Buffer.from(pem);
    answerWhole(exchange, 200, ['Content-Type', 'application/x-pem-file', 'Cache-Control', 'no-store'], body);
    return true;
  };
}
