import { bytesOf, textOf } from './body.ts';
import type { ExchangeDetail, ExchangeSide } from './exchange.ts';

/** Those that a client writes by itself. */
const ownFields = ['host', 'content-length', 'connection', 'transfer-encoding', 'accept-encoding'];

/** The request as a line for a POSIX shell. Hidden values are left as `HIDDEN`; a body that was cut is said to be so. */
export function asCurl(exchange: ExchangeDetail): string {
  const parts = ['curl', quoted(`${originOf(exchange)}${exchange.path}`)];
  if (exchange.method !== 'GET') parts.push('-X', quoted(exchange.method));
  const { request } = exchange;
  for (const [name, value] of request?.headers ?? []) {
    const lower = name.toLowerCase();
    if (ownFields.includes(lower)) continue;
    const shown = exchange.hiddenHeaders.includes(lower) ? 'HIDDEN' : value;
    // An empty header is written with a semicolon; with a colon curl would leave it out.
    parts.push('-H', quoted(shown === '' ? `${name};` : `${name}: ${shown}`));
  }
  if (request !== null && request.body !== '') {
    const text = textOf(bytesOf(request.body));
    if (text === null) parts.push('--data-binary', '@body.bin');
    else parts.push('--data-binary', quoted(text.startsWith('@') ? ` ${text}` : text));
  }
  return parts.join(' ');
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function originOf({ url, host }: ExchangeDetail): string {
  const own = new URL(url.replace('//*.', '//'));
  own.hostname = host;
  return own.origin;
}

/** HAR 1.2 of these exchanges. */
export function asHar(exchanges: readonly ExchangeDetail[]): string {
  const entries = exchanges.map((exchange) => ({
    startedDateTime: exchange.created_at,
    time: exchange.timing.total_ms,
    request: {
      method: exchange.method,
      url: `${originOf(exchange)}${exchange.path}`,
      httpVersion: `HTTP/${exchange.http_version}`,
      cookies: [],
      headers: pairs(exchange.request),
      queryString: [...new URL(exchange.path, 'http://x.invalid').searchParams].map(([name, value]) => ({
        name,
        value,
      })),
      ...(exchange.request?.body
        ? { postData: { mimeType: headerOf(exchange.request, 'content-type'), ...contentOf(exchange.request) } }
        : {}),
      headersSize: -1,
      bodySize: exchange.request_bytes,
    },
    response: {
      status: exchange.status_code ?? 0,
      statusText: '',
      httpVersion: `HTTP/${exchange.http_version}`,
      cookies: [],
      headers: pairs(exchange.response),
      content: {
        size: exchange.response_bytes,
        mimeType: headerOf(exchange.response, 'content-type'),
        ...(exchange.response ? contentOf(exchange.response) : {}),
      },
      redirectURL: headerOf(exchange.response, 'location'),
      headersSize: -1,
      bodySize: exchange.response_bytes,
    },
    cache: {},
    timings: {
      send: exchange.timing.policy_ms ?? 0,
      wait: exchange.timing.wait_ms ?? 0,
      receive: Math.max(
        0,
        exchange.timing.total_ms - (exchange.timing.policy_ms ?? 0) - (exchange.timing.wait_ms ?? 0),
      ),
    },
    serverIPAddress: '',
    comment: exchange.id,
  }));
  return JSON.stringify({ log: { version: '1.2', creator: { name: 'Portico', version: '1' }, entries } }, null, 2);
}

function pairs(side: ExchangeSide | null): { name: string; value: string }[] {
  return (side?.headers ?? []).map(([name, value]) => ({ name, value }));
}

function contentOf(side: ExchangeSide): { text: string; encoding?: string } {
  const text = textOf(bytesOf(side.body));
  return text === null ? { text: side.body, encoding: 'base64' } : { text };
}

/** The first value of a header; '' when there is none. */
export function headerOf(side: ExchangeSide | null, lowerName: string): string {
  return side?.headers.find(([name]) => name.toLowerCase() === lowerName)?.[1] ?? '';
}
