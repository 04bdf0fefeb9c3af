import type { RequestHead } from './request-head.ts';

export type RequestCheck =
  /** An ordinary request: find its endpoint. */
  | { readonly kind: 'route' }
  /** `OPTIONS *`: about the server itself; the edge answers 204 with `Allow`. */
  | { readonly kind: 'server-options' }
  /** Answer `status`, then close. */
  | { readonly kind: 'refused'; readonly status: 400 | 405; readonly reason: string };

/** For the `Allow` field of a 405 and of `OPTIONS *`: what every endpoint may be asked. */
export const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/**
 * What is decided about a well-formed request before routing (reliability rows 36–38). Methods are compared without
 * case: an upstream that does the same must not be handed a `connect`.
 */
export function checkRequest(head: RequestHead): RequestCheck {
  if (head.method.length === 7 || head.method.length === 5) {
    const method = head.method.toUpperCase();
    // A tunnel through the edge to anywhere, and an echo of fields that the visitor's browser keeps from scripts.
    if (method === 'CONNECT') return { kind: 'refused', status: 405, reason: 'CONNECT is not served here' };
    if (method === 'TRACE') return { kind: 'refused', status: 405, reason: 'TRACE is not served here' };
  }
  if (head.target !== '*') return { kind: 'route' };
  if (head.method === 'OPTIONS') return { kind: 'server-options' };
  return { kind: 'refused', status: 400, reason: 'target * is for OPTIONS only' };
}
