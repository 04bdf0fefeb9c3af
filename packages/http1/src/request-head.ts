import { parseAuthority } from './authority.ts';
import { type Fields, INCOMPLETE, isToken, readFields } from './fields.ts';
import {
  announcedBody,
  type BodyKind,
  connectionOptions,
  controlFields,
  NO_BODY,
  persists,
  upgradeProtocol,
} from './framing.ts';
import type { RequestLimits } from './limits.ts';
import { HttpSyntaxError } from './syntax-error.ts';

/** A checked request head (RFC 9112 section 3). Nothing in it can be read in two ways. */
export interface RequestHead {
  /** A token, in the case received. */
  readonly method: string;
  /** Origin-form (`/path?query`, byte for byte) or `*`; the authority for CONNECT. */
  readonly target: string;
  /** How the target was written. */
  readonly form: 'origin' | 'absolute' | 'asterisk' | 'authority';
  /** Of an absolute target, else null. */
  readonly scheme: 'http' | 'https' | null;
  /** `host[:port]` as given: of an absolute target, else of Host; '' if there is none (HTTP/1.0 only). */
  readonly authority: string;
  /** Lower case, without trailing dot, port or brackets; '' if there is none. */
  readonly hostname: string;
  readonly port: number | null;
  readonly minor: 0 | 1;
  /** As received, Host and framing fields too; a Content-Length is in its normal form. */
  readonly fields: Fields;
  readonly body: BodyKind;
  /** Whether the visitor lets the connection live on after this exchange. */
  readonly keepAlive: boolean;
  /** Protocol in lower case, when Connection agrees and the request may be upgraded. */
  readonly upgrade: string | null;
  /** Whether the visitor waits for 100 before it sends the body. */
  readonly expectContinue: boolean;
}

const SP = 0x20;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Reads one head from `bytes[start, end)`. Returns the position after it, or INCOMPLETE (the caller bounds `end` by `headBytes`); `found` is called with the
 * head before it returns. Throws HttpSyntaxError.
 */
export function readRequestHead(
  bytes: Buffer,
  text: string,
  start: number,
  end: number,
  limits: RequestLimits,
  found: (head: RequestHead) => void,
): number {
  let at = start;
  while (at < end) {
    const byte = bytes[at] ?? 0;
    if (byte < SP || byte > 0x7e) break;
    at++;
  }
  if (at - start > limits.requestLineBytes) throw new HttpSyntaxError(414, 'request line too long');
  if (at === end) return INCOMPLETE;
  if (bytes[at] === LF) throw new HttpSyntaxError(400, 'bare LF');
  if (bytes[at] !== CR) throw new HttpSyntaxError(400, 'control or non-ASCII byte in the request line');
  if (at + 1 === end) return INCOMPLETE;
  if (bytes[at + 1] !== LF) throw new HttpSyntaxError(400, 'bare CR');
  const line = parseRequestLine(text.slice(0, at - start), limits);
  const fields: Fields = [];
  const next = readFields(bytes, text, start, at + 2, end, fields, limits, 400, 431);
  if (next === INCOMPLETE) return INCOMPLETE;
  found(buildRequestHead(line, fields, limits));
  return next;
}

interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly minor: 0 | 1;
}

/** `line` holds visible ASCII and SP only. */
export function parseRequestLine(line: string, limits: RequestLimits): RequestLine {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const method = first === -1 ? line : line.slice(0, first);
  if (!isToken(method)) throw new HttpSyntaxError(400, 'method is no token');
  if (first === -1 || second === -1) throw new HttpSyntaxError(400, 'request line without target or version');
  const minor = parseVersion(line.slice(second + 1), method);
  if (method.length > limits.methodBytes) throw new HttpSyntaxError(501, 'method too long');
  const target = line.slice(first + 1, second);
  if (target === '') throw new HttpSyntaxError(400, 'empty target');
  return { method, target, minor };
}

function parseVersion(version: string, method: string): 0 | 1 {
  if (version === 'HTTP/1.1') return 1;
  if (version === 'HTTP/1.0') return 0;
  if (!/^HTTP\/[0-9]\.[0-9]$/.test(version)) throw new HttpSyntaxError(400, 'malformed HTTP version');
  if (version.charCodeAt(5) === 0x31) return 1;
  // The preface of HTTP/2 with prior knowledge, which is not spoken on this port.
  if (method === 'PRI') throw new HttpSyntaxError(400, 'HTTP/2 preface');
  throw new HttpSyntaxError(505, 'HTTP version not supported');
}

function buildRequestHead(line: RequestLine, fields: Fields, limits: RequestLimits): RequestHead {
  const { method, target, minor } = line;
  const control = controlFields(fields);
  if (control.hostCount > 1) throw new HttpSyntaxError(400, 'Host twice');
  if (control.host === null && minor === 1) throw new HttpSyntaxError(400, 'no Host');
  let authority = control.host ?? '';
  let checked = control.host === null ? { hostname: '', port: null } : parseAuthority(control.host, limits.hostBytes);
  if (checked === null) throw new HttpSyntaxError(400, 'malformed Host');
  const body = announcedBody(control, fields, minor, 'request') ?? NO_BODY;
  if (body.kind === 'length' && body.bytes > limits.bodyBytes) throw new HttpSyntaxError(413, 'body too large');

  let form: RequestHead['form'] = 'origin';
  let scheme: RequestHead['scheme'] = null;
  let path = target;
  if (target.charCodeAt(0) !== 0x2f) {
    if (method.toUpperCase() === 'CONNECT') {
      form = 'authority';
    } else if (target === '*') {
      form = 'asterisk';
    } else {
      const absolute = parseAbsoluteTarget(target, method);
      form = 'absolute';
      ({ scheme, authority, path } = absolute);
      checked = parseAuthority(authority, limits.hostBytes);
      if (checked === null) throw new HttpSyntaxError(400, 'malformed authority in the target');
    }
  }
  // A fragment never belongs into a request (RFC 9112 section 3.2.1), and servers differ in where they cut it.
  if (form !== 'authority' && path.includes('#')) throw new HttpSyntaxError(400, 'fragment in the target');

  const options = connectionOptions(control.connection);
  const upgradable =
    minor === 1 && options.upgrade && (body.kind === 'none' || (body.kind === 'length' && body.bytes === 0));
  return {
    method,
    target: path,
    form,
    scheme,
    authority,
    hostname: checked.hostname,
    port: checked.port,
    minor,
    fields,
    body,
    keepAlive: persists(options, minor),
    upgrade: upgradable ? upgradeProtocol(control.upgrade) : null,
    expectContinue: expectsContinue(control.expect, minor),
  };
}

/** Absolute-form (RFC 9112 section 3.2.2): its authority replaces Host, its rest becomes the origin-form. */
function parseAbsoluteTarget(
  target: string,
  method: string,
): { scheme: 'http' | 'https'; authority: string; path: string } {
  const match = /^(https?):\/\/([^/?#]*)/i.exec(target);
  if (match === null) throw new HttpSyntaxError(400, 'target is neither a path nor an http URL');
  const authority = match[2] ?? '';
  const rest = target.slice(match[0].length);
  const scheme = match[1]?.toLowerCase() === 'https' ? 'https' : 'http';
  if (rest === '') return { scheme, authority, path: method === 'OPTIONS' ? '*' : '/' };
  return { scheme, authority, path: rest.charCodeAt(0) === 0x2f ? rest : `/${rest}` };
}

/** RFC 9110 section 10.1.1; a 1.0 client cannot know of 100. */
function expectsContinue(expect: string | null, minor: 0 | 1): boolean {
  if (expect === null) return false;
  if (expect.toLowerCase() !== '100-continue') throw new HttpSyntaxError(417, 'unknown expectation');
  return minor === 1;
}
