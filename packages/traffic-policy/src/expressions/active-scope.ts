import type { PolicyScope } from './scope.ts';

/**
 * The scope of the expression that runs right now. Functions of the language get their arguments only, and evaluation is
 * synchronous, so one variable is enough to tell them whose request it is and whose budget they spend.
 */
let active: PolicyScope | null = null;

export function runIn<T>(scope: PolicyScope, work: () => T): T {
  const outer = active;
  active = scope;
  try {
    return work();
  } finally {
    active = outer;
  }
}

export function activeScope(): PolicyScope {
  if (active === null) throw new Error('an expression function ran outside an evaluation');
  return active;
}
