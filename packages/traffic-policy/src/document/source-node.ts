/** A value of the document together with where it stands. Knows nothing of YAML or JSON. */
export type SourceNode = MapNode | ListNode | ScalarNode;

export interface MapNode {
  readonly kind: 'map';
  readonly at: number;
  readonly entries: readonly MapEntry[];
}

export interface MapEntry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: SourceNode;
}

export interface ListNode {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly SourceNode[];
}

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly at: number;
  readonly value: string | number | boolean | null;
  /** The value as text: a string itself, anything else as it was written (`1.10` stays `1.10`). */
  readonly text: string;
  /** The characters of the document that stand for it, quotes included. */
  readonly raw: string;
}

export type PlainValue =
  | string
  | number
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** What a person calls the kind of a node. */
export function kindOf(node: SourceNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list';
  if (node.value === null) return 'empty';
  if (typeof node.value === 'string') return 'a text';
  return typeof node.value === 'number' ? 'a number' : 'true or false';
}

export function isEmptyNode(node: SourceNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}

export function plainValue(node: SourceNode): PlainValue {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(plainValue);
    case 'map': {
      const object: Record<string, PlainValue> = Object.create(null);
      for (const { key, value } of node.entries) object[key] = plainValue(value);
      return object;
    }
  }
}

/**
 * Where character `offset` of a scalar's text stands in the document. Indentation and line ends that YAML leaves out
 * are skipped; with escapes in the way it is the start of the scalar.
 */
export function positionInside(node: ScalarNode, offset: number): number {
  const { raw, text } = node;
  let at = /^["']/.test(raw) ? 1 : 0;
  if (/^[|>]/.test(raw)) at = raw.indexOf('\n') + 1;
  for (let index = 0; index < offset; index += 1) {
    while (raw[at] !== text[index] && isBlank(raw[at])) at += 1;
    if (raw[at] !== text[index]) return node.at;
    at += 1;
  }
  while (raw[at] !== text[offset] && isBlank(raw[at])) at += 1;
  return node.at + Math.min(at, raw.length);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\r' || character === '\t';
}
