import type { BodyKind, Fields, RequestHead } from '@portico/http1';
import { fieldRole, isDisguised } from './field-role.ts';
import { appendForwarded, type Origin } from './forwarded.ts';
import { acceptsTrailers, namedByConnection } from './hop-by-hop.ts';

export interface UpstreamRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
}

/**
 * The request as the upstream gets it, ready for `encodeRequestHead`: origin-form, one Host, nothing hop-by-hop, none
 * of the platform's fields, the origin said by us, framing written anew from the body's kind. One pass over the fields;
 * equal to stripPlatformFields, stripHopByHop and forwardedFields in turn.
 *
 * @param fields as received, or as policy left them
 * @param host another Host than the visitor's, where the endpoint asks for it
 */
export function upstreamRequest({
  head,
  fields = head.fields,
  origin,
  host = head.authority,
}: {
  readonly head: RequestHead;
  readonly fields?: Fields;
  readonly origin: Origin;
  readonly host?: string;
}): UpstreamRequest {
  const named = namedByConnection(fields);
  const result: Fields = ['Host', host];
  let trailers = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const role = fieldRole(name);
    if (role === 'ordinary') {
      if (named === null || !named.has(name.toLowerCase())) result.push(name, fields[i + 1] ?? '');
    } else if (role === 'te') {
      trailers ||= !isDisguised(name) && acceptsTrailers(fields[i + 1] ?? '');
    }
  }
  if (head.expectContinue) result.push('Expect', '100-continue');
  appendForwarded(result, fields, origin);
  appendConnection(result, head.upgrade, trailers);
  appendFraming(result, head.body);
  return { method: head.method, target: head.target, fields: result };
}

/**
 * The fields of a request as a policy sees and changes them: one Host first, then what goes end to end, then where it
 * came from as the edge says it. Nothing hop-by-hop, no framing, none of the platform's fields.
 */
export function policyFields(head: RequestHead, origin: Origin): Fields {
  const { fields } = head;
  const named = namedByConnection(fields);
  const result: Fields = ['Host', head.authority];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (fieldRole(name) !== 'ordinary' || named?.has(name.toLowerCase()) === true) continue;
    result.push(name, fields[i + 1] ?? '');
  }
  appendForwarded(result, fields, origin);
  return result;
}

/**
 * The request as the upstream gets it, of fields that began as `policyFields` and were changed by a policy since. What a
 * policy may not decide, framing and the connection, is left out and written anew.
 *
 * @param head target, body and what the connection agreed on; `host` where the policy removed the Host
 */
export function changedUpstreamRequest(head: RequestHead, fields: readonly string[], host: string): UpstreamRequest {
  const result: Fields = ['Host', host];
  let hasHost = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    // Of names with an x only those that tell the origin have a role, and these may be what a policy wants.
    const role = (name.charCodeAt(0) | 0x20) === 0x78 ? 'ordinary' : fieldRole(name);
    if (role === 'host') {
      if (!hasHost && !isDisguised(name)) result[1] = fields[i + 1] ?? '';
      hasHost = true;
    } else if (role === 'ordinary' || role === 'forwarded') {
      result.push(name, fields[i + 1] ?? '');
    }
  }
  let trailers = false;
  for (let i = 0; i < head.fields.length; i += 2) {
    const name = head.fields[i] ?? '';
    if (fieldRole(name) === 'te') trailers ||= !isDisguised(name) && acceptsTrailers(head.fields[i + 1] ?? '');
  }
  if (head.expectContinue) result.push('Expect', '100-continue');
  appendConnection(result, head.upgrade, trailers);
  appendFraming(result, head.body);
  return { method: head.method, target: head.target, fields: result };
}

/** TE concerns this hop only, so Connection must say so (RFC 9110 section 10.1.4). */
function appendConnection(into: Fields, upgrade: string | null, trailers: boolean): void {
  if (trailers) into.push('TE', 'trailers');
  if (upgrade !== null) into.push('Connection', trailers ? 'upgrade, TE' : 'upgrade', 'Upgrade', upgrade);
  else if (trailers) into.push('Connection', 'TE');
}

/** The framing fields of a body, written anew. */
export function appendFraming(into: Fields, body: BodyKind): void {
  if (body.kind === 'length') into.push('Content-Length', String(body.bytes));
  else if (body.kind === 'chunked') into.push('Transfer-Encoding', 'chunked');
}
