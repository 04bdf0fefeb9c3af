import type { Environment } from '@marcbachmann/cel-js';
import { activeScope } from './active-scope.ts';
import { OverBudget } from './budget.ts';
import { sortValues } from './functions.ts';
import { Regex, RegexCache, RegexRefused } from './regex.ts';
import { isTreeNode, literalText, type TreeNode } from './syntax-tree.ts';

/**
 * `matches` and `sortBy`, as macros: they decide when the expression is parsed.
 *
 * cel-js has a `string.matches` of its own that runs the RegExp of JavaScript, where `^(a+)+$` takes seconds on 26
 * letters, and it cannot be replaced. But macros are found by name and number of arguments before any overload is, so
 * with these registered no expression can reach it. `regex-safety.test.ts` holds that.
 */
export function registerMacros(environment: Environment): void {
  environment.registerFunction('bool.matches(ast): bool', ({ receiver, args }: MacroCall) =>
    matchesMacro(receiver, args[0]),
  );
  environment.registerFunction('matches(ast, ast): bool', ({ args }: MacroCall) => matchesMacro(args[0], args[1]));
  environment.registerFunction('list.sortBy(ast, ast): list<dyn>', sortByMacro);
}

interface MacroCall {
  readonly receiver: unknown;
  readonly args: readonly unknown[];
}

interface Type {
  readonly kind: string;
  readonly name: string;
  readonly valueType?: Type;
}

interface Checker {
  check(node: TreeNode, context: Context): Type;
  getType(name: string): Type;
  createError(code: string, message: string, node: TreeNode): Error;
}

interface Evaluator {
  run(node: TreeNode, context: Context): unknown;
}

interface Context {
  forkWithVariable(name: string, type: Type | undefined): Context;
  reuse(parent: Context): Context;
  setIterValue(value: unknown, evaluator: Evaluator): Context;
}

interface Macro {
  typeCheck(checker: Checker, macro: Macro, context: Context): Type;
  evaluate(evaluator: Evaluator, macro: Macro, context: Context): unknown;
  readonly async: false;
}

const patterns = new RegexCache(200);

function matchesMacro(subject: unknown, pattern: unknown): Macro {
  const [text, regex] = nodes(subject, pattern);
  let compiled: Regex | null = null;
  return {
    async: false,
    typeCheck(checker, _, context) {
      for (const node of [text, regex]) {
        const type = checker.check(node, context);
        if (type.name !== 'string' && type.kind !== 'dyn') {
          throw checker.createError('no_matching_overload', `matches() takes texts, not ${type.name}`, node);
        }
      }
      const literal = literalText(regex);
      if (literal !== null) {
        try {
          compiled = new Regex(literal);
        } catch (error) {
          if (!(error instanceof RegexRefused)) throw error;
          throw checker.createError(
            'invalid_regular_expression',
            `the regular expression cannot be used: ${error.message}`,
            regex,
          );
        }
      }
      return checker.getType('bool');
    },
    evaluate(evaluator, _, context) {
      const value = evaluator.run(text, context);
      const source = compiled === null ? evaluator.run(regex, context) : '';
      if (typeof value !== 'string' || typeof source !== 'string') throw new Error('matches() takes texts');
      return (compiled ?? patterns.get(source)).test(value, activeScope().budget);
    },
  };
}

/** `list.sortBy(x, key)`: the list in the order of what `key` gives for each item. */
function sortByMacro({ receiver, args }: MacroCall): Macro {
  const [list, variable] = nodes(receiver, args[0]);
  const [key] = nodes(args[1]);
  let itemContext: Context | null = null;
  return {
    async: false,
    typeCheck(checker, _, context) {
      if (variable.op !== 'id' || typeof variable.args !== 'string') {
        throw checker.createError('invalid_macro_argument', 'sortBy(var, key) wants a name for the item', variable);
      }
      const type = checker.check(list, context);
      if (type.kind !== 'list' && type.kind !== 'dyn') {
        throw checker.createError('no_matching_overload', `sortBy() sorts lists, not ${type.name}`, list);
      }
      itemContext = context.forkWithVariable(variable.args, type.valueType ?? checker.getType('dyn'));
      checker.check(key, itemContext);
      return type.kind === 'list' ? type : checker.getType('list');
    },
    evaluate(evaluator, _, context) {
      const items: unknown = evaluator.run(list, context);
      if (!Array.isArray(items) || itemContext === null) throw new Error('sortBy() sorts lists');
      const inner = itemContext.reuse(context);
      return sortValues(
        items.map((item: unknown) => {
          activeScope().budget.spend(32);
          return { item, key: evaluator.run(key, inner.setIterValue(item, evaluator)) };
        }),
      );
    },
  };
}

function nodes(first: unknown, second?: unknown): [TreeNode, TreeNode] {
  const other = second ?? first;
  if (!isTreeNode(first) || !isTreeNode(other)) throw new OverBudget('the syntax tree has an unknown form');
  return [first, other];
}
