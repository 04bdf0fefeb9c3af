import type { Listing, Registry, RegistryEvent } from './registry.ts';
import { RegistryError } from './registry-error.ts';
import { backoffMs, pause } from './remote-registry.ts';

export interface FollowOptions {
  /** Everything as it is now, in the beginning and whenever changes may have been missed: what is not in it is gone. */
  onListing(listing: Listing): void;
  /** What changed since, in order; the events of one call belong together. */
  onEvents(events: readonly RegistryEvent[], rev: bigint): void;
  /** The registry does not answer; what is known stays in force until the next onListing. */
  onTrouble?(error: RegistryError): void;
  readonly signal: AbortSignal;
}

/**
 * Keeps a copy of everything under a prefix up to date, across outages and restarts of the registry: lists, watches,
 * and lists again when changes were missed. Returns when `signal` aborts or the registry is closed. Silence never
 * removes anything. Throws only what no waiting can cure: RegistryError `invalid` or `refused`.
 */
export async function follow(registry: Registry, prefix: string, options: FollowOptions): Promise<void> {
  const { onListing, onEvents, onTrouble, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const listing = await registry.list(prefix, { signal });
      failures = 0;
      if (signal.aborted) {
        return;
      }
      onListing(listing);
      for await (const batch of registry.watch(prefix, listing.rev + 1n, { signal })) {
        if (batch.kind === 'events') {
          onEvents(batch.events, batch.rev);
        }
      }
    } catch (error) {
      if (!(error instanceof RegistryError) || error.fault === 'invalid' || error.fault === 'refused') {
        throw error;
      }
      if (error.fault === 'closed' || signal.aborted) {
        return;
      }
      onTrouble?.(error);
    }
    failures += 1;
    await pause(backoffMs(failures), signal);
  }
}
