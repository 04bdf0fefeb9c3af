import type { Fields } from '@portico/http1';
import { fieldRole } from './field-role.ts';

/**
 * The trailers that may be passed on (RFC 9110 section 6.5.1, reliability row 24). What frames, routes, authenticates,
 * caches or says where a request came from is dropped: read after the head was acted on, it can only deceive. Trailers
 * are never merged into the head. Returns the same array when there is nothing to remove.
 */
export function filterTrailers(trailers: Fields): Fields {
  let result: Fields | null = null;
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] ?? '';
    if (isForbidden(name)) result ??= trailers.slice(0, i);
    else result?.push(name, trailers[i + 1] ?? '');
  }
  return result ?? trailers;
}

function isForbidden(name: string): boolean {
  return fieldRole(name) !== 'ordinary' || FORBIDDEN.has(name.toLowerCase().replaceAll('_', '-'));
}

/** Beside everything that has a role of its own. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'trailer',
  // Routing and request modifiers
  'cache-control',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'max-forwards',
  'pragma',
  'range',
  // Credentials
  'authentication-info',
  'authorization',
  'cookie',
  'proxy-authentication-info',
  'set-cookie',
  'www-authenticate',
  // How the body is to be read
  'content-encoding',
  'content-range',
  'content-type',
  // Control data of answers
  'age',
  'date',
  'expires',
  'location',
  'retry-after',
  'strict-transport-security',
  'vary',
  'warning',
  'x-http-method-override',
]);
