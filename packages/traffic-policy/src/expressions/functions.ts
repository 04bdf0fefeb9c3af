import type { Phase } from '../document/phase.ts';
import { type Cidr, cidrContains, isPrivateIp, parseCidr, parseIp } from '../ip-address.ts';
import { EVALUATION_LIMITS } from '../limits.ts';
import { COOKIE, type Cookie } from '../variables/cookies.ts';
import { decodePercent, parseQuery, REQUEST_URL, RequestUrl } from '../variables/request-url.ts';
import { activeScope } from './active-scope.ts';
import { bounded, OverBudget } from './budget.ts';
import { formatText } from './format-text.ts';
import { HASHES, type HashName } from './hashes.ts';
import { fromPlain, toPlain, valueToText } from './values.ts';

/** One function or method that the policy language has beyond those of CEL itself. */
export interface LanguageFunction {
  /** `string.lower(): string`, `getReqHeader(string): list<string>`; a namespace is a receiver of its type. */
  readonly signature: string;
  /** Where it exists; everywhere when absent. */
  readonly phases?: readonly Phase[];
  readonly run: (...parameters: never[]) => unknown;
}

/** `base64.encode(…)` is a method of a constant: namespace → the type of that constant. */
export const NAMESPACES = {
  base64: 'Base64Namespace',
  json: 'JsonNamespace',
  queryString: 'QueryStringNamespace',
  basic_auth: 'BasicAuthNamespace',
  url: 'UrlNamespace',
  rand: 'RandNamespace',
  lists: 'ListsNamespace',
  strings: 'StringsNamespace',
  hash: 'HashNamespace',
  secrets: 'SecretsNamespace',
} as const;

/**
 * What calls cost beyond the ordinary, in units of `budget.ts`: for each character of their texts (a quarter without an
 * entry), for each call, and for a call with a time zone, which goes through Intl and takes 50 µs.
 */
export const CALL_COSTS: Readonly<Record<string, CallCost>> = {
  decode: { perCharacter: 4 },
  decodeJson: { perCharacter: 4 },
  isJson: { perCharacter: 4 },
  parse: { each: 400 },
  parseUrl: { each: 400 },
  isURL: { each: 400 },
  ...costs(['md5', 'sha1', 'sha256', 'sha512', 'crc32'], { each: 1_000, perCharacter: 1 }),
  ...costs(['crc64', 'xxhash64'], { each: 1_000, perCharacter: 40 }),
  ...costs(
    [
      'getDate',
      'getDayOfMonth',
      'getDayOfWeek',
      'getDayOfYear',
      'getFullYear',
      'getHours',
      'getMilliseconds',
      'getMinutes',
      'getMonth',
      'getSeconds',
    ],
    { zoned: 10_000 },
  ),
};

interface CallCost {
  readonly perCharacter?: number;
  readonly each?: number;
  readonly zoned?: number;
}

function costs(names: readonly string[], cost: CallCost): Record<string, CallCost> {
  return Object.fromEntries(names.map((name) => [name, cost]));
}

/** Names of cel-js that are replaced, because its own differ from the language: they touch letters beyond ASCII. */
export const RENAMED_METHODS: Readonly<Record<string, string>> = {
  lowerAscii: 'lower_ascii',
  upperAscii: 'upper_ascii',
};

const HTTP: readonly Phase[] = ['on_http_request', 'on_http_response', 'on_event_stream_message'];
const RESPONSE: readonly Phase[] = ['on_http_response', 'on_event_stream_message'];

export const FUNCTIONS: readonly LanguageFunction[] = [
  // Requests and responses
  { signature: 'getReqHeader(string): list<string>', phases: HTTP, run: (name: string) => reqHeader(name) },
  { signature: 'hasReqHeader(string): bool', phases: HTTP, run: (name: string) => reqHeader(name).length > 0 },
  { signature: `getReqCookie(string): ${COOKIE.name}`, phases: HTTP, run: (name: string) => cookie('req', name) },
  { signature: 'hasReqCookie(string): bool', phases: HTTP, run: (name: string) => findCookie('req', name) !== null },
  { signature: 'getQueryParam(string): list<string>', phases: HTTP, run: (name: string) => queryParam(name) ?? [] },
  { signature: 'hasQueryParam(string): bool', phases: HTTP, run: (name: string) => queryParam(name) !== null },
  { signature: 'getResHeader(string): list<string>', phases: RESPONSE, run: (name: string) => resHeader(name) },
  { signature: 'hasResHeader(string): bool', phases: RESPONSE, run: (name: string) => resHeader(name).length > 0 },
  { signature: `getResCookie(string): ${COOKIE.name}`, phases: RESPONSE, run: (name: string) => cookie('res', name) },
  {
    signature: 'hasResCookie(string): bool',
    phases: RESPONSE,
    run: (name: string) => findCookie('res', name) !== null,
  },

  // Network and secrets
  { signature: 'inCidrRange(string, string): bool', run: (ip: string, cidr: string) => inCidrs(ip, [cidr]) },
  { signature: 'inCidrRanges(string, list<string>): bool', run: (ip: string, cidrs: string[]) => inCidrs(ip, cidrs) },
  {
    signature: 'string.isPrivateIp(): bool',
    run: (text: string) => {
      const ip = parseIp(text);
      return ip !== null && isPrivateIp(ip);
    },
  },
  {
    signature: 'SecretsNamespace.get(string, string): string',
    run: (_: unknown, vault: string, name: string) => {
      const secret = activeScope().secrets.get(vault, name);
      if (secret === null) throw new Error(`there is no secret ${name} in the vault ${vault}`);
      return secret;
    },
  },

  // Strings
  {
    signature: 'string.charAt(int): string',
    run: (text: string, at: bigint) => {
      if (at < 0n || at > BigInt(text.length)) throw new Error('charAt: the position is outside the text');
      return text.charAt(Number(at));
    },
  },
  {
    signature: 'string.replace(string, string): string',
    run: (t: string, from: string, to: string) => replace(t, from, to),
  },
  {
    signature: 'string.replace(string, string, int): string',
    run: (text: string, from: string, to: string, count: bigint) => replace(text, from, to, count),
  },
  { signature: 'string.reverse(): string', run: (text: string) => [...text].reverse().join('') },
  { signature: 'string.lower(): string', run: (text: string) => bounded(text.toLowerCase()) },
  { signature: 'string.upper(): string', run: (text: string) => bounded(text.toUpperCase()) },
  {
    signature: 'string.lower_ascii(): string',
    run: (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
  },
  {
    signature: 'string.upper_ascii(): string',
    run: (text: string) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
  },
  { signature: 'string.includes(string): bool', run: (text: string, part: string) => text.includes(part) },
  { signature: 'string.split(): list<string>', run: (text: string) => text.split(/\s+/).filter((part) => part !== '') },
  { signature: 'string.format(list): string', run: (text: string, values: unknown[]) => formatText(text, values) },
  { signature: 'StringsNamespace.quote(string): string', run: (_: unknown, text: string) => quote(text) },
  { signature: 'string.isJson(): bool', run: (text: string) => parseJson(text) !== null },
  { signature: 'string.isURL(): bool', run: (text: string) => parseUrl(text) !== null },
  {
    signature: 'string.isQueryString(): bool',
    run: (text: string) => text !== '' && text.split('&').every((pair) => /^[^\s=&]+=[^\s&]*$/.test(pair)),
  },
  { signature: `string.parseUrl(): ${REQUEST_URL.name}`, run: (text: string) => requireUrl(text) },
  { signature: 'string.escapeUrl(): string', run: (text: string) => escapeUrl(text) },
  { signature: 'string.unescapeUrl(): string', run: (text: string) => decodePercent(text) },

  // Encodings
  { signature: 'Base64Namespace.encode(bytes): string', run: (_: unknown, bytes: Uint8Array) => toBase64(bytes) },
  { signature: 'Base64Namespace.encode(string): string', run: (_: unknown, text: string) => toBase64(utf8(text)) },
  { signature: 'Base64Namespace.decode(string): bytes', run: (_: unknown, text: string) => fromBase64(text) },
  { signature: 'string.encodeBase64(): string', run: (text: string) => toBase64(utf8(text)) },
  { signature: 'string.decodeBase64(): string', run: (text: string) => Buffer.from(fromBase64(text)).toString('utf8') },
  { signature: 'JsonNamespace.encode(dyn): string', run: (_: unknown, value: unknown) => toJson(value) },
  { signature: 'JsonNamespace.decode(string): dyn', run: (_: unknown, text: string) => fromJson(text) },
  { signature: 'list.encodeJson(): string', run: (value: unknown) => toJson(value) },
  { signature: 'map.encodeJson(): string', run: (value: unknown) => toJson(value) },
  { signature: 'string.decodeJson(): dyn', run: (text: string) => fromJson(text) },
  { signature: 'QueryStringNamespace.encode(map): string', run: (_: unknown, map: unknown) => encodeQuery(map) },
  {
    signature: 'QueryStringNamespace.decode(string): map<string, dyn>',
    run: (_: unknown, text: string) => decodeQuery(text),
  },
  { signature: 'map.encodeQueryString(): string', run: (map: unknown) => encodeQuery(map) },
  { signature: 'string.decodeQueryString(): map<string, dyn>', run: (text: string) => decodeQuery(text) },
  {
    signature: 'BasicAuthNamespace.encode(string, string): string',
    run: (_: unknown, user: string, password: string) => `Basic ${toBase64(utf8(`${user}:${password}`))}`,
  },
  { signature: `UrlNamespace.parse(string): ${REQUEST_URL.name}`, run: (_: unknown, text: string) => requireUrl(text) },
  { signature: 'UrlNamespace.escape(string): string', run: (_: unknown, text: string) => escapeUrl(text) },
  { signature: 'UrlNamespace.unescape(string): string', run: (_: unknown, text: string) => decodePercent(text) },

  // Random
  { signature: 'RandNamespace.double(): double', run: () => activeScope().random() },
  { signature: 'RandNamespace.int(): int', run: () => randomInteger(0n, 1n) },
  {
    signature: 'RandNamespace.int(int, int): int',
    run: (_: unknown, min: bigint, max: bigint) => randomInteger(min, max),
  },

  // Lists
  {
    signature: 'list<T>.slice(int, int): list<T>',
    run: (list: unknown[], from: bigint, to: bigint) => slice(list, from, to),
  },
  { signature: 'list.flatten(): list<dyn>', run: (list: unknown[]) => flatten(list, 1n) },
  { signature: 'list.flatten(int): list<dyn>', run: (list: unknown[], depth: bigint) => flatten(list, depth) },
  { signature: 'list<T>.distinct(): list<T>', run: (list: unknown[]) => distinct(list) },
  {
    signature: 'list<T>.sort(): list<T>',
    run: (list: unknown[]) => sortValues(list.map((item) => ({ item, key: item }))),
  },
  {
    signature: 'ListsNamespace.range(int): list<int>',
    run: (_: unknown, count: bigint) => {
      if (count < 0n) throw new Error('lists.range: the count is negative');
      if (count > BigInt(EVALUATION_LIMITS.listItems)) throw new OverBudget(`a list of ${count} items`);
      return Array.from({ length: Number(count) }, (_item, index) => BigInt(index));
    },
  },

  // Hashes
  ...Object.keys(HASHES)
    .filter(isHashName)
    .flatMap((name): LanguageFunction[] => [
      {
        signature: `HashNamespace.${name}(string): string`,
        run: (_: unknown, text: string) => hash(name, text, 'hex'),
      },
      {
        signature: `HashNamespace.${name}(string, string): string`,
        run: (_: unknown, text: string, format: string) => hash(name, text, format),
      },
      { signature: `string.${name}(): string`, run: (text: string) => hash(name, text, 'hex') },
      { signature: `string.${name}(string): string`, run: (text: string, format: string) => hash(name, text, format) },
    ]),
];

/** Items in the order of their keys. Keys of one comparable type each. */
export function sortValues(items: readonly { readonly item: unknown; readonly key: unknown }[]): unknown[] {
  const types = new Set(items.map(({ key }) => (key instanceof Uint8Array ? 'bytes' : typeof key)));
  if (types.size > 1) throw new Error('sort: the values are of different types');
  const comparable = items.map(({ item, key }) => ({ item, key: comparableKey(key) }));
  comparable.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return comparable.map(({ item }) => item);
}

function comparableKey(key: unknown): string | number | bigint {
  switch (typeof key) {
    case 'string':
    case 'number':
    case 'bigint':
      return key;
    case 'boolean':
      return key ? 1 : 0;
    default:
      break;
  }
  if (key instanceof Uint8Array) return Buffer.from(key).toString('latin1');
  const value: unknown = typeof key === 'object' && key !== null ? key.valueOf() : null;
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  throw new Error('sort: the values cannot be compared');
}

function reqHeader(name: string): string[] {
  return activeScope().variables.req?.headers.get(name.toLowerCase()) ?? [];
}

function resHeader(name: string): string[] {
  return activeScope().variables.res?.headers.get(name.toLowerCase()) ?? [];
}

function findCookie(where: 'req' | 'res', name: string): Cookie | null {
  return activeScope().variables[where]?.cookies.get(name)?.[0] ?? null;
}

function cookie(where: 'req' | 'res', name: string): Cookie {
  const found = findCookie(where, name);
  if (found === null)
    throw new Error(`there is no cookie ${name}; ask has${where === 'req' ? 'Req' : 'Res'}Cookie first`);
  return found;
}

function queryParam(name: string): string[] | null {
  return activeScope().variables.req?.url.query_params.get(name) ?? null;
}

function inCidrs(text: string, networks: readonly string[]): boolean {
  const ip = parseIp(text);
  if (ip === null) return false;
  return networks.some((cidrText) => {
    const cidr = knownCidr(cidrText);
    return cidr !== null && cidrContains(cidr, ip);
  });
}

/** The same few networks are asked for with every request. */
function knownCidr(text: string): Cidr | null {
  const known = cidrs.get(text);
  if (known !== undefined) return known;
  const cidr = parseCidr(text);
  if (cidrs.size >= 1_000) cidrs.clear();
  cidrs.set(text, cidr);
  return cidr;
}

const cidrs = new Map<string, Cidr | null>();

function replace(text: string, from: string, to: string, count = -1n): string {
  if (count === 0n) return text;
  const parts = text.split(from);
  const times = count < 0n ? parts.length - 1 : Math.min(parts.length - 1, Number(count));
  if (text.length + times * (to.length - from.length) > EVALUATION_LIMITS.textCharacters) {
    throw new OverBudget(`a text of more than ${EVALUATION_LIMITS.textCharacters} characters`);
  }
  return [parts.slice(0, times + 1).join(to), ...parts.slice(times + 1)].join(from);
}

function quote(text: string): string {
  const named: Readonly<Record<string, string>> = { '\x07': '\\a', '\v': '\\v' };
  return `"${text.toWellFormed().replace(/[\\"\x07\b\f\n\r\t\v]/g, (c) => named[c] ?? JSON.stringify(c).slice(1, -1))}"`;
}

function parseUrl(text: string): RequestUrl | null {
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const user = url.username === '' ? '' : `${url.username}${url.password === '' ? '' : `:${url.password}`}@`;
  return new RequestUrl(url.protocol.slice(0, -1), `${user}${url.host}`, `${url.pathname}${url.search}`);
}

function requireUrl(text: string): RequestUrl {
  const url = parseUrl(text);
  if (url === null) throw new Error(`${valueToText(text).slice(0, 100)} is not a URL`);
  return url;
}

function escapeUrl(text: string): string {
  const escaped = encodeURIComponent(text.toWellFormed());
  return bounded(escaped.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function toBase64(bytes: Uint8Array): string {
  return bounded(Buffer.from(bytes).toString('base64'));
}

function fromBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new Error('the text is not base64');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function toJson(value: unknown): string {
  return bounded(JSON.stringify(toPlain(value)));
}

function parseJson(text: string): { readonly value: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return null;
  }
}

function fromJson(text: string): unknown {
  const parsed = parseJson(text);
  if (parsed === null) throw new Error('the text is not JSON');
  return fromPlain(parsed.value);
}

function encodeQuery(map: unknown): string {
  const plain = toPlain(map);
  if (typeof plain !== 'object' || plain === null) return '';
  const pairs = Object.entries(plain).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map((item) => `${escapeUrl(key)}=${escapeUrl(valueToText(item))}`),
  );
  return bounded(pairs.join('&'));
}

/** One value is a text, several are a list: as `queryString.decode('q=a')['q'] == 'a'` expects. */
function decodeQuery(text: string): Map<string, unknown> {
  const map = new Map<string, unknown>();
  for (const [key, values] of parseQuery(text)) map.set(key, values.length === 1 ? values[0] : values);
  return map;
}

function randomInteger(min: bigint, max: bigint): bigint {
  if (min < 0n || max < min) throw new Error('rand.int: min and max must be positive and in order');
  const span = Number(max - min) + 1;
  return min + BigInt(Math.min(Math.floor(activeScope().random() * span), span - 1));
}

function slice(list: readonly unknown[], from: bigint, to: bigint): unknown[] {
  if (from < 0n || to < from || to > BigInt(list.length)) throw new Error('slice: the range is outside the list');
  return list.slice(Number(from), Number(to));
}

function flatten(list: readonly unknown[], depth: bigint): unknown[] {
  if (depth < 0n) throw new Error('flatten: the depth is negative');
  const flat: unknown[] = list.flat(Number(depth > 16n ? 16n : depth));
  if (flat.length > EVALUATION_LIMITS.valueNodes) throw new OverBudget(`a list of ${flat.length} items`);
  return flat;
}

function distinct(list: readonly unknown[]): unknown[] {
  const seen = new Map<string, unknown>();
  for (const item of list) {
    const key = `${typeof item === 'string' ? 's' : 'v'}${JSON.stringify(toPlain(item))}`;
    if (!seen.has(key)) seen.set(key, item);
  }
  return [...seen.values()];
}

function hash(name: HashName, text: string, format: string): string {
  if (format !== 'hex' && format !== 'base64') throw new Error(`hash: the format is hex or base64, not ${format}`);
  return Buffer.from(HASHES[name](utf8(text))).toString(format);
}

function isHashName(name: string): name is HashName {
  return Object.hasOwn(HASHES, name);
}
