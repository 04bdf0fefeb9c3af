import { parseAuthority } from '@portico/http1';

/**
 * The host name in the form that routes are found by: lower case, without port, trailing dot or brackets; null if
 * `text` is no valid Host field.
 */
export function normaliseHost(text: string): string | null {
  return parseAuthority(text)?.hostname ?? null;
}
