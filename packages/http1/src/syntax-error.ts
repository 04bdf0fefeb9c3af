/**
 * Where a message was found faulty, which decides what can still be said:
 * - `head`: nothing of it was passed on; `status` can be answered.
 * - `body`: its head was passed on. A request must be aborted upstream; an answer must end visibly broken.
 * - `after-end`: bytes that nobody asked for. Answers already given stay good; the connection is dropped.
 */
export type FaultPhase = 'head' | 'body' | 'after-end';

/**
 * A message that breaks RFC 9110 or 9112, or a limit. `status` is what the visitor gets if an answer is still
 * possible (4xx/5xx for a request, always 502 for an upstream answer); the connection is to be closed after it.
 * `reason` is our own text and holds nothing that was received.
 */
export class HttpSyntaxError extends Error {
  override readonly name = 'HttpSyntaxError';
  readonly status: number;
  readonly reason: string;
  phase: FaultPhase;

  constructor(status: number, reason: string, phase: FaultPhase = 'head') {
    super(reason);
    this.status = status;
    this.reason = reason;
    this.phase = phase;
  }
}
