/**
 * Looks over the shoulder of one stream. It gets the very slices that are forwarded and must neither keep nor change
 * them; what it throws would stop traffic, so it throws nothing.
 */
export interface StreamTap {
  /** False: the bytes that pass now are not looked at. */
  readonly isWatching: boolean;
  /** Bytes from the visitor. */
  request(bytes: Buffer): void;
  /** Bytes from the upstream. */
  response(bytes: Buffer): void;
  /** The upstream could not be dialled. */
  failed(message: string): void;
  /** The stream is over; `whole` is false when a side was reset. */
  closed(whole: boolean): void;
}
