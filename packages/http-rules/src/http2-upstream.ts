import { CHUNKED, type Fields, NO_BODY, parseContentLength, RESPONSE_LIMITS, type ResponseHead } from '@portico/http1';
import { regularFault } from './http2-request.ts';
import type { UpstreamRequest } from './upstream-request.ts';

/**
 * The header list of a request to an HTTP/2 upstream (RFC 9113 section 8.3.1): `:authority` in the place of Host, names
 * in lower case, nothing connection-specific but `te: trailers`.
 */
export function toHttp2Request({ method, target, fields }: UpstreamRequest, scheme: 'http' | 'https'): Fields {
  const list: Fields = [':method', method, ':scheme', scheme, ':path', target];
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] ?? '').toLowerCase();
    const value = fields[i + 1] ?? '';
    if (name === 'host') list.unshift(':authority', value);
    else if (!HTTP1_ONLY.has(name)) list.push(name, value);
  }
  return list;
}

const HTTP1_ONLY: ReadonlySet<string> = new Set(['connection', 'upgrade', 'transfer-encoding', 'keep-alive']);

export type Http2Answer =
  | { readonly kind: 'answer'; readonly head: ResponseHead }
  | { readonly kind: 'malformed'; readonly reason: string };

/**
 * Reads the header list of an upstream's answer, `[name, value, …]` in the order received, final or interim, as strictly
 * as one over HTTP/1.1 (reliability, "Upstream answers").
 *
 * @param endStream no DATA will come
 */
export function fromHttp2Answer(
  headers: readonly string[],
  { method, endStream }: { readonly method: string; readonly endStream: boolean },
): Http2Answer {
  const malformed = (reason: string): Http2Answer => ({ kind: 'malformed', reason });
  let status: number | null = null;
  let length: number | null = null;
  const fields: Fields = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    if (name.startsWith(':')) {
      if (name !== ':status' || status !== null || fields.length > 0) return malformed('a pseudo-field out of place');
      if (!/^[1-5]\d\d$/.test(value)) return malformed('a status that is none');
      status = Number(value);
      continue;
    }
    const fault = regularFault(name, value, RESPONSE_LIMITS.fieldLineBytes);
    if (fault !== null) return malformed(fault.reason);
    if (name === 'content-length') {
      const bytes = parseContentLength(value);
      if (bytes === null || (length !== null && length !== bytes)) return malformed('a content-length that is none');
      if (length !== null) continue;
      length = bytes;
    }
    fields.push(name, value);
  }
  if (status === null) return malformed('no status');
  if (status === 101) return malformed('101 over HTTP/2');
  if (fields.length > 2 * RESPONSE_LIMITS.fields) return malformed('too many fields');
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  if (!bodyless && endStream && length !== null && length > 0) return malformed('a content-length without a body');
  const body = bodyless
    ? NO_BODY
    : endStream
      ? ({ kind: 'length', bytes: 0 } as const)
      : length === null
        ? CHUNKED
        : ({ kind: 'length', bytes: length } as const);
  return { kind: 'answer', head: { status, reason: '', minor: 1, fields, body, keepAlive: true, upgrade: null } };
}
