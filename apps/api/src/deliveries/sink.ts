import type { Envelope } from './envelope.ts';

/** One way out for events. Made for one destination, used by one sender at a time, closed by it. */
export interface Sink {
  /** How many events one call of `send` may take. */
  readonly batchMax: number;
  /**
   * Settles when all of them have arrived, as far as the protocol can tell. They may arrive twice: receivers know an
   * event by its id. Throws DeliveryError; other errors are mistakes of ours.
   */
  send(events: readonly Envelope[], signal: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * Why events did not arrive. `rejected`: the receiver does not want these; after a few tries they are given up.
 * `failed`: it, or the way to it, is broken now. The message is shown to the destination's owner.
 */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly kind: 'rejected' | 'failed';

  constructor(kind: DeliveryError['kind'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}
