import { RE2JS, RE2JSException } from 're2js';
import { EVALUATION_LIMITS, EXPRESSION_LIMITS } from '../limits.ts';
import { type Budget, bounded, OverBudget } from './budget.ts';

/**
 * A regular expression of RE2's syntax on an engine that takes time text × program whatever the pattern is. No pattern
 * of a user ever reaches the RegExp of JavaScript.
 */
export class Regex {
  readonly source: string;
  readonly #engine: RE2JS;
  readonly #instructions: number;

  /** @throws {RegexRefused} with a reason for the person who wrote it. */
  constructor(source: string) {
    if (source.length > EXPRESSION_LIMITS.regexCharacters) {
      throw new RegexRefused(
        `it has ${source.length} characters, at most ${EXPRESSION_LIMITS.regexCharacters} are allowed`,
      );
    }
    let engine: RE2JS;
    try {
      engine = RE2JS.compile(source);
    } catch (error) {
      throw new RegexRefused(reasonOf(error, source));
    }
    const instructions = engine.programSize();
    if (instructions > EXPRESSION_LIMITS.regexInstructions) {
      throw new RegexRefused(
        `it compiles to ${instructions} instructions, at most ${EXPRESSION_LIMITS.regexInstructions} are allowed`,
      );
    }
    this.source = source;
    this.#engine = engine;
    this.#instructions = instructions;
  }

  /** Size of its program: what it costs for each character of a text. */
  get instructions(): number {
    return this.#instructions;
  }

  /** Whether the pattern is found anywhere in the text. */
  test(text: string, budget: Budget): boolean {
    this.#pay(text, budget);
    return this.#engine.test(text);
  }

  /** The matched pieces of the text, at most `max`. */
  matches(text: string, budget: Budget, max = 32): string[] {
    this.#pay(text, budget);
    const found: string[] = [];
    const matcher = this.#engine.matcher(text);
    const deadline = findAllDeadline();
    let from = -1;
    while (found.length < max && matcher.find()) {
      deadline();
      if (matcher.start() === from && matcher.end() === from) continue;
      found.push(matcher.group() ?? '');
      from = matcher.end();
    }
    return found;
  }

  /**
   * Every match replaced; an empty one right behind another is none, as in Go: `.*` matches a text once. `$1` and
   * `${name}` stand for groups. The result is bounded.
   */
  replaceAll(text: string, replacement: string, budget: Budget): string {
    this.#pay(text, budget);
    const pieces = parseReplacement(replacement);
    const matcher = this.#engine.matcher(text);
    const groups = matcher.groupCount();
    let out = '';
    let from = 0;
    let isFirst = true;
    const deadline = findAllDeadline();
    while (matcher.find()) {
      deadline();
      if (!isFirst && matcher.start() === from && matcher.end() === from) continue;
      isFirst = false;
      out += text.slice(from, matcher.start());
      for (const piece of pieces) {
        if (typeof piece === 'string') out += piece;
        else if (piece.group <= groups) out += matcher.group(piece.group) ?? '';
      }
      bounded(out);
      from = matcher.end();
    }
    return bounded(out + text.slice(from));
  }

  #pay(text: string, budget: Budget): void {
    if (text.length > EVALUATION_LIMITS.regexSubjectCharacters) {
      throw new OverBudget(
        `a regular expression on ${text.length} characters; at most ${EVALUATION_LIMITS.regexSubjectCharacters} are allowed`,
      );
    }
    budget.spend(64 + this.#instructions * text.length);
  }
}

/** A pattern that is not used: wrong, of a syntax that backtracks, or too large. */
export class RegexRefused extends Error {
  override readonly name = 'RegexRefused';
}

/** Patterns that are only known at run time (interpolated), compiled once while they are in use. */
export class RegexCache {
  readonly #max: number;
  #recent = new Map<string, Regex>();
  #older = new Map<string, Regex>();

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws {RegexRefused} */
  get(source: string): Regex {
    const known = this.#recent.get(source) ?? this.#older.get(source);
    const regex = known ?? new Regex(source);
    if (!this.#recent.has(source)) {
      if (this.#recent.size >= this.#max) {
        this.#older = this.#recent;
        this.#recent = new Map();
      }
      this.#recent.set(source, regex);
    }
    return regex;
  }
}

/**
 * One search is linear, all of them together may be quadratic (`a*b|a` looks for the `b` again from every `a`), and no
 * count of steps tells in advance. So many matches are watched by the clock.
 */
function findAllDeadline(): () => void {
  const startedMs = performance.now();
  let found = 0;
  return () => {
    found += 1;
    if (found % 64 === 0 && performance.now() - startedMs > EVALUATION_LIMITS.findAllMs) {
      throw new OverBudget('a regular expression took too long to find all its matches');
    }
  };
}

function parseReplacement(text: string): readonly (string | { readonly group: number })[] {
  return text
    .split(/(\$\d{1,2}|\$\{\d{1,2}\}|\$\$)/)
    .filter((piece) => piece !== '')
    .map((piece) => {
      if (piece === '$$') return '$';
      const group = /^\$\{?(\d{1,2})\}?$/.exec(piece)?.[1];
      return group === undefined ? piece : { group: Number(group) };
    });
}

function reasonOf(error: unknown, source: string): string {
  if (!(error instanceof RE2JSException)) return 'it is nested too deep';
  const text = error.message.replace(/^error parsing regexp: /, '').replace(/\s+/g, ' ');
  if (/\(\?[=!<]/.test(source)) return `${text}; look-around does not exist in RE2 syntax`;
  if (/\\[1-9]/.test(source)) return `${text}; back references do not exist in RE2 syntax`;
  return text;
}
