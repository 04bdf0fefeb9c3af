import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Fields, StreamMessage } from '@portico/http1';
import type { CapturedMessage, CapturedRequest, CapturedResponse } from './captured-message.ts';

export interface CaptureStoreOptions {
  /** Everything together; the oldest exchanges make room for new ones. Default 50 MB. */
  readonly maxBytes?: number;
  /** Kept of one body. Default 1 MiB, and never more than an eighth of `maxBytes`. */
  readonly bodyBytesMax?: number;
}

export interface CaptureEvents {
  /** A capture began or went on. */
  changed: [capture: Capture];
  removed: [id: string];
  cleared: [];
}

export const defaultCaptureBytes = 50_000_000;
const defaultBodyBytes = 1_048_576;
const messagesMax = 200;
/** What an exchange costs beside its texts and bytes, and a message beside its payload: as measured, rounded up. */
const overheadBytes = 2048;
const messageOverheadBytes = 400;

/** The last exchanges, heads and bodies, in memory only and never more of them than `maxBytes`. */
export class CaptureStore extends EventEmitter<CaptureEvents> {
  readonly maxBytes: number;
  readonly bodyBytesMax: number;
  /** Oldest first. */
  readonly #captures = new Map<string, Capture>();
  /** Goes on from eviction to eviction: a new one would walk over the places of all that were evicted before. */
  #oldestFirst = this.#captures.values();
  #bytes = 0;
  #total = 0;
  #passedOver = 0;

  constructor(options: CaptureStoreOptions = {}) {
    super();
    this.maxBytes = options.maxBytes ?? defaultCaptureBytes;
    this.bodyBytesMax = Math.min(options.bodyBytesMax ?? defaultBodyBytes, Math.floor(this.maxBytes / 8));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Held now. */
  get size(): number {
    return this.#captures.size;
  }

  /** Since the start, those that were dropped included. */
  get total(): number {
    return this.#total;
  }

  /** Exchanges since the start that were not kept because too many came at once. */
  get passedOver(): number {
    return this.#passedOver;
  }

  passOver(): void {
    this.#passedOver += 1;
  }

  begin(start: CaptureStart): Capture {
    this.#total += 1;
    const capture = new Capture(start, {
      id: captureId(),
      seq: this.#total,
      bodyBytesMax: this.bodyBytesMax,
      onBytes: (bytes) => this.#grow(capture, bytes),
      onChange: () => {
        if (this.#captures.has(capture.id)) this.emit('changed', capture);
      },
    });
    this.#captures.set(capture.id, capture);
    this.#grow(capture, capture.bytes);
    this.emit('changed', capture);
    return capture;
  }

  get(id: string): Capture | null {
    return this.#captures.get(id) ?? null;
  }

  /** Newest first. */
  list(options: { readonly limit?: number; readonly endpoint?: string } = {}): Capture[] {
    const { limit = Number.POSITIVE_INFINITY, endpoint } = options;
    const found: Capture[] = [];
    for (const capture of [...this.#captures.values()].reverse()) {
      if (found.length >= limit) break;
      if (endpoint === undefined || capture.endpoint === endpoint) found.push(capture);
    }
    return found;
  }

  clear(): void {
    this.#captures.clear();
    this.#oldestFirst = this.#captures.values();
    this.#bytes = 0;
    this.emit('cleared');
  }

  /** A capture that was dropped may go on growing for whoever holds it; it is no longer counted. */
  #grow(capture: Capture, bytes: number): void {
    if (!this.#captures.has(capture.id)) {
      capture.forget();
      return;
    }
    this.#bytes += bytes;
    while (this.#bytes > this.maxBytes) {
      const { value: oldest } = this.#oldestFirst.next();
      if (oldest === undefined) return;
      this.#captures.delete(oldest.id);
      this.#bytes -= oldest.bytes;
      oldest.forget();
      this.emit('removed', oldest.id);
    }
  }
}

export interface CaptureStart {
  /** Name of the endpoint. */
  readonly endpoint: string;
  readonly clientIp: string;
  readonly startedAt: Date;
  readonly method: string;
  readonly target: string;
  readonly minor: 0 | 1;
  readonly fields: Fields;
  readonly upgrade: string | null;
  /** Of the capture that this one repeats. */
  readonly replayOf: string | null;
}

interface CaptureHooks {
  readonly id: string;
  readonly seq: number;
  readonly bodyBytesMax: number;
  onBytes(bytes: number): void;
  onChange(): void;
}

/** One exchange: filled by the tap that sees it pass, read by the inspector at any moment. */
export class Capture {
  readonly id: string;
  /** Counts up within the store. */
  readonly seq: number;
  readonly endpoint: string;
  readonly clientIp: string;
  readonly startedAt: Date;
  readonly upgrade: string | null;
  readonly replayOf: string | null;
  readonly #hooks: CaptureHooks;
  readonly #minor: 0 | 1;
  /** Method, target and fields. */
  readonly #requestHead: string;
  readonly #request: Body;
  /** `head` is the reason and the fields. */
  #response: { readonly status: number; readonly minor: 0 | 1; readonly head: string } | null = null;
  #responseBody: Body;
  #messages: StreamMessage[] = [];
  #messagesTotal = 0;
  #durationMs: number | null = null;
  #state: 'open' | 'done' | 'cut' = 'open';
  #failure: string | null = null;
  #bytes = 0;
  #isForgotten = false;

  constructor(start: CaptureStart, hooks: CaptureHooks) {
    this.#hooks = hooks;
    this.#minor = start.minor;
    this.#requestHead = pack([start.method, start.target, ...start.fields]);
    this.id = hooks.id;
    this.seq = hooks.seq;
    this.endpoint = start.endpoint;
    this.clientIp = start.clientIp;
    this.startedAt = start.startedAt;
    this.upgrade = start.upgrade;
    this.replayOf = start.replayOf;
    this.#request = new Body(hooks.bodyBytesMax);
    this.#responseBody = new Body(hooks.bodyBytesMax);
    this.#bytes = overheadBytes + this.#requestHead.length;
  }

  get request(): CapturedRequest {
    const [method = '', target = '', ...fields] = unpack(this.#requestHead);
    return { method, target, minor: this.#minor, fields, ...this.#request.read() };
  }

  /** Null while none has come. */
  get response(): CapturedResponse | null {
    if (this.#response === null) return null;
    const { status, minor, head } = this.#response;
    const [reason = '', ...fields] = unpack(head);
    return { status, reason, minor, fields, ...this.#responseBody.read() };
  }

  get method(): string {
    return unpack(this.#requestHead)[0] ?? '';
  }

  get target(): string {
    return unpack(this.#requestHead)[1] ?? '';
  }

  get status(): number | null {
    return this.#response?.status ?? null;
  }

  get responseBytes(): number {
    return this.#responseBody.bytes;
  }

  /** Frames or events, oldest first; of many only the last. */
  get messages(): readonly StreamMessage[] {
    return this.#messages;
  }

  get messagesTotal(): number {
    return this.#messagesTotal;
  }

  /** Null while it lasts. */
  get durationMs(): number | null {
    return this.#durationMs;
  }

  get state(): 'open' | 'done' | 'cut' {
    return this.#state;
  }

  /** Why the upstream could not be reached; null when it could. */
  get failure(): string | null {
    return this.#failure;
  }

  /** What it counts for in the store. */
  get bytes(): number {
    return this.#bytes;
  }

  addRequestBody(slice: Buffer): void {
    if (!this.#isForgotten) this.#count(this.#request.add(slice));
  }

  endRequest(trailers: Fields): void {
    this.#count(this.#request.setTrailers(trailers));
  }

  setResponse(response: { status: number; reason: string; minor: 0 | 1; fields: Fields }): void {
    const { status, reason, minor, fields } = response;
    const head = pack([reason, ...fields]);
    this.#response = { status, minor, head };
    this.#count(head.length);
    this.#hooks.onChange();
  }

  addResponseBody(slice: Buffer): void {
    if (!this.#isForgotten) this.#count(this.#responseBody.add(slice));
  }

  endResponse(trailers: Fields): void {
    this.#count(this.#responseBody.setTrailers(trailers));
  }

  addMessage(message: StreamMessage): void {
    if (this.#isForgotten) return;
    this.#messagesTotal += 1;
    this.#messages.push(message);
    let bytes = message.payload.length + messageOverheadBytes;
    if (this.#messages.length > messagesMax)
      bytes -= (this.#messages.shift()?.payload.length ?? 0) + messageOverheadBytes;
    this.#count(bytes);
    this.#hooks.onChange();
  }

  fail(message: string): void {
    this.#failure = message;
  }

  end(state: 'done' | 'cut', durationMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    this.#durationMs = durationMs;
    this.#hooks.onChange();
  }

  /** Its place is needed by others: nothing more is kept. */
  forget(): void {
    this.#isForgotten = true;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#hooks.onBytes(bytes);
  }
}

class Body {
  bytes = 0;
  readonly #max: number;
  #trailers = '';
  /** Filled to `kept`: one for all pieces, because each buffer costs more than a short piece holds. */
  #buffer: Buffer = Buffer.alloc(0);
  #kept = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Copies what still fits; returns by how much it grew. */
  add(slice: Buffer): number {
    this.bytes += slice.length;
    const length = Math.min(slice.length, this.#max - this.#kept);
    if (length <= 0) return 0;
    const before = this.#buffer.length;
    const wanted = this.#kept + length;
    if (wanted > before) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#max, Math.max(wanted, 2 * before)));
      this.#buffer.copy(grown, 0, 0, this.#kept);
      this.#buffer = grown;
    }
    slice.copy(this.#buffer, this.#kept, 0, length);
    this.#kept = wanted;
    return this.#buffer.length - before;
  }

  setTrailers(trailers: Fields): number {
    this.#trailers = pack(trailers);
    return this.#trailers.length;
  }

  read(): Pick<CapturedMessage, 'body' | 'bodyBytes' | 'trailers' | 'isTruncated'> {
    return {
      body: this.#buffer.subarray(0, this.#kept),
      bodyBytes: this.bytes,
      trailers: unpack(this.#trailers),
      isTruncated: this.#kept < this.bytes,
    };
  }
}

/**
 * Texts of a head as one of its own. Each for itself is a view into all that was read with it, which it would keep in
 * memory, and costs some hundred bytes.
 */
function pack(texts: readonly string[]): string {
  return texts.join('\n');
}

/** No text of a head has a line break in it. */
function unpack(packed: string): string[] {
  return packed === '' ? [] : packed.split('\n');
}

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const idLetters = 27;
/** Drawn for many at once: a call for each costs more than all else of an id. */
let random = Buffer.alloc(0);
let randomAt = 0;

function captureId(): string {
  if (randomAt + idLetters > random.length) {
    random = randomBytes(64 * idLetters);
    randomAt = 0;
  }
  let id = 'airt_';
  for (const end = randomAt + idLetters; randomAt < end; randomAt += 1) id += letters[(random[randomAt] ?? 0) % 62];
  return id;
}
