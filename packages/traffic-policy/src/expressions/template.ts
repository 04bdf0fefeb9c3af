import { bounded } from './budget.ts';
import { compileExpression, Expression, guarded } from './expression.ts';
import type { LanguageName, RefusedExpression } from './language.ts';
import type { PolicyScope } from './scope.ts';
import { valueToText } from './values.ts';

/** A text of a policy in which `${expression}` stands for a value. `$${` is a plain `${`. */
export class Template {
  readonly source: string;
  /** The text itself when there is no expression in it. */
  readonly constant: string | null;
  readonly #parts: readonly (string | Expression)[];
  readonly #place: TemplatePlace;

  constructor(source: string, parts: readonly (string | Expression)[], place: TemplatePlace) {
    this.source = source;
    this.#parts = parts;
    this.#place = place;
    this.constant = parts.every((part) => typeof part === 'string') ? parts.join('') : null;
  }

  /**
   * The text for a request.
   *
   * @throws {PorticoError} 2238 when an expression fails, 2249 when it costs too much.
   */
  text(scope: PolicyScope): string {
    if (this.constant !== null) return this.constant;
    return this.#guarded(scope, () => {
      let out = '';
      for (const part of this.#parts) {
        out = bounded(out + (typeof part === 'string' ? part : valueToText(part.unguardedValue(scope))));
      }
      return out;
    });
  }

  /** Its value: a template that is exactly one `${…}` keeps the type of the expression, any other is text. */
  value(scope: PolicyScope): unknown {
    const [only] = this.#parts;
    if (this.#parts.length !== 1 || !(only instanceof Expression)) return this.text(scope);
    return this.#guarded(scope, () => only.unguardedValue(scope));
  }

  get expressions(): readonly Expression[] {
    return this.#parts.filter((part) => part instanceof Expression);
  }

  #guarded<T>(scope: PolicyScope, work: () => T): T {
    const { field, action } = this.#place;
    return guarded(scope, `${field} of ${action}`, 2238, { field, action, expression: this.source }, work);
  }
}

/** Names field and action in errors. */
export interface TemplatePlace {
  readonly field: string;
  readonly action: string;
}

/** A template without expressions. */
export function constantTemplate(text: string): Template {
  return new Template(text, [text], { field: '', action: '' });
}

/** Compiles a text that may hold expressions. A refusal's offset is in the text. */
export function compileTemplate(
  source: string,
  language: LanguageName,
  place: TemplatePlace,
): Template | RefusedExpression {
  const parts: (string | Expression)[] = [];
  let literal = '';
  let at = 0;
  while (at < source.length) {
    const dollar = source.indexOf('${', at);
    if (dollar === -1) break;
    if (source[dollar - 1] === '$' && dollar - 1 >= at) {
      literal += `${source.slice(at, dollar - 1)}\${`;
      at = dollar + 2;
      continue;
    }
    literal += source.slice(at, dollar);
    const read = readExpression(source, dollar + 2, language);
    if (read.kind === 'refused') {
      const plainly = readEscapedExpression(source, dollar + 2, language);
      if (plainly === null) return read;
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(plainly.expression);
      at = plainly.end + 1;
      continue;
    }
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(read.expression);
    at = read.end + 1;
  }
  literal += source.slice(at);
  if (literal !== '' || parts.length === 0) parts.push(literal);
  return new Template(source, parts, place);
}

interface ReadExpression {
  readonly kind: 'read';
  readonly expression: Expression;
  /** Where its `}` is. */
  readonly end: number;
}

/** The expression that begins at `from`, behind its `${`. */
function readExpression(source: string, from: number, language: LanguageName): ReadExpression | RefusedExpression {
  const end = expressionEnd(source, from);
  if (end === null) {
    const hint = 'Write $${ for a plain ${.';
    return { kind: 'refused', reason: 'the ${ is never closed', offset: from - 2, hint };
  }
  const expression = compileExpression(source.slice(from, end), language);
  if (expression instanceof Expression) return { kind: 'read', expression, end };
  return { ...expression, offset: from + expression.offset };
}

/**
 * The same with `\\"` read as a plain quote: people write `"${req.headers[\\"a\\"][0]}"`, and between single quotes YAML
 * leaves the backslashes where they are. Null when that is no expression either.
 */
function readEscapedExpression(source: string, from: number, language: LanguageName): ReadExpression | null {
  if (!source.includes('\\"', from)) return null;
  const plain = source.slice(from).replaceAll('\\"', '"');
  const read = readExpression(plain, 0, language);
  if (read.kind === 'refused') return null;
  // As far as it went, back in the text as it stands: every quote before its end may have lost a backslash.
  let end = from;
  for (let at = 0; at < read.end; at += 1) end += source.startsWith('\\"', end) ? 2 : 1;
  return { ...read, end };
}

/** Where the `}` is that closes an expression: braces of maps and those inside its strings do not. */
function expressionEnd(source: string, from: number): number | null {
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    const character = source[at];
    if (character === '"' || character === "'") {
      const end = stringEnd(source, at);
      if (end === null) return null;
      at = end;
    } else if (character === '{') {
      depth += 1;
    } else if (character === '}') {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  return null;
}

/** The last character of the CEL string that begins here: `'…'`, `"…"`, tripled or raw (`r'\'`). */
function stringEnd(source: string, start: number): number | null {
  const quote = source[start] ?? '';
  const triple = quote.repeat(3);
  const closing = source.startsWith(triple, start) ? triple : quote;
  const raw = /[rR]/.test(source[start - 1] ?? '') && !/[\w]/.test((source[start - 2] ?? '').replace(/[bB]/, ''));
  for (let at = start + closing.length; at < source.length; at += 1) {
    if (source[at] === '\\' && !raw) at += 1;
    else if (source.startsWith(closing, at)) return at + closing.length - 1;
  }
  return null;
}
