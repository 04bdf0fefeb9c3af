import { field, list, nullable, number, object, type Reader, ShapeError, text } from '../shape.ts';

/** What the REST API had to say. `message` of a refusal is written for people; `code` is `ERR_NGROK_…` where there is one. */
export type RestAnswer<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string | null; readonly message: string }
  | { readonly kind: 'signed-out' }
  | { readonly kind: 'no-contact' };

/** A page of a list; `next` asks for the one after it. */
export interface RestPage<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

const answerWithinMs = 15_000;
const base = '/api/dashboard/v1/api';

/**
 * The account's REST API as a signed-in browser reaches it: through this origin, with the session's cookie, the account named
 * and the session's token beside every change.
 */
export class RestClient {
  readonly #accountId: string;
  readonly #csrfToken: string;
  readonly #fetch: typeof globalThis.fetch;

  constructor(options: { accountId: string; csrfToken: string; fetch?: typeof globalThis.fetch }) {
    this.#accountId = options.accountId;
    this.#csrfToken = options.csrfToken;
    this.#fetch = options.fetch ?? ((...args) => globalThis.fetch(...args));
  }

  get<T>(path: string, read: Reader<T>, signal?: AbortSignal): Promise<RestAnswer<T>> {
    return this.#ask('GET', path, undefined, read, signal);
  }

  /** `path` is a collection's path with its query, or what the page before gave as `next`. */
  page<T>(path: string, key: string, read: Reader<T>, signal?: AbortSignal): Promise<RestAnswer<RestPage<T>>> {
    const readPage: Reader<RestPage<T>> = (value) => ({
      items: field(key, list(read))(value),
      next: pathOf(field('next_page_uri', nullable(text))(value)),
    });
    return this.#ask('GET', path, undefined, readPage, signal);
  }

  create<T>(path: string, body: unknown, read: Reader<T>): Promise<RestAnswer<T>> {
    return this.#ask('POST', path, body, read);
  }

  change<T>(path: string, body: unknown, read: Reader<T>): Promise<RestAnswer<T>> {
    return this.#ask('PATCH', path, body, read);
  }

  remove(path: string): Promise<RestAnswer<null>> {
    return this.#ask('DELETE', path, undefined, () => null);
  }

  async #ask<T>(
    method: string,
    path: string,
    body: unknown,
    read: Reader<T>,
    signal?: AbortSignal,
  ): Promise<RestAnswer<T>> {
    const headers = new Headers({ accept: 'application/json', 'portico-account': this.#accountId });
    if (method !== 'GET') headers.set('portico-csrf', this.#csrfToken);
    if (body !== undefined) headers.set('content-type', 'application/json');
    const timeout = AbortSignal.timeout(answerWithinMs);
    try {
      const answer = await this.#fetch(`${base}${path}`, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        cache: 'no-store',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      if (answer.status === 401) return { kind: 'signed-out' };
      if (answer.status === 204) return { kind: 'ok', value: read(null) };
      const json: unknown = await answer.json().catch(() => null);
      if (answer.ok) return { kind: 'ok', value: read(json) };
      return refusalOf(answer.status, json);
    } catch (error) {
      if (error instanceof ShapeError)
        console.error(`${method} ${path} was answered with something unreadable:`, error);
      return { kind: 'no-contact' };
    }
  }
}

const refusalBody = object({ error_code: nullable(text), status_code: number, msg: text });

function refusalOf(status: number, json: unknown): RestAnswer<never> {
  try {
    const { error_code: code, msg } = refusalBody(json);
    return { kind: 'refused', status, code, message: withoutCode(msg) };
  } catch {
    return status >= 500
      ? { kind: 'no-contact' }
      : { kind: 'refused', status, code: null, message: `The API answered with ${status}.` };
  }
}

/** The agent protocol wants the code on a line of its own at the end of the text; pages show it apart. */
function withoutCode(message: string): string {
  return message.replace(/\s*ERR_NGROK_\d+\s*$/, '').trim();
}

/** `next_page_uri` is a whole URL of the public API; only its path and query count here. */
export function pathOf(uri: string | null): string | null {
  if (uri === null) return null;
  const { pathname, search } = new URL(uri, 'http://api.invalid');
  return `${pathname.replace(/^\/dashboard\/v1\/api/, '')}${search}`;
}
