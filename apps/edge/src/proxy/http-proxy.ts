import { PorticoError } from '@portico/errors';
import { filterTrailers, getField, type UpstreamRequest, upstreamRequest } from '@portico/http-rules';
import {
  ALLOWED_METHODS,
  checkRequest,
  encodeRequestHead,
  type Fields,
  NO_BODY,
  type ResponseHead,
} from '@portico/http1';
import { countError, type Endpoint, type Member, NO_AGENT, type OpenHeader } from '../endpoint/endpoint.ts';
import { PolicedExchange, type PolicyHost } from '../policy/policed-exchange.ts';
import { Policies } from '../policy/policies.ts';
import { type ErrorAnswers, ownHead } from './error-response.ts';
import type { Exchange, ExchangeHandler } from './exchange.ts';
import { HttpStream } from './http-stream.ts';
import { Http2Upstream } from './http2-upstream.ts';
import type { VisitorLimits } from './limits.ts';
import { NOT_REACHED } from './pool-stream.ts';
import { Splice } from './splice.ts';
import type { Sweep } from './sweep.ts';
import type { AnswerHandler, UpstreamExchange, UpstreamFailure } from './upstream-exchange.ts';
import { serveWebSocketTcp } from './websocket-tcp.ts';

/** Finds the endpoint of a host name; `Router` is the one that runs. */
export interface HttpRoutes {
  findHttp(scheme: 'http' | 'https', hostname: string): Endpoint | null;
}

/**
 * A visitor's request, end to end: find the endpoint, choose a member of its pool, take or open a stream, send the
 * head anew, copy both bodies with back-pressure, write the answer anew, give the stream back or drop it.
 */
export class HttpProxy implements PolicyHost {
  readonly routes: HttpRoutes;
  readonly errors: ErrorAnswers;
  readonly limits: VisitorLimits;
  readonly sweep: Sweep;
  readonly policies: Policies;
  readonly #admits: (accountId: string, address: string) => boolean;
  readonly #notKnownYet: () => PorticoError | null;
  /** Whether a certificate and an owner cover both names, so that a connection made for one may ask for the other. */
  readonly #mayCoalesce: (serverName: string, hostname: string) => boolean;
  /** Why new requests are refused now: the edge drains or sheds load. */
  readonly #refusal: () => PorticoError | null;
  /** Answers that the edge gives for hosts without endpoint on the plain port, such as its root certificate. */
  readonly #ownAnswers: (exchange: Exchange) => boolean;
  readonly #refusesRequest: (accountId: string, connection: object) => PorticoError | null;
  readonly #intercept: (exchange: Exchange, goOn: () => void) => boolean;
  readonly #noted: (exchange: Exchange, endpoint: Endpoint) => Exchange;

  constructor({
    routes,
    errors,
    limits,
    sweep,
    policies = new Policies(),
    admits = () => true,
    notKnownYet = () => null,
    mayCoalesce = () => false,
    refusal = () => null,
    ownAnswers = () => false,
    intercept = () => false,
    refusesRequest = () => null,
    noted = (exchange) => exchange,
  }: {
    routes: HttpRoutes;
    errors: ErrorAnswers;
    limits: VisitorLimits;
    sweep: Sweep;
    policies?: Policies;
    /** Whether the account lets this address visit its endpoints. */
    admits?: (accountId: string, address: string) => boolean;
    /** Why nobody can say yet what is at a host: the edge has just started. */
    notKnownYet?: () => PorticoError | null;
    mayCoalesce?: (serverName: string, hostname: string) => boolean;
    refusal?: () => PorticoError | null;
    ownAnswers?: (exchange: Exchange) => boolean;
    /** Why the account's plan does not allow this request; see `Quotas`. */
    refusesRequest?: (accountId: string, connection: object) => PorticoError | null;
    /** Takes a request that is not for its endpoint; calls back when it is after all. */
    intercept?: (exchange: Exchange, goOn: () => void) => boolean;
    /** The exchange, or one around it that takes notes. */
    noted?: (exchange: Exchange, endpoint: Endpoint) => Exchange;
  }) {
    this.routes = routes;
    this.errors = errors;
    this.limits = limits;
    this.sweep = sweep;
    this.policies = policies;
    this.#admits = admits;
    this.#notKnownYet = notKnownYet;
    this.#mayCoalesce = mayCoalesce;
    this.#refusal = refusal;
    this.#ownAnswers = ownAnswers;
    this.#intercept = intercept;
    this.#refusesRequest = refusesRequest;
    this.#noted = noted;
  }

  serve(exchange: Exchange): void {
    const { request, visitor } = exchange;
    const { hostname } = request;
    const refusal = this.#refusal();
    if (refusal !== null) {
      this.errors.answer(exchange, refusal);
      return;
    }
    const check = checkRequest(request);
    if (check.kind === 'refused') {
      this.errors.answer(exchange, new PorticoError(400, { reason: check.reason }), { status: check.status });
      return;
    }
    if (check.kind === 'server-options') {
      exchange.head(ownHead(204, ['Allow', ALLOWED_METHODS], NO_BODY));
      exchange.end([]);
      return;
    }
    if (
      visitor.serverName !== null &&
      visitor.serverName !== hostname &&
      !this.#mayCoalesce(visitor.serverName, hostname)
    ) {
      this.errors.answer(exchange, new PorticoError(421, { sni: visitor.serverName, host: hostname }));
      return;
    }
    if (this.#intercept(exchange, () => this.#route(exchange))) return;
    this.#route(exchange);
  }

  #route(exchange: Exchange): void {
    const { request, visitor } = exchange;
    const { hostname } = request;
    const endpoint = this.routes.findHttp(visitor.scheme, hostname);
    if (endpoint === null) {
      if (this.#ownAnswers(exchange)) return;
      const url = `${visitor.scheme}://${hostname}`;
      this.errors.answer(exchange, this.#notKnownYet() ?? new PorticoError(3200, { host: hostname, url }));
      return;
    }
    const noted = this.#noted(exchange, endpoint);
    if (!this.#admits(endpoint.accountId, visitor.address)) {
      countError(endpoint.counters, 3205);
      this.errors.answer(noted, new PorticoError(3205, { address: visitor.address }));
      return;
    }
    const refusal = this.#refusesRequest(endpoint.accountId, visitor.streams);
    if (refusal !== null) {
      countError(endpoint.counters, refusal.code);
      this.errors.answer(noted, refusal, { endpoint });
      return;
    }
    this.pass(noted, endpoint, 0);
  }

  pass(exchange: Exchange, endpoint: Endpoint, hops: number): void {
    if (!exchange.visitor.streams.enter(endpoint, this.limits.connectionsPerEndpoint)) {
      countError(endpoint.counters, 743);
      this.errors.answer(
        exchange.ownAnswer(),
        new PorticoError(743, { reason: `${endpoint.url} has too many visitor connections` }),
      );
      return;
    }
    endpoint.counters.requests += 1;
    const { policy } = endpoint;
    if (policy === null) this.forward(exchange, endpoint, null);
    else new PolicedExchange({ exchange, endpoint, policy, host: this, hops }).start();
  }

  forward(exchange: Exchange, endpoint: Endpoint, prepared: UpstreamRequest | null): void {
    if (endpoint.webSocketTcp === true) this.#convert(exchange, endpoint);
    else new Forwarding(this, exchange, endpoint, prepared).start();
  }

  #convert(exchange: Exchange, endpoint: Endpoint): void {
    try {
      serveWebSocketTcp(exchange, endpoint, { sweep: this.sweep, idleMs: this.limits.upgradedIdleMs });
    } catch (error) {
      if (!(error instanceof PorticoError)) throw error;
      countError(endpoint.counters, error.code);
      this.errors.answer(exchange.ownAnswer(), error, { endpoint });
    }
  }
}

/** Up to the answer's head a failure is an error page; after it, a cut. */
type Phase = 'waiting' | 'answering' | 'over';

/** One request on its way. Both sides call in; `over` is the end for all of them. */
class Forwarding implements ExchangeHandler, AnswerHandler {
  readonly #proxy: HttpProxy;
  readonly #exchange: Exchange;
  readonly #endpoint: Endpoint;
  /** The head for the upstream where a policy made it. */
  readonly #prepared: UpstreamRequest | null;
  #phase: Phase = 'waiting';
  #member: Member | null = null;
  /** Members that did not reach their upstream, or were lost. */
  readonly #tried = new Set<Member>();
  #stream: UpstreamExchange | null = null;
  #attempts = 0;
  /** The request body so far, kept while a repeat is possible; null once it grew too long. */
  #replay: Buffer[] | null = [];
  #replayBytes = 0;
  #requestEnded = false;
  #trailers: Fields = [];
  #answerGapMs: number;
  /** Last time a byte went the way that is awaited: request bytes up to the answer's head, then answer bytes. */
  #progressMs: number;
  /** The visitor's socket is full: the agent gets no room until it drains. */
  #visitorFull = false;
  #continued = false;

  constructor(proxy: HttpProxy, exchange: Exchange, endpoint: Endpoint, prepared: UpstreamRequest | null) {
    this.#proxy = proxy;
    this.#exchange = exchange;
    this.#endpoint = endpoint;
    this.#prepared = prepared;
    this.#answerGapMs = proxy.limits.responseBodyGapMs;
    this.#progressMs = proxy.sweep.now();
  }

  start(): void {
    this.#send();
    if (this.#phase !== 'over') this.#exchange.receive(this);
  }

  /** Chooses a member, takes or opens a stream and sends what there is of the request. */
  #send(): void {
    const { request } = this.#exchange;
    this.#attempts += 1;
    const { pool } = this.#endpoint;
    // Another one of the pool if there is one, or the same again.
    const member = (this.#tried.size === 0 ? null : pool.pick(this.#tried)) ?? pool.pick();
    this.#member = member;
    if (member === null) {
      const { url } = this.#endpoint;
      this.#fail(
        pool === NO_AGENT ? new PorticoError(6029, { url }) : new PorticoError(3200, { host: request.hostname, url }),
      );
      return;
    }
    const { notes } = this.#exchange;
    if (notes !== undefined) {
      notes.sentMs = performance.now();
      notes.agent = member.agentName;
      notes.tunnelMs = member.latencyMs ?? null;
    }
    const head = this.#prepared ?? this.#requestHead();
    const opened =
      this.#endpoint.forwardsProto === 'http2' ? this.#sendOverHttp2(member, head) : this.#sendOverHttp1(member, head);
    if (opened && this.#attempts > 1) this.#sendAgain();
  }

  /** The upstream's one HTTP/2 connection for this visitor and member carries all of its requests (D7). */
  #sendOverHttp2(member: Member, head: UpstreamRequest): boolean {
    const { request, visitor } = this.#exchange;
    const { pool } = this.#endpoint;
    try {
      const connection = visitor.streams.http2(this.#endpoint, member, () => this.#connectHttp2(member));
      this.#stream = connection.send(head, {
        handler: this,
        // Of the two only this says whether the agent ends its TLS at the upstream, and some upstreams compare.
        scheme: this.#endpoint.forwardsTo.startsWith('https:') ? 'https' : 'http',
        hasBody: request.body.kind !== 'none',
      });
      return this.#phase !== 'over';
    } catch (error) {
      if (!(error instanceof PorticoError)) throw error;
      this.#tried.add(member);
      if (this.#attempts < TRIES && pool.pick(this.#tried) !== null) this.#send();
      else this.#fail(error);
      return false;
    }
  }

  #connectHttp2(member: Member): Http2Upstream {
    const { visitor } = this.#exchange;
    visitor.streams.makeRoom(member);
    return new Http2Upstream({
      endpoint: this.#endpoint,
      member,
      stream: member.open(this.#openHeader(), []),
      load: visitor.streams,
      onIdle: (connection) => visitor.streams.give(connection),
      onGone: (connection) => visitor.streams.forget(connection),
      onFault: (fault) => this.#proxy.errors.report(fault),
    });
  }

  #sendOverHttp1(member: Member, request: UpstreamRequest): boolean {
    const { method, upgrade, body } = this.#exchange.request;
    const { streams } = this.#exchange.visitor;
    const head = encodeRequestHead(request);
    const chunked = body.kind === 'chunked';
    const { pool } = this.#endpoint;
    const reusable = this.#attempts === 1 ? streams.take(this.#endpoint, member, isIdempotent(method)) : null;
    if (reusable !== null) {
      this.#stream = reusable;
      reusable.begin(this, { method, upgradeAsked: upgrade, chunked });
      reusable.write(head);
      return true;
    }
    streams.makeRoom(member);
    try {
      const stream = new HttpStream({
        endpoint: this.#endpoint,
        member,
        stream: member.open(this.#openHeader(), [head]),
        onIdle: (idle) => streams.give(idle),
        onGone: (gone) => streams.forget(gone),
        onFault: (fault) => this.#proxy.errors.report(fault),
      });
      this.#endpoint.counters.bytesIn += head.length;
      this.#stream = stream;
      stream.begin(this, { method, upgradeAsked: upgrade, chunked });
      stream.listen();
      return this.#phase !== 'over';
    } catch (error) {
      if (!(error instanceof PorticoError)) throw error;
      this.#tried.add(member);
      if (this.#attempts < TRIES && pool.pick(this.#tried) !== null) this.#send();
      else this.#fail(error);
      return false;
    }
  }

  #openHeader(): OpenHeader {
    const { visitor } = this.#exchange;
    return {
      clientIp: visitor.address,
      clientPort: visitor.port,
      proto: this.#endpoint.proto,
      passthroughTls: false,
      ...(this.#endpoint.proxyProtocol === 0 ? {} : { serverIp: visitor.serverIp() }),
    };
  }

  /** The head as the upstream gets it: nothing of the visitor's framing or hop is left in it. */
  #requestHead(): UpstreamRequest {
    const { request, visitor } = this.#exchange;
    return upstreamRequest({
      head: request,
      origin: {
        clientIp: visitor.address,
        proto: visitor.scheme,
        host: request.authority,
        port: visitor.publicPort,
        trusted: visitor.trusted,
      },
    });
  }

  #sendAgain(): void {
    for (const chunk of this.#replay ?? []) this.#writeBody(chunk);
    if (this.#requestEnded) this.#finishRequest();
  }

  // From the visitor

  onBody(chunk: Buffer): void {
    if (this.#phase === 'over') return;
    this.#progressMs = this.#proxy.sweep.now();
    if (this.#replay !== null) {
      this.#replayBytes += chunk.length;
      if (this.#replayBytes > this.#proxy.limits.replayBytes) this.#replay = null;
      else this.#replay.push(chunk);
    }
    if (!this.#writeBody(chunk)) this.#exchange.pause();
  }

  onBodyEnd(trailers: Fields): void {
    if (this.#phase === 'over') return;
    this.#requestEnded = true;
    this.#trailers = trailers;
    this.#progressMs = this.#proxy.sweep.now();
    this.#finishRequest();
  }

  onGone(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#stream?.drop();
  }

  #writeBody(chunk: Buffer): boolean {
    return this.#stream?.writeBody(chunk) ?? true;
  }

  #finishRequest(): void {
    this.#stream?.endBody(filterTrailers(this.#trailers));
  }

  // From the upstream

  onUpstreamWritable(): void {
    if (this.#phase !== 'over') this.#exchange.resume();
  }

  onInterim(head: ResponseHead): void {
    if (this.#phase !== 'waiting') return;
    this.#progressMs = this.#proxy.sweep.now();
    if (head.status === 100) {
      // At most one, and only to a visitor who waits for it.
      if (!this.#exchange.request.expectContinue || this.#continued) return;
      this.#continued = true;
    }
    this.#exchange.interim(head);
  }

  onHead(head: ResponseHead): void {
    if (this.#phase !== 'waiting') return;
    this.#replay = null;
    this.#progressMs = this.#proxy.sweep.now();
    if (head.status === 101) {
      this.#upgrade(head);
      return;
    }
    this.#phase = 'answering';
    if (mayBeSilent(head.fields)) this.#answerGapMs = this.#proxy.limits.upgradedIdleMs;
    this.#exchange.head(head);
  }

  // `#phase` may have become 'over' while bytes of one chunk were still being handed on.
  onAnswerBody(chunk: Buffer): void {
    if (this.#phase !== 'answering') return;
    this.#progressMs = this.#proxy.sweep.now();
    if (this.#exchange.write(chunk)) return;
    this.#visitorFull = true;
    this.#stream?.hold();
  }

  onAnswerEnd(trailers: Fields): void {
    if (this.#phase !== 'answering') return;
    this.#phase = 'over';
    this.#exchange.end(filterTrailers(trailers));
  }

  onFailed(failure: UpstreamFailure): void {
    if (this.#phase === 'over') return;
    const stream = this.#stream;
    this.#stream = null;
    if (this.#phase === 'waiting' && this.#mayRepeat(failure, stream)) {
      this.#send();
      return;
    }
    this.#fail(failureError(failure, this.#endpoint, this.#exchange.request.hostname), failure);
  }

  onVisitorWritable(): void {
    if (!this.#visitorFull) return;
    this.#visitorFull = false;
    this.#progressMs = this.#proxy.sweep.now();
    this.#stream?.letGo();
  }

  sweep(nowMs: number): void {
    const { limits } = this.#proxy;
    const waitedMs = nowMs - this.#progressMs;
    if (this.#phase === 'waiting' && waitedMs >= limits.responseHeadMs) {
      this.#stream?.drop();
      const seconds = Math.round(limits.responseHeadMs / 1000);
      this.#fail(new PorticoError(3005, { upstream: this.#endpoint.forwardsTo, seconds }));
    } else if (this.#phase === 'answering' && !this.#visitorFull && waitedMs >= this.#answerGapMs) {
      this.#stream?.drop();
      this.#fail(new PorticoError(3005, { upstream: this.#endpoint.forwardsTo, seconds: Math.round(waitedMs / 1000) }));
    }
  }

  /**
   * Repeated with all of the request at hand and nothing of an answer seen: if nothing reached the upstream, or if its
   * connection turned out to be lost and doing it twice does no harm (X13). At most once, or with other members of its
   * pool to ask, as long as nothing reached any of them, twice.
   */
  #mayRepeat(failure: UpstreamFailure, stream: UpstreamExchange | null): boolean {
    if (this.#replay === null || this.#continued || stream === null) return false;
    this.#tried.add(stream.member);
    const hasAnother = this.#endpoint.pool.pick(this.#tried) !== null;
    if (failure.kind === 'refused') {
      const { code } = failure.refusal;
      if (hasAnother && this.#attempts < TRIES && NOT_REACHED.has(code)) return true;
      return this.#attempts === 1 && NOT_DELIVERED.has(code);
    }
    if (failure.kind !== 'closed' || this.#attempts > 1 || stream.heard) return false;
    return (stream.reused || hasAnother) && isIdempotent(this.#exchange.request.method);
  }

  #upgrade(head: ResponseHead): void {
    this.#phase = 'over';
    const stream = this.#stream;
    const taken = this.#exchange.takeOver(head);
    const upstream = taken === null ? null : (stream?.takeOver() ?? null);
    if (taken === null || upstream === null) {
      stream?.drop();
      taken?.socket.destroy();
      taken?.watcher?.over();
      return;
    }
    const splice = new Splice({
      socket: taken.socket,
      fromVisitor: taken.rest,
      upstream,
      endpoint: this.#endpoint,
      idleMs: this.#proxy.limits.upgradedIdleMs,
      sweep: this.#proxy.sweep,
      onClose: () => this.#exchange.visitor.streams.close(),
      isWebSocket: head.upgrade === 'websocket',
      watcher: taken.watcher ?? null,
    });
    taken.onDrain = () => splice.drain();
    splice.start();
  }

  #fail(error: PorticoError, failure: UpstreamFailure | null = null): void {
    this.#phase = 'over';
    countError(this.#endpoint.counters, error.code);
    if (this.#exchange.answered) this.#exchange.cut();
    else
      this.#proxy.errors.answer(this.#exchange.ownAnswer(), error, {
        endpoint: this.#endpoint,
        member: this.#member,
        failure,
      });
  }
}

/** How often a request is sent at most. */
const TRIES = 3;

/** Refusals after which the request is known to have gone nowhere, and the same member may have it again. */
const NOT_DELIVERED = new Set(['STALE_TARGET', 'NO_LEG', 'DRAINING', 'NOT_TAKEN']);

/** RFC 9110 section 9.2.2. */
function isIdempotent(method: string): boolean {
  switch (method) {
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'PUT':
    case 'DELETE':
      return true;
    default:
      return false;
  }
}

/** Streams of events and gRPC calls say something when there is something to say (L12). */
function mayBeSilent(fields: Fields): boolean {
  const type = getField(fields, 'content-type')?.toLowerCase() ?? '';
  return type.startsWith('text/event-stream') || type.startsWith('application/grpc');
}

/** What the visitor is told of a failure behind the agent; what its owner is told of one that has no words for visitors. */
export function failureError(failure: UpstreamFailure, endpoint: Endpoint, host: string): PorticoError {
  const upstream = endpoint.forwardsTo;
  switch (failure.kind) {
    case 'syntax':
      return new PorticoError(3004, { upstream, reason: failure.reason });
    case 'closed':
      return new PorticoError(3006, { upstream });
    case 'refused':
      break;
  }
  switch (failure.refusal.code) {
    case 'ACCEPT_TIMEOUT':
      return new PorticoError(3210, { host, seconds: 10 });
    case 'QUEUE_TIMEOUT':
    case 'NOT_TAKEN':
      return new PorticoError(734, { host, limit: 'too many', waiting: 'some' });
    case 'DRAINING':
      return new PorticoError(742);
    case 'STALE_TARGET':
    case 'NO_LEG':
      return new PorticoError(3200, { host, url: endpoint.url });
    default:
      return new PorticoError(8012, { upstream, reason: failure.refusal.message });
  }
}
