import { type Fields, listElements } from '@portico/http1';
import { type FieldRole, fieldRole, isDisguised } from './field-role.ts';

/**
 * Removes what concerns one connection only (RFC 9110 section 7.6.1, reliability F1), both ways: Connection and the
 * fields it names, Keep-Alive, Proxy-*, TE, Transfer-Encoding, Upgrade. `TE: trailers` stays, reduced to that. With an
 * agreed upgrade, `Connection: upgrade` and `Upgrade` are written anew at the end.
 *
 * Content-Length and Host stay: `upstreamRequest` and `visitorResponse` write them anew.
 */
export function stripHopByHop(fields: Fields, { upgrade }: { readonly upgrade: string | null }): Fields {
  const named = namedByConnection(fields);
  const result: Fields = [];
  let trailers = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    const value = fields[i + 1] ?? '';
    const role = fieldRole(name);
    if (role === 'te') trailers ||= !isDisguised(name) && acceptsTrailers(value);
    if (isHopByHop(role)) continue;
    if (role !== 'ordinary' && isDisguised(name)) continue;
    if (named?.has(name.toLowerCase())) continue;
    result.push(name, value);
  }
  if (trailers) result.push('TE', 'trailers');
  if (upgrade !== null) result.push('Connection', 'upgrade', 'Upgrade', upgrade);
  return result;
}

export function isHopByHop(role: FieldRole): boolean {
  switch (role) {
    case 'connection':
    case 'te':
    case 'upgrade':
    case 'hop':
    case 'transfer-encoding':
      return true;
    default:
      return false;
  }
}

/**
 * The names, in lower case, that Connection asks to remove, or null. It may not name what the edge itself needs or
 * adds, nor credentials: `Connection: Authorization` would let a visitor undress the request of another proxy before
 * us, `Connection: X-Forwarded-For` one's own.
 */
export function namedByConnection(fields: Fields): ReadonlySet<string> | null {
  let named: Set<string> | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    for (const element of listElements((fields[i + 1] ?? '').toLowerCase())) {
      if (element === 'close' || element === 'keep-alive' || element === 'upgrade') continue;
      if (PROTECTED.has(element) || fieldRole(element) !== 'ordinary') continue;
      named ??= new Set();
      named.add(element);
    }
  }
  return named;
}

/** Beside everything that has a role of its own. */
const PROTECTED: ReadonlySet<string> = new Set(['authorization', 'cookie', 'set-cookie', 'content-type', 'trailer']);

export function acceptsTrailers(te: string): boolean {
  return listElements(te.toLowerCase()).includes('trailers');
}
