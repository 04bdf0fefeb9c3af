import { PorticoError } from '@portico/errors';

/**
 * The part of CEL that lists and events can be filtered with. One expression over `obj`, the item as the API shows it, or
 * `ev`, the object of an event:
 *
 * - `! && || ( )`, `== != < <= > >=`, `x in ["a", "b"]`, `"a" in obj.acl`
 * - strings, numbers, `true`, `false`, `null`, `size(x)`
 * - `timestamp("2026-01-01T00:00:00Z")`, `timestamp(time.now).subtract("7d")`, `.add("24h")`
 * - `x.startsWith("a")`, `.endsWith`, `.contains`; not on ids
 *
 * No index, arithmetic, ternary or regular expression. Everything is bounded: the text, the depth, the work per item.
 */
export interface Filter {
  (item: unknown): boolean;
  /** What every item that it accepts has: by these the database can look before anything is read. */
  readonly equals: readonly Equality[];
}

export interface Equality {
  readonly field: string;
  readonly value: string;
}

type Value = string | number | boolean | null | Date | readonly Value[];
type Term = (item: unknown) => Value;

interface Parsed {
  readonly term: Term;
  /** Null: not a field. */
  readonly field: string | null;
  /** A text that stands there as it is; null: something else. */
  readonly literal?: string;
  readonly equals?: readonly Equality[];
}

const textMax = 4_096;
const depthMax = 32;

/** @param fields what may be compared besides id and created_at. Throws 250 with what is wrong and where. */
export function parseFilter(text: string, fields: readonly string[], now: Date): Filter {
  return parse(text, { root: 'obj', fields: ['id', 'created_at', ...fields], now });
}

/** @param fields what may be compared. Throws 250 with what is wrong and where. */
export function parseEventFilter(text: string, fields: readonly string[], now: Date): Filter {
  return parse(text, { root: 'ev', fields, now });
}

interface Language {
  readonly root: 'obj' | 'ev';
  readonly fields: readonly string[];
  readonly now: Date;
}

function parse(text: string, language: Language): Filter {
  if (text.length > textMax) throw refused(`it is longer than ${textMax} characters`);
  const { term, equals = [] } = new Parser(tokensOf(text), language).parse();
  return Object.assign((item: unknown) => term(item) === true, { equals });
}

type Token = {
  readonly kind: 'string' | 'number' | 'name' | 'mark' | 'end';
  readonly text: string;
  readonly at: number;
};

function tokensOf(text: string): Token[] {
  const pattern =
    /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(&&|\|\||[=!<>]=|[!<>().,[\]]))/gy;
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null) throw refused(`${JSON.stringify(text.slice(at).trim().slice(0, 12))} is not understood here`);
    const [, string, number, name, mark = ''] = match;
    if (string !== undefined) tokens.push({ kind: 'string', text: unescaped(string.slice(1, -1)), at });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, at });
    else tokens.push({ kind: 'mark', text: mark, at });
  }
  tokens.push({ kind: 'end', text: 'the end', at: end });
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #root: string;
  readonly #fields: ReadonlySet<string>;
  readonly #now: Date;
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], { root, fields, now }: Language) {
    this.#tokens = tokens;
    this.#root = root;
    this.#fields = new Set(fields);
    this.#now = now;
  }

  parse(): Parsed {
    const parsed = this.#or();
    if (this.#peek().kind !== 'end') throw this.#unexpected();
    return parsed;
  }

  #or(): Parsed {
    this.#depth += 1;
    if (this.#depth > depthMax) throw refused(`it is nested deeper than ${depthMax}`);
    let left = this.#and();
    while (this.#take('||')) {
      const [a, b] = [left.term, this.#and().term];
      left = plain((item) => a(item) === true || b(item) === true);
    }
    this.#depth -= 1;
    return left;
  }

  #and(): Parsed {
    let left = this.#comparison();
    while (this.#take('&&')) {
      const right = this.#comparison();
      const [a, b] = [left.term, right.term];
      const equals = [...(left.equals ?? []), ...(right.equals ?? [])];
      left = { ...plain((item) => a(item) === true && b(item) === true), equals };
    }
    return left;
  }

  #comparison(): Parsed {
    const left = this.#unary();
    const { text } = this.#peek();
    const compare = comparisons.get(text);
    if (compare === undefined) return left;
    this.#next += 1;
    const right = text === 'in' ? this.#listOrValue() : this.#unary();
    const parsed = plain((item) => compare(left.term(item), right.term(item)));
    return text === '==' ? { ...parsed, equals: [...equality(left, right), ...equality(right, left)] } : parsed;
  }

  #unary(): Parsed {
    let negations = 0;
    while (this.#take('!')) negations += 1;
    const value = this.#withMethods(this.#primary());
    if (negations === 0) return value;
    return plain((item) => (value.term(item) === true) === (negations % 2 === 0));
  }

  #withMethods(value: Parsed): Parsed {
    let result = value;
    while (this.#take('.')) {
      const method = this.#name();
      this.#expect('(');
      const argument = this.#string();
      this.#expect(')');
      const test = textMethods.get(method);
      const sign = method === 'add' ? 1 : method === 'subtract' ? -1 : 0;
      const { term, field } = result;
      if (test !== undefined) {
        if (field !== null && /(^|[._])id$/.test(field)) throw refused(`${method} cannot be used on ${field}`);
        result = plain((item) => {
          const text = term(item);
          return typeof text === 'string' && test(text, argument);
        });
      } else if (sign !== 0) {
        const ms = sign * durationMs(argument);
        result = plain((item) => {
          const time = term(item);
          return time instanceof Date ? new Date(time.getTime() + ms) : null;
        });
      } else throw refused(`there is no ${method}`);
    }
    return result;
  }

  #primary(): Parsed {
    const token = this.#peek();
    if (token.kind === 'string' || token.kind === 'number') {
      this.#next += 1;
      const value = token.kind === 'string' ? token.text : Number(token.text);
      const parsed = plain(() => value);
      return typeof value === 'string' ? { ...parsed, literal: value } : parsed;
    }
    if (this.#take('(')) {
      const inner = this.#or();
      this.#expect(')');
      return inner;
    }
    if (token.text === '[') return this.#listOrValue();
    if (token.kind !== 'name') throw this.#unexpected();
    this.#next += 1;
    const constant = constants.get(token.text);
    if (constant !== undefined) return plain(() => constant);
    if (token.text === this.#root) return this.#field();
    if (token.text === 'size') {
      this.#expect('(');
      const { term } = this.#or();
      this.#expect(')');
      return plain((item) => sizeOf(term(item)));
    }
    if (token.text === 'timestamp') return this.#timestamp();
    throw refused(`${token.text} is not known`);
  }

  #field(): Parsed {
    const names: string[] = [];
    const known = [...this.#fields];
    // As long as more names can belong to a field: what follows is a method.
    while (
      this.#peek().text === '.' &&
      known.some((field) => field.startsWith([...names, this.#peek(1).text].join('.')))
    ) {
      this.#next += 1;
      names.push(this.#name());
    }
    const field = names.join('.');
    if (!this.#fields.has(field)) {
      const wanted = `${this.#root}.${field === '' ? this.#peek(1).text : field}`;
      throw refused(`${wanted} cannot be filtered by; there are ${known.join(', ')}`);
    }
    return { field, term: (item) => valueAt(item, names) };
  }

  #timestamp(): Parsed {
    this.#expect('(');
    if (this.#peek().kind === 'string') {
      const text = this.#string();
      const time = new Date(text);
      if (Number.isNaN(time.getTime())) throw refused(`${JSON.stringify(text)} is not a time`);
      this.#expect(')');
      return plain(() => time);
    }
    if (this.#name() !== 'time' || !this.#take('.') || this.#name() !== 'now') throw this.#unexpected();
    this.#expect(')');
    return plain(() => this.#now);
  }

  #listOrValue(): Parsed {
    const close = this.#take('[') ? ']' : this.#take('(') ? ')' : null;
    if (close === null) return this.#unary();
    const terms: Term[] = [];
    if (!this.#take(close)) {
      do terms.push(this.#unary().term);
      while (this.#take(','));
      this.#expect(close);
    }
    return plain((item) => terms.map((term) => term(item)));
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)] ?? { kind: 'end', text: '', at: 0 };
  }

  #take(mark: string): boolean {
    const token = this.#peek();
    if (token.kind !== 'mark' || token.text !== mark) return false;
    this.#next += 1;
    return true;
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) throw this.#unexpected();
  }

  #name(): string {
    const token = this.#peek();
    if (token.kind !== 'name') throw this.#unexpected();
    this.#next += 1;
    return token.text;
  }

  #string(): string {
    const token = this.#peek();
    if (token.kind !== 'string') throw this.#unexpected();
    this.#next += 1;
    return token.text;
  }

  #unexpected(): PorticoError {
    const { text, at } = this.#peek();
    return refused(`${JSON.stringify(text)} is not expected at character ${at + 1}`);
  }
}

const constants = new Map<string, Value>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

const textMethods = new Map<string, (text: string, part: string) => boolean>([
  ['startsWith', (text, part) => text.startsWith(part)],
  ['endsWith', (text, part) => text.endsWith(part)],
  ['contains', (text, part) => text.includes(part)],
]);

const comparisons = new Map<string, (a: Value, b: Value) => boolean>([
  ['==', equal],
  ['!=', (a, b) => !equal(a, b)],
  ['<', (a, b) => ordered(a, b, (order) => order < 0)],
  ['<=', (a, b) => ordered(a, b, (order) => order <= 0)],
  ['>', (a, b) => ordered(a, b, (order) => order > 0)],
  ['>=', (a, b) => ordered(a, b, (order) => order >= 0)],
  ['in', (a, b) => Array.isArray(b) && b.some((value: Value) => equal(a, value))],
]);

function equal(a: Value, b: Value): boolean {
  if (a instanceof Date || b instanceof Date) return ordered(a, b, (order) => order === 0);
  return a === b;
}

/** Values of two kinds have no order; a time is compared with the text of a time. */
function ordered(a: Value, b: Value, accept: (order: number) => boolean): boolean {
  if (a instanceof Date || b instanceof Date) {
    const order = timeOf(a) - timeOf(b);
    return !Number.isNaN(order) && accept(order);
  }
  if (typeof a === 'number' && typeof b === 'number') return accept(a - b);
  if (typeof a === 'string' && typeof b === 'string') return accept(a < b ? -1 : a > b ? 1 : 0);
  return false;
}

function timeOf(value: Value): number {
  if (value instanceof Date) return value.getTime();
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

function sizeOf(value: Value): number {
  return typeof value === 'string' || Array.isArray(value) ? value.length : 0;
}

function valueAt(item: unknown, names: readonly string[]): Value {
  let value = item;
  for (const name of names) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
    value = Reflect.get(value, name);
  }
  return asValue(value);
}

function asValue(value: unknown): Value {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) ? value.map(asValue) : null;
}

const units = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

function durationMs(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  if (match === null) throw refused(`${JSON.stringify(text)} is not a duration such as 24h or 7d`);
  return Number(match[1]) * (units.get(match[2] ?? '') ?? 0);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_whole, character: string) =>
    character === 'n' ? '\n' : character === 't' ? '\t' : character,
  );
}

function equality({ field }: Parsed, { literal }: Parsed): Equality[] {
  return field === null || literal === undefined ? [] : [{ field, value: literal }];
}

function plain(term: Term): Parsed {
  return { term, field: null };
}

function refused(reason: string): PorticoError {
  return new PorticoError(250, { reason });
}
