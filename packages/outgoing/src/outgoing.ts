import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { AddressGuard } from './address-guard.ts';
import { OutgoingError } from './outgoing-error.ts';
import { type PinnedRequest, sendPinned } from './pinned-request.ts';

export interface OutgoingOptions {
  /** Addresses and CIDRs that may be dialled although they are private. */
  readonly allow?: readonly string[];
  /** Plain `http:` URLs: anywhere, nowhere, or only at addresses of `allow` (default). */
  readonly plainHttp?: 'always' | 'never' | 'allowed-addresses';
  /** For one request with its redirects, from resolving to the last byte. Default 5 s. */
  readonly timeoutMs?: number;
  /** Of the body of an answer. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Requests under way; default 64. As many again may wait for their turn, within their time. */
  readonly concurrency?: number;
  /** Of them, those of one group, so that one account or one slow host leaves room for others; default a quarter. */
  readonly groupConcurrency?: number;
  readonly resolver?: Resolver;
  /** Further certificates (PEM) to trust beside the usual ones. */
  readonly ca?: readonly string[];
  /** What this machine is reached by; refused unless allowed. Default: the addresses of its interfaces. */
  readonly ownAddresses?: () => readonly string[];
}

/** All addresses of a name. Its answer is used for one connection and asked for again for the next. */
export type Resolver = (hostname: string) => Promise<readonly string[]>;

export interface OutgoingRequest {
  readonly method?: string;
  /** Flat `[name, value, …]`, a record, or what `Headers` takes. Framing and `Host` are ours. */
  readonly headers?: Headers | Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array | URLSearchParams | ArrayBuffer | null;
  readonly signal?: AbortSignal | null;
  /** Shorter times and sizes than those of the options; never longer. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  /** Who is counted together; the host when absent. */
  readonly group?: string;
  /** Each target is checked like the first. 0 (default): a redirect is the answer. */
  readonly maxRedirects?: number;
}

export interface OutgoingAnswer {
  readonly status: number;
  readonly statusText: string;
  /** Flat `[name, value, …]` as received. */
  readonly fields: readonly string[];
  readonly body: Buffer;
  /** The address that was dialled. */
  readonly address: string;
  /** Of the last request, after redirects. */
  readonly url: string;
  readonly redirects: number;
}

/** What `fetch` takes, as far as openid-client and jose use it. */
export interface OutgoingInit {
  readonly method?: string;
  readonly headers?: Headers | Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly body?: unknown;
  readonly redirect?: 'manual' | 'error' | 'follow';
  readonly signal?: AbortSignal | null;
}

const URL_CHARACTERS_MAX = 8_192;
const ADDRESSES_MAX = 16;

/**
 * HTTP(S) requests to where tenants point (T5): every address of the name is checked before one of them is dialled,
 * and the connection goes to exactly those; no proxy of the environment, no reuse, no redirect unless asked for.
 * The owner calls `close`.
 */
export class Outgoing {
  readonly #options: Required<Omit<OutgoingOptions, 'allow' | 'ownAddresses'>>;
  readonly #guard: AddressGuard;
  readonly #closing = new AbortController();
  readonly #waiting: (() => void)[] = [];
  readonly #groups = new Map<string, number>();
  #underWay = 0;

  constructor({
    allow = [],
    plainHttp = 'allowed-addresses',
    timeoutMs = 5_000,
    maxBytes = 1_048_576,
    concurrency = 64,
    groupConcurrency = Math.ceil(concurrency / 4),
    resolver = resolveAll,
    ca = [],
    ownAddresses,
  }: OutgoingOptions = {}) {
    this.#options = { plainHttp, timeoutMs, maxBytes, concurrency, groupConcurrency, resolver, ca };
    this.#guard = new AddressGuard({ allow, ...(ownAddresses === undefined ? {} : { ownAddresses }) });
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** @throws {OutgoingError} */
  async send(url: string, request: OutgoingRequest = {}): Promise<OutgoingAnswer> {
    const timeoutMs = Math.min(request.timeoutMs ?? this.#options.timeoutMs, this.#options.timeoutMs);
    // Not AbortSignal.timeout: its timer would not be ended with the request.
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(new OutgoingError('timed-out', `no whole answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const signal = AbortSignal.any([
      deadline.signal,
      this.#closing.signal,
      ...(request.signal ? [request.signal] : []),
    ]);
    try {
      signal.throwIfAborted();
      const leaveGroup = this.#enterGroup(request.group ?? checkUrl(url).host);
      try {
        await this.#enter(signal);
        try {
          return await this.#follow(url, request, signal);
        } finally {
          this.#leave();
        }
      } finally {
        leaveGroup();
      }
    } catch (error) {
      if (error instanceof OutgoingError) throw error;
      throw new OutgoingError('aborted', 'the request was given up', { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** `fetch` with everything above; bound, so that it can be given away alone. */
  readonly fetch = async (url: string | URL, init: OutgoingInit = {}): Promise<Response> => {
    const text = String(url);
    const answer = await this.send(text, {
      ...(init.method === undefined ? {} : { method: init.method }),
      ...(init.headers === undefined ? {} : { headers: init.headers }),
      body: bodyOf(init.body),
      signal: init.signal ?? null,
      maxRedirects: init.redirect === 'follow' ? 5 : 0,
    });
    if (init.redirect === 'error' && REDIRECTS.has(answer.status)) {
      throw new OutgoingError('redirected', `${new URL(text).host} answers with a redirect`);
    }
    const headers = new Headers();
    for (let index = 0; index + 1 < answer.fields.length; index += 2) {
      headers.append(answer.fields[index] ?? '', answer.fields[index + 1] ?? '');
    }
    const { status } = answer;
    const body = NO_BODY.has(status) ? null : Uint8Array.from(answer.body);
    return new Response(body, { status, statusText: answer.statusText, headers });
  };

  /** Ends what is under way; later requests fail with `aborted`. */
  close(): void {
    this.#closing.abort(new OutgoingError('aborted', 'outgoing requests are closed'));
  }

  async #follow(url: string, request: OutgoingRequest, signal: AbortSignal): Promise<OutgoingAnswer> {
    let target = checkUrl(url);
    let pinned: Omit<PinnedRequest, 'url' | 'addresses'> = {
      method: (request.method ?? 'GET').toUpperCase(),
      headers: new Headers(headersOf(request.headers)),
      body: bytesOf(request.body),
      signal,
      maxBytes: Math.min(request.maxBytes ?? this.#options.maxBytes, this.#options.maxBytes),
      ca: this.#options.ca,
    };
    for (let redirects = 0; ; redirects += 1) {
      const addresses = await this.#addressesOf(target, signal);
      const answer = await sendPinned({ ...pinned, url: target, addresses });
      const next = redirects < (request.maxRedirects ?? 0) ? redirectTarget(answer, target) : null;
      if (next === null) return { ...answer, url: target.href, redirects };
      pinned = redirected(pinned, answer.status, target, next);
      target = next;
    }
  }

  /** The addresses to dial, all of them checked: one that is refused refuses the name, whatever else it has. */
  async #addressesOf(url: URL, signal: AbortSignal): Promise<readonly string[]> {
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const addresses = isIP(hostname) === 0 ? await this.#resolve(hostname, signal) : [hostname];
    for (const address of addresses) {
      const verdict = this.#guard.check(address);
      if (verdict === 'refused') {
        throw new OutgoingError('refused-address', `${hostname} has an address that may not be dialled`);
      }
      const { plainHttp } = this.#options;
      const plainAllowed = plainHttp === 'always' || (plainHttp === 'allowed-addresses' && verdict === 'allowed');
      if (url.protocol === 'http:' && !plainAllowed) {
        throw new OutgoingError('bad-url', `${hostname} can be asked by https only`);
      }
    }
    return addresses;
  }

  async #resolve(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    const addresses = await untilAborted(this.#options.resolver(hostname), signal).catch((error: unknown) => {
      if (error instanceof OutgoingError || signal.aborted) throw error;
      throw new OutgoingError('unresolved', `${hostname} cannot be resolved`, { cause: error });
    });
    if (addresses.length === 0) throw new OutgoingError('unresolved', `${hostname} has no address`);
    // More could not be told apart from an attempt to hide one.
    if (addresses.length > ADDRESSES_MAX) throw new OutgoingError('unresolved', `${hostname} has too many addresses`);
    return addresses;
  }

  /** Those that wait count as well: a group gets no more places in the queue than under way. */
  #enterGroup(group: string): () => void {
    const count = this.#groups.get(group) ?? 0;
    if (count >= this.#options.groupConcurrency) {
      throw new OutgoingError('busy', 'too many requests to the same place are under way');
    }
    this.#groups.set(group, count + 1);
    return () => {
      const left = (this.#groups.get(group) ?? 1) - 1;
      if (left === 0) this.#groups.delete(group);
      else this.#groups.set(group, left);
    };
  }

  async #enter(signal: AbortSignal): Promise<void> {
    const { concurrency } = this.#options;
    if (this.#underWay < concurrency) {
      this.#underWay += 1;
      return;
    }
    if (this.#waiting.length >= concurrency) {
      throw new OutgoingError('busy', 'too many outgoing requests are under way');
    }
    const turn = Promise.withResolvers<void>();
    const take = (): void => turn.resolve();
    this.#waiting.push(take);
    try {
      await untilAborted(turn.promise, signal);
    } catch (error) {
      const index = this.#waiting.indexOf(take);
      // It was given the turn in the same moment: pass it on.
      if (index === -1) this.#leave();
      else this.#waiting.splice(index, 1);
      throw error;
    }
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#underWay -= 1;
    else next();
  }
}

/** A `fetch` for libraries that take one; see `Outgoing`. */
export function createOutgoingFetch(
  options: OutgoingOptions = {},
): (url: string | URL, init?: OutgoingInit) => Promise<Response> {
  return new Outgoing(options).fetch;
}

async function resolveAll(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address);
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function checkUrl(text: string): URL {
  const url = text.length > URL_CHARACTERS_MAX ? null : URL.parse(text);
  if (url === null) throw new OutgoingError('bad-url', 'this is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new OutgoingError('bad-url', `${url.protocol} URLs cannot be asked`);
  }
  if (url.username !== '' || url.password !== '') throw new OutgoingError('bad-url', 'a URL may not hold a password');
  return url;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

function redirectTarget(answer: { status: number; fields: readonly string[] }, from: URL): URL | null {
  if (!REDIRECTS.has(answer.status)) return null;
  const index = answer.fields.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'location');
  const location = index === -1 ? null : URL.parse(answer.fields[index + 1] ?? '', from.href);
  if (location === null) return null;
  const target = checkUrl(location.href);
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw new OutgoingError('redirected', `${from.host} redirects from https to http`);
  }
  return target;
}

/** As browsers do: 303, and 301 and 302 after a POST, become GET; another origin gets no credentials. */
function redirected(
  request: Omit<PinnedRequest, 'url' | 'addresses'>,
  status: number,
  from: URL,
  to: URL,
): Omit<PinnedRequest, 'url' | 'addresses'> {
  const headers = new Headers(request.headers);
  if (from.origin !== to.origin) for (const name of ['authorization', 'cookie']) headers.delete(name);
  const becomesGet =
    (status === 303 && request.method !== 'HEAD') || (status !== 307 && status !== 308 && request.method === 'POST');
  if (!becomesGet) return { ...request, headers };
  headers.delete('content-type');
  return { ...request, method: 'GET', body: null, headers };
}

function headersOf(headers: OutgoingRequest['headers']): Headers | [string, string][] {
  if (headers === undefined) return [];
  if (headers instanceof Headers) return headers;
  if (isPairs(headers)) return headers.map(([name, value]): [string, string] => [name, value]);
  return Object.entries(headers);
}

function isPairs(
  headers: Readonly<Record<string, string>> | readonly (readonly [string, string])[],
): headers is readonly (readonly [string, string])[] {
  return Array.isArray(headers);
}

function bytesOf(body: OutgoingRequest['body']): Buffer | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return Buffer.from(body, 'utf8');
  if (body instanceof URLSearchParams) return Buffer.from(body.toString(), 'utf8');
  return body instanceof ArrayBuffer ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** Only bodies whose length is known: nothing here streams. */
function bodyOf(body: unknown): string | Uint8Array | URLSearchParams | ArrayBuffer | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  if (body instanceof URLSearchParams || body instanceof ArrayBuffer) return body;
  throw new TypeError('a body is a text, bytes or URLSearchParams');
}
