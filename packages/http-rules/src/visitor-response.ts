import type { Fields, RequestHead, ResponseHead } from '@portico/http1';
import { type FieldRole, fieldRole, isDisguised } from './field-role.ts';
import { namedByConnection } from './hop-by-hop.ts';

/**
 * How the end of an answer is shown to an HTTP/1 visitor: there is none, its length was told, by the last chunk, or by
 * closing the connection (HTTP/1.0 without a length).
 */
export type AnswerFraming = 'none' | 'length' | 'chunked' | 'close';

export interface VisitorResponse {
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  readonly framing: AnswerFraming;
  /** Whether the connection lives on after it. */
  readonly keepAlive: boolean;
}

/**
 * A final answer as an HTTP/1 visitor gets it, ready for `encodeResponseHead` (RFC 9112 section 6, reliability row 51).
 *
 * @param fields of the answer, or as policy left them
 * @param keepAlive whether the edge would keep the connection
 */
export function visitorResponse({
  request,
  response,
  fields = response.fields,
  keepAlive,
}: {
  readonly request: RequestHead;
  readonly response: ResponseHead;
  readonly fields?: Fields;
  readonly keepAlive: boolean;
}): VisitorResponse {
  const { status, reason, body } = response;
  const upgrade = status === 101 ? response.upgrade : null;
  const result = answerFields(response, fields, upgrade);
  if (upgrade !== null) return { status, reason, fields: result, framing: 'none', keepAlive: true };
  const framing = answerFraming(request, response);
  // Also to HEAD, whose answers that the edge makes itself have a body that is not sent.
  if (body.kind === 'length') result.push('Content-Length', String(body.bytes));
  if (framing === 'chunked') result.push('Transfer-Encoding', 'chunked');
  const persists = keepAlive && request.keepAlive && framing !== 'close';
  if (!persists) result.push('Connection', 'close');
  else if (request.minor === 0) result.push('Connection', 'keep-alive');
  return { status, reason, fields: result, framing, keepAlive: persists };
}

/** An interim answer (1xx but 101) as an HTTP/1 visitor gets it; null for HTTP/1.0, which knows none. */
export function visitorInterim(
  request: RequestHead,
  response: ResponseHead,
): Omit<VisitorResponse, 'framing' | 'keepAlive'> | null {
  if (request.minor === 0) return null;
  return { status: response.status, reason: response.reason, fields: answerFields(response, response.fields, null) };
}

export function answerFraming(request: Pick<RequestHead, 'method' | 'minor'>, response: ResponseHead): AnswerFraming {
  if (request.method === 'HEAD') return 'none';
  switch (response.body.kind) {
    case 'none':
      return 'none';
    case 'length':
      return 'length';
    case 'chunked':
    case 'until-close':
      // To HTTP/1.1 an end by closing is passed on as chunks: only so can it be told from a cut.
      return request.minor === 1 ? 'chunked' : 'close';
  }
}

/**
 * End-to-end fields of an answer, in one pass: nothing hop-by-hop, none of the platform's fields; with an agreed upgrade
 * its two fields, written anew. Content-Length stays only where it describes a body that is not sent: the answer to HEAD,
 * 304 (RFC 9110 section 8.6). Otherwise it follows from the framing.
 */
export function answerFields(response: ResponseHead, fields: Fields, upgrade: string | null): Fields {
  const describes = response.body.kind === 'none' && response.status >= 200 && response.status !== 204;
  const named = namedByConnection(fields);
  const result: Fields = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (isEndToEnd(name, fieldRole(name), describes) && !named?.has(name.toLowerCase()))
      result.push(name, fields[i + 1] ?? '');
  }
  if (upgrade !== null) result.push('Connection', 'upgrade', 'Upgrade', upgrade);
  return result;
}

function isEndToEnd(name: string, role: FieldRole, lengthDescribes: boolean): boolean {
  switch (role) {
    case 'ordinary':
      return true;
    case 'content-length':
      return lengthDescribes && !isDisguised(name);
    // What these mean is about requests; an upstream may write them for reasons of its own.
    case 'host':
    case 'expect':
    case 'forwarded':
      return true;
    default:
      return false;
  }
}
