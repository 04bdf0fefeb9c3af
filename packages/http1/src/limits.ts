/**
 * What one request may cost before it is refused. Sizes are bytes on the wire.
 * Every limit is inclusive: a value equal to it passes, one more is refused.
 */
export interface RequestLimits {
  /** Request line without its CRLF. Protects memory and logs; beyond it 414 and close. Default 16 KiB. */
  readonly requestLineBytes: number;
  /** Whole head from the method to the empty line, also a whole trailer section. Never more than this is
   * held of an unfinished head; beyond it 431 (trailers: 400) and close. Default 32 KiB. */
  readonly headBytes: number;
  /** One field line without its CRLF. Beyond it 431 (in trailers 400) and close. Default 16 KiB. */
  readonly fieldLineBytes: number;
  /** Field lines in a head. Protects every later look-up; beyond it 431 and close. Default 100. */
  readonly fields: number;
  /** Field lines in a trailer section. Beyond it 400 and close. Default 32. */
  readonly trailers: number;
  /** One chunk-size line with its extensions, without its CRLF. Beyond it 400 and close. Default 4 KiB. */
  readonly chunkLineBytes: number;
  /** All chunk extensions of one body: they are read and thrown away, so they must not be free. Beyond it
   * 400 and close. Default 16 KiB. */
  readonly chunkExtensionBytes: number;
  /** Method. Beyond it 501 and close. Default 32. */
  readonly methodBytes: number;
  /** Host field and authority of a target. Beyond it 400 and close. Default 255. */
  readonly hostBytes: number;
  /** Body after decoding. Beyond it 413 and close, before the first body byte where the length is announced.
   * Default: none, bodies are streamed. */
  readonly bodyBytes: number;
  /** Bytes kept after the end of a message until `next()` or `takeRest()`: pipelined requests, early frames of
   * an upgraded connection. A caller that stops pushing while `heldBytes` > 0 never reaches it; what comes
   * beyond it is thrown away and the connection fails at that point, after the good answers. Default 256 KiB. */
  readonly heldBytes: number;
}

/** What one upstream answer may cost; an excess is always 502 and the upstream connection is dropped. */
export interface ResponseLimits {
  /** Status line without its CRLF. Default 16 KiB. */
  readonly statusLineBytes: number;
  /** Whole head, each interim head and each trailer section. Default 64 KiB. */
  readonly headBytes: number;
  /** One field line without its CRLF. Default 64 KiB: only the head limit binds. */
  readonly fieldLineBytes: number;
  /** Field lines in a head. Default 200. */
  readonly fields: number;
  /** Field lines in a trailer section. Default 32. */
  readonly trailers: number;
  /** Interim (1xx) heads before one final head. Default 16. */
  readonly interimHeads: number;
  /** One chunk-size line with its extensions, without its CRLF. Default 4 KiB. */
  readonly chunkLineBytes: number;
  /** All chunk extensions of one body. Default 16 KiB. */
  readonly chunkExtensionBytes: number;
  /** Bytes kept after a 101 until `takeRest()`. Default 256 KiB. */
  readonly heldBytes: number;
}

/**
 * How long the steps of one exchange may take, in milliseconds of monotonic time. The engine has no clock: its
 * caller times `parser.state` and acts.
 */
export interface HttpTimers {
  /** State `idle` on a new connection: until its first byte. On excess close without an answer. Default 15 s. */
  readonly firstByteMs: number;
  /** State `head`, from its first byte, never prolonged by more bytes (slow-head attacks). On excess 408 and
   * close. Default 15 s. */
  readonly headMs: number;
  /** State `body` of a request: longest gap between two pushes, while the caller is willing to take more. On
   * excess 408 and close. Default 30 s. */
  readonly requestBodyGapMs: number;
  /** State `body` of an answer, likewise. On excess the visitor's answer is cut visibly. Default 300 s. */
  readonly responseBodyGapMs: number;
  /** Least average rate of a request body over `bodyFloorWindowMs`. On excess 408 and close. Default 240 B/s. */
  readonly bodyFloorBytesPerSecond: number;
  /** Default 60 s. */
  readonly bodyFloorWindowMs: number;
  /** State `idle` after a message: keep-alive of an HTTP/1.1 connection. On excess close. Default 60 s. */
  readonly idleMs: number;
  /** Keep-alive of an HTTP/2 connection, on excess GOAWAY. Default 180 s. */
  readonly idleHttp2Ms: number;
  /** Interval of PING on an idle HTTP/2 connection. Default 30 s. */
  readonly pingHttp2Ms: number;
  /** From the end of the request head upstream to the final response head. On excess 504; settable per
   * endpoint. Default 300 s. */
  readonly responseHeadMs: number;
}

const KiB = 1024;

export const REQUEST_LIMITS: RequestLimits = {
  requestLineBytes: 16 * KiB,
  headBytes: 32 * KiB,
  fieldLineBytes: 16 * KiB,
  fields: 100,
  trailers: 32,
  chunkLineBytes: 4 * KiB,
  chunkExtensionBytes: 16 * KiB,
  methodBytes: 32,
  hostBytes: 255,
  bodyBytes: Number.MAX_SAFE_INTEGER,
  heldBytes: 256 * KiB,
};

export const RESPONSE_LIMITS: ResponseLimits = {
  statusLineBytes: 16 * KiB,
  headBytes: 64 * KiB,
  fieldLineBytes: 64 * KiB,
  fields: 200,
  trailers: 32,
  interimHeads: 16,
  chunkLineBytes: 4 * KiB,
  chunkExtensionBytes: 16 * KiB,
  heldBytes: 256 * KiB,
};

export const HTTP_TIMERS: HttpTimers = {
  firstByteMs: 15_000,
  headMs: 15_000,
  requestBodyGapMs: 30_000,
  responseBodyGapMs: 300_000,
  bodyFloorBytesPerSecond: 240,
  bodyFloorWindowMs: 60_000,
  idleMs: 60_000,
  idleHttp2Ms: 180_000,
  pingHttp2Ms: 30_000,
  responseHeadMs: 300_000,
};
