import { classRecord } from '../expressions/record-type.ts';
import { CONTENT_TYPE, ContentType } from './content-type.ts';
import type { ResponseContext } from './contexts.ts';
import { COOKIE, type Cookie, responseCookies } from './cookies.ts';
import { fieldMap, fieldTokens, fieldValues, firstFieldValue } from './header-fields.ts';

/** `res` as expressions see it. */
export class ResponseVariables {
  readonly #response: ResponseContext;
  #headers: Map<string, string[]> | null = null;
  #cookies: Map<string, Cookie[]> | null = null;

  constructor(response: ResponseContext) {
    this.#response = response;
  }

  get status_code(): bigint {
    return BigInt(this.#response.statusCode);
  }

  get headers(): Map<string, string[]> {
    this.#headers ??= fieldMap(this.#response.fields);
    return this.#headers;
  }

  get trailers(): Map<string, string[]> {
    return fieldMap(this.#response.trailers);
  }

  get cookies(): Map<string, Cookie[]> {
    this.#cookies ??= responseCookies(fieldValues(this.#response.fields, 'set-cookie'));
    return this.#cookies;
  }

  get content_length(): bigint | undefined {
    const { contentLength } = this.#response;
    return contentLength === null ? undefined : BigInt(contentLength);
  }

  get content_type(): ContentType {
    return new ContentType(firstFieldValue(this.#response.fields, 'content-type') ?? '');
  }

  get content_encoding(): string[] {
    return fieldTokens(this.#response.fields, 'content-encoding');
  }

  get location(): string {
    return firstFieldValue(this.#response.fields, 'location') ?? '';
  }
}

export const RESPONSE = classRecord('Response', ResponseVariables, {
  status_code: 'int',
  headers: 'map<string, list<string>>',
  trailers: 'map<string, list<string>>',
  cookies: `map<string, list<${COOKIE.name}>>`,
  content_length: 'int',
  content_type: CONTENT_TYPE,
  content_encoding: 'list<string>',
  location: 'string',
});
