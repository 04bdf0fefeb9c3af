import { type Fields, INCOMPLETE, readFields, VALUE_BYTES } from './fields.ts';
import {
  announcedBody,
  type BodyKind,
  connectionOptions,
  controlFields,
  NO_BODY,
  persists,
  UNTIL_CLOSE,
  upgradeProtocol,
} from './framing.ts';
import type { ResponseLimits } from './limits.ts';
import { HttpSyntaxError } from './syntax-error.ts';

/** A checked response head (RFC 9112 section 4). */
export interface ResponseHead {
  /** 100–599; others are invalid (RFC 9110 section 15) and cannot be said over HTTP/2. */
  readonly status: number;
  /** May be empty. */
  readonly reason: string;
  readonly minor: 0 | 1;
  /** As received, framing fields too; a Content-Length is in its normal form. */
  readonly fields: Fields;
  /** `none` for HEAD, 1xx, 204 and 304 whatever the fields say. */
  readonly body: BodyKind;
  /** Whether the upstream lets the connection live on after this exchange. */
  readonly keepAlive: boolean;
  /** Protocol in lower case; for 101 only. */
  readonly upgrade: string | null;
}

const LF = 0x0a;
const CR = 0x0d;

/** As readRequestHead; every fault is 502. `requestMethod` decides about the body (RFC 9112 section 6.3). */
export function readResponseHead(
  bytes: Buffer,
  text: string,
  start: number,
  end: number,
  limits: ResponseLimits,
  requestMethod: string,
  found: (head: ResponseHead) => void,
): number {
  let at = start;
  while (at < end && VALUE_BYTES[bytes[at] ?? 0] === 1) at++;
  if (at - start > limits.statusLineBytes) throw new HttpSyntaxError(502, 'status line too long');
  if (at === end) return INCOMPLETE;
  if (bytes[at] === LF) throw new HttpSyntaxError(502, 'bare LF');
  if (bytes[at] !== CR) throw new HttpSyntaxError(502, 'control character in the status line');
  if (at + 1 === end) return INCOMPLETE;
  if (bytes[at + 1] !== LF) throw new HttpSyntaxError(502, 'bare CR');
  const line = parseStatusLine(text.slice(0, at - start));
  const fields: Fields = [];
  const next = readFields(bytes, text, start, at + 2, end, fields, limits, 502, 502);
  if (next === INCOMPLETE) return INCOMPLETE;
  found(buildResponseHead(line, fields, requestMethod));
  return next;
}

interface StatusLine {
  readonly status: number;
  readonly reason: string;
  readonly minor: 0 | 1;
}

/** `HTTP/1.1 200 OK`; the space before an empty reason may be missing, as many servers write it. */
export function parseStatusLine(line: string): StatusLine {
  const match = /^HTTP\/1\.([0-9]) ([1-5][0-9][0-9])(?: (.*))?$/.exec(line);
  if (match === null) throw new HttpSyntaxError(502, 'malformed status line');
  return { status: Number(match[2]), reason: match[3] ?? '', minor: match[1] === '0' ? 0 : 1 };
}

function buildResponseHead(line: StatusLine, fields: Fields, requestMethod: string): ResponseHead {
  const { status, reason, minor } = line;
  const control = controlFields(fields);
  // Read also where there is no body: an answer with two framings is not to be trusted in anything.
  const announced = announcedBody(control, fields, minor, 'response');
  const options = connectionOptions(control.connection);
  const body = hasNoBody(status, requestMethod) ? NO_BODY : (announced ?? UNTIL_CLOSE);
  return {
    status,
    reason,
    minor,
    fields,
    body,
    keepAlive: body.kind !== 'until-close' && persists(options, minor),
    upgrade: status === 101 && options.upgrade ? upgradeProtocol(control.upgrade) : null,
  };
}

/** RFC 9112 section 6.3 rule 1. */
function hasNoBody(status: number, requestMethod: string): boolean {
  return requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304;
}
