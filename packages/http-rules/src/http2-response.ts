import type { Fields, ResponseHead } from '@portico/http1';
import { filterTrailers } from './trailers.ts';
import { answerFields } from './visitor-response.ts';

/**
 * The header list of an answer over HTTP/2, `[':status', '200', name, value, …]` (RFC 9113 section 8.3.2), final or
 * interim: names in lower case, nothing connection-specific. Content-Length is kept: it is checked against DATA by the
 * visitor.
 *
 * @param fields of the answer, or as policy left them
 */
export function toHttp2Headers(response: ResponseHead, fields: Fields = response.fields): Fields {
  const list: Fields = [':status', String(response.status)];
  appendLower(list, answerFields(response, fields, null));
  if (response.body.kind === 'length') list.push('content-length', String(response.body.bytes));
  return list;
}

/** The trailers of an answer over HTTP/2, filtered; empty when there is nothing to send. */
export function toHttp2Trailers(trailers: Fields): Fields {
  const list: Fields = [];
  appendLower(list, filterTrailers(trailers));
  return list;
}

/** A list in the shape that `node:http2` takes: names that came more than once have an array. */
export function http2HeaderObject(list: Fields): Record<string, string | string[]> {
  // No prototype: `__proto__` is a valid field name.
  const object: Record<string, string | string[]> = Object.create(null);
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] ?? '';
    const value = list[i + 1] ?? '';
    const before = object[name];
    if (before === undefined) object[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else object[name] = [before, value];
  }
  return object;
}

function appendLower(into: Fields, fields: Fields): void {
  for (let i = 0; i < fields.length; i += 2) {
    into.push((fields[i] ?? '').toLowerCase(), fields[i + 1] ?? '');
  }
}
