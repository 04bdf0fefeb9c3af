import type { Action } from '../actions/catalogue.ts';
import type { PolicyScope } from '../expressions/scope.ts';
import { type CompiledRule, ruleFires } from '../policy.ts';
import { answersItsOwnPath } from './sign-in-paths.ts';

export interface RuleStep {
  readonly rule: CompiledRule;
  readonly action: Action;
}

/**
 * The order of a phase: rules as they stand, each when its expressions are true, and the actions of each. The one who
 * walks does the action and says `'end'` when it ended the phase:
 *
 *     const walk = walkRules(policy.phases[phase], scope);
 *     for (let step = walk.next(); !step.done; step = walk.next(ended ? 'end' : 'on')) …
 *
 * The edge and `explain` both walk here, so that they cannot disagree about what runs.
 *
 * @throws {PorticoError} when an expression fails.
 */
export function* walkRules(
  rules: readonly CompiledRule[],
  scope: PolicyScope,
  fires: (rule: CompiledRule, scope: PolicyScope) => boolean = ruleFires,
): Generator<RuleStep, void, 'on' | 'end'> {
  for (const rule of rules) {
    const isFiring = fires(rule, scope);
    const request = isFiring ? null : scope.request;
    if (!isFiring && request?.target.startsWith('/ngrok/') !== true) continue;
    for (const action of rule.actions) {
      // A sign-in for some pages only is still asked for its own paths.
      if (request !== null && !answersItsOwnPath(action, request)) continue;
      if ((yield { rule, action }) === 'end') return;
    }
  }
}
