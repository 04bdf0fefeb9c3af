import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { nearest } from '../output/nearest.ts';
import type { ConfigProblem } from './agent-config.ts';

/** Reads one key's value; what it does not like it reports on `reader`. */
export type FieldReader = (value: Node | null, key: string) => void;

/** Walks one YAML document and notes every fault with its place, so that a person sees all of them at once. */
export class YamlReader {
  readonly problems: ConfigProblem[] = [];
  readonly root: Node | null;
  readonly #path: string;
  readonly #document: Document<ParsedNode>;
  readonly #lines = new LineCounter();

  constructor(path: string, text: string) {
    this.#path = path;
    // Aliases may multiply: the library counts them, and a file of this kind has no use for many.
    this.#document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true });
    this.root = this.#document.contents;
    for (const error of this.#document.errors) this.#note(error.pos[0], firstLine(error.message));
  }

  /** Calls the reader of each key; an unknown key is a fault that names what was probably meant. */
  fields(node: Node | null, what: string, readers: Readonly<Record<string, FieldReader>>): void {
    const map = this.map(node, what);
    if (map === null) return;
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
      if (reader !== undefined) reader(this.#resolved(value), name);
      else {
        const near = nearest(name, Object.keys(readers));
        const hint = near === null ? '' : ` Did you mean "${near}"?`;
        this.problem(isNodeLike(key) ? key : map, `unknown key "${name}" in ${what}.${hint}`);
      }
    }
  }

  /** Calls `each` for every entry of a map with free names. */
  entries(node: Node | null, what: string, each: (name: string, value: Node | null, key: Node | null) => void): void {
    for (const { key, value } of this.map(node, what)?.items ?? []) {
      each(isScalar(key) ? String(key.value) : '', this.#resolved(value), isNodeLike(key) ? key : null);
    }
  }

  items(node: Node | null, what: string): (Node | null)[] {
    if (isSeq(node)) return node.items.map((item) => this.#resolved(item));
    this.problem(node, `${what} is a list.`);
    return [];
  }

  map(node: Node | null, what: string): YAMLMap | null {
    if (isMap(node)) return node;
    this.problem(node, `${what} is a map of keys and values.`);
    return null;
  }

  /** Text, or a number or boolean as it was written; undefined, and a fault, for anything else. */
  text(node: Node | null, key: string): string | undefined {
    if (isScalar(node) && node.value !== null)
      return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    this.problem(node, `${key} is a text.`);
    return undefined;
  }

  /** A list of texts; a single text is a list of one. */
  texts(node: Node | null, key: string): string[] {
    const items = isScalar(node) ? [node] : this.items(node, key);
    return items.map((item) => this.text(item, key)).filter((text) => text !== undefined);
  }

  number(node: Node | null, key: string): number | undefined {
    if (isScalar(node) && typeof node.value === 'number') return node.value;
    this.problem(node, `${key} is a number.`);
    return undefined;
  }

  boolean(node: Node | null, key: string): boolean | undefined {
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    this.problem(node, `${key} is true or false.`);
    return undefined;
  }

  choice<const T extends string>(node: Node | null, key: string, accepted: readonly T[]): T | undefined {
    const text = isScalar(node) ? String(node.value) : '';
    const found = accepted.find((each) => each === text);
    if (found === undefined) this.problem(node, `${key} is one of ${accepted.join(', ')}, not "${text}".`);
    return found;
  }

  /** The plain value, aliases followed. */
  plain(node: Node | null): unknown {
    return node === null ? null : node.toJS(this.#document, { maxAliasCount: 100 });
  }

  problem(node: Node | null, message: string): void {
    this.#note(node?.range?.[0] ?? this.root?.range?.[0] ?? 0, message);
  }

  #resolved(value: unknown): Node | null {
    if (isAlias(value)) return value.resolve(this.#document) ?? null;
    return isNodeLike(value) ? value : null;
  }

  #note(offset: number, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    // Two readers may look at one value.
    if (this.problems.some((each) => each.line === line && each.column === col && each.message === message)) return;
    this.problems.push({ path: this.#path, line: Math.max(1, line), column: Math.max(1, col), message });
  }
}

function isNodeLike(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? text).replace(/ at line \d+, column \d+:?$/, '.').replace(/\.\.$/, '.');
}
