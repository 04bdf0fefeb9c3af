import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { PorticoError } from '@portico/errors';
import type { Logger } from '@portico/service';
import { createProxyServer, type ProxyServer } from 'http-proxy-3';
import type { Draining, Peer } from '../listener/public-server.ts';
import type { PlatformHosts } from '../listener/tls-listener.ts';
import type { ErrorAnswers } from './error-response.ts';

interface Arrival {
  readonly peer: Peer;
  readonly serverName: string;
}

/** Paths that only edges and the dashboard may ask for, on a listener of their own: never from outside. */
const INTERNAL_PATH = /^\/+internal(\/|$)/i;

/**
 * The dashboard's and the API's hosts on the public TLS port (design D3). Low traffic, so node:http and a proxy
 * library carry it; endpoints never pass here. Connections come with their TLS ended and their server name known.
 */
export class PlatformProxy implements PlatformHosts {
  readonly #origins: ReadonlyMap<string, string>;
  readonly #errors: ErrorAnswers;
  readonly #log: Logger;
  readonly #publicPort: () => number;
  readonly #arrivals = new WeakMap<Socket, Arrival>();
  readonly #server: Server;
  readonly #proxy: ProxyServer;
  #draining = false;

  /** @param origins host name → origin on loopback that serves it */
  constructor({
    origins,
    errors,
    log,
    publicPort,
  }: {
    origins: ReadonlyMap<string, string>;
    errors: ErrorAnswers;
    log: Logger;
    publicPort: () => number;
  }) {
    this.#origins = origins;
    this.#errors = errors;
    this.#log = log;
    this.#publicPort = publicPort;
    this.#proxy = createProxyServer({ ws: true });
    this.#proxy.on('error', (error, request, response) => this.#failed(error, request, response));
    this.#server = createServer({
      requireHostHeader: true,
      headersTimeout: 15_000,
      requestTimeout: 300_000,
      keepAliveTimeout: 60_000,
    });
    this.#server.on('request', (request, response) => {
      const target = this.#target(request);
      if (target.kind === 'refused') {
        const body = this.#errors.plainBody(target.error);
        response.writeHead(target.status, { ...body.headers, connection: 'close' }).end(body.text);
        return;
      }
      if (this.#draining) response.setHeader('connection', 'close');
      this.#proxy.web(request, response, { target: target.origin, headers: target.headers });
    });
    this.#server.on('upgrade', (request, socket, head) => {
      if (!(socket instanceof Socket)) return;
      const target = this.#target(request);
      if (target.kind === 'refused') socket.end(this.#errors.plainAnswer(target.error, target.status));
      else this.#proxy.ws(request, socket, head, { target: target.origin, headers: target.headers });
    });
  }

  has(serverName: string): boolean {
    return this.#origins.has(serverName);
  }

  accept(socket: TLSSocket, peer: Peer, serverName: string): Draining {
    this.#arrivals.set(socket, { peer, serverName });
    this.#server.emit('connection', socket);
    return {
      drain: () => {
        this.#draining = true;
        this.#server.closeIdleConnections();
      },
    };
  }

  /** Ends what is open; the sockets themselves are the listener's. */
  close(): void {
    this.#proxy.close();
    this.#server.closeAllConnections();
  }

  #target(
    request: IncomingMessage,
  ):
    | { kind: 'origin'; origin: string; headers: Record<string, string> }
    | { kind: 'refused'; error: PorticoError; status: number } {
    const arrival = this.#arrivals.get(request.socket);
    const host = (request.headers.host ?? '')
      .toLowerCase()
      .replace(/:[0-9]*$/, '')
      .replace(/\.$/, '');
    if (arrival === undefined || host !== arrival.serverName) {
      return { kind: 'refused', status: 421, error: new PorticoError(421, { sni: arrival?.serverName ?? '', host }) };
    }
    const origin = this.#origins.get(host);
    const path = decodedPath(request.url ?? '');
    if (origin === undefined || path === null || INTERNAL_PATH.test(path)) {
      return { kind: 'refused', status: 404, error: new PorticoError(404, { what: 'page', id: '' }) };
    }
    // What the visitor says of itself is replaced (F2); the library would add to it.
    for (const name of Object.keys(request.headers)) {
      if (/^(x-forwarded-|x-real-ip$|forwarded$|portico-|ngrok-error)/.test(name) && name !== 'portico-account') {
        delete request.headers[name];
      }
    }
    return {
      kind: 'origin',
      origin,
      headers: {
        'x-forwarded-for': arrival.peer.address,
        'x-forwarded-proto': 'https',
        'x-forwarded-host': request.headers.host ?? host,
        'x-forwarded-port': String(this.#publicPort()),
      },
    };
  }

  #failed(error: Error, request: IncomingMessage, response: unknown): void {
    // A visitor who left is no fault of anyone.
    if ('code' in error && (error.code === 'ABORT_ERR' || error.code === 'ECONNRESET')) {
      request.socket.destroy();
      return;
    }
    this.#log.warn({ err: error }, 'the dashboard or the API does not answer');
    const failure = new PorticoError(503, { what: 'This page', seconds: 2 });
    if (response instanceof ServerResponse) {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const body = this.#errors.plainBody(failure);
      response.writeHead(503, { ...body.headers, 'retry-after': '2' }).end(body.text);
    } else if (response instanceof Socket) {
      response.end(this.#errors.plainAnswer(failure, 503));
    }
  }
}

/** The path with dots and escapes resolved, as an origin may see it; null if it is none or cannot be told. */
function decodedPath(target: string): string | null {
  if (!target.startsWith('/')) return null;
  try {
    return decodeURIComponent(new URL(`http://host.invalid${target}`).pathname);
  } catch {
    return null;
  }
}
