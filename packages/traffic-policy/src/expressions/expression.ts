import { type ErrorCode, type ErrorDetails, PorticoError } from '@portico/errors';
import { runIn } from './active-scope.ts';
import { OverBudget, overBudgetError } from './budget.ts';
import { type CheckedExpression, type LanguageName, languageOf, type RefusedExpression } from './language.ts';
import { RegexRefused } from './regex.ts';
import type { PolicyScope } from './scope.ts';

/** A compiled expression of a policy. */
export class Expression {
  readonly source: string;
  readonly type: string;
  readonly #run: CheckedExpression['run'];

  constructor(source: string, checked: CheckedExpression) {
    this.source = source;
    this.type = checked.type;
    this.#run = checked.run;
  }

  /**
   * Its value for a request.
   *
   * @throws {PorticoError} 2254 when it fails (a missing key, a wrong type), 2249 when it costs too much.
   */
  value(scope: PolicyScope, variables: object = scope.variables): unknown {
    return guarded(scope, this.source, 2254, { expression: this.source }, () => this.#run(variables));
  }

  /** The same as a part of something that is guarded itself. */
  unguardedValue(scope: PolicyScope): unknown {
    return this.#run(scope.variables);
  }

  /** Whether it is true; anything but true and false is a failure. */
  test(scope: PolicyScope, variables?: object): boolean {
    const value = this.value(scope, variables);
    if (typeof value === 'boolean') return value;
    throw new PorticoError(2254, { expression: this.source, reason: 'it is neither true nor false' });
  }
}

/** Compiles an expression for a place. */
export function compileExpression(source: string, language: LanguageName): Expression | RefusedExpression {
  const checked = languageOf(language).check(source);
  return checked.kind === 'checked' ? new Expression(source, checked) : checked;
}

/** Compiles an expression that decides something: one that cannot be true or false is refused. */
export function compilePredicate(source: string, language: LanguageName): Expression | RefusedExpression {
  const compiled = compileExpression(source, language);
  if (!(compiled instanceof Expression) || compiled.type === 'bool' || compiled.type === 'dyn') return compiled;
  return {
    kind: 'refused',
    reason: `it gives ${compiled.type}, and has to be true or false`,
    offset: 0,
    hint: compiled.type === 'list' || compiled.type.startsWith('list<') ? 'Ask size(…) > 0.' : null,
  };
}

/** Runs a part of an evaluation and turns whatever fails in it into an error of the catalogue. */
export function guarded<T>(
  scope: PolicyScope,
  where: string,
  code: ErrorCode,
  details: ErrorDetails,
  work: () => T,
): T {
  try {
    return runIn(scope, work);
  } catch (error) {
    if (error instanceof PorticoError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    if (cause instanceof OverBudget) throw overBudgetError(where, cause);
    if (error instanceof OverBudget) throw overBudgetError(where, error);
    throw new PorticoError(code, { ...details, reason: reasonOf(error) }, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof RegexRefused) return `the regular expression cannot be used: ${error.message}`;
  if (error instanceof RangeError) return 'it is nested too deep or not a number that can be';
  if (error instanceof Error && 'summary' in error && typeof error.summary === 'string') return error.summary;
  return error instanceof Error ? error.message : 'unknown reason';
}
