/** Why an outgoing request has no answer. */
export type OutgoingFailure =
  /** Not a URL that may be asked at all: scheme, user name in it, too long. */
  | 'bad-url'
  /** Its address is not one that may be dialled: loopback, private, link-local, the machine's own. */
  | 'refused-address'
  /** The name has no address. */
  | 'unresolved'
  | 'connect-failed'
  /** The certificate does not prove the name, or there is no common TLS. */
  | 'tls-failed'
  | 'timed-out'
  | 'too-large'
  /** What came back is not HTTP, or was cut. */
  | 'bad-answer'
  | 'redirected'
  /** Too many requests are under way. */
  | 'busy'
  /** The caller gave up, or everything is being closed. */
  | 'aborted';

/** The message names the host and the reason, never path, query, fields or body: it may be logged. */
export class OutgoingError extends Error {
  override readonly name = 'OutgoingError';
  readonly kind: OutgoingFailure;

  constructor(kind: OutgoingFailure, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}
