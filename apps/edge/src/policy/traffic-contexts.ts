import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Origin, policyFields } from '@portico/http-rules';
import type { Fields, RequestHead, ResponseHead } from '@portico/http1';
import type {
  ConnectionContext,
  EndpointContext,
  IpFacts,
  RequestContext,
  ResponseContext,
  TlsFacts,
} from '@portico/traffic-policy';
import type { Endpoint, EndpointId } from '../endpoint/endpoint.ts';
import type { ClientFingerprint } from '../listener/ja4.ts';
import type { Peer } from '../listener/public-server.ts';
import type { Policies } from './policies.ts';
import { tlsFacts } from './tls-facts.ts';

/** What is known of a connection, whatever is spoken on it. */
export interface Arrival {
  readonly address: string;
  readonly port: number;
  /** The public port that it came to. */
  readonly serverPort: number;
  serverIp(): string;
  /** Plain or TLS, as the bytes of the visitor come out of it; another one once TLS has ended. */
  socket: Socket;
  /** Wall-clock time. */
  readonly startedAtMs: number;
  /** TLS server name; null without TLS. */
  readonly serverName: string | null;
  /** Endpoints whose `on_tcp_connect` has let it pass. */
  readonly admitted: EndpointId[];
  /** What its ClientHello tells; only where a policy may ask. */
  fingerprint: ClientFingerprint | null;
}

export function arrivalOf(
  socket: Socket,
  peer: Peer,
  { serverPort, serverName }: { serverPort: number; serverName: string | null },
): Arrival {
  return {
    address: peer.address,
    port: peer.port,
    serverPort,
    serverIp: peer.serverIp,
    socket,
    startedAtMs: Date.now(),
    serverName,
    admitted: [],
    fingerprint: null,
  };
}

/** A connection as expressions ask about it: nothing is looked up before it is asked for. */
export class ArrivalContext implements ConnectionContext {
  readonly #arrival: Arrival;
  readonly #policies: Policies;
  #tls: TlsFacts | null = null;

  constructor(arrival: Arrival, policies: Policies) {
    this.#arrival = arrival;
    this.#policies = policies;
  }

  get clientIp(): string {
    return this.#arrival.address;
  }

  get clientPort(): number {
    return this.#arrival.port;
  }

  get serverIp(): string {
    return this.#arrival.serverIp();
  }

  get serverPort(): number {
    return this.#arrival.serverPort;
  }

  get serverRegion(): string {
    return this.#policies.serverRegion;
  }

  get startedAt(): Date {
    return new Date(this.#arrival.startedAtMs);
  }

  get bytesIn(): number {
    return this.#arrival.socket.bytesRead;
  }

  get bytesOut(): number {
    return this.#arrival.socket.bytesWritten;
  }

  get tls(): TlsFacts | null {
    const { socket, serverName } = this.#arrival;
    if (!(socket instanceof TLSSocket)) return null;
    this.#tls ??= tlsFacts(socket, serverName ?? '', this.#arrival.fingerprint);
    return this.#tls;
  }

  ipFacts(ip: string): IpFacts | null {
    return this.#policies.data.ipFacts(ip);
  }
}

/** An endpoint as expressions ask about it, as it is at that moment. */
export class EndpointFacts implements EndpointContext {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get id(): string {
    return this.#endpoint.id;
  }

  get url(): string {
    return this.#endpoint.url;
  }

  get host(): string {
    return this.#endpoint.host;
  }

  get port(): number {
    return this.#endpoint.port;
  }

  get protocol(): string {
    return this.#endpoint.proto;
  }
}

/** A request as a policy finds it: the fields are those that the upstream would get, without framing. */
export class ReceivedRequest implements RequestContext {
  readonly #head: RequestHead;
  readonly #origin: Origin;
  readonly #http2: boolean;
  readonly headerReceivedAt: Date = new Date();
  #fields: Fields | null = null;
  trailers: readonly string[] = [];
  bodyReceivedAt: Date | null = null;

  constructor(head: RequestHead, origin: Origin, http2: boolean) {
    this.#head = head;
    this.#origin = origin;
    this.#http2 = http2;
  }

  get method(): string {
    return this.#head.method;
  }

  get scheme(): 'http' | 'https' {
    return this.#origin.proto;
  }

  get authority(): string {
    return this.#head.authority;
  }

  get target(): string {
    return this.#head.target;
  }

  get version(): string {
    return this.#http2 ? 'HTTP/2.0' : `HTTP/1.${this.#head.minor}`;
  }

  get fields(): readonly string[] {
    this.#fields ??= policyFields(this.#head, this.#origin);
    return this.#fields;
  }

  get contentLength(): number | null {
    const { body } = this.#head;
    if (body.kind === 'none') return 0;
    return body.kind === 'length' ? body.bytes : null;
  }
}

/** An answer as a policy finds it, before its framing is written anew. */
export class ReceivedResponse implements ResponseContext {
  readonly #head: ResponseHead;
  readonly trailers: readonly string[] = [];

  constructor(head: ResponseHead) {
    this.#head = head;
  }

  get statusCode(): number {
    return this.#head.status;
  }

  get fields(): readonly string[] {
    return this.#head.fields;
  }

  get contentLength(): number | null {
    const { body } = this.#head;
    if (body.kind === 'none') return 0;
    return body.kind === 'length' ? body.bytes : null;
  }
}
