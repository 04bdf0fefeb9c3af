import { Environment } from '@marcbachmann/cel-js';
import type { Phase } from '../document/phase.ts';
import { EVALUATION_LIMITS, EXPRESSION_LIMITS } from '../limits.ts';
import { didYouMean } from '../suggestion.ts';
import { ACTIONS, LAST_ATTEMPT } from '../variables/action-results.ts';
import { CONNECTION, ELEMENT_TYPES, ENDPOINT } from '../variables/connection-variables.ts';
import { COOKIE } from '../variables/cookies.ts';
import { MESSAGE } from '../variables/message-variables.ts';
import { REQUEST_URL } from '../variables/request-url.ts';
import { REQUEST } from '../variables/request-variables.ts';
import { RESPONSE } from '../variables/response-variables.ts';
import { activeScope } from './active-scope.ts';
import { tooLong } from './budget.ts';
import { CALL_COSTS, FUNCTIONS, NAMESPACES, RENAMED_METHODS } from './functions.ts';
import { registerMacros } from './macros.ts';
import { classRecord, type FieldType, type RecordType, TEXT_FIELD } from './record-type.ts';
import { TimeVariables } from './scope.ts';
import {
  callName,
  childrenOf,
  copyOf,
  fieldAccess,
  type Handle,
  isTreeNode,
  literalText,
  pathOf,
  type TreeNode,
} from './syntax-tree.ts';
import { toPlain } from './values.ts';

/** Where an expression stands: in a phase, or in the `retry_condition` of http-request there. */
export type LanguageName = Phase | `${'on_http_request' | 'on_http_response'} retry`;

/** An expression that has been parsed, checked and guarded: calling it evaluates it. */
export interface CheckedExpression {
  readonly kind: 'checked';
  /** Its type by CEL name; `dyn` when only running it tells. */
  readonly type: string;
  readonly run: (variables: object) => unknown;
}

export interface RefusedExpression {
  readonly kind: 'refused';
  readonly reason: string;
  /** Offset in the expression. */
  readonly offset: number;
  readonly hint: string | null;
}

/**
 * The expression language of one phase: CEL with the variables and functions that exist there, all typed. Making one
 * takes a few milliseconds, so there is one for each phase and process: `languageOf`.
 */
export class Language {
  readonly name: LanguageName;
  readonly #environment: Environment;
  readonly #variables: Readonly<Record<string, FieldType>>;
  readonly #functionNames: readonly string[];

  constructor(name: LanguageName) {
    this.name = name;
    this.#variables = variablesOf(name);
    this.#environment = new Environment({
      enableOptionalTypes: true,
      homogeneousAggregateLiterals: false,
      limits: { maxAstNodes: EXPRESSION_LIMITS.nodes, maxDepth: EXPRESSION_LIMITS.depth },
    });
    const phase = phaseOf(name);
    const registered = new Set<string>();
    for (const type of [COOKIE, REQUEST_URL, ...ELEMENT_TYPES, ...Object.values(this.#variables)]) {
      if (typeof type !== 'string') register(this.#environment, type, registered);
    }
    for (const [variable, type] of Object.entries(this.#variables)) {
      this.#environment.registerVariable(variable, typeof type === 'string' ? type : type.name);
    }
    for (const [namespace, type] of Object.entries(NAMESPACES)) {
      const NamespaceClass = { [type]: class {} }[type] ?? class {};
      this.#environment.registerType(type, { ctor: NamespaceClass, fields: {} });
      this.#environment.registerConstant(namespace, type, new NamespaceClass());
    }
    for (const { signature, phases, run } of FUNCTIONS) {
      if (phases !== undefined && !phases.includes(phase)) continue;
      this.#environment.registerFunction(signature, (...args) => Reflect.apply(run, undefined, args), { async: false });
    }
    registerMacros(this.#environment);
    this.#functionNames = this.#environment
      .getDefinitions()
      .functions.map((definition) => definition.name)
      .filter((functionName) => /^[a-zA-Z]/.test(functionName));
  }

  check(source: string): CheckedExpression | RefusedExpression {
    if (source.length > EXPRESSION_LIMITS.characters) {
      return refused(`it has ${source.length} characters, at most ${EXPRESSION_LIMITS.characters} are allowed`);
    }
    if (source.trim() === '') return refused('it is empty');
    try {
      const parsed = this.#environment.parse(source);
      const root: unknown = parsed.ast;
      if (!isTreeNode(root)) throw new Error('the syntax tree has an unknown form');
      const finding = findNesting(root, 0) ?? this.#prepare(root);
      if (finding !== null) return finding;
      const { valid, type, error } = parsed.check();
      if (!valid) return this.#explain(error, root);
      guard(root);
      return { kind: 'checked', type: type ?? 'dyn', run: (variables) => parsed(variables) };
    } catch (error) {
      if (error instanceof RangeError) return refused('it is nested too deep');
      return this.#explain(error, null);
    }
  }

  /**
   * Rewrites what the language understands and CEL does not: texts with fields, header names in any case,
   * `has(map['key'])`, and methods that are replaced. Finds fields in `has()` that no value can have.
   */
  #prepare(node: TreeNode): RefusedExpression | null {
    const name = callName(node);
    if (name !== null && node.op === 'rcall' && Array.isArray(node.args)) {
      const renamed = RENAMED_METHODS[name];
      if (renamed !== undefined) node.args[0] = renamed;
    }
    if (node.op === 'call' && name === 'has') {
      const [argument] = childrenOf(node);
      if (argument !== undefined) {
        const finding = this.#findUnknownField(argument);
        if (finding !== null) return finding;
        bracketToField(argument);
      }
    }
    lowerHeaderName(node);
    for (const child of childrenOf(node)) {
      const finding = this.#prepare(child);
      if (finding !== null) return finding;
    }
    this.#readText(node);
    return null;
  }

  /** `req.url` becomes `req.url.$text`, unless a field of it is meant. Called after the children: parents come last. */
  #readText(node: TreeNode): void {
    const access = fieldAccess(node);
    if (access === null || !Array.isArray(node.args)) return;
    unreadText(access.left);
    const path = pathOf(node);
    if (path === null || !hasText(this.#typeOf(path))) return;
    const index: unknown = node.args[1];
    const field = isTreeNode(index) ? copyOf(index, TEXT_FIELD) : TEXT_FIELD;
    node.args = [copyOf(node, [...node.args]), field];
  }

  #typeOf(path: readonly string[]): FieldType | null {
    const [variable = '', ...fields] = path;
    let type: FieldType | null = Object.hasOwn(this.#variables, variable) ? (this.#variables[variable] ?? null) : null;
    for (const field of fields) {
      if (type === null || typeof type === 'string') return null;
      type = Object.hasOwn(type.fields, field) ? (type.fields[field] ?? null) : null;
    }
    return type;
  }

  /** `has(req.mehtod)` is no error to CEL, only never true. */
  #findUnknownField(node: TreeNode): RefusedExpression | null {
    const path = pathOf(node);
    if (path === null) return null;
    for (let length = 2; length <= path.length; length += 1) {
      const parent = this.#typeOf(path.slice(0, length - 1));
      const field = path[length - 1] ?? '';
      if (parent === null || typeof parent === 'string') return null;
      if (!Object.hasOwn(parent.fields, field)) {
        return {
          kind: 'refused',
          reason: `${path.slice(0, length - 1).join('.')} has no field ${field}`,
          offset: node.start,
          hint: didYouMean(field, fieldNames(parent)),
        };
      }
    }
    return null;
  }

  #explain(error: unknown, root: TreeNode | null): RefusedExpression {
    const summary = summaryOf(error);
    const offset = rangeStart(error);
    switch (codeOf(error)) {
      case 'unknown_variable': {
        const variable = /: (\S+)$/.exec(summary)?.[1] ?? '';
        const elsewhere = PHASE_OF_VARIABLE[variable];
        return {
          kind: 'refused',
          reason: `there is no variable ${variable} here`,
          offset,
          hint:
            elsewhere !== undefined
              ? `${variable} exists in ${elsewhere} only.`
              : didYouMean(variable, [...Object.keys(this.#variables), ...Object.keys(NAMESPACES)]),
        };
      }
      case 'no_such_key': {
        const field = /: (\S+)$/.exec(summary)?.[1] ?? '';
        const access = root === null ? null : findAccess(root, field, rangeEnd(error));
        const parentPath = access === null ? null : pathOf(access.left);
        const parent = parentPath === null ? null : this.#typeOf(parentPath.filter((part) => part !== TEXT_FIELD));
        const names = parent !== null && typeof parent !== 'string' ? fieldNames(parent) : [];
        return {
          kind: 'refused',
          reason: `${parentPath === null ? 'this' : parentPath.join('.')} has no field ${field}`,
          offset,
          hint: didYouMean(field, names) ?? (names.length === 0 ? null : `It has ${names.join(', ')}.`),
        };
      }
      case 'no_matching_overload': {
        const called = /'(?:.*\.)?(\w+)\(/.exec(summary)?.[1] ?? '';
        const known = this.#functionNames.includes(called);
        const elsewhere = FUNCTIONS.find(
          ({ signature, phases }) => phases !== undefined && signature.startsWith(`${called}(`),
        );
        if (known || called === '') return { kind: 'refused', reason: readable(summary), offset, hint: null };
        return {
          kind: 'refused',
          reason: `there is no function ${called} here`,
          offset,
          hint:
            elsewhere?.phases !== undefined
              ? `${called} exists in ${elsewhere.phases.join(' and ')} only.`
              : didYouMean(called, this.#functionNames),
        };
      }
      default:
        return { kind: 'refused', reason: readable(summary), offset, hint: null };
    }
  }
}

export function languageOf(name: LanguageName): Language {
  const known = languages.get(name);
  if (known !== undefined) return known;
  const language = new Language(name);
  languages.set(name, language);
  return language;
}

const languages = new Map<LanguageName, Language>();

const TIME = classRecord('Time', TimeVariables, { now: 'string' });

function variablesOf(name: LanguageName): Readonly<Record<string, FieldType>> {
  const phase = phaseOf(name);
  return {
    conn: CONNECTION,
    endpoint: ENDPOINT,
    ...(phase === 'on_tcp_connect' ? {} : { req: REQUEST }),
    ...(phase === 'on_http_response' || phase === 'on_event_stream_message' ? { res: RESPONSE } : {}),
    ...(phase === 'on_event_stream_message' ? { sse: MESSAGE } : {}),
    time: TIME,
    vars: 'map<string, dyn>',
    actions: ACTIONS,
    ...(name === phase ? {} : { attempts: 'int', last_attempt: LAST_ATTEMPT }),
  };
}

const PHASE_OF_VARIABLE: Readonly<Record<string, string>> = {
  req: 'on_http_request, on_http_response and on_event_stream_message',
  res: 'on_http_response and on_event_stream_message',
  sse: 'on_event_stream_message',
  attempts: 'retry_condition',
  last_attempt: 'retry_condition',
};

function phaseOf(name: LanguageName): Phase {
  switch (name) {
    case 'on_http_request retry':
      return 'on_http_request';
    case 'on_http_response retry':
      return 'on_http_response';
    default:
      return name;
  }
}

function register(environment: Environment, type: RecordType, registered: Set<string>): void {
  if (registered.has(type.name)) return;
  registered.add(type.name);
  const fields: Record<string, string> = {};
  for (const [field, fieldType] of Object.entries(type.fields)) {
    if (typeof fieldType !== 'string') register(environment, fieldType, registered);
    fields[field] = typeof fieldType === 'string' ? fieldType : fieldType.name;
  }
  environment.registerType(type.name, { ctor: type.valueClass, fields });
  // `actions.ngrok.oauth.identity != null`: a record that can be read is never null.
  environment.registerOperator(`${type.name} == null`, () => false);
}

function hasText(type: FieldType | null): boolean {
  return type !== null && typeof type !== 'string' && Object.hasOwn(type.fields, TEXT_FIELD);
}

function fieldNames(type: RecordType): string[] {
  return Object.keys(type.fields).filter((field) => field !== TEXT_FIELD);
}

const COMPREHENSIONS = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'sortBy', 'bind']);

function findNesting(node: TreeNode, depth: number): RefusedExpression | null {
  const name = node.op === 'rcall' ? callName(node) : null;
  const inside = name !== null && COMPREHENSIONS.has(name) ? depth + 1 : depth;
  if (inside > EXPRESSION_LIMITS.comprehensionNesting) {
    return {
      kind: 'refused',
      reason: `${name} stands inside more than ${EXPRESSION_LIMITS.comprehensionNesting - 1} other loop`,
      offset: node.start,
      hint: 'Compute the inner part in a set-vars action before.',
    };
  }
  const [first, ...rest] = childrenOf(node);
  // The list that is gone through is computed once, outside the loop.
  const receiver = first === undefined ? null : findNesting(first, depth);
  if (receiver !== null) return receiver;
  for (const child of rest) {
    const finding = findNesting(child, inside);
    if (finding !== null) return finding;
  }
  return null;
}

const HEADER_MAPS = new Set(['req.headers', 'res.headers', 'req.trailers', 'res.trailers']);

/** `req.headers['X-Tier']` and `'X-Tier' in req.headers`: names are lower-case in the map. */
function lowerHeaderName(node: TreeNode): void {
  if (!Array.isArray(node.args)) return;
  const [left, right]: unknown[] = node.args;
  const isIn = node.op === 'in';
  const map = isIn ? right : left;
  if (!isTreeNode(map) || !HEADER_MAPS.has(pathOf(map)?.join('.') ?? '')) return;
  const key = isIn ? left : right;
  const text = literalText(key);
  if (isTreeNode(key) && text !== null) key.args = text.toLowerCase();
  else if ((node.op === '.' || node.op === '.?') && typeof key === 'string') node.args[1] = key.toLowerCase();
}

/** `has()` takes `map.key` only; `has(map['key'])` means the same. */
function bracketToField(node: TreeNode): void {
  if (node.op !== '[]' || !Array.isArray(node.args)) return;
  lowerHeaderName(node);
  const key = literalText(node.args[1]);
  if (key === null) return;
  node.op = '.';
  node.args = [node.args[0], key];
}

/** Takes `.$text` away again from a node whose field is asked for. */
function unreadText(node: TreeNode): void {
  const access = fieldAccess(node);
  if (access?.field === TEXT_FIELD) node.args = access.left.args;
}

/** Makes what costs something spend the budget of the scope that runs. After the check: it decides what is called. */
function guard(node: TreeNode): void {
  const { handle } = node;
  if (handle !== undefined) {
    if (node.op === 'call' || node.op === 'rcall') node.handle = guardCall(handle, callName(node) ?? '');
    else if (node.op === '+') node.handle = guardSum(handle);
    else if (COMPARISONS.has(node.op) && childrenOf(node).some(isCompound)) node.handle = guardComparison(handle);
  }
  const { alternate } = node.meta;
  if (isTreeNode(alternate) && alternate.op === 'comprehension') guardSteps(alternate);
  for (const child of childrenOf(node)) guard(child);
}

const COMPARISONS = new Set(['==', '!=', 'in']);

function isCompound(node: TreeNode): boolean {
  const kind = node.checkedType?.kind;
  return kind !== 'primitive';
}

function guardCall(handle: Handle, name: string): Handle {
  const cost = CALL_COSTS[name];
  const perCharacter = cost?.perCharacter ?? 0.25;
  return (args, b, c, d) => {
    const { budget } = activeScope();
    let units = cost?.each ?? 24;
    if (Array.isArray(args)) {
      for (const arg of args) if (typeof arg === 'string') units += arg.length * perCharacter;
      if (cost?.zoned !== undefined && args.length > 1) units += cost.zoned;
    }
    budget.spend(units);
    return accounted(handle(args, b, c, d));
  };
}

function guardSum(handle: Handle): Handle {
  return (left, right, c, d) => {
    const length = lengthOf(left) + lengthOf(right);
    if (typeof left === 'string' && length > EVALUATION_LIMITS.textCharacters) tooLong(length);
    activeScope().budget.spend(8);
    return accounted(handle(left, right, c, d));
  };
}

function guardComparison(handle: Handle): Handle {
  return (left, right, c, d) => {
    activeScope().budget.spend(8 + partsOf(left) + partsOf(right));
    return handle(left, right, c, d);
  };
}

/** Deep comparison goes through every part, so the parts are counted first; counting itself has a limit. */
function partsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return 8 * value.length;
  return JSON.stringify(toPlain(value)).length;
}

function accounted(value: unknown): unknown {
  const length = lengthOf(value);
  if (typeof value === 'string') {
    if (length > EVALUATION_LIMITS.textCharacters) tooLong(length);
    activeScope().budget.spend(length / 4);
  } else {
    activeScope().budget.spend(length * 16);
  }
  return value;
}

function lengthOf(value: unknown): number {
  return typeof value === 'string' || Array.isArray(value) ? value.length : 0;
}

function guardSteps(comprehension: TreeNode): void {
  const { args } = comprehension;
  const step: unknown = typeof args === 'object' && args !== null && 'step' in args ? args.step : null;
  if (!isTreeNode(step)) throw new Error('a comprehension without a step');
  const evaluate = step.evaluate;
  step.evaluate = (...parameters) => {
    activeScope().budget.spend(32);
    return Reflect.apply(evaluate, step, parameters);
  };
}

function refused(reason: string): RefusedExpression {
  return { kind: 'refused', reason, offset: 0, hint: null };
}

/** The access to a field by name that ends where the error does. */
function findAccess(node: TreeNode, field: string, end: number): ReturnType<typeof fieldAccess> {
  const access = fieldAccess(node);
  if (access?.field === field && node.end === end) return access;
  for (const child of childrenOf(node)) {
    const found = findAccess(child, field, end);
    if (found !== null) return found;
  }
  return null;
}

function summaryOf(error: unknown): string {
  if (error instanceof Error && 'summary' in error && typeof error.summary === 'string') return error.summary;
  return error instanceof Error ? error.message : 'unknown reason';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function rangeOf(error: unknown): { readonly start: number; readonly end: number } {
  const range: unknown = error instanceof Error && 'range' in error ? error.range : null;
  if (typeof range !== 'object' || range === null || !('start' in range) || !('end' in range))
    return { start: 0, end: 0 };
  return { start: Number(range.start), end: Number(range.end) };
}

function rangeStart(error: unknown): number {
  return rangeOf(error).start;
}

function rangeEnd(error: unknown): number {
  return rangeOf(error).end;
}

/** The words of the library in the tone of the product. */
function readable(summary: string): string {
  const text = summary.replaceAll('google.protobuf.', '').replace(/\s+/g, ' ').replace(/\.$/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}
