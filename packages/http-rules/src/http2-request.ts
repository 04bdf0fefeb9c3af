import {
  type BodyKind,
  CHUNKED,
  type Fields,
  isFieldValue,
  isToken,
  NO_BODY,
  parseAuthority,
  parseContentLength,
  REQUEST_LIMITS,
  type RequestHead,
} from '@portico/http1';

export type Http2Request =
  | { readonly kind: 'request'; readonly head: RequestHead }
  /** 400: reset the stream with PROTOCOL_ERROR or answer it; 413, 417, 431, 501: answer it. Nothing is forwarded. */
  | { readonly kind: 'malformed'; readonly status: number; readonly reason: string };

/**
 * Rebuilds an HTTP/1.1 request from the header list of an HTTP/2 request, `[name, value, …]` in the order received
 * (RFC 9113 section 8.3, reliability "HTTP/2 in"). `:authority` becomes the only Host, `cookie` fields are joined,
 * framing follows from content-length and `endStream` (no DATA will come). Whether the sum of DATA equals the length is
 * for `DataLength` to watch.
 */
export function fromHttp2Headers(
  headers: readonly string[],
  { endStream, limits = REQUEST_LIMITS }: { readonly endStream: boolean; readonly limits?: typeof REQUEST_LIMITS },
): Http2Request {
  const malformed = (reason: string, status = 400): Http2Request => ({ kind: 'malformed', status, reason });
  if (headers.length > 2 * (limits.fields + 5)) return malformed('too many fields', 431);
  const pseudo = new Map<string, string>();
  const fields: Fields = [];
  const cookies: string[] = [];
  let host: string | null = null;
  let contentLength: string | null = null;
  let expect: string | null = null;
  let regular = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    if (name.startsWith(':')) {
      if (regular) return malformed('pseudo-field after a field');
      if (!PSEUDO.has(name)) return malformed('unknown pseudo-field');
      if (pseudo.has(name)) return malformed('pseudo-field twice');
      pseudo.set(name, value);
      continue;
    }
    regular = true;
    const fault = regularFault(name, value, limits.fieldLineBytes);
    if (fault !== null) return malformed(fault.reason, fault.status);
    switch (name) {
      case 'host':
        if (host !== null) return malformed('host twice');
        host = value;
        break;
      case 'cookie':
        cookies.push(value);
        break;
      case 'content-length':
        if (contentLength !== null) return malformed('content-length twice');
        contentLength = value;
        break;
      case 'expect':
        expect = expect === null ? value : `${expect},${value}`;
        fields.push(name, value);
        break;
      default:
        fields.push(name, value);
    }
  }
  if (cookies.length > 0) fields.push('cookie', cookies.join('; '));
  if (fields.length > 2 * limits.fields) return malformed('too many fields', 431);

  const line = requestLine(pseudo, host, limits);
  if ('reason' in line) return malformed(line.reason, line.status);
  const body = announced(line.method, contentLength, endStream);
  if (typeof body === 'string') return malformed(body);
  if (body.kind === 'length' && body.bytes > limits.bodyBytes) return malformed('body too large', 413);
  if (expect !== null && expect.toLowerCase() !== '100-continue') return malformed('unknown expectation', 417);
  const framing: Fields = body.kind === 'length' ? ['content-length', String(body.bytes)] : [];
  return {
    kind: 'request',
    head: {
      ...line,
      minor: 1,
      fields: ['host', line.authority, ...fields, ...framing],
      body,
      keepAlive: true,
      upgrade: null,
      expectContinue: expect !== null,
    },
  };
}

export type Http2Trailers =
  | { readonly kind: 'trailers'; readonly fields: Fields }
  | { readonly kind: 'malformed'; readonly reason: string };

/** Checks the trailers of a request; `filterTrailers` then decides what goes on. */
export function fromHttp2Trailers(trailers: readonly string[], fieldsMax = REQUEST_LIMITS.trailers): Http2Trailers {
  if (trailers.length > 2 * fieldsMax) return { kind: 'malformed', reason: 'too many trailers' };
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] ?? '';
    if (name.startsWith(':')) return { kind: 'malformed', reason: 'pseudo-field in trailers' };
    const fault = regularFault(name, trailers[i + 1] ?? '', REQUEST_LIMITS.fieldLineBytes);
    if (fault !== null) return { kind: 'malformed', reason: fault.reason };
  }
  return { kind: 'trailers', fields: [...trailers] };
}

/** Compares the DATA received with the content-length announced (RFC 9113 section 8.1.1). */
export class DataLength {
  readonly #announced: number | null;
  #received = 0;

  constructor(body: BodyKind) {
    this.#announced = body.kind === 'length' ? body.bytes : body.kind === 'none' ? 0 : null;
  }

  /** Counts DATA; false when it is more than was announced: reset the stream, abort upstream. */
  add(bytes: number): boolean {
    this.#received += bytes;
    return this.#announced === null || this.#received <= this.#announced;
  }

  /** At END_STREAM: false when it is less. */
  isWhole(): boolean {
    return this.#announced === null || this.#received === this.#announced;
  }
}

const PSEUDO: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);

const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'transfer-encoding',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'http2-settings',
]);

export interface Fault {
  readonly status: number;
  readonly reason: string;
}

export function regularFault(name: string, value: string, bytesMax: number): Fault | null {
  if (!isToken(name) || /[A-Z]/.test(name)) return { status: 400, reason: 'malformed field name' };
  if (!isFieldValue(value)) return { status: 400, reason: 'control character in a field value' };
  if (/^[\t ]|[\t ]$/.test(value)) return { status: 400, reason: 'space around a field value' };
  if (name.length + 2 + value.length > bytesMax) return { status: 431, reason: 'field too long' };
  if (CONNECTION_SPECIFIC.has(name)) return { status: 400, reason: 'connection-specific field' };
  if (name === 'te' && value !== 'trailers') return { status: 400, reason: 'te other than trailers' };
  return null;
}

type Line = Pick<RequestHead, 'method' | 'target' | 'form' | 'scheme' | 'authority' | 'hostname' | 'port'>;

function requestLine(
  pseudo: ReadonlyMap<string, string>,
  host: string | null,
  limits: typeof REQUEST_LIMITS,
): Line | Fault {
  const fault = (reason: string, status = 400): Fault => ({ status, reason });
  const method = pseudo.get(':method');
  const scheme = pseudo.get(':scheme');
  const path = pseudo.get(':path');
  const authority = pseudo.get(':authority') ?? host;
  if (method === undefined || !isToken(method)) return fault('missing or malformed :method');
  if (method.length > limits.methodBytes) return fault('method too long', 501);
  if (authority === null) return fault('no authority');
  const checked = parseAuthority(authority, limits.hostBytes);
  if (checked === null) return fault('malformed authority');
  if (host !== null && host !== authority && !sameAuthority(host, authority, scheme))
    return fault('host differs from :authority');
  const { hostname, port } = checked;
  if (method === 'CONNECT') {
    if (scheme !== undefined || path !== undefined) return fault(':scheme or :path with CONNECT');
    return { method, target: authority, form: 'authority', scheme: null, authority, hostname, port };
  }
  if (scheme !== 'http' && scheme !== 'https') return fault('missing or unknown :scheme');
  if (path === undefined || path === '') return fault('no :path');
  if (path.length > limits.requestLineBytes) return fault('path too long', 414);
  if (path === '*') {
    if (method !== 'OPTIONS') return fault(':path * is for OPTIONS only');
    return { method, target: path, form: 'asterisk', scheme, authority, hostname, port };
  }
  // Visible ASCII without a fragment: what http1 takes in a request line.
  if (!/^\/[\x21\x22\x24-\x7e]*$/.test(path)) return fault('malformed :path');
  return { method, target: path, form: 'origin', scheme, authority, hostname, port };
}

/** Equal once normalised, the default port of the scheme counting as none. */
function sameAuthority(host: string, authority: string, scheme: string | undefined): boolean {
  const one = parseAuthority(host);
  const other = parseAuthority(authority);
  if (one === null || other === null) return false;
  const defaultPort = scheme === 'http' ? 80 : 443;
  return one.hostname === other.hostname && (one.port ?? defaultPort) === (other.port ?? defaultPort);
}

/** The body's kind, or why there can be none. */
function announced(method: string, contentLength: string | null, endStream: boolean): BodyKind | string {
  if (contentLength !== null) {
    const bytes = parseContentLength(contentLength);
    if (bytes === null || bytes > Number.MAX_SAFE_INTEGER) return 'malformed content-length';
    if (endStream && bytes > 0) return 'content-length without DATA';
    return { kind: 'length', bytes };
  }
  if (!endStream) return CHUNKED;
  // An upstream may wait for a length where a body is usual (RFC 9110 section 8.6).
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? { kind: 'length', bytes: 0 } : NO_BODY;
}
