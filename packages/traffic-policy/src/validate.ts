/**
 * The part of the package that also runs in a browser: loading a document and telling what is wrong with it. Imports
 * nothing of Node.
 */
export { ACTION_DEFINITIONS, type Action, type ActionType } from './actions/catalogue.ts';
export { type EndpointProtocol, isPhase, PHASES, type Phase, phasesOf } from './document/phase.ts';
export { formatProblem, type PolicyProblem } from './document/problem.ts';
export type { PlainValue } from './document/source-node.ts';
export { DEFAULT_POLICY_LIMITS, EVALUATION_LIMITS, EXPRESSION_LIMITS, type PolicyLimits } from './limits.ts';
export { type LoadedPolicy, loadPolicy } from './load-policy.ts';
export {
  ANY_TARGET,
  type CompiledPolicy,
  type CompiledRule,
  combinePolicies,
  EMPTY_POLICY,
  hasRules,
  type PolicyNeeds,
  type PolicyTarget,
  ruleFires,
} from './policy.ts';
export { WEBHOOK_PROVIDERS, type WebhookProvider } from './webhooks/provider-ids.ts';
