import type { ErrorCode, ErrorDetails } from '@portico/errors';
import { compileExpression, compilePredicate, Expression } from '../expressions/expression.ts';
import type { LanguageName, RefusedExpression } from '../expressions/language.ts';
import { Regex, RegexRefused } from '../expressions/regex.ts';
import { compileTemplate, constantTemplate, Template } from '../expressions/template.ts';
import { didYouMean } from '../suggestion.ts';
import { formatDuration, parseDuration } from './duration.ts';
import type { Phase } from './phase.ts';
import type { Problems } from './problem.ts';
import { isEmptyNode, kindOf, type MapEntry, positionInside, type ScalarNode, type SourceNode } from './source-node.ts';

/** What a reader needs to know about the action whose configuration it reads. */
export interface ReadContext {
  readonly action: string;
  readonly phase: Phase;
  readonly problems: Problems;
}

export interface HeaderTemplate {
  readonly name: string;
  readonly value: Template;
}

/** A pattern of a policy: compiled when it is loaded, unless it holds expressions. */
export interface RegexTemplate {
  readonly template: Template;
  readonly regex: Regex | null;
}

/**
 * Reads the configuration of one action field by field. Whatever is wrong becomes a problem with its place, and a
 * harmless value is given instead: a document with a problem is refused as a whole, and all its problems are told at
 * once.
 */
export class ConfigReader {
  readonly phase: Phase;
  readonly #context: ReadContext;
  readonly #path: string;
  readonly #at: number;
  readonly #entries: ReadonlyMap<string, MapEntry>;
  readonly #asked = new Set<string>();

  constructor(node: SourceNode | null, context: ReadContext, path: string, at: number) {
    this.#context = context;
    this.phase = context.phase;
    this.#path = path;
    this.#at = node?.at ?? at;
    if (node === null || isEmptyNode(node)) {
      this.#entries = new Map();
    } else if (node.kind === 'map') {
      this.#entries = new Map(node.entries.map((entry) => [entry.key, entry]));
    } else {
      this.#entries = new Map();
      this.#add(2203, { reason: `it is ${kindOf(node)}, and has to be a map` }, node.at, path);
    }
  }

  has(name: string): boolean {
    return this.#find(name) !== null;
  }

  text(name: string, rules: TextRules = {}): string | null {
    const node = this.#scalar(name, rules.required === true);
    if (node === null) return null;
    return this.#checkText(node, name, rules) ? node.text : null;
  }

  requiredText(name: string, rules: TextRules = {}): string {
    return this.text(name, { ...rules, required: true }) ?? '';
  }

  textList(name: string, rules: ListRules = {}): readonly string[] {
    return this.#scalars(name, rules)
      .filter((node) => this.#checkText(node, name, { max: ITEM_CHARACTERS_MAX }))
      .map((node) => node.text);
  }

  boolean(name: string, fallback: boolean): boolean {
    const entry = this.#find(name);
    if (entry === null) return fallback;
    const { value } = entry;
    if (value.kind === 'scalar' && typeof value.value === 'boolean') return value.value;
    this.#wrongKind(entry, 'true or false');
    return fallback;
  }

  number(name: string, rules: NumberRules): number {
    const entry = this.#find(name);
    if (entry === null) {
      if (rules.fallback === undefined) this.#missing(name);
      return rules.fallback ?? rules.min;
    }
    const { value } = entry;
    const number = value.kind === 'scalar' && value.text.trim() !== '' ? Number(value.text) : Number.NaN;
    if (Number.isNaN(number) || (rules.integer === true && !Number.isInteger(number))) {
      this.#wrongKind(entry, rules.integer === true ? 'a whole number' : 'a number');
    } else if (number < rules.min || number > rules.max) {
      this.problem(2215, name, { min: rules.min, max: rules.max, actual: number });
    } else {
      return number;
    }
    return rules.min;
  }

  integer(name: string, rules: NumberRules): number {
    return this.number(name, { ...rules, integer: true });
  }

  /** Milliseconds of `60s`, `1h30m`. */
  duration(name: string, rules: DurationRules): number {
    const node = this.#scalar(name, rules.fallbackMs === undefined);
    if (node === null) return rules.fallbackMs ?? rules.minMs;
    const ms = parseDuration(node.text);
    const limits = { min: formatDuration(rules.minMs), max: formatDuration(rules.maxMs) };
    if (ms === null) {
      this.problem(2204, name, { reason: `${node.text} is not a duration` }, 'Write it like 90s, 10m or 1h30m.');
    } else if (ms < rules.minMs || ms > rules.maxMs) {
      this.problem(2225, name, { ...limits, actual: node.text });
    } else if (rules.stepMs !== undefined && ms % rules.stepMs !== 0) {
      this.problem(2204, name, { reason: `${node.text} is not a multiple of ${formatDuration(rules.stepMs)}` });
    } else {
      return ms;
    }
    return rules.minMs;
  }

  choice<const T extends string>(name: string, accepted: readonly T[], fallback: T | null): T {
    const node = this.#scalar(name, fallback === null);
    const [first] = accepted;
    if (first === undefined) throw new Error(`${name} has no accepted values`);
    if (node === null) return fallback ?? first;
    const found = accepted.find((value) => value === node.text);
    if (found !== undefined) return found;
    this.problem(2222, name, { accepted: accepted.join(', '), actual: node.text }, didYouMean(node.text, accepted));
    return first;
  }

  choiceList<const T extends string>(
    name: string,
    accepted: readonly T[],
    code: ErrorCode,
    rules: ListRules = {},
  ): T[] {
    const chosen: T[] = [];
    for (const node of this.#scalars(name, rules)) {
      const found = accepted.find((value) => value === node.text);
      if (found === undefined) {
        const details = { accepted: accepted.join(', '), actual: node.text, algorithm: node.text };
        this.#add(code, { field: name, ...details }, node.at, `${this.#path}.${name}`, didYouMean(node.text, accepted));
      } else {
        chosen.push(found);
      }
    }
    return chosen;
  }

  template(name: string, rules: TextRules = {}): Template | null {
    const node = this.#scalar(name, rules.required === true);
    return node === null ? null : this.#template(node, name, rules);
  }

  requiredTemplate(name: string, rules: TextRules = {}): Template {
    return this.template(name, { ...rules, required: true }) ?? constantTemplate('');
  }

  templateList(name: string, rules: ListRules = {}): readonly Template[] {
    return this.#scalars(name, rules).map((node) => this.#template(node, name, { max: ITEM_CHARACTERS_MAX }));
  }

  /** A map of texts to templates. */
  templateMap(name: string, rules: ListRules = {}): readonly HeaderTemplate[] {
    return this.#mapEntries(name, rules, 2218).map(({ key, value }) => ({
      name: key,
      value:
        value.kind === 'scalar'
          ? this.#template(value, `${name}.${key}`, { max: ITEM_CHARACTERS_MAX })
          : this.#refuseKind(value, `${name}.${key}`, 'a text'),
    }));
  }

  /** Header fields with templates as values; names are checked and lower-cased. */
  headers(name: string, rules: HeaderRules): readonly HeaderTemplate[] {
    const entries = this.#mapEntries(name, rules, 2212);
    const headers: HeaderTemplate[] = [];
    for (const { key, keyAt, value } of entries) {
      if (!this.checkHeaderName(key, name, rules, keyAt)) continue;
      if (value.kind !== 'scalar') {
        this.#refuseKind(value, `${name}.${key}`, 'a text');
        continue;
      }
      const template = this.#template(value, `${name}.${key}`, {});
      this.#checkHeaderValue(template, key, name, value.at);
      headers.push({ name: key.toLowerCase(), value: template });
    }
    return headers;
  }

  headerNames(name: string, rules: HeaderRules): readonly string[] {
    return this.#scalars(name, { ...rules, code: 2212 })
      .filter((node) => this.checkHeaderName(node.text, name, rules, node.at))
      .map((node) => node.text.toLowerCase());
  }

  checkHeaderName(header: string, field: string, rules: HeaderRules, at: number): boolean {
    const path = `${this.#path}.${field}`;
    if (header.length > HEADER_NAME_MAX) {
      this.#add(2208, { field, name: header.slice(0, 64), max: HEADER_NAME_MAX, actual: header.length }, at, path);
    } else if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(header)) {
      this.#add(2210, { field, name: header === '' ? 'An empty text' : header }, at, path);
    } else if (rules.refused?.includes(header.toLowerCase()) === true) {
      this.#add(2219, { field, name: header.toLowerCase() }, at, path);
    } else {
      return true;
    }
    return false;
  }

  /** A regular expression, with or without `${…}` in it. */
  regex(name: string, required: boolean): RegexTemplate | null {
    const node = this.#scalar(name, required);
    if (node === null) return null;
    const template = this.#template(node, name, {});
    return {
      template,
      regex: template.constant === null ? null : this.#compileRegex(template.constant, name, node.at),
    };
  }

  /** One CEL expression that is true or false. */
  predicate(name: string, language: LanguageName): Expression | null {
    const node = this.#scalar(name, false);
    if (node === null) return null;
    const compiled = compilePredicate(node.text, language);
    return compiled instanceof Expression ? compiled : this.#refusedExpression(compiled, node, name);
  }

  expressions(name: string, rules: ListRules): readonly Expression[] {
    return this.#scalars(name, rules).flatMap((node) => {
      const compiled = compileExpression(node.text, this.phase);
      if (compiled instanceof Expression) return [compiled];
      this.#refusedExpression(compiled, node, name);
      return [];
    });
  }

  /** A nested map. */
  reader(name: string, required = false): ConfigReader {
    const entry = this.#find(name);
    if (entry === null && required) this.#missing(name);
    return new ConfigReader(entry?.value ?? null, this.#context, `${this.#path}.${name}`, entry?.keyAt ?? this.#at);
  }

  /** A list of maps; a single map counts as a list of one. */
  readers(name: string, rules: ListRules = {}): readonly ConfigReader[] {
    const entry = this.#find(name);
    const nodes = entry?.value.kind === 'map' ? [entry.value] : this.#items(name, rules);
    return nodes.map(
      (node, index) => new ConfigReader(node, this.#context, `${this.#path}.${name}[${index}]`, node.at),
    );
  }

  /** The value as it stands, for what has a form of its own. */
  node(name: string): SourceNode | null {
    return this.#find(name)?.value ?? null;
  }

  /** Compiles a text found by `node`. */
  templateOf(node: ScalarNode, field: string): Template {
    return this.#template(node, field, {});
  }

  problem(code: ErrorCode, field: string, details: ErrorDetails, hint: string | null = null, at?: number): void {
    const entry = this.#entries.get(field);
    const path = field === '' ? this.#path : `${this.#path}.${field}`;
    this.#add(code, { field, ...details }, at ?? entry?.value.at ?? this.#at, path, hint);
  }

  /** Tells of fields that nothing asked for. Called once everything was read. */
  finish(): void {
    for (const { key, keyAt } of this.#entries.values()) {
      if (this.#asked.has(key)) continue;
      const names = [...this.#asked];
      const hint =
        didYouMean(key, names) ?? (names.length === 0 ? 'It takes no configuration.' : `It has ${names.join(', ')}.`);
      this.#add(2203, { reason: `there is no field ${key}` }, keyAt, `${this.#path}.${key}`, hint);
    }
  }

  #find(name: string): MapEntry | null {
    this.#asked.add(name);
    const entry = this.#entries.get(name);
    return entry === undefined || isEmptyNode(entry.value) ? null : entry;
  }

  #scalar(name: string, required: boolean): ScalarNode | null {
    const entry = this.#find(name);
    if (entry === null) {
      if (required) this.#missing(name);
      return null;
    }
    if (entry.value.kind === 'scalar') return entry.value;
    this.#wrongKind(entry, 'a text');
    return null;
  }

  #items(name: string, rules: ListRules): readonly SourceNode[] {
    const entry = this.#find(name);
    const { min = 0, max = 1_000, code = 2218 } = rules;
    if (entry === null) {
      if (min > 0) this.#missing(name);
      return [];
    }
    if (entry.value.kind !== 'list' && !(rules.orOne === true && entry.value.kind === 'scalar')) {
      this.#wrongKind(entry, 'a list');
      return [];
    }
    const items = entry.value.kind === 'list' ? entry.value.items : [entry.value];
    if (items.length < min) this.problem(2223, name, {});
    if (items.length > max) this.problem(code, name, { actual: items.length, max });
    return items.slice(0, max);
  }

  #scalars(name: string, rules: ListRules): readonly ScalarNode[] {
    return this.#items(name, rules).filter((node): node is ScalarNode => {
      if (node.kind === 'scalar' && node.value !== null) return true;
      this.#refuseKind(node, name, 'a text');
      return false;
    });
  }

  #mapEntries(name: string, rules: ListRules, code: ErrorCode): readonly MapEntry[] {
    const entry = this.#find(name);
    const { min = 0, max = 1_000 } = rules;
    if (entry === null) {
      if (min > 0) this.#missing(name);
      return [];
    }
    if (entry.value.kind !== 'map') {
      this.#wrongKind(entry, 'a map');
      return [];
    }
    const { entries } = entry.value;
    if (entries.length < min) this.problem(2223, name, {});
    if (entries.length > max) this.problem(code, name, { actual: entries.length, max });
    return entries.slice(0, max);
  }

  #checkText(node: ScalarNode, name: string, rules: TextRules): boolean {
    const { text } = node;
    const path = `${this.#path}.${name}`;
    const { min = rules.required === true ? 1 : 0, max } = rules;
    if (text.length < min) {
      const code = min === 1 ? 2223 : 2237;
      this.#add(code, { field: name, min, actual: text.length }, node.at, path);
      return false;
    }
    if (max !== undefined && text.length > max) {
      this.#add(2221, { field: name, max, actual: text.length }, node.at, path);
      return false;
    }
    return true;
  }

  #template(node: ScalarNode, name: string, rules: TextRules): Template {
    const compiled = compileTemplate(node.text, this.phase, { field: name, action: this.#context.action });
    if (!(compiled instanceof Template)) {
      const at = positionInside(node, compiled.offset);
      this.#add(2224, { field: name, reason: compiled.reason }, at, `${this.#path}.${name}`, compiled.hint);
      return constantTemplate('');
    }
    // What an expression gives is not known yet; the rules of a plain text are.
    if (compiled.constant !== null) this.#checkText(node, name, rules);
    return compiled;
  }

  #checkHeaderValue(template: Template, header: string, field: string, at: number): void {
    const { constant } = template;
    if (constant === null) return;
    const path = `${this.#path}.${field}`;
    if (constant.length > HEADER_VALUE_MAX) {
      this.#add(2209, { field, name: header, max: HEADER_VALUE_MAX, actual: constant.length }, at, path);
    } else if (!isHeaderValue(constant)) {
      this.#add(2211, { field, name: header }, at, path);
    }
  }

  #compileRegex(source: string, name: string, at: number): Regex | null {
    try {
      return new Regex(source);
    } catch (error) {
      if (!(error instanceof RegexRefused)) throw error;
      this.#add(2261, { field: name, reason: error.message }, at, `${this.#path}.${name}`);
      return null;
    }
  }

  #refusedExpression(refused: RefusedExpression, node: ScalarNode, name: string): null {
    const at = positionInside(node, refused.offset);
    const reason = `${node.text.slice(0, 100)}: ${refused.reason}`;
    this.#add(2224, { field: name, reason }, at, `${this.#path}.${name}`, refused.hint);
    return null;
  }

  #wrongKind(entry: MapEntry, wanted: string): void {
    this.#add(
      2203,
      { reason: `${entry.key} is ${kindOf(entry.value)}, and has to be ${wanted}` },
      entry.value.at,
      `${this.#path}.${entry.key}`,
    );
  }

  #refuseKind(node: SourceNode, field: string, wanted: string): Template {
    this.#add(
      2203,
      { reason: `${field} is ${kindOf(node)}, and has to be ${wanted}` },
      node.at,
      `${this.#path}.${field}`,
    );
    return constantTemplate('');
  }

  #missing(name: string): void {
    this.#add(2234, { field: name }, this.#at, `${this.#path}.${name}`);
  }

  #add(code: ErrorCode, details: ErrorDetails, at: number, path: string, hint: string | null = null): void {
    this.#context.problems.add(code, { action: this.#context.action, ...details }, { at, path }, hint);
  }
}

/** Printable latin1 and tabs: what a field value may hold (RFC 9110 section 5.5). */
export function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

export const HEADER_NAME_MAX = 256;
export const HEADER_VALUE_MAX = 8_192;

/** One item of a list or map: room for a chain of certificates. */
const ITEM_CHARACTERS_MAX = 65_536;

/** Characters. */
interface TextRules {
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** Items. */
interface ListRules {
  readonly min?: number;
  readonly max?: number;
  readonly code?: ErrorCode;
  /** One text stands for a list of one. */
  readonly orOne?: boolean;
}

interface HeaderRules {
  readonly min?: number;
  readonly max: number;
  /** Lower-case names that may not be there. */
  readonly refused?: readonly string[];
}

interface NumberRules {
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
  /** Absent: the field is required. */
  readonly fallback?: number;
}

interface DurationRules {
  readonly minMs: number;
  readonly maxMs: number;
  readonly stepMs?: number;
  readonly fallbackMs?: number;
}
