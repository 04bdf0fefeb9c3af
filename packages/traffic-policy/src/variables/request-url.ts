import { classRecord, TEXT_FIELD } from '../expressions/record-type.ts';

/**
 * The URL of a request. `path` is percent-decoded and free of dot segments, so that a rule on `/admin` cannot be passed
 * by `/%61dmin` or `/x/../admin`; `raw_path` and `raw` are what the visitor sent.
 */
export class RequestUrl {
  readonly scheme: string;
  readonly authority: string;
  readonly #target: string;
  #path: string | null = null;
  #params: Map<string, string[]> | null = null;

  constructor(scheme: string, authority: string, target: string) {
    this.scheme = scheme;
    this.authority = authority;
    this.#target = target;
  }

  get [TEXT_FIELD](): string {
    return `${this.scheme}://${this.authority.toLowerCase()}${normalisePath(this.raw_path)}${this.#search}`;
  }

  get host(): string {
    return hostOf(this.authority);
  }

  /** Undefined when the URL names none. */
  get port(): bigint | undefined {
    const digits = /:(\d{1,5})$/.exec(this.authority)?.[1];
    return digits === undefined ? undefined : BigInt(digits);
  }

  get user_password(): string {
    const at = this.authority.lastIndexOf('@');
    return at === -1 ? '' : this.authority.slice(0, at);
  }

  get raw_path(): string {
    const question = this.#target.indexOf('?');
    return question === -1 ? this.#target : this.#target.slice(0, question);
  }

  get path(): string {
    this.#path ??= removeDotSegments(decodePercent(this.raw_path));
    return this.#path;
  }

  get query(): string {
    return this.#search.slice(1);
  }

  get query_params(): Map<string, string[]> {
    this.#params ??= parseQuery(this.query);
    return this.#params;
  }

  get uri(): string {
    return this.#target;
  }

  get raw(): string {
    return `${this.scheme}://${this.authority}${this.#target}`;
  }

  get #search(): string {
    const question = this.#target.indexOf('?');
    return question === -1 ? '' : this.#target.slice(question);
  }
}

export const REQUEST_URL = classRecord('RequestUrl', RequestUrl, {
  [TEXT_FIELD]: 'string',
  scheme: 'string',
  authority: 'string',
  host: 'string',
  port: 'int',
  path: 'string',
  raw_path: 'string',
  query: 'string',
  query_params: 'map<string, list<string>>',
  uri: 'string',
  raw: 'string',
  user_password: 'string',
});

/** Host name without user, port and brackets' port; lower-case. */
export function hostOf(authority: string): string {
  const host = authority.slice(authority.lastIndexOf('@') + 1).replace(/:\d*$/, '');
  return host.toLowerCase();
}

/** `application/x-www-form-urlencoded` as URLSearchParams reads it; at most 1,000 pairs. */
export function parseQuery(query: string): Map<string, string[]> {
  const params = new Map<string, string[]>();
  for (const pair of query.split('&', 1_000)) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = decodeForm(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : decodeForm(pair.slice(equals + 1));
    const values = params.get(key);
    if (values === undefined) params.set(key, [value]);
    else values.push(value);
  }
  return params;
}

function decodeForm(text: string): string {
  return decodePercent(text.replaceAll('+', ' '));
}

/** Percent-decoded as UTF-8; what does not decode stays as it is. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // Some run of it is no UTF-8 or no hex at all: decode run by run.
    return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => {
      try {
        return decodeURIComponent(run);
      } catch {
        return run;
      }
    });
  }
}

/** RFC 3986 section 5.2.4. */
export function removeDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const out: string[] = [];
  const segments = path.split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    if (segment === '.' || segment === '..') {
      if (segment === '..' && out.length > 1) out.pop();
      if (last) out.push('');
    } else {
      out.push(segment);
    }
  }
  return out.join('/');
}

/** RFC 3986 section 6.2.2: upper-case hex, unreserved characters decoded, dot segments removed. */
function normalisePath(path: string): string {
  const decoded = path.includes('%')
    ? path.replace(/%([0-9a-fA-F]{2})/g, (whole, hex: string) => {
        const character = String.fromCharCode(Number.parseInt(hex, 16));
        return /[A-Za-z0-9\-._~]/.test(character) ? character : whole.toUpperCase();
      })
    : path;
  return removeDotSegments(decoded);
}
