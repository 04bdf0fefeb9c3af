/**
 * The error codes of RST and GOAWAY frames (protocol notes, section 2). `refused` and `acceptQueueFull` on a stream
 * without `onAccepted` mean that nothing of it was read: it is safe to try again. The Go client answers so when more
 * than about 128 streams are opened at once.
 */
export const MuxError = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 4,
  refused: 5,
  cancelled: 6,
  reset: 7,
  frameSize: 8,
  acceptQueueFull: 9,
  enhanceYourCalm: 10,
  remoteGoneAway: 11,
  streamsExhausted: 12,
  writeTimeout: 13,
  sessionClosed: 14,
  peerEof: 15,
} as const;

/** The peer broke the protocol: the session ends with a GOAWAY of this code and text. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export type OpenRefusal = 'session-closed' | 'stream-limit' | 'ids-exhausted' | 'buffer-limit';

/** Thrown by `MuxSession.open`: this session takes no further stream now (or never, unless `stream-limit` or `buffer-limit`). */
export class MuxOpenError extends Error {
  override readonly name = 'MuxOpenError';
  readonly reason: OpenRefusal;

  constructor(reason: OpenRefusal) {
    super(`no stream can be opened: ${reason}`);
    this.reason = reason;
  }
}
