import { Duration } from '@marcbachmann/cel-js/evaluator';
import { classRecord, DURATION, TIMESTAMP } from '../expressions/record-type.ts';

/** A cookie of a request (name and value) or of a response (attributes too, RFC 6265 section 5.2). */
export class Cookie {
  readonly name: string;
  readonly value: string;
  readonly #attributes: ReadonlyMap<string, string>;

  constructor(name: string, value: string, attributes: ReadonlyMap<string, string> = new Map()) {
    this.name = name;
    this.value = value;
    this.#attributes = attributes;
  }

  get domain(): string | undefined {
    return this.#attributes.get('domain');
  }

  get path(): string | undefined {
    return this.#attributes.get('path');
  }

  get expires(): Date | undefined {
    const date = new Date(this.#attributes.get('expires') ?? '');
    return Number.isNaN(date.getTime()) ? undefined : date;
  }

  get max_age(): Duration | undefined {
    const text = this.#attributes.get('max-age');
    return text !== undefined && /^-?\d{1,12}$/.test(text) ? new Duration(BigInt(text), 0) : undefined;
  }

  get secure(): boolean {
    return this.#attributes.has('secure');
  }

  get http_only(): boolean {
    return this.#attributes.has('httponly');
  }

  get same_site(): string | undefined {
    return this.#attributes.get('samesite');
  }

  get unparsed_attributes(): Map<string, string> {
    return new Map([...this.#attributes].filter(([name]) => !KNOWN_ATTRIBUTES.has(name)));
  }
}

const KNOWN_ATTRIBUTES = new Set(['domain', 'path', 'expires', 'max-age', 'secure', 'httponly', 'samesite']);

export const COOKIE = classRecord('Cookie', Cookie, {
  name: 'string',
  value: 'string',
  domain: 'string',
  path: 'string',
  expires: TIMESTAMP,
  max_age: DURATION,
  secure: 'bool',
  http_only: 'bool',
  same_site: 'string',
  unparsed_attributes: 'map<string, string>',
});

/** `Cookie` fields of a request: name → cookies in order. At most 1,000 are read. */
export function requestCookies(values: readonly string[]): Map<string, Cookie[]> {
  const cookies = new Map<string, Cookie[]>();
  let left = 1_000;
  for (const value of values) {
    for (const pair of value.split(';', left)) {
      const [name, text] = splitPair(pair);
      if (name === '') continue;
      left -= 1;
      add(cookies, new Cookie(name, text));
    }
  }
  return cookies;
}

/** `Set-Cookie` fields of a response; of equal names the one with the longest path is first. */
export function responseCookies(values: readonly string[]): Map<string, Cookie[]> {
  const cookies = new Map<string, Cookie[]>();
  for (const value of values.slice(0, 1_000)) {
    const [pair = '', ...rest] = value.split(';', 64);
    const [name, text] = splitPair(pair);
    if (name === '') continue;
    const attributes = new Map<string, string>();
    for (const attribute of rest) {
      const [key, content] = splitPair(attribute);
      if (key !== '') attributes.set(key.toLowerCase(), content);
    }
    add(cookies, new Cookie(name, text, attributes));
  }
  for (const list of cookies.values()) list.sort((a, b) => (b.path ?? '').length - (a.path ?? '').length);
  return cookies;
}

function splitPair(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals === -1) return [text.trim(), ''];
  return [text.slice(0, equals).trim(), unquote(text.slice(equals + 1).trim())];
}

function unquote(text: string): string {
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

function add(cookies: Map<string, Cookie[]>, cookie: Cookie): void {
  const list = cookies.get(cookie.name);
  if (list === undefined) cookies.set(cookie.name, [cookie]);
  else list.push(cookie);
}
