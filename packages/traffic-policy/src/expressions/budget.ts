import { PorticoError } from '@portico/errors';
import { EVALUATION_LIMITS } from '../limits.ts';

/**
 * What the expressions of one phase of one request may still cost. CEL has no cost limit of its own, and two nested
 * comprehensions over 1,000 items are already a million steps.
 *
 * A unit is about 10 ns: a step of a comprehension costs 32, a call 8 and the length of the text it reads and makes, a
 * regular expression its program times the text.
 */
export class Budget {
  #left: number;

  constructor(units: number = EVALUATION_LIMITS.unitsPerPhase) {
    this.#left = units;
  }

  get left(): number {
    return this.#left;
  }

  /** @throws {OverBudget} when nothing is left; from then on every call throws. */
  spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0) throw OVER_BUDGET;
  }
}

/** Thrown where a limit of evaluation is passed. One object for the common case: quantifiers swallow errors and go on. */
export class OverBudget extends Error {
  override readonly name = 'OverBudget';
}

const OVER_BUDGET = new OverBudget('the expressions of this phase cost too much');

export function tooLong(characters: number): never {
  throw new OverBudget(`a text of ${characters} characters; at most ${EVALUATION_LIMITS.textCharacters} are allowed`);
}

/** The text, if it may be that long. */
export function bounded(text: string): string {
  return text.length > EVALUATION_LIMITS.textCharacters ? tooLong(text.length) : text;
}

export function overBudgetError(where: string, error: OverBudget): PorticoError {
  return new PorticoError(2249, { where, reason: error.message });
}
