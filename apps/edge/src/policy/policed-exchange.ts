import { PorticoError } from '@portico/errors';
import {
  changedUpstreamRequest,
  fieldRole,
  getField,
  getFields,
  setField,
  stripPlatformFields,
  type UpstreamRequest,
} from '@portico/http-rules';
import {
  type BodyKind,
  CHUNKED,
  type Fields,
  parseAuthority,
  type RequestHead,
  type ResponseHead,
} from '@portico/http1';
import {
  type Action,
  type Answer,
  ChangedRequest,
  ChangedResponse,
  type CircuitBreaker,
  type CompiledRule,
  type MessageContext,
  type PlainValue,
  PolicyScope,
  type PolicyTrace,
  type RequestContext,
  type SecretStore,
} from '@portico/traffic-policy';
import type { ExchangeNotes } from '../capture/recorder.ts';
import { countError, type Endpoint } from '../endpoint/endpoint.ts';
import { answerWhole, type ErrorAnswers, ownHead } from '../proxy/error-response.ts';
import type { Exchange, ExchangeHandler, TakenOver, Visitor } from '../proxy/exchange.ts';
import type { Sweep } from '../proxy/sweep.ts';
import type { ActionOf, AsyncOutcome, AsyncTools } from './async-action.ts';
import { changedFields, replaceInBody } from './body-find-replace.ts';
import { type Coding, Compressor, chooseCompression, compressedFields } from './compression.ts';
import type { EndpointPolicy } from './endpoint-policy.ts';
import { EventStreamRewriter, eventStreamCoding, MESSAGE_BYTES_MAX } from './event-stream-rewriter.ts';
import { type BodyLimit, HeldBody } from './held-body.ts';
import { MessagePhase } from './message-phase.ts';
import { isAsyncType, type Policies, type PolicySurroundings } from './policies.ts';
import { type PhaseEnd, type PhaseRunner, runPhase } from './run-phase.ts';
import { withoutSignInCookies } from './sign-in/cookies.ts';
import { ArrivalContext, ReceivedRequest, ReceivedResponse } from './traffic-contexts.ts';

/** Where an exchange goes when its policy has let it pass. */
export interface PolicyHost {
  readonly policies: Policies;
  readonly errors: ErrorAnswers;
  readonly sweep: Sweep;
  /** To the upstream of an endpoint; `prepared` is the head that it gets, null for that of the request. */
  forward(exchange: Exchange, endpoint: Endpoint, prepared: UpstreamRequest | null): void;
  /** To another endpoint, by its policy. @param hops how many forwarded it before */
  pass(exchange: Exchange, endpoint: Endpoint, hops: number): void;
}

/** What happened to a request in its policy, for its owner. */
export interface PolicyNotes {
  readonly logs: PlainValue[];
  request: PhaseEnd['kind'] | null;
  response: PhaseEnd['kind'] | null;
}

/**
 * - `request`: the request phase runs; the body waits here
 * - `passed`: the upstream answers, or the policy did and its answer is on its way through the response phase
 * - `deciding`: the response phase takes time; the answer waits here
 * - `answering`: the answer goes to the visitor
 * - `done`: it was answered in another way; what else comes from the upstream is thrown away
 */
type State = 'request' | 'passed' | 'deciding' | 'answering' | 'done';

/**
 * A visitor's exchange with an endpoint's policy around it: the request phase runs before the proxy sees it, the
 * response phase before the visitor sees the answer. The proxy works on it as on any other exchange, and one may lie in
 * another where an endpoint forwards to an endpoint.
 */
export class PolicedExchange implements Exchange, ExchangeHandler {
  readonly visitor: Visitor;
  readonly trace: PolicyNotes = { logs: [], request: null, response: null };
  readonly #under: Exchange;
  readonly #endpoint: Endpoint;
  readonly #policy: EndpointPolicy;
  readonly #surroundings: PolicySurroundings;
  readonly #host: PolicyHost;
  readonly #hops: number;
  /** Where notes of its rules go; null for nearly all traffic. */
  readonly #rules: PolicyTrace | null;
  readonly #abort = new LazyAbort();
  readonly #connection: ArrivalContext;
  readonly #startedMs: number;
  #request: RequestHead;
  #context: RequestContext;
  readonly #received: ReceivedRequest;
  #state: State = 'request';
  #handler: ExchangeHandler | null = null;
  #receiving = false;
  #paused = false;
  #continued = false;
  readonly #body = new HeldBody();
  /** The answer while the response phase takes time. */
  #held: { head: ResponseHead; readonly own: Fields; readonly body: HeldBody } | null = null;
  /** When the response phase began; null while none takes time. */
  #decidingSinceMs: number | null = null;
  readonly #ownFields: Fields = [];
  #circuits: CircuitBreaker[] = [];
  /** The Host that the policy put in the place of the visitor's; null when it is the visitor's. */
  #otherHost: string | null = null;
  /** Chosen by the response phase; its seat is taken. */
  #coding: Coding | null = null;
  #compressor: Compressor | null = null;
  /** Changes the messages of an event stream, before they are compressed. */
  #messages: EventStreamRewriter | null = null;
  #gone = false;

  constructor({
    exchange,
    endpoint,
    policy,
    host,
    hops,
  }: {
    exchange: Exchange;
    endpoint: Endpoint;
    policy: EndpointPolicy;
    host: PolicyHost;
    hops: number;
  }) {
    const { visitor, request } = exchange;
    this.visitor = visitor;
    this.#under = exchange;
    this.#endpoint = endpoint;
    this.#policy = policy;
    this.#surroundings = host.policies.surroundingsOf(endpoint);
    this.#host = host;
    this.#hops = hops;
    this.#request = request;
    this.#startedMs = host.sweep.now();
    if (exchange.notes !== undefined) exchange.notes.policy = this.trace;
    this.#rules = exchange.notes?.rules ?? null;
    this.#connection = new ArrivalContext(visitor.arrival, host.policies);
    const origin = {
      clientIp: visitor.address,
      proto: visitor.scheme,
      host: request.authority,
      port: visitor.publicPort,
      trusted: visitor.trusted,
    };
    this.#received = new ReceivedRequest(request, origin, visitor.http2);
    this.#context = this.#received;
  }

  get notes(): ExchangeNotes | undefined {
    return this.#under.notes;
  }

  /** Runs the phases up to the request and sends the exchange where they lead. */
  start(): void {
    const rules = this.#policy.compiled.phases.on_tcp_connect;
    const { admitted } = this.visitor.arrival;
    if (rules.length === 0 || admitted.includes(this.#endpoint.id)) {
      this.#startRequest();
      return;
    }
    const end = runPhase(rules, this.#runner(this.#connectScope(), rules));
    if (!(end instanceof Promise)) {
      this.#connectDecided(end);
      return;
    }
    this.#receive();
    void end.then((late) => {
      if (this.#state === 'request' && !this.#gone) this.#guarded(() => this.#connectDecided(late));
    });
  }

  #connectDecided(end: PhaseEnd): void {
    switch (end.kind) {
      case 'passed':
        this.visitor.arrival.admitted.push(this.#endpoint.id);
        this.#startRequest();
        return;
      case 'forwarded': {
        // The connection speaks HTTP already, and that endpoint carries bytes.
        const reason = 'a connection of an http endpoint cannot be forwarded any more once its request is known';
        this.#fail(new PorticoError(2253, { field: 'url', action: 'forward-internal', reason }));
        return;
      }
      default:
        this.#requestDecided(end);
    }
  }

  #startRequest(): void {
    const rules = this.#policy.compiled.phases.on_http_request;
    if (rules.length === 0) {
      this.#requestDecided(PASSED);
      return;
    }
    const scope = this.#scope('on_http_request', null);
    const end = runPhase(rules, this.#runner(scope, rules));
    if (!(end instanceof Promise)) {
      this.#context = scope.request ?? this.#context;
      this.#requestDecided(end);
      return;
    }
    this.#receive();
    void end.then((late) => {
      this.#context = scope.request ?? this.#context;
      if (this.#state === 'request' && !this.#gone) this.#guarded(() => this.#requestDecided(late));
    });
  }

  // What the proxy sees of the exchange

  get request(): RequestHead {
    return this.#request;
  }

  get requestEnded(): boolean {
    return this.#under.requestEnded;
  }

  get answered(): boolean {
    return this.#under.answered;
  }

  receive(handler: ExchangeHandler): void {
    this.#handler = handler;
    if (!this.#receiving) {
      this.#receiving = true;
      this.#under.receive(this);
      return;
    }
    for (const chunk of this.#body.take()) handler.onBody(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    if (this.#body.ended) handler.onBodyEnd(this.#body.trailers);
    this.#resumeRequest();
  }

  pause(): void {
    this.#paused = true;
    this.#under.pause();
  }

  resume(): void {
    this.#resumeRequest();
  }

  interim(response: ResponseHead): void {
    this.#under.interim(response);
  }

  head(response: ResponseHead, own: Fields = []): void {
    if (this.#state === 'done') return;
    this.#record(response.status >= 500);
    const received = this.#otherHost === null ? response : this.#ownLocation(response, this.#otherHost);
    const rules = this.#policy.compiled.phases.on_http_response;
    if (rules.length === 0) {
      this.#sendHead(received, own);
      return;
    }
    const clean = { ...received, fields: stripPlatformFields(received.fields) };
    const scope = this.#scope('on_http_response', clean);
    this.#held = { head: clean, own, body: new HeldBody() };
    const end = runPhase(rules, this.#runner(scope, rules));
    if (!(end instanceof Promise)) {
      this.#held = null;
      this.#responseDecided(end, scope, clean, own);
      return;
    }
    this.#state = 'deciding';
    this.#decidingSinceMs = this.#host.sweep.now();
    void end.then((late) => {
      if (this.#state === 'deciding' && !this.#gone) {
        this.#guarded(() => this.#responseDecided(late, scope, this.#held?.head ?? clean, own));
      }
    });
  }

  write(chunk: Uint8Array): boolean {
    switch (this.#state) {
      case 'deciding': {
        const body = this.#held?.body;
        if (body === undefined) return true;
        body.add(chunk);
        return body.isWanted;
      }
      case 'answering':
        return this.#messages === null ? this.#writeOut(chunk) : this.#messages.write(chunk);
      default:
        return true;
    }
  }

  end(trailers: Fields): void {
    if (this.#state === 'deciding') this.#held?.body.end(trailers);
    else if (this.#state === 'answering') this.#endAnswer(trailers);
  }

  cut(): void {
    this.#settle();
    this.#under.cut();
  }

  takeOver(response: ResponseHead): TakenOver | null {
    this.#record(false);
    const rules = this.#policy.compiled.phases.on_http_response;
    const own = this.#ownFields;
    if (rules.length === 0) return this.#under.takeOver({ ...response, fields: [...response.fields, ...own] });
    const clean = { ...response, fields: stripPlatformFields(response.fields) };
    const scope = this.#scope('on_http_response', clean);
    // Nothing that takes time fits in here: what follows a 101 belongs to the new protocol.
    const end = runPhase(rules, { ...this.#runner(scope, rules), perform: () => NEXT });
    if (!(end instanceof Promise) && end.kind === 'passed') {
      this.trace.response = 'passed';
      const fields = [...(scope.response?.fields ?? clean.fields), ...own];
      return this.#under.takeOver({ ...response, fields });
    }
    this.#state = 'passed';
    if (!(end instanceof Promise)) this.#responseDecided(end, scope, clean, []);
    return null;
  }

  ownAnswer(): Exchange {
    this.#record(true);
    this.#settle();
    return this.#under.ownAnswer();
  }

  // What the visitor's side tells

  onBody(chunk: Buffer): void {
    if (this.#handler !== null) {
      this.#handler.onBody(chunk);
      return;
    }
    if (this.#state !== 'request') return;
    this.#body.add(chunk);
    if (!this.#body.isWanted) this.pause();
  }

  onBodyEnd(trailers: Fields): void {
    this.#received.trailers = trailers;
    this.#received.bodyReceivedAt = new Date();
    if (this.#handler !== null) this.#handler.onBodyEnd(trailers);
    else this.#body.end(trailers);
  }

  onVisitorWritable(): void {
    if (this.#compressor !== null) this.#compressor.resume();
    else this.#moreRoom();
  }

  onGone(): void {
    if (this.#gone) return;
    this.#gone = true;
    const handler = this.#handler;
    this.#settle();
    handler?.onGone();
  }

  sweep(nowMs: number): void {
    const { phaseMs } = this.#host.policies;
    if (this.#state === 'request' && nowMs - this.#startedMs >= phaseMs) {
      this.#abort.abort();
      this.#requestDecided({ kind: 'failed', error: tooSlow('on_http_request', phaseMs) });
      return;
    }
    if (this.#decidingSinceMs !== null && nowMs - this.#decidingSinceMs >= phaseMs) {
      this.#abort.abort();
      this.#fail(tooSlow('on_http_response', phaseMs));
      return;
    }
    this.#handler?.sweep(nowMs);
  }

  // The request phase

  #requestDecided(end: PhaseEnd): void {
    this.trace.request = end.kind;
    switch (end.kind) {
      case 'passed':
        this.#pass();
        return;
      case 'answered':
        this.#state = 'passed';
        this.#receive();
        this.#answer(end.answer, this);
        return;
      case 'closed':
        this.#settle();
        this.visitor.arrival.socket.destroy();
        return;
      case 'forwarded':
        this.#forward(end.endpoint);
        return;
      case 'failed':
        this.#fail(end.error);
    }
  }

  #pass(): void {
    const context = this.#policy.signsIn ? withoutSignInCookies(this.#context) : this.#context;
    if (context === this.#received) {
      this.#state = 'passed';
      this.#host.forward(this, this.#endpoint, null);
      return;
    }
    const host = hostOf(context);
    if (host === null) {
      const reason = 'the Host that the policy gives is none';
      this.#fail(new PorticoError(2253, { field: 'host', action: 'add-headers', reason }));
      return;
    }
    const { target, fields } = context;
    // What Connection names, and TE, are in the fields as they came.
    const prepared = changedUpstreamRequest({ ...this.#request, target }, fields, host);
    this.#request = { ...this.#request, target };
    if (host !== this.#request.authority) this.#otherHost = host;
    this.#state = 'passed';
    this.#host.forward(this, this.#endpoint, prepared);
  }

  #forward(target: Endpoint): void {
    const { hopsMax } = this.#host.policies;
    if (this.#hops + 1 > hopsMax) {
      this.#fail(new PorticoError(3501, { max: hopsMax }));
      return;
    }
    const context = this.#context;
    if (context !== this.#received) {
      const authority = hostOf(context) ?? context.authority;
      this.#request = { ...this.#request, target: context.target, authority, fields: [...context.fields] };
    }
    this.#state = 'passed';
    this.#host.pass(this, target, this.#hops + 1);
  }

  /** An upstream that was told another host sends visitors there; they only know this one. */
  #ownLocation(response: ResponseHead, host: string): ResponseHead {
    const location = getField(response.fields, 'location');
    const rest = /^https?:\/\/([^/?#]*)(.*)$/i.exec(location ?? '');
    if (rest?.[1]?.toLowerCase() !== host.toLowerCase()) return response;
    const own = `${this.visitor.scheme}://${this.#under.request.authority}${rest[2] ?? ''}`;
    return { ...response, fields: setField(response.fields, 'Location', own) };
  }

  // The response phase

  #responseDecided(end: PhaseEnd, scope: PolicyScope, head: ResponseHead, own: Fields): void {
    this.trace.response = end.kind;
    this.#decidingSinceMs = null;
    switch (end.kind) {
      case 'passed': {
        const fields = [...(scope.response?.fields ?? head.fields)];
        this.#sendHead({ ...head, fields }, own);
        this.#release();
        return;
      }
      case 'answered':
        this.#dropUpstream();
        this.#state = 'answering';
        this.#held = null;
        this.#answer(end.answer, this.#under);
        this.#settle();
        return;
      case 'failed':
        // A body that is too large is the upstream's here, not the visitor's.
        this.#fail(end.error, end.error.code === 3903 ? 502 : end.error.status);
        return;
      case 'closed':
      case 'forwarded':
        this.#dropUpstream();
        this.cut();
    }
  }

  #sendHead(head: ResponseHead, own: Fields): void {
    this.#state = 'answering';
    const { on_event_stream_message: rules } = this.#policy.compiled.phases;
    const plain = rules.length === 0 ? head : this.#startMessages(head, rules);
    const coding = this.#coding;
    const sent =
      coding === null ? plain : { ...plain, body: this.#startCompressor(coding, plain.body.kind !== 'length') };
    this.#under.head(sent, this.#withOwn(own));
  }

  // The messages of an event stream

  /** The head that fits what the rules may make of the messages; the same one when the answer has none. */
  #startMessages(head: ResponseHead, rules: readonly CompiledRule[]): ResponseHead {
    const isPlain = this.#coding !== null;
    const coding = eventStreamCoding(head, { method: this.#request.method, isPlain });
    if (coding === null) return head;
    const response = new ReceivedResponse(head);
    const phase = new MessagePhase({
      rules,
      scopeOf: (message) => this.#messageScope(response, message),
      tools: this.#surroundings.tools,
      onLog: (metadata) => this.#log(metadata),
      onFault: (error) => this.#host.errors.report(error),
    });
    const { compressors } = this.#host.policies;
    const hasSeat = coding !== 'none';
    if (hasSeat && !compressors.take()) {
      phase.log({
        reason: 'too many answers are compressed or read at once; the messages of this one stay as they are',
      });
      return head;
    }
    this.#messages = new EventStreamRewriter({
      coding,
      change: (message) => phase.change(message),
      sink: {
        onChunk: (chunk) => this.#writeOut(chunk),
        onRoom: () => this.#handler?.onVisitorWritable(),
        onEnd: (trailers) => {
          this.#messages = null;
          this.#endOut(trailers);
        },
        onError: (error) => {
          this.#host.errors.report(error);
          this.#dropUpstream();
          this.cut();
        },
      },
      onTooLong: () => {
        phase.log({ reason: `a message is longer than ${MESSAGE_BYTES_MAX} bytes and stays as it is` });
      },
      onOver: () => {
        if (hasSeat) compressors.leave();
      },
    });
    return { ...head, fields: changedFields(head.fields, isPlain), body: CHUNKED };
  }

  /** What was held while the phase took its time. */
  #release(): void {
    const held = this.#held;
    this.#held = null;
    if (held === null) return;
    let room = true;
    for (const chunk of held.body.take()) room = this.write(chunk);
    if (held.body.ended) this.#endAnswer(held.body.trailers);
    else if (room) this.#handler?.onVisitorWritable();
  }

  /** Writes an answer of this policy to `to`: itself, so that its response phase sees it, or the one under it. */
  #answer(answer: Answer, to: Exchange): void {
    if (answer.error !== null) {
      const { code, details } = answer.error;
      const circumstances = { endpoint: this.#endpoint, status: answer.status };
      this.#host.errors.answer(to, new PorticoError(code, details), circumstances);
      return;
    }
    const fields: Fields = [];
    const own: Fields = to === this ? [] : this.#withOwn([]);
    for (let i = 0; i < answer.fields.length; i += 2) {
      const name = answer.fields[i] ?? '';
      // Fields by which the platform speaks would be taken out of an upstream's answer; this one is not an upstream's.
      (fieldRole(name) === 'platform' ? own : fields).push(name, answer.fields[i + 1] ?? '');
    }
    if (answer.status === 204 || answer.status === 304) {
      to.head(ownHead(answer.status, [...fields, 'Date', new Date().toUTCString()], { kind: 'none' }), own);
      to.end([]);
      return;
    }
    answerWhole(to, answer.status, fields, Buffer.from(answer.body), own);
  }

  #fail(error: PorticoError, status = error.status): void {
    this.trace.request ??= 'failed';
    countError(this.#endpoint.counters, error.code);
    this.#dropUpstream();
    const under = this.#under.ownAnswer();
    this.#settle();
    if (under.answered) under.cut();
    else this.#host.errors.answer(under, error, { endpoint: this.#endpoint, status });
  }

  /** The upstream's part in this exchange is over; it sees an abort if it was not done. */
  #dropUpstream(): void {
    const handler = this.#handler;
    this.#handler = null;
    handler?.onGone();
  }

  #startCompressor(coding: Coding, flushes: boolean): BodyKind {
    this.#coding = null;
    this.#compressor = new Compressor(coding, {
      flushes,
      sink: {
        onChunk: (chunk) => this.#under.write(chunk),
        onRoom: () => this.#moreRoom(),
        onEnd: (trailers) => this.#finish(trailers),
        onError: (error) => {
          this.#host.errors.report(error);
          this.#dropUpstream();
          this.cut();
        },
      },
      onOver: () => this.#host.policies.compressors.leave(),
    });
    return CHUNKED;
  }

  #endAnswer(trailers: Fields): void {
    if (this.#messages === null) this.#endOut(trailers);
    else this.#messages.end(trailers);
  }

  #writeOut(chunk: Uint8Array): boolean {
    return this.#compressor === null ? this.#under.write(chunk) : this.#compressor.write(chunk);
  }

  #endOut(trailers: Fields): void {
    if (this.#compressor === null) this.#finish(trailers);
    else this.#compressor.end(trailers);
  }

  #moreRoom(): void {
    if (this.#messages !== null) this.#messages.resume();
    else this.#handler?.onVisitorWritable();
  }

  #finish(trailers: Fields): void {
    this.#settle();
    this.#under.end(trailers);
  }

  /** Nothing of this policy runs any more. */
  #settle(): void {
    this.#state = 'done';
    this.#decidingSinceMs = null;
    this.#held?.body.abandon(GONE);
    this.#held = null;
    this.#body.abandon(GONE);
    if (this.#coding !== null) this.#host.policies.compressors.leave();
    this.#coding = null;
    this.#messages?.dispose();
    this.#messages = null;
    this.#compressor?.dispose();
    this.#compressor = null;
    // What is left of the request is thrown away, but it has to come for the next one to be seen.
    this.#resumeRequest();
    this.#abort.abort();
  }

  #record(failed: boolean): void {
    const circuits = this.#circuits;
    if (circuits.length === 0) return;
    this.#circuits = [];
    for (const circuit of circuits) circuit.record(failed);
  }

  #withOwn(own: Fields): Fields {
    return this.#ownFields.length === 0 ? own : [...own, ...this.#ownFields];
  }

  // The request body

  /** The body comes here until the proxy takes it. */
  #receive(): void {
    if (this.#receiving) return;
    this.#receiving = true;
    this.#under.receive(this);
    const isExpected = this.#request.body.kind !== 'none' && !this.#body.ended;
    if (isExpected && !this.#body.isWanted && this.#state === 'request') this.pause();
  }

  #resumeRequest(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#under.resume();
  }

  #wholeBody(limit: BodyLimit): Promise<Buffer> {
    const whole = this.#body.whole(limit);
    if (this.#body.isWanted) {
      if (this.#request.expectContinue && !this.#continued) this.#continue();
      this.#receive();
      this.#resumeRequest();
    }
    return whole;
  }

  /** The visitor sends the body only after this; the upstream must not be asked for it again. */
  #continue(): void {
    this.#continued = true;
    this.#under.interim(ownHead(100, [], { kind: 'none' }));
    this.#request = { ...this.#request, expectContinue: false };
  }

  // What actions get

  #scope(phase: 'on_http_request' | 'on_http_response', response: ResponseHead | null): PolicyScope {
    return new PolicyScope({
      phase,
      connection: this.#connection,
      endpoint: this.#surroundings.endpoint,
      request: this.#context,
      ...(response === null ? {} : { response: new ReceivedResponse(response) }),
      secrets: this.#secrets,
    });
  }

  get #secrets(): SecretStore {
    const { secrets } = this.#surroundings;
    return this.#rules?.watch(secrets) ?? secrets;
  }

  #messageScope(response: ReceivedResponse, message: MessageContext): PolicyScope {
    return new PolicyScope({
      phase: 'on_event_stream_message',
      connection: this.#connection,
      endpoint: this.#surroundings.endpoint,
      request: this.#context,
      response,
      message,
      secrets: this.#secrets,
    });
  }

  #connectScope(): PolicyScope {
    return new PolicyScope({
      phase: 'on_tcp_connect',
      connection: this.#connection,
      endpoint: this.#surroundings.endpoint,
      secrets: this.#secrets,
    });
  }

  #runner(scope: PolicyScope, rules: readonly CompiledRule[]): PhaseRunner {
    const { errors } = this.#host;
    this.notes?.results.push(scope.results);
    return {
      scope,
      tools: this.#surroundings.tools,
      perform: (action) => this.#perform(action, scope),
      onLog: (metadata) => this.#log(metadata),
      trace: this.#rules?.begin(this.#endpoint.url, scope.phase, rules) ?? null,
      onFault: (error) => errors.report(error),
    };
  }

  #log(metadata: PlainValue): void {
    this.trace.logs.push(this.#rules?.hide(metadata) ?? metadata);
    this.#host.policies.onLog(this.#endpoint, metadata);
  }

  #perform(action: Action, scope: PolicyScope): AsyncOutcome | Promise<AsyncOutcome> {
    switch (action.type) {
      case 'circuit-breaker':
        return this.#askCircuit(action, scope);
      case 'compress-response':
        return this.#chooseCompression(action, scope);
      case 'request-body-find-replace':
        return this.#replaceInRequest(action, scope);
      case 'response-body-find-replace':
        return this.#replaceInResponse(action, scope);
      case 'terminate-tls':
        // TLS ended before this endpoint was known: the visitor has to come on a connection of its own.
        throw new PorticoError(421, { sni: this.visitor.serverName ?? '', host: this.#request.hostname });
      default:
        return this.#performLater(action, scope);
    }
  }

  #askCircuit(action: ActionOf<'circuit-breaker'>, scope: PolicyScope): AsyncOutcome {
    const circuit = this.#policy.circuit(action);
    if (circuit === null) return NEXT;
    const allowed = circuit.allow();
    scope.setResult('circuit_breaker', { open: !allowed });
    if (allowed) this.#circuits.push(circuit);
    if (allowed || !action.config.enforce) return NEXT;
    const { total, failed } = circuit.counts();
    const percent = total === 0 ? 100 : Math.round((100 * failed) / total);
    return {
      kind: 'answer',
      answer: { status: 503, fields: [], body: EMPTY, error: { code: 3202, details: { percent } } },
    };
  }

  #chooseCompression(action: ActionOf<'compress-response'>, scope: PolicyScope): AsyncOutcome {
    const { response } = scope;
    const head = this.#held?.head;
    if (response === null || head === undefined) return NEXT;
    const { compressors } = this.#host.policies;
    let choice = chooseCompression({
      algorithms: action.config.algorithms,
      asked: getFields(this.#under.request.fields, 'accept-encoding'),
      method: this.#request.method,
      status: response.statusCode,
      fields: response.fields,
      hasBody: head.body.kind !== 'none' && !(head.body.kind === 'length' && head.body.bytes === 0),
    });
    if (choice.kind === 'compress' && this.#coding === null && !compressors.take()) choice = { kind: 'not-wanted' };
    if (choice.kind === 'compress') this.#coding = choice.coding;
    scope.response = new ChangedResponse(response, compressedFields(response.fields, choice));
    const result = {
      already_compressed: choice.kind === 'already',
      negotiated_algorithm: choice.kind === 'compress' ? choice.coding : '',
    };
    scope.setResult('compress', result);
    scope.setResult('compress_response', result);
    return NEXT;
  }

  async #replaceInRequest(action: ActionOf<'request-body-find-replace'>, scope: PolicyScope): Promise<AsyncOutcome> {
    const { bodyBytesMax: maxBytes } = this.#host.policies;
    const { body: kind } = this.#request;
    const { request } = scope;
    if (request === null || kind.kind === 'none') return NEXT;
    const body = await this.#wholeBody({ maxBytes, action: action.type });
    const { fields } = request;
    const { signal } = this.#abort;
    const replaced = await replaceInBody(action.config, { action: action.type, scope, body, fields, maxBytes, signal });
    scope.setResult('request_body_find_replace', { replacements: replaced.replacements });
    if (replaced.replacements === 0) return NEXT;
    this.#body.replace(replaced.body);
    this.#request = { ...this.#request, body: { kind: 'length', bytes: replaced.body.length } };
    scope.request = new ChangedRequest(request, { fields: replaced.fields });
    return NEXT;
  }

  async #replaceInResponse(action: ActionOf<'response-body-find-replace'>, scope: PolicyScope): Promise<AsyncOutcome> {
    const held = this.#held;
    const { bodyBytesMax: maxBytes } = this.#host.policies;
    if (held === null || held.head.body.kind === 'none' || this.#request.method === 'HEAD') return NEXT;
    const whole = held.body.whole({ maxBytes, action: action.type });
    // What was held back before anybody asked for it comes now.
    if (held.body.isWanted) this.#handler?.onVisitorWritable();
    const body = await whole;
    const { response } = scope;
    if (response === null) return NEXT;
    const { fields } = response;
    const { signal } = this.#abort;
    const replaced = await replaceInBody(action.config, {
      action: action.type,
      scope,
      body,
      fields,
      maxBytes,
      signal,
      isPlain: this.#coding !== null,
    });
    scope.setResult('response_body_find_replace', { replacements: replaced.replacements });
    if (replaced.replacements === 0) return NEXT;
    held.body.replace(replaced.body);
    held.head = { ...held.head, body: { kind: 'length', bytes: replaced.body.length } };
    scope.response = new ChangedResponse(response, replaced.fields);
    return NEXT;
  }

  #performLater(action: Action, scope: PolicyScope): Promise<AsyncOutcome> {
    const { policies } = this.#host;
    if (!isAsyncType(action.type)) throw new PorticoError(500, { id: `no ${action.type}` });
    const tools: AsyncTools = {
      signal: this.#abort.signal,
      endpoint: this.#endpoint,
      visitor: this.visitor,
      hops: this.#hops,
      body: (maxBytes) => this.#wholeBody({ maxBytes: Math.min(maxBytes, policies.bodyBytesMax), action: action.type }),
      addResponseField: (name, value) => {
        this.#ownFields.push(name, value);
      },
    };
    return policies.performAsync(action, scope, tools);
  }

  /** X19: an error of ours in one exchange ends that exchange alone. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#host.errors.report(error);
      this.#fail(new PorticoError(500, { id: 'the log' }));
    }
  }
}

const PASSED: PhaseEnd = { kind: 'passed' };
const NEXT: AsyncOutcome = { kind: 'next' };
const EMPTY = new Uint8Array();
const GONE = new PorticoError(400, { reason: 'the visitor left' });

/** Most exchanges need no signal, and making one costs more than a rule. */
class LazyAbort {
  #controller: AbortController | null = null;
  #aborted = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}

/** The Host that goes to the upstream, or null when the policy made one that is none. */
function hostOf(context: RequestContext): string | null {
  const { fields } = context;
  for (let i = 0; i < fields.length; i += 2) {
    if ((fields[i] ?? '').toLowerCase() !== 'host') continue;
    const value = fields[i + 1] ?? '';
    return value === '' || parseAuthority(value) !== null ? value : null;
  }
  return context.authority;
}

function tooSlow(phase: string, phaseMs: number): PorticoError {
  const reason = `it took longer than ${Math.round(phaseMs / 1000)} seconds`;
  return new PorticoError(2249, { where: phase, reason });
}
