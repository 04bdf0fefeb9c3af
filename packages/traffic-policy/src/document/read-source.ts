import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml';
import type { PolicyLimits } from '../limits.ts';
import type { Problems } from './problem.ts';
import type { MapEntry, SourceNode } from './source-node.ts';

/**
 * Reads YAML or JSON (which YAML 1.2 contains) into nodes with positions. What is wrong is added to `problems` as
 * 2236, with line and column. Returns null when there is nothing to go on with.
 */
export function readSource(text: string, limits: PolicyLimits, problems: Problems): SourceNode | null {
  const refuse = (reason: string, at = 0, hint: string | null = null): null => {
    problems.add(2236, { reason }, { at, path: '' }, hint);
    return null;
  };
  if (text.length > limits.documentCharacters) {
    return refuse(`it has ${text.length} characters, at most ${limits.documentCharacters} are allowed`);
  }
  let document: Document.Parsed;
  try {
    document = parseDocument(isJson(text) ? text.replaceAll('\t', ' ') : text, {
      lineCounter: new LineCounter(),
      prettyErrors: false,
      merge: true,
      uniqueKeys: true,
      logLevel: 'error',
    });
  } catch (error) {
    // The parser is recursive: thousands of open brackets end in a RangeError, caught here.
    return refuse(error instanceof RangeError ? 'it is nested too deep' : messageOf(error));
  }
  const [first, ...more] = document.errors;
  if (first !== undefined) {
    for (const error of [first, ...more].slice(0, SYNTAX_PROBLEMS_MAX)) {
      const deep = error.message.includes('call stack');
      refuse(deep ? 'it is nested too deep' : clean(error.message), error.pos[0], deep ? null : hintFor(error.code));
      // What follows the first fault of nesting is only its echo.
      if (deep) break;
    }
    return null;
  }
  const { contents } = document;
  if (contents === null) return refuse('it is empty', 0, 'Begin with a phase: on_http_request:');
  try {
    return new Converter(document, text, limits).convert(contents, 0);
  } catch (error) {
    if (error instanceof TooLarge) return refuse(error.message, error.at);
    throw error;
  }
}

const SYNTAX_PROBLEMS_MAX = 5;

class TooLarge extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

class Converter {
  readonly #document: Document.Parsed;
  readonly #text: string;
  readonly #limits: PolicyLimits;
  readonly #targets = new WeakMap<Alias, Node>();
  #nodes = 0;

  constructor(document: Document.Parsed, text: string, limits: PolicyLimits) {
    this.#document = document;
    this.#text = text;
    this.#limits = limits;
  }

  convert(node: unknown, fallbackAt: number, depth = 0): SourceNode {
    const at = offsetOf(node) ?? fallbackAt;
    this.#nodes += 1;
    if (this.#nodes > this.#limits.documentNodes) {
      throw new TooLarge(`it has more than ${this.#limits.documentNodes} values`, at);
    }
    if (depth > this.#limits.documentDepth) {
      throw new TooLarge(`it is nested deeper than ${this.#limits.documentDepth} levels`, at);
    }
    if (isAlias(node)) {
      const target = this.#resolve(node);
      if (target === undefined) throw new TooLarge(`the alias ${node.source} names nothing`, at);
      // Depth counts through aliases, so one that contains itself ends here as well.
      return { ...this.convert(target, at, depth + 1), at };
    }
    if (isMap(node)) return { kind: 'map', at, entries: this.#entries(node.items, at, depth) };
    if (isSeq(node)) {
      return { kind: 'list', at, items: node.items.map((item) => this.convert(item, at, depth + 1)) };
    }
    if (isScalar(node)) return this.#scalar(node, at);
    return { kind: 'scalar', at, value: null, text: '', raw: '' };
  }

  /** Remembered: looking up an anchor walks the document, and a bomb of aliases asks for the same ones over and over. */
  #resolve(alias: Alias): Node | undefined {
    const known = this.#targets.get(alias);
    if (known !== undefined) return known;
    const target: Node | undefined = alias.resolve(this.#document);
    if (target !== undefined) this.#targets.set(alias, target);
    return target;
  }

  #entries(
    pairs: readonly { readonly key: unknown; readonly value: unknown }[],
    at: number,
    depth: number,
  ): readonly MapEntry[] {
    const entries = new Map<string, MapEntry>();
    const merged = new Map<string, MapEntry>();
    for (const pair of pairs) {
      const keyAt = offsetOf(pair.key) ?? at;
      const key = this.convert(pair.key, keyAt, depth + 1);
      const value = this.convert(pair.value, keyAt, depth + 1);
      if (key.kind !== 'scalar') throw new TooLarge('a list or a map cannot be a key', keyAt);
      if (isScalar(pair.key) && pair.key.source === '<<' && pair.key.type === 'PLAIN') {
        const sources = value.kind === 'list' ? value.items : [value];
        for (const source of sources) {
          if (source.kind !== 'map') throw new TooLarge('<< merges maps only', keyAt);
          for (const entry of source.entries) if (!merged.has(entry.key)) merged.set(entry.key, entry);
        }
        continue;
      }
      entries.set(key.text, { key: key.text, keyAt, value });
    }
    for (const [key, entry] of merged) if (!entries.has(key)) entries.set(key, entry);
    return [...entries.values()];
  }

  #scalar(node: Scalar, at: number): SourceNode {
    const raw = this.#text.slice(at, node.range?.[1] ?? at);
    const { value } = node;
    if (typeof value === 'string') return { kind: 'scalar', at, value, text: value, raw };
    if (typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', at, value, text: node.source ?? String(value), raw };
    }
    if (typeof value === 'bigint') return { kind: 'scalar', at, value: Number(value), text: String(value), raw };
    return { kind: 'scalar', at, value: null, text: '', raw };
  }
}

function offsetOf(node: unknown): number | null {
  if (isAlias(node) || isMap(node) || isSeq(node) || isScalar(node)) return node.range?.[0] ?? null;
  return null;
}

/** JSON may be indented by tabs, YAML may not; a string of JSON holds no raw tab, so a blank can take its place. */
function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function hintFor(code: string): string | null {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'Indent by blanks.';
    case 'DUPLICATE_KEY':
      return 'Put everything of one key in one place.';
    case 'BAD_INDENT':
      return 'Give all entries of one level the same indentation.';
    case 'MULTIPLE_DOCS':
      return 'Keep one document in a file.';
    default:
      return null;
  }
}

function clean(message: string): string {
  return message.replace(/\s+/g, ' ').replace(/[.:]$/, '').trim();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? clean(error.message) : 'unknown reason';
}
