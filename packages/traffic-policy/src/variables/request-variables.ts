import { classRecord, plainRecord, TIMESTAMP } from '../expressions/record-type.ts';
import { CONTENT_TYPE, ContentType } from './content-type.ts';
import type { RequestContext } from './contexts.ts';
import { COOKIE, type Cookie, requestCookies } from './cookies.ts';
import { fieldMap, fieldTokens, fieldValues, firstFieldValue } from './header-fields.ts';
import { REQUEST_URL, RequestUrl } from './request-url.ts';
import { USER_AGENT, UserAgent } from './user-agent.ts';

/** `req` as expressions see it; every part is computed when it is first read. */
export class RequestVariables {
  readonly #request: RequestContext;
  #headers: Map<string, string[]> | null = null;
  #cookies: Map<string, Cookie[]> | null = null;
  #url: RequestUrl | null = null;
  #userAgent: UserAgent | null = null;

  constructor(request: RequestContext) {
    this.#request = request;
  }

  get method(): string {
    return this.#request.method;
  }

  get version(): string {
    return this.#request.version;
  }

  /** The host as the visitor named it, port included if it was given. */
  get host(): string {
    return this.#request.authority;
  }

  get headers(): Map<string, string[]> {
    this.#headers ??= fieldMap(this.#request.fields);
    return this.#headers;
  }

  get trailers(): Map<string, string[]> {
    return fieldMap(this.#request.trailers);
  }

  get cookies(): Map<string, Cookie[]> {
    this.#cookies ??= requestCookies(fieldValues(this.#request.fields, 'cookie'));
    return this.#cookies;
  }

  get content_length(): bigint | undefined {
    const { contentLength } = this.#request;
    return contentLength === null ? undefined : BigInt(contentLength);
  }

  get content_type(): ContentType {
    return new ContentType(firstFieldValue(this.#request.fields, 'content-type') ?? '');
  }

  get content_encoding(): string[] {
    return fieldTokens(this.#request.fields, 'content-encoding');
  }

  get location(): string {
    return firstFieldValue(this.#request.fields, 'location') ?? '';
  }

  get user_agent(): UserAgent {
    this.#userAgent ??= new UserAgent(firstFieldValue(this.#request.fields, 'user-agent') ?? '');
    return this.#userAgent;
  }

  get url(): RequestUrl {
    const { scheme, authority, target } = this.#request;
    this.#url ??= new RequestUrl(scheme, authority, target);
    return this.#url;
  }

  get ts(): object {
    const { headerReceivedAt, bodyReceivedAt } = this.#request;
    return REQUEST_TIMES.wrap({ header_received: headerReceivedAt, body_received: bodyReceivedAt });
  }
}

const REQUEST_TIMES = plainRecord('RequestTimes', { header_received: TIMESTAMP, body_received: TIMESTAMP });

export const REQUEST = classRecord('Request', RequestVariables, {
  method: 'string',
  version: 'string',
  host: 'string',
  headers: 'map<string, list<string>>',
  trailers: 'map<string, list<string>>',
  cookies: `map<string, list<${COOKIE.name}>>`,
  content_length: 'int',
  content_type: CONTENT_TYPE,
  content_encoding: 'list<string>',
  location: 'string',
  user_agent: USER_AGENT,
  url: REQUEST_URL,
  ts: REQUEST_TIMES,
});
