import type { Fields } from '@portico/http1';
import { fieldRole } from './field-role.ts';

/**
 * Removes the fields by which the platform itself speaks (reliability F3): `ngrok-*` (error code, identity) and
 * `portico-*`, with their `_` spellings. From visitors before, from upstream answers after policy runs, and from
 * trailers. Returns the same array when there is nothing to remove.
 */
export function stripPlatformFields(fields: Fields): Fields {
  let result: Fields | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (fieldRole(name) === 'platform') result ??= fields.slice(0, i);
    else result?.push(name, fields[i + 1] ?? '');
  }
  return result ?? fields;
}
