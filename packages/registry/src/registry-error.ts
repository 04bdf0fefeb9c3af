/**
 * - `invalid`: the request cannot be right, now or later.
 * - `lease-not-found`: the lease has expired, was revoked, or is of an engine that has restarted.
 * - `full`: a limit of the engine or of a lease.
 * - `fresh-start`: only claims that were held before are taken now; again after `retryAfterMs`.
 * - `unavailable`: no answer could be had; a write was not done, or it is unknown whether it was.
 * - `refused`: the credential does not open this registry.
 * - `closed`: this client was closed.
 */
export type RegistryFault =
  | 'invalid'
  | 'lease-not-found'
  | 'full'
  | 'fresh-start'
  | 'unavailable'
  | 'refused'
  | 'closed';

export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly fault: RegistryFault;
  readonly retryAfterMs: number | null;

  constructor(fault: RegistryFault, message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options);
    this.fault = fault;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}
