import {
  deflateAgreement,
  EventReader,
  type Fields,
  FrameReader,
  InflateBudget,
  type ReadMessage,
  type RequestHead,
  RequestParser,
  ResponseParser,
  type StreamMessage,
} from '@portico/http1';
import type { Capture, CaptureStore } from './capture/capture-store.ts';
import { fieldOf, fieldsOf } from './capture/captured-message.ts';
import { deflatedBytesMax, FrameInflater } from './capture/frame-inflater.ts';
import type { Clock } from './clock.ts';
import {
  answersAsTls,
  type Finding,
  hostRefusal,
  mayRefuse,
  refusalBodyBytes,
  speaksTlsFinding,
} from './host-refusal.ts';
import type { StreamTap } from './stream-tap.ts';
import type { NetworkAddress } from './upstream-address.ts';

/** One request and its answer, as far as they have come. A new object is told at each change. */
export interface Exchange {
  /** Counts up within the process. */
  readonly id: number;
  readonly endpoint: string;
  readonly clientIp: string;
  /** Wall clock, for display. */
  readonly startedAt: Date;
  readonly method: string;
  /** At most 1,024 characters, as received: make it safe before showing it. */
  readonly path: string;
  readonly upgrade: string | null;
  readonly status: number | null;
  readonly reason: string;
  /** Null while it lasts. */
  readonly durationMs: number | null;
  readonly state: 'open' | 'done' | 'cut';
  /** Under which it is kept, null when it is not. */
  readonly captureId: string | null;
}

export interface HttpTapOptions {
  readonly endpoint: string;
  readonly clientIp: string;
  readonly clock: Clock;
  /** Where heads and bodies are kept; null to look at heads only. */
  readonly captures?: CaptureStore | null;
  /** Of the capture that is sent again. */
  readonly replayOf?: string;
  /** A PROXY header (version 1 or 2) comes before the first request. */
  readonly skipProxyHeader?: boolean;
  /** Of the upstream, for advice. */
  readonly address?: NetworkAddress;
  onExchange(exchange: Exchange): void;
  onFinding?(finding: Finding): void;
}

/** For what is looked at by the way: traffic has the processor first. */
const inflateBudget = new InflateBudget({ bytesASecond: 2_000_000, nowMs: () => performance.now() });
const pathCharsMax = 1024;
let lastId = 0;

/**
 * Reads the heads that pass on one stream, for the list of requests on the screen, and keeps messages for the
 * inspector when it is given a store. At the first thing that it does not understand it stops looking: traffic is the
 * edge's to judge.
 */
export class HttpTap implements StreamTap {
  readonly #options: HttpTapOptions;
  readonly #requests: RequestParser;
  readonly #responses: ResponseParser;
  #current: Exchange | null = null;
  #capture: Capture | null = null;
  #host = '';
  #startedMs = 0;
  #mode: 'proxy-header' | 'http' | 'frames' | 'blind' = 'http';
  #held: Buffer = Buffer.alloc(0);
  #frames: { readonly visitor: FrameReader; readonly upstream: FrameReader } | null = null;
  #events: EventReader | null = null;
  #suspect: { readonly status: number; readonly fields: Fields; text: string } | null = null;
  #sawAnswer = false;

  constructor(options: HttpTapOptions) {
    this.#options = options;
    if (options.skipProxyHeader === true) this.#mode = 'proxy-header';
    this.#requests = new RequestParser({
      onHead: (head) => this.#onRequest(head),
      onBody: (slice) => this.#capture?.addRequestBody(slice),
      onEnd: (trailers) => {
        this.#capture?.endRequest(trailers);
        this.#requests.next();
      },
      onError: () => {
        this.#mode = 'blind';
      },
    });
    this.#responses = new ResponseParser({
      onInterim: () => {},
      onHead: ({ status, reason, minor, fields }) => this.#onResponse({ status, reason, minor, fields }),
      onBody: (slice) => this.#onResponseBody(slice),
      onEnd: (trailers) => {
        this.#capture?.endResponse(trailers);
        this.#judge();
        // A socket's exchange lasts as long as the socket.
        if (this.#mode !== 'frames') this.#end('done');
      },
      onError: () => {
        this.#mode = 'blind';
      },
    });
  }

  readonly isWatching = true;

  /** No exchange is under way: the next bytes of the visitor begin one. */
  get isBetween(): boolean {
    return this.#mode === 'http' && this.#current === null && this.#requests.state === 'idle';
  }

  request(bytes: Buffer): void {
    if (this.#mode === 'frames') this.#frames?.visitor.push(bytes);
    else if (this.#mode === 'proxy-header') this.#skipProxyHeader(bytes);
    else if (this.#mode === 'http') this.#requests.push(bytes);
  }

  response(bytes: Buffer): void {
    if (!this.#sawAnswer) {
      this.#sawAnswer = true;
      if (answersAsTls(bytes))
        this.#options.onFinding?.(speaksTlsFinding(this.#options.endpoint, this.#options.address ?? null));
    }
    if (this.#mode === 'frames') this.#frames?.upstream.push(bytes);
    else if (this.#mode === 'http') {
      this.#responses.push(bytes);
      if (this.#frames !== null) this.#takeRests();
    }
  }

  failed(message: string): void {
    if (this.#current === null) return;
    const refused = message.includes('ECONNREFUSED');
    this.#current = { ...this.#current, status: 502, reason: refused ? 'upstream refused' : 'upstream unreachable' };
    this.#capture?.fail(message);
    this.#end('done');
  }

  closed(whole: boolean): void {
    // An answer without length ends with the connection.
    if (whole && this.#mode === 'http') this.#responses.finish();
    this.#end(whole && this.#current?.status !== null ? 'done' : 'cut');
    this.#mode = 'blind';
  }

  #onRequest(head: RequestHead): void {
    if (!this.#responses.expect(head.method, { upgradeAsked: head.upgrade })) {
      this.#mode = 'blind';
      return;
    }
    const { endpoint, clientIp, clock, captures, replayOf } = this.#options;
    lastId += 1;
    this.#startedMs = clock.nowMs();
    this.#host = head.hostname;
    const startedAt = new Date();
    const { method, target, minor, fields, upgrade } = head;
    this.#capture =
      captures?.begin({
        endpoint,
        clientIp,
        startedAt,
        method,
        target,
        minor,
        fields,
        upgrade,
        replayOf: replayOf ?? null,
      }) ?? null;
    this.#tell({
      id: lastId,
      endpoint,
      clientIp,
      startedAt,
      method,
      path: ownText(target.slice(0, pathCharsMax)),
      upgrade,
      status: null,
      reason: '',
      durationMs: null,
      state: 'open',
      captureId: this.#capture?.id ?? null,
    });
  }

  #onResponse(head: { status: number; reason: string; minor: 0 | 1; fields: Fields }): void {
    if (this.#current === null) return;
    const { status, reason, fields } = head;
    this.#capture?.setResponse(head);
    this.#tell({ ...this.#current, status, reason: ownText(reason) });
    if (status === 101) this.#upgrade(fields);
    else if (mayRefuse(status, fields)) this.#suspect = { status, fields, text: '' };
    const isEvents = fieldOf(fields, 'content-type')?.toLowerCase().startsWith('text/event-stream') === true;
    const isPlain = fieldOf(fields, 'content-encoding') === null;
    this.#events = this.#capture !== null && isEvents && isPlain ? new EventReader(this.#taker('upstream')) : null;
  }

  #onResponseBody(slice: Buffer): void {
    this.#capture?.addResponseBody(slice);
    this.#events?.push(slice);
    const suspect = this.#suspect;
    if (suspect !== null && suspect.text.length < refusalBodyBytes) suspect.text += slice.toString('latin1');
  }

  /** From here the bytes are another protocol's. */
  #upgrade(fields: Fields): void {
    const isSocket = fieldOf(fields, 'upgrade')?.toLowerCase() === 'websocket';
    if (this.#capture === null || !isSocket) {
      this.#mode = 'blind';
      return;
    }
    this.#mode = 'frames';
    const deflate = deflateAgreement(fieldsOf(fields, 'sec-websocket-extensions'));
    this.#frames = {
      visitor: this.#frameReader('visitor', deflate?.visitorStartsAnew ?? null),
      upstream: this.#frameReader('upstream', deflate?.upstreamStartsAnew ?? null),
    };
  }

  /** @param startsAnew null where nothing is deflated */
  #frameReader(from: StreamMessage['from'], startsAnew: boolean | null): FrameReader {
    const take = this.#taker(from);
    if (startsAnew === null) return new FrameReader(take);
    const inflater = new FrameInflater({ startsAnew, budget: inflateBudget, take });
    return new FrameReader((frame) => inflater.onFrame(frame), deflatedBytesMax);
  }

  /** What came in the same bytes as the head of the 101. */
  #takeRests(): void {
    try {
      this.#frames?.visitor.push(this.#requests.takeRest());
      this.#frames?.upstream.push(this.#responses.takeRest());
    } catch {
      // Too much of it was sent ahead to be kept.
      this.#mode = 'blind';
    }
  }

  #taker(from: StreamMessage['from']): (message: ReadMessage) => void {
    return (message) => this.#capture?.addMessage({ ...message, from, at: new Date() });
  }

  #skipProxyHeader(bytes: Buffer): void {
    this.#held = Buffer.concat([this.#held, bytes]);
    const end = proxyHeaderEnd(this.#held);
    if (end === null) return;
    this.#mode = end === -1 ? 'blind' : 'http';
    const rest = this.#held.subarray(Math.max(0, end));
    this.#held = Buffer.alloc(0);
    if (this.#mode === 'http') this.#requests.push(rest);
  }

  #judge(): void {
    const suspect = this.#suspect;
    this.#suspect = null;
    if (suspect === null || this.#current === null) return;
    const { status, fields, text } = suspect;
    const { endpoint, onFinding } = this.#options;
    const seen = { endpoint, host: this.#host, target: this.#current.path, status, fields, bodyStart: text };
    const finding = hostRefusal(seen);
    if (finding !== null) onFinding?.(finding);
  }

  #tell(exchange: Exchange): void {
    this.#current = exchange;
    this.#options.onExchange(exchange);
  }

  #end(state: 'done' | 'cut'): void {
    if (this.#current === null) return;
    const durationMs = this.#options.clock.nowMs() - this.#startedMs;
    this.#options.onExchange({ ...this.#current, durationMs: Math.round(durationMs), state });
    this.#capture?.end(state, durationMs);
    this.#current = null;
    this.#capture = null;
    this.#events = null;
    this.#suspect = null;
  }
}

/** A copy: a part of a text keeps all that it was cut from in memory, and lists keep hundreds of exchanges. */
function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

const proxySignature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Where the PROXY header ends; null while it is incomplete, -1 when there is none. */
function proxyHeaderEnd(bytes: Buffer): number | null {
  if (bytes.length >= 16 && bytes.subarray(0, 12).equals(proxySignature)) {
    const end = 16 + bytes.readUInt16BE(14);
    return bytes.length >= end ? end : null;
  }
  const start = bytes.subarray(0, 12);
  if (proxySignature.subarray(0, start.length).equals(start)) return null;
  if (
    !bytes
      .subarray(0, 6)
      .toString('latin1')
      .startsWith('PROXY '.slice(0, Math.min(6, bytes.length)))
  )
    return -1;
  const end = bytes.indexOf('\r\n');
  if (end === -1) return bytes.length > 107 ? -1 : null;
  return end + 2;
}
