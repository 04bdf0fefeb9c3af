import { PorticoError } from '@portico/errors';
import type { HeaderTemplate } from '../document/config-reader.ts';
import { isHeaderValue } from '../document/config-reader.ts';
import type { PolicyScope } from '../expressions/scope.ts';

export interface EditedFields {
  readonly fields: readonly string[];
  /** What was added (`[name, value, …]`) or the names that were there and went. */
  readonly touched: readonly string[];
}

/** Appends fields; `host` replaces, since a request has one. */
export function addFields(fields: readonly string[], added: readonly string[]): EditedFields {
  const out = added.some((name, index) => index % 2 === 0 && name === 'host')
    ? fields.filter((_, index) => (fields[index - (index % 2)] ?? '').toLowerCase() !== 'host')
    : [...fields];
  for (const text of added) out.push(text);
  return { fields: out, touched: added };
}

export function removeFields(fields: readonly string[], lowerNames: readonly string[]): EditedFields {
  const out: string[] = [];
  const removed = new Set<string>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const lower = name.toLowerCase();
    if (lowerNames.includes(lower)) removed.add(lower);
    else out.push(name, fields[index + 1] ?? '');
  }
  return { fields: out, touched: [...removed] };
}

/**
 * Header templates as fields `[name, value, …]`, in the latin1 form of the wire: text beyond ASCII becomes its UTF-8.
 *
 * @throws {PorticoError} 2238 when a value would hold a line break or another control character, so that what a visitor
 * sends can never begin a field of its own.
 */
export function renderHeaders(headers: readonly HeaderTemplate[], action: string, scope: PolicyScope): string[] {
  const fields: string[] = [];
  for (const { name, value } of headers) {
    const text = wireText(value.text(scope)).trim();
    if (!isHeaderValue(text)) {
      const details = { field: `headers.${name}`, action, expression: value.source };
      throw new PorticoError(2238, { ...details, reason: 'the value holds characters that no header may hold' });
    }
    fields.push(name, text);
  }
  return fields;
}

/** Latin1 texts stay as they are. */
function wireText(text: string): string {
  return /[^\x00-\xff]/.test(text) ? Buffer.from(text.toWellFormed(), 'utf8').toString('latin1') : text;
}
