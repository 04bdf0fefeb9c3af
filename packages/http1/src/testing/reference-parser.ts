/**
 * For tests: reads the requests of a whole connection slowly and obviously, from a string, by the grammar of RFC 9112
 * as regular expressions. It knows no limits and no pieces; small inputs stay below the limits of the real parser.
 */
export interface ReferenceRequest {
  readonly method: string;
  readonly target: string;
  readonly hostname: string;
  readonly minor: number;
  readonly fields: string[];
  readonly body: string;
  readonly trailers: string[];
}

export interface ReferenceResult {
  readonly requests: ReferenceRequest[];
  /** The connection ended between two requests. */
  readonly clean: boolean;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const VALUE = '[\\t\\x20-\\x7e\\x80-\\xff]*';
const FIELD_LINE = new RegExp(`^(${TOKEN}):(${VALUE})$`);
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([\\x21-\\x7e]+) HTTP/1\\.([0-9])$`);
const LABEL = '[a-z0-9_-]{1,63}';
const HOST = new RegExp(`^(${LABEL}(?:\\.${LABEL})*)\\.?(?::([0-9]{1,5}))?$`, 'i');
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]{1,16})(;${VALUE})?\r\n`);

class Malformed extends Error {}

export function referenceRequests(input: string): ReferenceResult {
  const requests: ReferenceRequest[] = [];
  let rest = input;
  try {
    for (;;) {
      rest = rest.replace(/^(\r\n){1,2}/, '');
      if (rest === '' || rest === '\r') return { requests, clean: true };
      const [request, after] = readRequest(rest);
      requests.push(request);
      rest = after;
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { requests, clean: false };
  }
}

function readRequest(input: string): [ReferenceRequest, string] {
  const headEnd = input.indexOf('\r\n\r\n');
  if (headEnd === -1) throw new Malformed();
  const [requestLine = '', ...fieldLines] = input.slice(0, headEnd).split('\r\n');
  const rest = input.slice(headEnd + 4);
  const line = REQUEST_LINE.exec(requestLine);
  if (line === null) throw new Malformed();
  const [, method = '', rawTarget = '', minorDigit = ''] = line;
  if (method.length > 32) throw new Malformed();
  const minor = minorDigit === '0' ? 0 : 1;
  const fields = readFieldLines(fieldLines);
  const values = (name: string): string[] =>
    fields.filter((_, i) => i % 2 === 1 && fields[i - 1]?.toLowerCase() === name);

  const hosts = values('host');
  if (hosts.length > 1 || (hosts.length === 0 && minor === 1)) throw new Malformed();
  const hostname = hosts[0] === undefined ? '' : readHost(hosts[0]);
  const [target, targetHost] = readTarget(method, rawTarget);
  if (values('expect').join().length > 0 || values('expect').length > 0) {
    if (values('expect').join().toLowerCase() !== '100-continue') throw new Malformed();
  }

  const codings = values('transfer-encoding');
  const lengths = values('content-length');
  if (codings.length > 0) {
    if (codings.length > 1 || lengths.length > 0 || minor === 0) throw new Malformed();
    if (codings[0]?.toLowerCase() !== 'chunked') throw new Malformed();
    const [body, trailers, after] = readChunked(rest);
    return [{ method, target, hostname: targetHost ?? hostname, minor, fields, body, trailers }, after];
  }
  let length = 0;
  if (lengths.length > 0) {
    if (lengths.length > 1 || !/^[0-9]+$/.test(lengths[0] ?? '')) throw new Malformed();
    const exact = BigInt(lengths[0] ?? '');
    if (exact > BigInt(rest.length)) throw new Malformed();
    length = Number(exact);
    const at = fields.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length');
    fields[at + 1] = exact.toString();
  }
  const body = rest.slice(0, length);
  return [{ method, target, hostname: targetHost ?? hostname, minor, fields, body, trailers: [] }, rest.slice(length)];
}

function readFieldLines(lines: readonly string[]): string[] {
  return lines.flatMap((text) => {
    const match = FIELD_LINE.exec(text);
    if (match === null) throw new Malformed();
    return [match[1] ?? '', (match[2] ?? '').replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')];
  });
}

function readTarget(method: string, raw: string): [string, string | null] {
  if (raw.startsWith('/')) {
    if (raw.includes('#')) throw new Malformed();
    return [raw, null];
  }
  if (method.toLowerCase() === 'connect') return [raw, null];
  if (raw === '*') return [raw, null];
  const match = /^https?:\/\/([^/?#]+)([^#]*)$/i.exec(raw);
  if (match === null) throw new Malformed();
  const hostname = readHost(match[1] ?? '');
  const path = match[2] ?? '';
  if (path === '') return [method === 'OPTIONS' ? '*' : '/', hostname];
  return [path.startsWith('/') ? path : `/${path}`, hostname];
}

function readHost(value: string): string {
  const match = HOST.exec(value);
  if (match === null || value.length > 255) throw new Malformed();
  if (match[2] !== undefined && (Number(match[2]) < 1 || Number(match[2]) > 65535)) throw new Malformed();
  return (match[1] ?? '').toLowerCase();
}

function readChunked(input: string): [body: string, trailers: string[], rest: string] {
  let rest = input;
  let body = '';
  for (;;) {
    const match = CHUNK_LINE.exec(rest);
    if (match === null) throw new Malformed();
    const size = Number.parseInt(match[1] ?? '', 16);
    rest = rest.slice(match[0].length);
    if (size === 0) break;
    if (rest.slice(size, size + 2) !== '\r\n') throw new Malformed();
    body += rest.slice(0, size);
    rest = rest.slice(size + 2);
  }
  if (rest.startsWith('\r\n')) return [body, [], rest.slice(2)];
  const end = rest.indexOf('\r\n\r\n');
  if (end === -1) throw new Malformed();
  return [body, readFieldLines(rest.slice(0, end).split('\r\n')), rest.slice(end + 4)];
}
