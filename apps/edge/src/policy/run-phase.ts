import { type ErrorCode, PorticoError } from '@portico/errors';
import {
  type Action,
  type ActionTools,
  type ActionType,
  type Answer,
  type CompiledRule,
  isImmediate,
  type Outcome,
  type PhaseTrace,
  type PlainValue,
  type PolicyScope,
  performAction,
  walkRules,
} from '@portico/traffic-policy';
import type { Endpoint } from '../endpoint/endpoint.ts';
import type { AsyncOutcome } from './async-action.ts';

/** How a phase ended. */
export type PhaseEnd =
  /** No action ended it: the traffic goes on. */
  | { readonly kind: 'passed' }
  | { readonly kind: 'answered'; readonly by: ActionType; readonly answer: Answer }
  | { readonly kind: 'closed'; readonly by: ActionType }
  | { readonly kind: 'forwarded'; readonly endpoint: Endpoint }
  /** An expression or action failed: the traffic must not go on. */
  | { readonly kind: 'failed'; readonly error: PorticoError };

/** What a phase needs of the traffic that it runs on. */
export interface PhaseRunner {
  readonly scope: PolicyScope;
  readonly tools: ActionTools;
  /** Does an action that is not immediate. May throw, or reject, with PorticoError. */
  perform(action: Action): AsyncOutcome | Promise<AsyncOutcome>;
  onLog(metadata: PlainValue): void;
  /** Takes notes of what is asked and done; null for nearly all traffic. */
  readonly trace: PhaseTrace | null;
  /** An error of ours; the phase fails with 500. */
  onFault(error: unknown): void;
}

/**
 * Runs the rules of a phase, in the order in which `explain` walks them. Answers at once unless an action takes time;
 * never throws, and its promise never rejects.
 */
export function runPhase(rules: readonly CompiledRule[], runner: PhaseRunner): PhaseEnd | Promise<PhaseEnd> {
  const { scope, trace } = runner;
  const walk = trace === null ? walkRules(rules, scope) : walkRules(rules, scope, (rule) => trace.fires(rule, scope));
  return goOn(walk, runner);
}

type Walk = ReturnType<typeof walkRules>;

function goOn(walk: Walk, runner: PhaseRunner): PhaseEnd | Promise<PhaseEnd> {
  try {
    for (let step = walk.next(); step.done !== true; step = walk.next('on')) {
      const { rule, action } = step.value;
      runner.trace?.begin(rule, action, runner.scope);
      if (isImmediate(action)) {
        const end = endOf(action, performAction(action, runner.scope, runner.tools), runner);
        if (end !== null) return end;
        continue;
      }
      const outcome = runner.perform(action);
      if (outcome instanceof Promise) return goOnLater(outcome, action, walk, runner);
      const end = endOf(action, outcome, runner);
      if (end !== null) return end;
    }
    return PASSED;
  } catch (error) {
    return failed(error, runner);
  }
}

async function goOnLater(
  outcome: Promise<AsyncOutcome>,
  action: Action,
  walk: Walk,
  runner: PhaseRunner,
): Promise<PhaseEnd> {
  try {
    const end = endOf(action, await outcome, runner);
    return end ?? (await goOn(walk, runner));
  } catch (error) {
    return failed(error, runner);
  }
}

const PASSED: PhaseEnd = { kind: 'passed' };

function endOf(action: Action, outcome: Outcome | AsyncOutcome, runner: PhaseRunner): PhaseEnd | null {
  runner.trace?.done(outcome, runner.scope);
  switch (outcome.kind) {
    case 'next':
      return null;
    case 'log':
      runner.onLog(outcome.metadata);
      return null;
    case 'answer':
      return { kind: 'answered', by: action.type, answer: outcome.answer };
    case 'close':
      return { kind: 'closed', by: action.type };
    case 'forward':
      return { kind: 'forwarded', endpoint: outcome.endpoint };
  }
}

function failed(error: unknown, runner: PhaseRunner): PhaseEnd {
  runner.trace?.failed(error);
  if (error instanceof PorticoError) return { kind: 'failed', error };
  runner.onFault(error);
  const code: ErrorCode = 500;
  return { kind: 'failed', error: new PorticoError(code, { id: 'the log' }) };
}
