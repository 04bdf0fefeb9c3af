/**
 * Every limit and timer of the visitor side. The ids are those of the limits page; milliseconds and bytes.
 * All are settings so that tests can run the same behaviour with short times.
 */
export interface VisitorLimits {
  /** L7: a TLS handshake, from the first moment of the connection. On excess: close. */
  readonly handshakeMs: number;
  /** L8: the first byte of a new connection. On excess: close. */
  readonly firstByteMs: number;
  /** L8: a whole request head, from its first byte on. On excess: 408 and close. */
  readonly headMs: number;
  /** L9: no byte of a request body that is due. On excess: 408, or the answer is cut. */
  readonly requestBodyGapMs: number;
  /** L9: a request body slower than this on average over `requestBodyWindowMs` counts as stalled. Bytes a second. */
  readonly requestBodyFloorBytesPerS: number;
  readonly requestBodyWindowMs: number;
  /** L9: no byte of a response body, or none taken by the visitor. On excess: the answer is cut. */
  readonly responseBodyGapMs: number;
  /** L10: an HTTP/1.1 connection between two requests. On excess: close. */
  readonly keepAliveMs: number;
  /** L10: an HTTP/2 connection without a stream. On excess: GOAWAY. */
  readonly http2IdleMs: number;
  /** L10: how often an HTTP/2 visitor is pinged; one that does not answer by the next is closed. */
  readonly http2PingMs: number;
  /** L11: the response head, from the last byte of request that the upstream took. On excess: 504. */
  readonly responseHeadMs: number;
  /** L12: an upgraded connection, or an event stream, with no byte either way. On excess: close. */
  readonly upgradedIdleMs: number;
  /** How long the rest of a request is read and thrown away after a closing answer, so that the answer arrives. */
  readonly lingerMs: number;
  /** L13: visitor connections at once. */
  readonly connectionsPerAddress: number;
  readonly connectionsPerEndpoint: number;
  readonly connections: number;
  /** L14: new connections of one address: a second, and at once. On excess: drop. */
  readonly newConnectionsPerS: number;
  readonly newConnectionsBurst: number;
  /** L13, L14: whether loopback addresses are counted too (tests switch it on). */
  readonly limitLoopback: boolean;
  /** L15, L16, L18: HTTP/2. */
  readonly http2Streams: number;
  readonly http2StreamWindowBytes: number;
  readonly http2ConnectionWindowBytes: number;
  readonly http2FramesPerS: number;
  /** L18: an answer of which the visitor takes no byte. On excess: RST_STREAM. */
  readonly http2StallMs: number;
  /** D7: requests of one HTTP/2 connection that are with agents at once; more wait. */
  readonly http2StreamsUpstream: number;
  /** D7: an idle stream to an agent is closed after this. */
  readonly idleStreamMs: number;
  /** D7: a request that is not idempotent takes an idle stream only within this. */
  readonly freshStreamMs: number;
  /** Request bytes kept for a repeat; beyond this a request cannot be repeated (D12). */
  readonly replayBytes: number;
  /** Bytes of pipelined requests that are held while one is being answered; beyond, reading stops. */
  readonly pipelineBytes: number;
  /** How often the deadlines are looked at. */
  readonly sweepMs: number;
}

export const visitorLimits: VisitorLimits = {
  handshakeMs: 10_000,
  firstByteMs: 15_000,
  headMs: 15_000,
  requestBodyGapMs: 30_000,
  requestBodyFloorBytesPerS: 240,
  requestBodyWindowMs: 60_000,
  responseBodyGapMs: 300_000,
  keepAliveMs: 60_000,
  http2IdleMs: 180_000,
  http2PingMs: 30_000,
  responseHeadMs: 300_000,
  upgradedIdleMs: 3_600_000,
  lingerMs: 2_000,
  connectionsPerAddress: 256,
  connectionsPerEndpoint: 5_000,
  connections: 20_000,
  newConnectionsPerS: 50,
  newConnectionsBurst: 200,
  limitLoopback: false,
  http2Streams: 100,
  http2StreamWindowBytes: 65_535,
  http2ConnectionWindowBytes: 1_048_576,
  http2FramesPerS: 50,
  http2StallMs: 60_000,
  http2StreamsUpstream: 32,
  idleStreamMs: 5_000,
  freshStreamMs: 1_000,
  replayBytes: 65_536,
  pipelineBytes: 65_536,
  sweepMs: 250,
};
