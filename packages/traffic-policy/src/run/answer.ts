import type { ErrorCode, ErrorDetails } from '@portico/errors';
import type { CustomResponseConfig } from '../actions/answers.ts';
import type { PolicyScope } from '../expressions/scope.ts';
import { renderHeaders } from './field-edits.ts';

/** An answer that a policy gives in place of the upstream's. */
export interface Answer {
  readonly status: number;
  /** Flat `[name, value, …]`, without framing: the one who writes it knows the length of the body. */
  readonly fields: readonly string[];
  readonly body: Uint8Array;
  /** For an answer that is an error of the catalogue: the edge makes its page of it, `body` is empty then. */
  readonly error: { readonly code: ErrorCode; readonly details: ErrorDetails } | null;
}

export function emptyAnswer(status: number, fields: readonly string[] = []): Answer {
  return { status, fields, body: new Uint8Array(), error: null };
}

export function errorAnswer(status: number, code: ErrorCode, details: ErrorDetails): Answer {
  return { ...emptyAnswer(status), error: { code, details } };
}

/** What `custom-response` answers. */
export function renderCustomResponse(config: CustomResponseConfig, scope: PolicyScope): Answer {
  const fields = renderHeaders(config.headers, 'custom-response', scope);
  const text = config.body?.text(scope) ?? '';
  const named = fields.some((name, index) => index % 2 === 0 && name === 'content-type');
  if (text !== '' && !named) fields.push('content-type', guessContentType(text));
  return { status: config.statusCode, fields, body: Buffer.from(text.toWellFormed(), 'utf8'), error: null };
}

/** From the first characters of a text. */
export function guessContentType(text: string): string {
  const start = text.slice(0, 512).trimStart().toLowerCase();
  if (start.startsWith('{') || start.startsWith('[')) {
    try {
      JSON.parse(text);
      return 'application/json';
    } catch {
      return 'text/plain; charset=utf-8';
    }
  }
  if (start.startsWith('<?xml')) return 'application/xml';
  if (start.startsWith('<svg')) return 'image/svg+xml';
  if (/^<(?:!doctype html|html|head|body|h[1-6]|p|div|title|script|style|table|a|br|!--)\b/.test(start)) {
    return 'text/html; charset=utf-8';
  }
  return 'text/plain; charset=utf-8';
}
