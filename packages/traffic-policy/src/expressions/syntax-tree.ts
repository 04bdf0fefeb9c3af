/**
 * The syntax tree that cel-js builds, as far as we read and change it. The library types its nodes as read-only and
 * keeps `clone` and `meta` to itself, so this is the one place that looks at them; the version is pinned, and the tests
 * of `language.test.ts` fail when their shape changes.
 */
export interface TreeNode {
  op: string;
  args: unknown;
  readonly start: number;
  readonly end: number;
  readonly meta: NodeMeta;
  /** Set by the checker on nodes that call something; replaced here to count what a call costs. */
  handle?: Handle;
  checkedType?: { readonly name: string; readonly kind: string };
  evaluate(...parameters: unknown[]): unknown;
  clone(op: object, args: unknown): TreeNode;
}

export type Handle = (a: unknown, b: unknown, c: unknown, d: unknown) => unknown;

interface NodeMeta {
  readonly check?: unknown;
  readonly evaluate?: unknown;
  readonly alternate?: unknown;
  readonly macro?: unknown;
}

export function isTreeNode(value: unknown): value is TreeNode {
  return (
    typeof value === 'object' &&
    value !== null &&
    'op' in value &&
    'args' in value &&
    'clone' in value &&
    typeof value.clone === 'function'
  );
}

/** The nodes directly below one, receivers before arguments. */
export function childrenOf(node: TreeNode): TreeNode[] {
  return flatten(node.args).filter(isTreeNode);
}

function flatten(value: unknown): unknown[] {
  return Array.isArray(value) ? value.flatMap(flatten) : [value];
}

/** A method or function call: its name and whether it has a receiver. */
export function callName(node: TreeNode): string | null {
  if (node.op !== 'call' && node.op !== 'rcall') return null;
  const name = Array.isArray(node.args) ? node.args[0] : null;
  return typeof name === 'string' ? name : null;
}

/** The text of a literal, or null. */
export function literalText(node: unknown): string | null {
  return isTreeNode(node) && node.op === 'value' && typeof node.args === 'string' ? node.args : null;
}

/**
 * The names of a path that begins at a variable and goes through fields: `req.url.path`, `req['url']`. Null when
 * anything else is in it.
 */
export function pathOf(node: TreeNode): string[] | null {
  if (node.op === 'id') return typeof node.args === 'string' ? [node.args] : null;
  const access = fieldAccess(node);
  if (access === null) return null;
  const path = pathOf(access.left);
  return path === null ? null : [...path, access.field];
}

export function fieldAccess(node: TreeNode): { readonly left: TreeNode; readonly field: string } | null {
  if ((node.op !== '.' && node.op !== '[]') || !Array.isArray(node.args)) return null;
  const [left, right]: unknown[] = node.args;
  if (!isTreeNode(left)) return null;
  const field = node.op === '.' ? right : literalText(right);
  return typeof field === 'string' ? { left, field } : null;
}

/** A second node that does what this one does, with other arguments. */
export function copyOf(node: TreeNode, args: unknown): TreeNode {
  return node.clone({ name: node.op, check: node.meta.check, evaluate: node.meta.evaluate }, args);
}
