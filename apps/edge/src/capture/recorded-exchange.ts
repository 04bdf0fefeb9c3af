import type { CapturedExchange, CapturedSide, CaptureRule, ExchangeEnd } from '@portico/api-contract/internal';
import { getField } from '@portico/http-rules';
import type { InflateBudget } from '@portico/http1';
import { EventReader, type Fields, messageBytesMax, type RequestHead, type ResponseHead } from '@portico/http1';
import { PolicyTrace } from '@portico/traffic-policy';
import type { Exchange, ExchangeHandler, TakenOver, Visitor } from '../proxy/exchange.ts';
import { BodyStart } from './body-start.ts';
import type { MessageQueue } from './message-queue.ts';
import type { ExchangeNotes } from './recorder.ts';
import { SocketWatch } from './socket-watch.ts';

/** What is known of it from the start. `at` in milliseconds since 1970. */
export interface RecordFacts {
  readonly id: string;
  readonly accountId: string;
  readonly endpointId: string;
  readonly url: string;
  readonly at: number;
  readonly region: string;
  readonly replayOf: string | null;
}

/** Where notes go. */
export interface RecordTarget {
  readonly inflateBudget: InflateBudget;
  /** False: there was no room for it. */
  record(record: CapturedExchange): boolean;
  /** The request as such is over. `answer`: the fields of the answer, however little is kept of it. */
  /** @param results what the actions of policies left behind, a phase each */
  complete(record: CapturedExchange, answer: Fields, results: ExchangeNotes['results']): void;
  openQueue(): MessageQueue;
}

/**
 * An exchange that takes notes of itself: all that passes is passed on at once and unchanged, and when it is over the
 * notes are handed on. One that may last, a WebSocket or a stream of events, is told when it begins too, and its messages
 * as they pass. It lies directly around the visitor's exchange, so it sees what the visitor sent and got, whatever a
 * policy did in between.
 */
export class RecordedExchange implements Exchange, ExchangeHandler {
  readonly notes: ExchangeNotes;
  readonly #under: Exchange;
  readonly #rule: CaptureRule;
  readonly #facts: RecordFacts;
  readonly #nowMs: () => number;
  readonly #target: RecordTarget;
  readonly #startedMs: number;
  readonly #requestBody: BodyStart;
  readonly #responseBody: BodyStart;
  #handler: ExchangeHandler | null = null;
  #requestTrailers: Fields = [];
  #responseTrailers: Fields = [];
  #answer: { readonly status: number; readonly fields: Fields; readonly atMs: number } | null = null;
  #isOver = false;
  /** It was told while it goes on. */
  #wasOpen = false;
  #queue: MessageQueue | null = null;
  #events: EventReader | null = null;
  #socket: SocketWatch | null = null;

  constructor(options: {
    exchange: Exchange;
    rule: CaptureRule;
    /** Its owner is shown it, so it matters what the policy's rules did. */
    isShown: boolean;
    facts: RecordFacts;
    nowMs: () => number;
    target: RecordTarget;
  }) {
    const { exchange, rule, isShown, facts, nowMs, target } = options;
    this.#under = exchange;
    this.#rule = rule;
    this.#facts = facts;
    this.#nowMs = nowMs;
    this.#target = target;
    this.#startedMs = nowMs();
    const kept = rule.mode === 'full' ? rule.bodyBytes : 0;
    this.#requestBody = new BodyStart(kept);
    this.#responseBody = new BodyStart(kept);
    const rules = isShown ? new PolicyTrace(nowMs) : null;
    this.notes = { id: facts.id, sentMs: null, agent: null, tunnelMs: null, policy: null, rules, results: [] };
  }

  get request(): RequestHead {
    return this.#under.request;
  }

  get visitor(): Visitor {
    return this.#under.visitor;
  }

  get requestEnded(): boolean {
    return this.#under.requestEnded;
  }

  get answered(): boolean {
    return this.#under.answered;
  }

  receive(handler: ExchangeHandler): void {
    this.#handler = handler;
    this.#under.receive(this);
  }

  pause(): void {
    this.#under.pause();
  }

  resume(): void {
    this.#under.resume();
  }

  interim(response: ResponseHead): void {
    this.#under.interim(response);
  }

  head(response: ResponseHead, own: Fields = []): void {
    this.#noteAnswer(response, own);
    if (isEventStream(response.fields) && this.request.method !== 'HEAD') this.#followEvents(response.fields);
    this.#under.head(response, own);
  }

  write(chunk: Uint8Array): boolean {
    this.#responseBody.add(chunk);
    this.#events?.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    return this.#under.write(chunk);
  }

  end(trailers: Fields): void {
    this.#responseTrailers = trailers;
    this.#under.end(trailers);
    this.#over('complete');
  }

  cut(): void {
    this.#under.cut();
    this.#over('cut');
  }

  /** The edge's own answers are worth a note more than any other. */
  ownAnswer(): Exchange {
    return this;
  }

  takeOver(response: ResponseHead): TakenOver | null {
    const taken = this.#under.takeOver(response);
    if (taken === null) return null;
    this.#noteAnswer(response, []);
    const { fields, upgrade } = response;
    const queue = upgrade === 'websocket' ? this.#openQueue() : null;
    const budget = this.#target.inflateBudget;
    this.#socket = new SocketWatch({ queue, fields, budget, onOver: () => this.#over('upgraded') });
    taken.watcher = this.#socket;
    this.#target.complete(this.#record('upgraded'), this.#answer?.fields ?? [], this.notes.results);
    this.#tellOpen();
    return taken;
  }

  onBody(chunk: Buffer): void {
    this.#requestBody.add(chunk);
    this.#handler?.onBody(chunk);
  }

  onBodyEnd(trailers: Fields): void {
    this.#requestTrailers = trailers;
    this.#handler?.onBodyEnd(trailers);
  }

  onVisitorWritable(): void {
    this.#handler?.onVisitorWritable();
  }

  onGone(): void {
    this.#handler?.onGone();
    this.#over('gone');
  }

  sweep(nowMs: number): void {
    this.#handler?.sweep(nowMs);
  }

  #noteAnswer({ status, fields }: ResponseHead, own: Fields): void {
    this.#answer = { status, fields: own.length === 0 ? fields : [...fields, ...own], atMs: this.#nowMs() };
  }

  #followEvents(fields: Fields): void {
    const queue = getField(fields, 'content-encoding') === undefined ? this.#openQueue() : null;
    if (queue !== null) {
      this.#events = new EventReader(({ bytes, payload }) =>
        queue.add({
          from: 'upstream',
          kind: 'event',
          bytes,
          payload,
          truncated: payload.length < bytes && payload.length >= messageBytesMax,
          compressed: false,
        }),
      );
    }
    this.#tellOpen();
  }

  #openQueue(): MessageQueue | null {
    if (this.#rule.mode !== 'full') return null;
    this.#queue ??= this.#target.openQueue();
    return this.#queue;
  }

  #tellOpen(): void {
    this.#wasOpen = this.#target.record(this.#record('open'));
  }

  #over(end: ExchangeEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const record = this.#record(end);
    this.#target.record(record);
    // A connection that was taken over was complete as a request then.
    if (this.#socket === null) this.#target.complete(record, this.#answer?.fields ?? [], this.notes.results);
  }

  #record(end: ExchangeEnd): CapturedExchange {
    const nowMs = this.#nowMs();
    const { request, visitor } = this.#under;
    const answer = this.#answer;
    const { sentMs, agent, tunnelMs, policy, rules } = this.notes;
    const { at, ...facts } = this.#facts;
    const isFull = this.#rule.mode === 'full';
    return {
      ...facts,
      at: new Date(at).toISOString(),
      clientIp: visitor.address,
      httpVersion: visitor.http2 ? '2' : request.minor === 0 ? '1.0' : '1.1',
      method: request.method.slice(0, 64),
      host: request.hostname.slice(0, 1_024),
      target: request.target.slice(0, 16_384),
      status: answer?.status ?? null,
      errorCode: errorCodeOf(answer?.fields ?? []),
      end,
      ...(this.#wasOpen ? { wasOpen: true } : {}),
      timing: {
        policyMs: policy === null ? null : rounded((sentMs ?? answer?.atMs ?? nowMs) - this.#startedMs),
        tunnelMs: tunnelMs === null ? null : rounded(tunnelMs),
        waitMs: sentMs === null || answer === null ? null : rounded(answer.atMs - sentMs),
        totalMs: rounded(nowMs - this.#startedMs),
      },
      requestBytes: this.#requestBody.total + (this.#socket?.bytesFromVisitor ?? 0),
      responseBytes: this.#responseBody.total + (this.#socket?.bytesToVisitor ?? 0),
      agent,
      policy:
        policy === null
          ? null
          : { ...policy, logs: policy.logs.slice(0, 20), phases: (rules?.phases ?? []).slice(0, 20) },
      request: isFull ? sideOf(request.fields, this.#requestTrailers, this.#requestBody) : null,
      response: isFull && answer !== null ? sideOf(answer.fields, this.#responseTrailers, this.#responseBody) : null,
    };
  }
}

function isEventStream(fields: Fields): boolean {
  return getField(fields, 'content-type')?.trim().toLowerCase().startsWith('text/event-stream') === true;
}

function sideOf(fields: Fields, trailers: Fields, body: BodyStart): CapturedSide {
  return {
    fields: [...fields],
    trailers: [...trailers],
    body: body.bytes().toString('base64'),
    truncated: body.isCut,
  };
}

function errorCodeOf(fields: Fields): number | null {
  const code = getField(fields, 'ngrok-error-code')?.match(/^ERR_NGROK_(\d{1,5})$/)?.[1];
  return code === undefined ? null : Number(code);
}

/** Microseconds are enough. */
function rounded(ms: number): number {
  return Math.max(0, Math.round(ms * 1_000) / 1_000);
}
